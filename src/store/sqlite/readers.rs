//! Read-only connections, opened when they are needed and kept for the next reader.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::task::spawn_blocking;

use crate::{
    error::{Error, ErrorKind, Result},
    store::sqlite::{failure::Failure, file},
};

/// How many idle connections are kept.
const KEPT: usize = 4;

/// Lends connections that see everything committed before they are asked.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does `work` on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let readers = Arc::clone(self);
        let reading = spawn_blocking(move || {
            let connection = match readers.take() {
                Some(connection) => connection,
                None => file::open_reader(&readers.path).map_err(|error| Failure::from(error).into_error(&readers.path))?,
            };
            let result = work(&connection);
            readers.give_back(connection);
            result.map_err(|failure| failure.into_error(&readers.path))
        });
        reading
            .await
            .unwrap_or_else(|error| Err(Error::new(ErrorKind::Internal, "a reader of the store has ended").source(error)))
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}
