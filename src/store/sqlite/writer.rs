//! The thread with the one writing connection: takes all that waits, commits it as one transaction, answers everyone.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
        mpsc,
    },
    thread,
};

use rusqlite::{Connection, wal::CheckpointMode};
use tokio::sync::oneshot;

use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    store::{
        Synchronous,
        sqlite::{
            failure::{Failure, describe, is_passing},
            file,
        },
    },
};

/// From how many pages on the log is copied into the file while the store is open (4 MiB, as SQLite does by default).
const COPY_FROM: i32 = 1_000;

/// From how many pages on the log is copied when the store is closed: fewer are read back faster, at the next opening, than
/// two flushes take now.
const COPY_AT_END_FROM: i32 = 256;

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

/// Commits what comes until every sender is gone, or until the disk fails.
fn serve(mut connection: Connection, path: &Path, synchronous: Synchronous, queue: &mpsc::Receiver<Box<dyn Job>>) {
    let pages = Arc::new(AtomicI32::new(0));
    let seen = Arc::clone(&pages);
    let hook = move |_: &mut rusqlite::hooks::Wal, pages| {
        seen.store(pages, Ordering::Relaxed);
        Ok(())
    };
    if let Err(error) = connection.wal_hook(Some(hook)) {
        return refuse(queue, Vec::new(), path, &error);
    }
    let (mut flushed, mut copied) = (synchronous, 0);
    let mut group: Vec<Box<dyn Job>> = Vec::new();
    while let Ok(first) = queue.recv() {
        group.push(first);
        group.extend(queue.try_iter());
        let wanted = if group.iter().any(|job| job.flush() == Flush::Now) { synchronous } else { Synchronous::Normal };
        let ready = if wanted == flushed { Ok(()) } else { file::flush_commits(&connection, wanted) };
        flushed = wanted;
        match ready.and_then(|()| commit(&connection, &mut group)) {
            Ok(()) => {
                crash_point!("commit.done");
                group.drain(..).for_each(|job| job.answer(None));
                crash_point!("commit.told");
            }
            Err(error) if is_passing(&error) => {
                let error = describe(path, &error).to_record();
                group.drain(..).for_each(|job| job.answer(Some(error.clone().into())));
            }
            Err(error) => {
                drop(connection);
                return refuse(queue, group, path, &error);
            }
        }
        let long = pages.load(Ordering::Relaxed);
        // A log that is shorter than before begins anew. One that somebody still reads cannot: it is copied once for each
        // stretch, not with every commit.
        copied = if long < copied { 0 } else { copied };
        if long - copied >= COPY_FROM {
            copy_log(&connection, CheckpointMode::PASSIVE);
            copied = long;
        }
    }
    if pages.load(Ordering::Relaxed) >= COPY_AT_END_FROM {
        copy_log(&connection, CheckpointMode::TRUNCATE);
    }
}

/// Does all of `group` in one transaction. On an error nothing of it is done.
fn commit(connection: &Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    crash_point!("commit.begun");
    let done = group.iter_mut().try_for_each(|job| job.run(connection)).and_then(|()| {
        crash_point!("commit.written");
        connection.prepare_cached("COMMIT")?.execute([]).map(drop)
    });
    if done.is_err() && !connection.is_autocommit() {
        // Some errors end the transaction by themselves; when this one fails too, the first says why.
        drop(connection.execute_batch("ROLLBACK"));
    }
    done
}

/// Answers with `error` until every sender is gone. The connection is closed: nothing is tried again blindly.
fn refuse(queue: &mpsc::Receiver<Box<dyn Job>>, group: Vec<Box<dyn Job>>, path: &Path, error: &rusqlite::Error) {
    let error = describe(path, error).to_record();
    group.into_iter().chain(queue.iter()).for_each(|job| job.answer(Some(error.clone().into())));
}

/// Copies the write-ahead log into the file.
fn copy_log(connection: &Connection, mode: CheckpointMode) {
    crash_point!("checkpoint.begun");
    // What fails here is lost to nobody: the records are in the log, and the next copy tries again.
    if let Err(error) = connection.wal_checkpoint_v2(Some("main"), mode) {
        tracing::warn!(%error, "the store's log could not be copied into its file");
    }
    crash_point!("checkpoint.done");
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
    async fn a_failed_flush_fails_the_whole_group_and_everything_after_it() {
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
        let late = writer.write(|connection| insert(connection, "late", 1)).await.expect_err("the connection is closed");
        assert_eq!(late.kind(), ErrorKind::StoreUnavailable);
        assert_eq!(place.keys(), ["before"]);
        drop(writer);
        place.writer().await.write(|connection| insert(connection, "opened again", 1)).await.expect("the file is whole");
        assert_eq!(place.keys(), ["before", "opened again"]);
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
