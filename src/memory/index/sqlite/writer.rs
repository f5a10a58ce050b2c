//! The writing connection: short transactions with pauses between them, so that the store's commits to the same file are not held up.
//!
//! What they write is flushed, and the log copied into the file, between them, a part at a time. Nothing is left for a commit of the store
//! to wait for.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, config::DbConfig, hooks::Wal, wal::CheckpointMode};

use crate::memory::index::sqlite::{
    connections::Place,
    failure::Failure,
    lock::{self, LEFT_FOR},
    pace::Others,
};

/// Writes, on a connection of its own.
pub(super) struct Writer {
    connection: Connection,
    log: Option<Log>,
    /// When the lock was given back.
    left: Option<Instant>,
    /// How long it is left to others then.
    left_for: Duration,
}

/// The log of a file, which all its writers share.
struct Log {
    path: PathBuf,
    file: Option<File>,
    /// How long it was after our last commit, in pages.
    pages: Arc<AtomicI32>,
    flushed: i32,
    copied: i32,
    others: Others,
}

impl Writer {
    pub(super) fn open(place: &Place) -> Result<Self, Failure> {
        let mut connection = place.open_writer()?;
        let log = match place {
            Place::Memory => None,
            Place::File(path) => Some(Log::of(&mut connection, path)?),
        };
        Ok(Self { connection, log, left: None, left_for: LEFT_FOR })
    }

    /// Does `work`, which only reads.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        work(&self.connection)
    }

    /// Does `work` in a transaction, after a pause in which others had their turn. On an error nothing of it is done.
    ///
    /// INVARIANT: `work` takes no longer than [`lock::KEPT_FOR`] and one small thing.
    pub(super) fn transaction<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        if let Some(left) = self.left.filter(|_| self.log.is_some()) {
            lock::sleep(self.left_for.saturating_sub(left.elapsed()));
        }
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = work(connection).and_then(|value| {
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(value)
        });
        if done.is_err() && !connection.is_autocommit() {
            // Some errors end the transaction by themselves; when this one fails too, the first says why.
            drop(connection.execute_batch("ROLLBACK"));
        }
        self.left = Some(Instant::now());
        if let Some(log) = &mut self.log {
            self.left_for = log.keep_short(connection)?;
        }
        done
    }

    /// Does `step` in transactions of their own until it says that there is nothing left.
    pub(super) fn repeat(&mut self, mut step: impl FnMut(&Connection) -> Result<bool, Failure>) -> Result<(), Failure> {
        while self.transaction(&mut step)? {}
        Ok(())
    }

    /// Makes durable all that was written.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let Some(log) = &mut self.log else { return Ok(()) };
        // Most of it without the lock; SQLite flushes the rest, and the folder of a new log, with a commit that waits for it.
        log.flush()?;
        self.connection.execute_batch("PRAGMA synchronous = FULL")?;
        let done = self.transaction(|connection| {
            connection.prepare_cached("UPDATE memory_schema SET version = version")?.execute([])?;
            Ok(())
        });
        self.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        done
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Log {
    /// Sets the connection up to write to the log as the store does, and to leave the rest to us.
    fn of(connection: &mut Connection, path: &Path) -> Result<Self, Failure> {
        connection
            .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216;")?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        let hook = move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook))?;
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        let others = Others::from_now(connection)?;
        Ok(Self { path: name.into(), file: None, pages, flushed: 0, copied: 0, others })
    }

    /// Flushes it, and copies it into the file, when enough was added. Tells how long others have their turn, from the end of the
    /// transaction on.
    fn keep_short(&mut self, connection: &Connection) -> Result<Duration, Failure> {
        let (pace, begun) = (self.others.pace(connection)?, Instant::now());
        let pages = self.pages.load(Ordering::Relaxed);
        // One that is shorter than before begins anew.
        self.flushed = if pages < self.flushed { 0 } else { self.flushed };
        self.copied = if pages < self.copied { 0 } else { self.copied };
        if pages - self.flushed >= pace.flush_from {
            self.flush()?;
        }
        if pages - self.copied >= pace.copy_from {
            // What fails here is lost to nobody: it is in the log, and the next copy tries again. Another process may copy just now.
            if let Err(error) = connection.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE) {
                tracing::debug!(%error, "the store's log could not be copied into its file");
            }
            self.copied = pages;
        }
        let rest = if pace.rests { begun.elapsed() * 2 } else { Duration::ZERO };
        Ok(rest.max(LEFT_FOR))
    }

    /// Flushes it through a handle of our own, without the lock: a commit of the store then finds little to flush.
    fn flush(&mut self) -> Result<(), Failure> {
        self.flushed = self.pages.load(Ordering::Relaxed);
        let file = match &mut self.file {
            Some(file) => file,
            none => match File::open(&self.path) {
                Ok(file) => none.insert(file),
                // It is made with the first commit.
                Err(_) => return Ok(()),
            },
        };
        // As SQLite says it of its own flushes.
        file.sync_data().map_err(|error| {
            let failed = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            rusqlite::Error::SqliteFailure(failed, Some(error.to_string())).into()
        })
    }
}

/// Whether a transaction that began at `begun` has kept the lock long enough.
pub(super) fn is_over(begun: Instant) -> bool {
    let kept: Duration = begun.elapsed();
    kept >= lock::KEPT_FOR
}
