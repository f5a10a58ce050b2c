//! How fast is written: as fast as it goes while nobody else writes to the file; with room for others, between steps that are smaller, while
//! somebody does.

use std::time::{Duration, Instant};

use rusqlite::Connection;

/// For how long somebody is taken for a writer after a commit.
const ACTIVE_FOR: Duration = Duration::from_secs(1);

/// How large the steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// After how many pages the log is flushed.
    pub(super) flush_from: i32,
    /// After how many pages the log is copied into the file.
    pub(super) copy_from: i32,
    /// Whether the disk is then left alone for as long as that took.
    pub(super) rests: bool,
}

/// Nobody waits: 1 MiB is flushed and 4 MiB are copied at once.
const ALONE: Pace = Pace { flush_from: 256, copy_from: 1_000, rests: false };
/// Somebody may wait for a commit at any time. The log is copied before the store would do it, whose next commit waits for that.
const AMONG_OTHERS: Pace = Pace { flush_from: 64, copy_from: 200, rests: true };

/// Whether others write to the file: their commits change a number that SQLite keeps, our own do not.
#[derive(Debug)]
pub(super) struct Others {
    version: i64,
    seen: Option<Instant>,
}

impl Others {
    /// Of those who commit from now on.
    pub(super) fn from_now(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self { version: version(connection)?, seen: None })
    }

    /// Looks whether somebody has committed since the last look, and tells how fast to go on.
    pub(super) fn pace(&mut self, connection: &Connection) -> rusqlite::Result<Pace> {
        let version = version(connection)?;
        if version != self.version {
            (self.version, self.seen) = (version, Some(Instant::now()));
        }
        Ok(if self.seen.is_some_and(|seen| seen.elapsed() < ACTIVE_FOR) { AMONG_OTHERS } else { ALONE })
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_left_while_others_write_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let connection = Connection::open(folder.path().join("file")).unwrap();
            connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x)").unwrap();
            connection
        };
        let (ours, theirs) = (open(), open());
        let write = |connection: &Connection| connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
        let mut others = Others::from_now(&ours).unwrap();
        write(&ours);
        assert_eq!(others.pace(&ours).unwrap(), ALONE);
        write(&theirs);
        assert_eq!(others.pace(&ours).unwrap(), AMONG_OTHERS);
        write(&ours);
        assert_eq!(others.pace(&ours).unwrap(), AMONG_OTHERS, "the next commit may come any time");
        others.seen = others.seen.and_then(|seen| seen.checked_sub(ACTIVE_FOR));
        assert_eq!(others.pace(&ours).unwrap(), ALONE, "nobody has written for a while");
    }
}
