//! One set of cases for every backend. A new backend needs an entry in [`Backend`], in [`on_every_backend`] and, when what it
//! holds outlives it, in [`on_every_durable_backend`].

mod append;
mod claim;
mod commit;
mod concurrent;
mod documents;
mod durable;
mod open;
mod read;
mod sqlite_damage;
mod sqlite_views;

use std::{sync::Arc, time::Duration};

use agentflow::{
    Error, ErrorKind,
    model::{Owner, Seq},
    store::{self, Digest, Epoch, Record, Store, StreamId, Synchronous, verify_chain},
};
use jiff::Timestamp;
use tempfile::TempDir;

/// What is under test.
#[derive(Debug, Clone, Copy)]
enum Backend {
    InMemory,
    Sqlite,
    SqliteNormal,
}

/// Makes a test of each case for each backend.
macro_rules! on_every_backend {
    ($($case:ident)*) => {
        on_every_backend!(@ in_memory InMemory $($case)*);
        on_every_backend!(@ sqlite Sqlite $($case)*);
        on_every_backend!(@ sqlite_normal SqliteNormal $($case)*);
    };
    (@ $module:ident $backend:ident $($case:ident)*) => {
        mod $module {
            use crate::store::{Backend, Fixture};
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(Fixture::new(Backend::$backend).await).await;
                }
            )*
        }
    };
}

/// The same for the backends that can be opened again.
macro_rules! on_every_durable_backend {
    ($($case:ident)*) => {
        $crate::store::on_every_backend!(@ sqlite Sqlite $($case)*);
        $crate::store::on_every_backend!(@ sqlite_normal SqliteNormal $($case)*);
    };
}

use {on_every_backend, on_every_durable_backend};

/// An empty store of one backend.
struct Fixture {
    store: Arc<dyn Store>,
    url: String,
    synchronous: Synchronous,
    folder: TempDir,
}

impl Fixture {
    async fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", folder.path().join("state/agentflow.db").display());
        let (url, synchronous) = match backend {
            Backend::InMemory => ("memory:".to_owned(), Synchronous::Full),
            Backend::Sqlite => (file, Synchronous::Full),
            Backend::SqliteNormal => (file, Synchronous::Normal),
        };
        Self { store: store::open(&url, synchronous).await.unwrap(), url, synchronous, folder }
    }

    /// Opens what this store holds a second time.
    async fn open_again(&self) -> Arc<dyn Store> {
        store::open(&self.url, self.synchronous).await.unwrap()
    }

    /// Closes the store and opens it again.
    async fn reopen(mut self) -> Self {
        self.store = Arc::new(store::InMemoryStore::default());
        self.store = self.open_again().await;
        self
    }

    /// Claims `name` for a process that holds it for an hour.
    async fn log(&self, name: &str) -> Log {
        Log::claim(&self.store, name).await
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// A process of another host: never known to be dead.
fn stranger(process: u32) -> Owner {
    Owner { host: "elsewhere".to_owned(), process, started: 1 }
}

/// The writer's side of a stream.
#[derive(Debug, Clone)]
struct Log {
    stream: StreamId,
    epoch: Epoch,
    next: Seq,
    last: Digest,
}

impl Log {
    async fn claim(store: &Arc<dyn Store>, name: &str) -> Self {
        let stream = StreamId::new(name);
        let epoch = store.claim(&stream, &stranger(1), HOUR).await.unwrap();
        Self { stream, epoch, next: 0, last: Digest::ZERO }
    }

    /// The next record, with this kind and body; counts it as written.
    fn record(&mut self, kind: &str, body: &str) -> Record {
        let at = Timestamp::from_microsecond(1_700_000_000_000_000 + self.next.cast_signed()).unwrap();
        let record = Record::seal(self.last, &self.stream, self.next, at, kind, 1, body.to_owned());
        self.next += 1;
        self.last = record.hash;
        record
    }

    /// The next `count` records; counts them as written.
    fn records(&mut self, count: usize) -> Vec<Record> {
        (0..count)
            .map(|_| {
                let body = format!(r#"{{"n":{}}}"#, self.next);
                self.record("test", &body)
            })
            .collect()
    }

    /// Appends the next `count` records.
    async fn append(&mut self, store: &Arc<dyn Store>, count: usize) -> Vec<Record> {
        let expected = self.next;
        let records = self.records(count);
        store.append(&self.stream, self.epoch, expected, &records).await.unwrap();
        records
    }

    /// All that the store holds of the stream; its chain is checked.
    async fn read(&self, store: &Arc<dyn Store>) -> Vec<Record> {
        let records = store.read(&self.stream, 0, usize::MAX).await.unwrap();
        verify_chain(&self.stream, 0, Digest::ZERO, &records).unwrap();
        records
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) -> Error {
    let error = result.expect_err("it should have been refused");
    assert_eq!(error.kind(), kind, "{error}");
    error
}
