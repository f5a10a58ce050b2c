//! Opens the file, makes it when it is not there, and refuses what is not ours.

use std::{
    fs::{self, File},
    io::{self, ErrorKind as IoErrorKind},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    store::{
        Synchronous,
        sqlite::{
            failure::{Failure, describe, describe_io},
            schema::{APPLICATION_ID, SCHEMA, VERSION},
        },
    },
};

/// How long a statement waits for another process while a store is opened.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a step of waiting for another writer is, at first. Shorter than the pauses that the index of memory makes between its
/// transactions, so that a commit waits for one of them at most.
const STEP: Duration = Duration::from_micros(100);
/// How many steps there are before they grow longer.
const SHORT_STEPS: i32 = 1_000;
/// How long a step is then.
const LONG_STEP: Duration = Duration::from_millis(10);
/// How many steps there are before it is given up: half a minute.
const STEPS: i32 = 4_000;

/// The oldest SQLite that can be trusted with several connections in write-ahead mode.
///
/// # Source
/// SQLite's "The WAL-reset bug": fixed in 3.51.3.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Opens the writing connection to the store at `path`; makes the store when it is not there.
pub(super) fn open(path: &Path, synchronous: Synchronous) -> Result<Connection> {
    assert!(rusqlite::version_number() >= OLDEST_SQLITE, "SQLite {} is too old", rusqlite::version());
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let text = format!("store `{}` is a folder", path.display());
            return Err(Error::new(ErrorKind::StoreUnavailable, text).hint("name a file in it: `--store sqlite:PATH`"));
        }
        // A pipe would keep the reader waiting for ever.
        Ok(found) if !found.is_file() => {
            let text = format!("store `{}` is a device or a pipe, not a file", path.display());
            return Err(Error::new(ErrorKind::StoreUnavailable, text).hint("name a file: `--store sqlite:PATH`"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == IoErrorKind::NotFound => create(path)?,
        Err(error) => return Err(describe_io(path, "opened", error)),
    }
    crash_point!("store.in-place");
    open_writer(path, synchronous)
}

/// Opens the writing connection to the store at `path` again. One that is gone is not made anew.
pub(super) fn reopen(path: &Path, synchronous: Synchronous) -> Result<Connection> {
    if !path.try_exists().map_err(|error| describe_io(path, "opened", error))? {
        let text = format!("store `{}` is gone", path.display());
        return Err(Error::new(ErrorKind::StoreUnavailable, text).hint("put it back where it was"));
    }
    open_writer(path, synchronous)
}

fn open_writer(path: &Path, synchronous: Synchronous) -> Result<Connection> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| describe(path, &error))?;
    let begun = Instant::now();
    let mut times = 0;
    while let Err(failure) = set_up_writer(&connection, path, synchronous) {
        // Of two that fill an empty file, SQLite refuses one without waiting, for each might wait for the other.
        if !failure.is_busy() || begun.elapsed() >= BUSY_TIMEOUT {
            return Err(failure.into_error(path));
        }
        wait(times);
        times += 1;
    }
    connection.busy_handler(Some(wait)).map_err(|error| describe(path, &error))?;
    crash_point!("store.open");
    Ok(connection)
}

/// Opens a connection that can only read the store at `path`, which a writing connection has checked.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Waits for another connection's lock, for the n-th time; `false` gives up. SQLite's own steps grow to a tenth of a second, in which others
/// take the lock again and again.
#[expect(clippy::disallowed_methods, reason = "SQLite waits on its own thread, never on a worker of the runtime")]
fn wait(times: i32) -> bool {
    thread::sleep(if times < SHORT_STEPS { STEP } else { LONG_STEP });
    times < STEPS
}

fn set_up_writer(connection: &Connection, path: &Path, synchronous: Synchronous) -> Result<(), Failure> {
    if !has_our_tables(connection, path)? {
        initialize(connection)?;
    }
    if connection.is_readonly("main")? {
        let text = format!("store `{}` cannot be written", path.display());
        return Err(Error::new(ErrorKind::StoreUnavailable, text)
            .hint("check the permissions of the file and of its folder, or name another place with `--store sqlite:PATH`")
            .into());
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        connection.pragma_update(None, "journal_mode", "wal")?;
    }
    flush_commits(connection, synchronous)?;
    // The writer copies the log into the file itself, when nobody waits for it.
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216;",
    )?;
    // The writer decides at its end whether the copying is worth two flushes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Sets what the commits to come wait for.
pub(super) fn flush_commits(connection: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    let sql = match synchronous {
        Synchronous::Full => "PRAGMA synchronous = FULL",
        Synchronous::Normal => "PRAGMA synchronous = NORMAL",
    };
    // Not a prepared statement: SQLite does what this one says while it compiles it.
    connection.execute_batch(sql)
}

/// Whether the file holds a store of this version; `false` for an empty one.
fn has_our_tables(connection: &Connection, path: &Path) -> Result<bool, Failure> {
    // One transaction: another process may be filling an empty file just now.
    let reading = connection.unchecked_transaction()?;
    let application: i32 = reading.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = reading.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = reading.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    reading.commit()?;
    if application == APPLICATION_ID && version == VERSION {
        return Ok(true);
    }
    let file = path.display();
    if application == APPLICATION_ID {
        let text = format!("store `{file}` has version {version}; this agentflow reads version {VERSION}");
        let hint = "upgrade agentflow, or name another store with `--store sqlite:PATH`";
        return Err(Error::new(ErrorKind::Corrupt, text).hint(hint).into());
    }
    if application == 0 && version == 0 && tables == 0 {
        return Ok(false);
    }
    let text = format!("`{file}` is a database of another program");
    Err(Error::new(ErrorKind::Invalid, text).hint("name another file with `--store sqlite:PATH`").into())
}

/// Fills an empty database, unless another process has just done so.
fn initialize(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let filled = connection.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0)).and_then(|application| {
        if application != APPLICATION_ID {
            connection.execute_batch(SCHEMA)?;
            crash_point!("store.tables-made");
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", VERSION)?;
        }
        Ok(())
    });
    connection.execute_batch(if filled.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    filled
}

/// Makes a store at `path`, in one step: nobody ever sees half of it, and of two processes that try, one wins.
fn create(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    make_folder(folder).map_err(|error| describe_io(path, "made", error))?;
    crash_point!("store.folder-made");
    let draft = tempfile::Builder::new()
        .prefix(".agentflow-")
        .suffix(".new")
        .tempfile_in(folder)
        .map_err(|error| describe_io(path, "made", error))?;
    fill(draft.path()).map_err(|error| describe(path, &error))?;
    draft.as_file().sync_all().map_err(|error| describe_io(path, "made", error))?;
    crash_point!("store.draft-filled");
    // The new name is flushed with the first commit: SQLite flushes the folder, too, when it first flushes its log.
    match draft.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == IoErrorKind::AlreadyExists => Ok(()),
        // No rename without replacing here: leave an empty file, which is filled under a lock.
        Err(_) => match File::create_new(path) {
            Err(error) if error.kind() != IoErrorKind::AlreadyExists => Err(describe_io(path, "made", error)),
            _ => Ok(()),
        },
    }
}

/// Writes an empty store to the draft, which nobody else sees and whose flush comes after.
fn fill(draft: &Path) -> rusqlite::Result<()> {
    let connection = connect(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;")?;
    initialize(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.close().map_err(|(_, error)| error)
}

/// Makes `folder`, and those it stands in, durably: a store is lost with the name of the folder it stands in.
fn make_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<_> = folder.ancestors().take_while(|folder| *folder != Path::new("") && !folder.exists()).collect();
    fs::create_dir_all(folder)?;
    missing.into_iter().map(folder_of).try_for_each(sync_folder)
}

/// The folder that `path` stands in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Makes a new name in `folder` durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
