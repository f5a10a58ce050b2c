//! The one writing connection: one transaction after the other, and the log copied into the file in between.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

use rusqlite::{Connection, ErrorCode, hooks::Wal, wal::CheckpointMode};

use crate::{
    crash::crash_point,
    error::Result,
    store::{
        Synchronous,
        sqlite::{failure::describe, file},
    },
};

/// From how many pages on the log is copied into the file while the store is open (4 MiB, as SQLite does by default).
const COPY_FROM: i32 = 1_000;

/// From how many pages on the log is copied when the store is closed: fewer are read back faster, at the next opening, than
/// two flushes take now.
const COPY_AT_END_FROM: i32 = 256;

/// Commits, on a connection of its own.
pub(super) struct Committer {
    connection: Connection,
    /// How long the log is, in pages.
    pages: Arc<AtomicI32>,
    /// What the next commit waits for, unless it is told otherwise.
    flushed: Synchronous,
    /// How long the log was when it was copied last.
    copied: i32,
}

impl Committer {
    /// Takes a connection that nobody else writes through.
    pub(super) fn new(mut connection: Connection, synchronous: Synchronous) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        let hook = move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook))?;
        Ok(Self { connection, pages, flushed: synchronous, copied: 0 })
    }

    /// Opens the store at `path` again after a connection to it was given up, and makes durable what is found there.
    ///
    /// After a failed flush the operating system takes pages for written that are not on the disk, and no later flush writes
    /// them. So the log is copied into the file, which writes every page anew, and a new log is begun.
    ///
    /// # Errors
    /// `StoreUnavailable` while that does not work, `Corrupt` for a file that is damaged.
    pub(super) fn mend(path: &Path, synchronous: Synchronous) -> Result<Self> {
        let connection = file::reopen(path, synchronous)?;
        let fail = |error: rusqlite::Error| describe(path, &error);
        let mut committer = Self::new(connection, synchronous).map_err(fail)?;
        committer.connection.wal_checkpoint_v2(Some("main"), CheckpointMode::TRUNCATE).map_err(fail)?;
        let renew = |connection: &Connection| connection.execute("UPDATE removed SET highest = highest", []).map(drop);
        committer.commit(Synchronous::Full, renew).map_err(fail)?;
        Ok(committer)
    }

    /// Does `work` in one transaction, which waits for what `wanted` says. On an error nothing of it is done.
    pub(super) fn commit(
        &mut self,
        wanted: Synchronous,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let connection = &self.connection;
        if wanted != self.flushed {
            self.flushed = wanted;
            file::flush_commits(connection, wanted)?;
        }
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        crash_point!("commit.begun");
        let done = work(connection).and_then(|()| {
            crash_point!("commit.written");
            connection.prepare_cached("COMMIT")?.execute([]).map(drop)
        });
        if done.is_err() && !connection.is_autocommit() {
            // Some errors end the transaction by themselves; when this one fails too, the first says why.
            drop(connection.execute_batch("ROLLBACK"));
        }
        done
    }

    /// Copies the log into the file when it has grown.
    pub(super) fn copy_if_long(&mut self) {
        let long = self.pages.load(Ordering::Relaxed);
        // A log that is shorter than before begins anew. One that somebody still reads cannot: it is copied once for each
        // stretch, not with every commit.
        self.copied = if long < self.copied { 0 } else { self.copied };
        if long - self.copied >= COPY_FROM {
            // The index of memory writes to the same log, and copies it, too: what it has copied is not copied by a writer that others wait for.
            self.copied = self.copied_by_anybody().unwrap_or(self.copied).max(self.copied);
        }
        if long - self.copied >= COPY_FROM {
            self.copy_log(CheckpointMode::PASSIVE);
            self.copied = long;
        }
    }

    /// How many pages of the log are in the file.
    fn copied_by_anybody(&self) -> rusqlite::Result<i32> {
        self.connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?.query_row([], |row| row.get(2))
    }

    /// Ends, with the log copied where that is worth it.
    pub(super) fn close(self) {
        if self.pages.load(Ordering::Relaxed) >= COPY_AT_END_FROM {
            self.copy_log(CheckpointMode::TRUNCATE);
        }
    }

    fn copy_log(&self, mode: CheckpointMode) {
        crash_point!("checkpoint.begun");
        match self.connection.wal_checkpoint_v2(Some("main"), mode) {
            // Somebody else copies it just now.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            // What fails here is lost to nobody: the records are in the log, and the next copy tries again.
            Err(error) => tracing::warn!(%error, "the store's log could not be copied into its file"),
            Ok(_) => {}
        }
        crash_point!("checkpoint.done");
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn what_somebody_else_has_copied_is_not_copied_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agentflow.db");
        let mut committer = Committer::new(file::open(&path, Synchronous::Full).unwrap(), Synchronous::Full).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE theirs (text TEXT)").unwrap();
        let write =
            |connection: &Connection| connection.execute("INSERT INTO theirs VALUES (?1)", ["x".repeat(5 << 20)]).map(drop);
        write(&other).unwrap();
        // Who reads from the log keeps it from beginning anew.
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM theirs").unwrap();
        other.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE).unwrap();
        committer
            .commit(Synchronous::Full, |connection| connection.execute("INSERT INTO theirs VALUES ('')", []).map(drop))
            .unwrap();
        let long = committer.pages.load(Ordering::Relaxed);
        assert!(long > COPY_FROM, "{long} pages");
        committer.copy_if_long();
        assert!(committer.copied < long, "only a copy of its own would have gone so far: {} of {long}", committer.copied);

        committer.commit(Synchronous::Full, write).unwrap();
        let long = committer.pages.load(Ordering::Relaxed);
        committer.copy_if_long();
        assert_eq!(committer.copied, long, "what nobody has copied is copied");
    }
}
