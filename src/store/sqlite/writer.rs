//! The thread with the one writing connection: takes all that waits, commits it as one transaction, answers everyone.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    store::{
        Synchronous,
        sqlite::{
            committer::Committer,
            failure::{Failure, describe, is_passing},
            file,
        },
    },
};

/// Hands work to the writing thread. The work of one caller is done in the order in which it was handed over.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Opens the store at `path` on a new thread, which then waits for work.
    pub(super) async fn start(path: PathBuf, synchronous: Synchronous) -> Result<Self> {
        let (queue, work) = mpsc::channel();
        let (opened, open) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || match file::open(&path, synchronous) {
                Ok(connection) => {
                    if opened.send(Ok(())).is_ok() {
                        serve(connection, &path, synchronous, &work);
                    }
                }
                Err(error) => drop(opened.send(Err(error))),
            })
            .map_err(|error| Error::new(ErrorKind::StoreUnavailable, "no thread can be started for the store").source(error))?;
        open.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Does `work` in a transaction and returns its result when that is durable.
    ///
    /// The work is in the queue once the returned future was polled, and is done even if that is dropped then.
    ///
    /// INVARIANT: `work` refuses before it writes anything. A refusal does not undo the transaction, which holds the work of
    /// others too.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.hand_over(work, Flush::Now).await
    }

    /// As `write`, but the flush is left to the next write that needs one: what the result says is seen by every process, and
    /// only a crash of the whole machine may undo it.
    pub(super) async fn write_unflushed<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.hand_over(work, Flush::Later).await
    }

    async fn hand_over<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        flush: Flush,
    ) -> Result<T> {
        let (waiter, answer) = oneshot::channel();
        let job = Box::new(Waiting { work: Some(work), result: None, waiter, flush });
        self.queue.as_ref().and_then(|queue| queue.send(job).ok()).ok_or_else(gone)?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Waits until all that was handed over is written.
impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by then, and its waiters have been told.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::StoreUnavailable, "the store's writer has ended")
}

/// When a write reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// Before who waits for it is told.
    Now,
    /// With the next one that does.
    Later,
}

/// Something to be written, and somebody who waits for it.
trait Job: Send {
    fn flush(&self) -> Flush;

    /// Does the work in the transaction that is open; keeps the result for `answer`. Fails only when SQLite does.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Tells who waits: what `run` kept when the transaction was committed, the given error otherwise.
    fn answer(self: Box<Self>, failed: Option<Error>);
}

struct Waiting<W, T> {
    work: Option<W>,
    result: Option<Result<T>>,
    waiter: oneshot::Sender<Result<T>>,
    flush: Flush,
}

impl<W, T> Job for Waiting<W, T>
where
    W: FnOnce(&Connection) -> Result<T, Failure> + Send,
    T: Send,
{
    fn flush(&self) -> Flush {
        self.flush
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.result = Some(match work(connection) {
            Ok(value) => Ok(value),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Sqlite(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<Error>) {
        let Self { result, waiter, .. } = *self;
        let answer = failed.map_or_else(|| result.unwrap_or_else(|| Err(gone())), Err);
        // Who does not wait any more does not want to know.
        drop(waiter.send(answer));
    }
}

/// Commits what comes until every sender is gone.
///
/// A connection that failed is closed, and the next work is tried on a new one, which is mended first. A store that is damaged
/// is not tried again.
fn serve(connection: Connection, path: &Path, synchronous: Synchronous, queue: &mpsc::Receiver<Box<dyn Job>>) {
    let mut committer = Committer::new(connection, synchronous).ok();
    let mut group: Vec<Box<dyn Job>> = Vec::new();
    while let Ok(first) = queue.recv() {
        group.push(first);
        group.extend(queue.try_iter());
        match commit(&mut committer, &mut group, path, synchronous) {
            Ok(()) => {
                crash_point!("commit.done");
                group.drain(..).for_each(|job| job.answer(None));
                crash_point!("commit.told");
            }
            Err(error) => {
                let record = error.to_record();
                group.drain(..).for_each(|job| job.answer(Some(record.clone().into())));
                if error.kind() != ErrorKind::StoreUnavailable {
                    for job in queue {
                        job.answer(Some(record.clone().into()));
                    }
                    return;
                }
            }
        }
        if let Some(committer) = &mut committer {
            committer.copy_if_long();
        }
    }
    if let Some(committer) = committer {
        committer.close();
    }
}

/// Does all of `group` in one transaction. On an error nothing of it is done, and there is no committer unless it is fine.
fn commit(committer: &mut Option<Committer>, group: &mut [Box<dyn Job>], path: &Path, synchronous: Synchronous) -> Result<()> {
    let mut open = match committer.take() {
        Some(open) => open,
        None => Committer::mend(path, synchronous)?,
    };
    let wanted = if group.iter().any(|job| job.flush() == Flush::Now) { synchronous } else { Synchronous::Normal };
    let done = open.commit(wanted, |connection| group.iter_mut().try_for_each(|job| job.run(connection)));
    if done.as_ref().err().is_none_or(is_passing) {
        *committer = Some(open);
    }
    done.map_err(|error| describe(path, &error))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::future::join_all;
    use rusqlite::ffi;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().expect("a folder for the test") }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("agentflow.db")
        }

        async fn writer(&self) -> Writer {
            Writer::start(self.path(), Synchronous::Full).await.expect("an empty place")
        }

        /// How many bytes long the log is.
        fn log(&self) -> u64 {
            std::fs::metadata(self.folder.path().join("agentflow.db-wal")).expect("a store has a log").len()
        }

        /// The keys in the file, as another process sees them.
        fn keys(&self) -> Vec<String> {
            let connection = file::open_reader(&self.path()).expect("a store was made");
            let mut select = connection.prepare("SELECT key FROM documents ORDER BY key").expect("the table is there");
            let keys = select.query_map([], |row| row.get(0)).expect("no parameters");
            keys.collect::<rusqlite::Result<_>>().expect("keys are text")
        }
    }

    fn insert(connection: &Connection, key: &str, bytes: usize) -> Result<(), Failure> {
        let value = "x".repeat(bytes);
        connection.execute("INSERT INTO documents (key, version, value) VALUES (?1, 1, ?2)", [key, &value])?;
        Ok(())
    }

    fn fail(code: i32) -> Result<(), Failure> {
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
    }

    type AnyWork = Box<dyn FnOnce(&Connection) -> Result<(), Failure> + Send>;

    /// Does all `works` as one group: the writer is kept busy until they are handed over.
    async fn group(writer: &Writer, works: Vec<AnyWork>) -> Vec<Result<()>> {
        let (begun, begins) = mpsc::channel::<()>();
        let (go, wait) = mpsc::channel::<()>();
        let mut busy = Box::pin(writer.write(move |_| {
            drop(begun);
            // Ends when the other side is dropped.
            assert!(wait.recv().is_err());
            Ok(())
        }));
        assert!(futures::poll!(busy.as_mut()).is_pending());
        assert!(begins.recv().is_err());
        let mut works = Box::pin(join_all(works.into_iter().map(|work| writer.write(work))));
        assert!(futures::poll!(works.as_mut()).is_pending());
        drop(go);
        busy.await.expect("it does nothing");
        works.await
    }

    #[tokio::test]
    async fn one_refusal_in_a_group_leaves_the_others() {
        let place = Place::new();
        let writer = place.writer().await;
        let results = group(
            &writer,
            vec![
                Box::new(|connection| insert(connection, "a", 1)),
                Box::new(|_| Err(Error::new(ErrorKind::Conflict, "refused").into())),
                Box::new(|connection| insert(connection, "c", 1)),
            ],
        )
        .await;
        assert!(results[0].is_ok() && results[2].is_ok());
        assert_eq!(results[1].as_ref().map_err(Error::kind), Err(ErrorKind::Conflict));
        assert_eq!(place.keys(), ["a", "c"]);
    }

    #[tokio::test]
    async fn a_failed_flush_fails_the_whole_group_and_the_next_work_is_done_on_a_new_connection() {
        let place = Place::new();
        let writer = place.writer().await;
        writer.write(|connection| insert(connection, "before", 1)).await.expect("nothing is wrong yet");
        let results = group(
            &writer,
            vec![
                Box::new(|connection| insert(connection, "a", 1)),
                Box::new(|_| fail(ffi::SQLITE_IOERR_FSYNC)),
                Box::new(|connection| insert(connection, "c", 1)),
            ],
        )
        .await;
        for result in results {
            let error = result.expect_err("the group failed");
            assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
            assert!(error.to_string().starts_with("reading or writing store `"), "{error}");
        }
        assert_eq!(place.keys(), ["before"]);
        writer.write(|connection| insert(connection, "opened again", 1)).await.expect("the file is whole");
        assert_eq!(place.keys(), ["before", "opened again"]);
    }

    #[tokio::test]
    async fn a_connection_is_opened_again_with_a_new_log() {
        let place = Place::new();
        let writer = place.writer().await;
        writer.write(|connection| insert(connection, "long", 1 << 20)).await.expect("nothing is wrong yet");
        let long = place.log();
        writer.write(|_| fail(ffi::SQLITE_IOERR_FSYNC)).await.expect_err("the flush failed");
        writer.write(|connection| insert(connection, "short", 1)).await.expect("the file is whole");
        assert!(place.log() < long / 10, "what may not be on the disk was copied into the file, and is written no more");
        assert_eq!(place.keys(), ["long", "short"]);
    }

    #[tokio::test]
    async fn a_store_that_is_gone_is_not_made_anew() {
        let place = Place::new();
        let writer = place.writer().await;
        std::fs::remove_file(place.path()).expect("it is there");
        for _ in 0..2 {
            let error = writer.write(|_| fail(ffi::SQLITE_IOERR_WRITE)).await.expect_err("nothing to write to");
            assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
        }
        assert!(!place.path().exists());
    }

    #[tokio::test]
    async fn a_damaged_store_is_not_tried_again() {
        let place = Place::new();
        let writer = place.writer().await;
        writer.write(|_| fail(ffi::SQLITE_CORRUPT)).await.expect_err("it is damaged");
        let late = writer.write(|connection| insert(connection, "late", 1)).await.expect_err("it still is");
        assert_eq!(late.kind(), ErrorKind::Corrupt);
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_group_and_the_next_is_tried() {
        let place = Place::new();
        let writer = place.writer().await;
        let limit = |pages: i64| {
            writer.write(move |connection| Ok(connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?))
        };
        limit(30).await.expect("a limit");
        let results = group(
            &writer,
            vec![Box::new(|connection| insert(connection, "a", 1)), Box::new(|connection| insert(connection, "b", 1 << 20))],
        )
        .await;
        for result in results {
            let error = result.expect_err("the group failed");
            assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
            assert!(error.to_string().starts_with("no space is left for store `"), "{error}");
        }
        assert_eq!(place.keys(), [""; 0]);
        writer.write(|connection| insert(connection, "c", 1)).await.expect("there is space for this");
        limit(10_000).await.expect("a limit");
        writer.write(|connection| insert(connection, "d", 1 << 20)).await.expect("there is space again");
        assert_eq!(place.keys(), ["c", "d"]);
    }

    #[tokio::test]
    async fn the_log_is_copied_when_it_has_grown() {
        let place = Place::new();
        let writer = place.writer().await;
        for n in 0..8 {
            writer.write(move |connection| insert(connection, &n.to_string(), 1 << 20)).await.expect("space");
        }
        drop(writer);
        let log = std::fs::metadata(place.path().with_extension("db-wal")).map_or(0, |log| log.len());
        assert!(log < 1 << 20, "{log} bytes of log are left");
        assert_eq!(place.keys().len(), 8);
    }
}
