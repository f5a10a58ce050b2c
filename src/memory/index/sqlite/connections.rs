//! The connections of an index: read-only ones, opened when they are needed and kept for the next reader, and one that writes.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::index::sqlite::{
        extension,
        failure::{Failure, describe},
        lock,
        writer::Writer,
    },
};

/// How many idle readers are kept.
const KEPT: usize = 4;
/// How many statements a connection keeps.
const STATEMENTS: usize = 64;

/// Where the tables are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a file that the store has made.
    File(PathBuf),
    /// In the memory of this process: the writing connection is all there is.
    Memory,
}

impl Place {
    /// What errors name.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory => Path::new(":memory:"),
        }
    }

    /// Opens a connection that can write.
    pub(super) fn open_writer(&self) -> Result<Connection, Failure> {
        match self {
            Self::File(path) => open(path, OpenFlags::SQLITE_OPEN_READ_WRITE),
            Self::Memory => {
                let connection = Connection::open_in_memory()?;
                set_up(&connection)?;
                Ok(connection)
            }
        }
    }
}

/// Lends connections.
#[derive(Debug)]
pub(super) struct Connections {
    place: Place,
    idle: Mutex<Vec<Connection>>,
    writer: Mutex<Option<Writer>>,
}

impl Connections {
    pub(super) fn new(place: Place) -> Self {
        Self { place, idle: Mutex::default(), writer: Mutex::default() }
    }

    /// Does `work` on one state of the tables, that of now. Blocks.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T> {
        let Place::File(path) = &self.place else {
            return self.write(|writer| writer.read(work));
        };
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let read = |connection: &Connection| {
            // Ended when it is dropped.
            let _reading = connection.unchecked_transaction()?;
            work(connection)
        };
        let connection = match kept {
            Some(connection) => connection,
            None => open(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|failure| failure.into_error(path))?,
        };
        let result = read(&connection);
        if result.as_ref().err().is_none_or(Failure::is_passing) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT {
                idle.push(connection);
            }
        }
        result.map_err(|failure| failure.into_error(path))
    }

    /// Does `work` with the writer, when whoever has it gives it back. Blocks.
    pub(super) fn write<T>(&self, work: impl FnOnce(&mut Writer) -> Result<T, Failure>) -> Result<T> {
        let fail = |failure: Failure| failure.into_error(self.place.path());
        let mut place = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = match place.take() {
            Some(writer) => writer,
            None => Writer::open(&self.place).map_err(fail)?,
        };
        let result = work(&mut writer);
        // What is in memory is lost with its connection.
        if self.place == Place::Memory || result.as_ref().err().is_none_or(Failure::is_passing) {
            *place = Some(writer);
        }
        result.map_err(fail)
    }
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, Failure> {
    if !path.exists() {
        let text = format!("store `{}` is not there", path.display());
        return Err(Error::new(ErrorKind::StoreUnavailable, text).hint("put it back where it was").into());
    }
    let mut connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| Failure::Refused(describe(path, &error)))?;
    set_up(&connection)?;
    lock::wait_in_short_steps(&mut connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    extension::enable(connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch("PRAGMA trusted_schema = OFF;")
}
