//! Where runs are kept: streams of records and documents with versions, nothing more.
//!
//! The engine and the front ends use the [`Store`] trait; a URL names the backend. Every backend passes the same
//! conformance suite (`tests/it/store`). Hashes are computed here, once, so every backend carries the same chain.

mod in_memory;
mod owner;
mod record;
mod rules;
mod sqlite;
mod write;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Owner, Seq, Value},
};

pub use in_memory::InMemoryStore;
pub use owner::{is_gone, this_process};
pub use record::{Digest, Epoch, Key, MAX_BODY, Record, SHARED, StreamId, Version, Versioned, verify_chain};
pub use sqlite::{SqliteStore, sqlite_version};
pub use write::Write;

/// Streams and documents. Every call is atomic; a call that returned `Ok` survives a crash of the process, and of the
/// machine where the backend is durable. Claims and leases alone may be lost with the machine: so are their holders.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Takes the stream over for `owner`: bumps and returns its epoch, so that appends of older epochs fail with `Fenced`.
    ///
    /// Creates the stream when it is not there; the epochs of a stream that was removed are never given out again. Safety rests on the epoch; the lease only keeps two live processes from
    /// fencing each other in turn.
    ///
    /// # Errors
    /// `Locked`, naming the holder, while another owner's lease has not run out and that owner is not known to be dead
    /// (an owner on this host whose process has ended is).
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch>;

    /// Sets the end of the lease of `epoch` to `lease` from now; zero gives the stream back.
    ///
    /// # Errors
    /// `Fenced` when `epoch` is not the newest, `NotFound` when the stream was never claimed.
    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()>;

    /// Appends all of `records` or none; they are durable on return.
    ///
    /// Appends of one caller that are under way together take effect in the order of their calls (the order in which the
    /// returned futures are first polled).
    ///
    /// A stream that was never claimed has the epoch [`SHARED`]: with it whoever knows the next number may append, and the first
    /// append makes the stream. The first claim ends that.
    ///
    /// # Errors
    /// `Conflict` unless the stream's next sequence number is `expected`, `Fenced` when `epoch` is not the newest,
    /// `NotFound` when the stream is not there (and `epoch` is not [`SHARED`]), `Invalid` for a body above [`MAX_BODY`], `StoreUnavailable` when the
    /// backend fails.
    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()>;

    /// Reads up to `limit` records from `from` on, in order. Empty past the end, and for an unknown stream.
    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>>;

    /// The streams whose ids begin with `prefix`, in byte order.
    async fn streams(&self, prefix: &str) -> Result<Vec<StreamId>>;

    /// Removes a stream with all its records. Removing what is not there is no error.
    ///
    /// # Errors
    /// `Locked` while a live owner holds it.
    async fn remove_stream(&self, stream: &StreamId) -> Result<()>;

    /// The document under `key`.
    async fn get(&self, key: &Key) -> Result<Option<Versioned<Value>>>;

    /// Writes a document by compare-and-set: `expected` is the version read, or [`Version::ABSENT`] to create it.
    ///
    /// Returns the new version, above every version the key ever had, also when it was deleted in between.
    ///
    /// # Errors
    /// `Conflict` when the document's version is another one, `Invalid` when its JSON text is above [`MAX_BODY`].
    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version>;

    /// Removes a document by compare-and-set.
    ///
    /// # Errors
    /// `Conflict` when the document's version is another one, or it is not there.
    async fn delete(&self, key: &Key, expected: Version) -> Result<()>;

    /// Up to `limit` documents whose keys begin with `prefix`, in byte order of the keys, after `after`.
    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>>;

    /// Makes all of `writes` or none, in one step that nobody sees half of; they are durable on return.
    ///
    /// # Errors
    /// That of the first write that is refused, as the method of its name says it; `Invalid` when two of them change the same stream
    /// or document.
    async fn commit(&self, writes: &[Write]) -> Result<()>;
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// The disk has it: survives a power failure.
    #[default]
    Full,
    /// The operating system has it: survives a crash of the process; a power failure may lose the last commits, never
    /// their order.
    Normal,
}

/// Opens the store that `url` names: `sqlite:PATH` (made when it is not there) or `memory:` (empty, gone with the process).
///
/// # Errors
/// `Invalid` for a URL of no known backend, or a file of another program; `Corrupt` for a file that is damaged, no
/// database, or of a newer version; `StoreUnavailable` when it cannot be read and written.
pub async fn open(url: &str, synchronous: Synchronous) -> Result<Arc<dyn Store>> {
    if url == "memory:" {
        return Ok(Arc::new(InMemoryStore::default()));
    }
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(Error::new(ErrorKind::Invalid, format!("`{url}` is no store URL"))
            .hint(format!("write `sqlite:{url}` for a file, or `memory:` to keep nothing")));
    };
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err(Error::new(ErrorKind::Invalid, format!("`{url}` names no file")).hint("write `sqlite:PATH`"));
            }
            if path == ":memory:" {
                return Err(Error::new(ErrorKind::Invalid, format!("`{url}` is no store URL")).hint("write `memory:`"));
            }
            Ok(Arc::new(SqliteStore::open(PathBuf::from(path), synchronous).await?))
        }
        "memory" => Err(Error::new(ErrorKind::Invalid, format!("`{url}` has something after `memory:`")).hint("write `memory:`")),
        "postgres" | "postgresql" | "redis" | "rediss" | "mongodb" | "mongodb+srv" | "s3" => Err(Error::new(
            ErrorKind::Invalid,
            format!("a store at `{scheme}:` is planned, but this version does not have it yet"),
        )
        .hint("use `sqlite:PATH` or `memory:`")),
        _ => Err(Error::new(ErrorKind::Invalid, format!("`{scheme}:` is no known sort of store"))
            .hint("use `sqlite:PATH` or `memory:`")),
    }
}
