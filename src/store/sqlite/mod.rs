//! The store in one SQLite file: a writer thread with the one writing connection, readers beside it.
//!
//! `writer` gathers groups, `committer` commits them, `readers` lends read-only connections, `streams` and `documents` hold the statements, `commit` makes
//! several changes in one step, `file`
//! opens and makes the file, `schema` is what stands in it, `failure` turns what SQLite says into errors of ours.

mod commit;
mod committer;
mod documents;
mod failure;
mod file;
mod readers;
mod schema;
mod streams;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    error::Result,
    model::{Owner, Seq, Value},
    store::{
        Store, Synchronous,
        record::{Epoch, Key, Record, StreamId, Version, Versioned},
        rules,
        sqlite::{readers::Readers, writer::Writer},
        write::Write,
    },
};

/// The version of the SQLite that is built in, e.g. `3.54.1`.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Streams and documents in one SQLite file, in write-ahead mode. Several processes may have it open.
///
/// Writes are handed to a thread that commits all that is waiting as one transaction, with one flush to the disk.
/// Dropping the store waits until what was handed over is written.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Opens the file at `path`; makes it, and its folder, when it is not there.
    ///
    /// # Errors
    /// As `store::open`.
    pub async fn open(path: PathBuf, synchronous: Synchronous) -> Result<Self> {
        let readers = Arc::new(Readers::new(path.clone()));
        Ok(Self { writer: Writer::start(path, synchronous).await?, readers })
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.readers.path()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch> {
        let (stream, owner) = (stream.clone(), owner.clone());
        // A crash of the machine that undoes a claim or a lease has ended who held it, too; and the first append flushes both.
        self.writer.write_unflushed(move |connection| streams::claim(connection, &stream, &owner, lease)).await
    }

    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()> {
        let stream = stream.clone();
        self.writer.write_unflushed(move |connection| streams::renew(connection, &stream, epoch, lease)).await
    }

    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()> {
        rules::check_records(stream, expected, records)?;
        let (stream, records) = (stream.clone(), records.to_vec());
        self.writer.write(move |connection| streams::append(connection, &stream, epoch, expected, &records)).await
    }

    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>> {
        let stream = stream.clone();
        self.readers.read(move |connection| streams::read(connection, &stream, from, limit)).await
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamId>> {
        let prefix = prefix.to_owned();
        self.readers.read(move |connection| streams::list(connection, &prefix)).await
    }

    async fn remove_stream(&self, stream: &StreamId) -> Result<()> {
        let stream = stream.clone();
        self.writer.write(move |connection| streams::remove(connection, &stream)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned<Value>>> {
        let key = key.clone();
        self.readers.read(move |connection| documents::get(connection, &key)).await
    }

    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version> {
        let text = rules::document_text(key, value)?;
        let key = key.clone();
        self.writer.write(move |connection| documents::put(connection, &key, expected, &text)).await
    }

    async fn delete(&self, key: &Key, expected: Version) -> Result<()> {
        let key = key.clone();
        self.writer.write(move |connection| documents::delete(connection, &key, expected)).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.readers.read(move |connection| documents::list(connection, &prefix, after.as_ref(), limit)).await
    }

    async fn commit(&self, writes: &[Write]) -> Result<()> {
        let writes = commit::prepare(writes)?;
        self.writer.write(move |connection| commit::commit(connection, &writes)).await
    }
}
