//! Where runs are kept: streams of records and documents with versions, nothing more.
//!
//! The engine and the front ends use the [`Store`] trait; a URL names the backend. Every backend passes the same
//! conformance suite (`tests/it/store`). Hashes are computed here, once, so every backend carries the same chain.

mod record;

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    error::Result,
    model::{Owner, Seq, Value},
};

pub use record::{Digest, Epoch, Key, Record, StreamId, Version, Versioned, verify_chain};

/// Streams and documents. Every call is atomic; a call that returned `Ok` survives a crash of the process, and of the
/// machine where the backend is durable.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Takes the stream over for `owner`: bumps and returns its epoch, so that appends of older epochs fail with `Fenced`.
    ///
    /// Creates the stream when it is not there. Safety rests on the epoch; the lease only keeps two live processes from
    /// fencing each other in turn.
    ///
    /// # Errors
    /// `Locked`, naming the holder, while another owner's lease has not run out and that owner is not known to be dead
    /// (an owner on this host whose process has ended is).
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch>;

    /// Sets the end of the lease of `epoch` to `lease` from now; zero gives the stream back.
    ///
    /// # Errors
    /// `Fenced` when a newer epoch exists.
    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()>;

    /// Appends all of `records` or none; they are durable on return.
    ///
    /// Appends of one caller that are under way together take effect in the order of their calls (the order in which the
    /// returned futures are first polled).
    ///
    /// # Errors
    /// `Conflict` unless the stream's next sequence number is `expected`, `Fenced` when `epoch` is not the newest,
    /// `NotFound` when the stream was never claimed, `StoreUnavailable` when the backend fails.
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
    /// # Errors
    /// `Conflict` when the document's version is another one.
    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version>;

    /// Removes a document by compare-and-set.
    ///
    /// # Errors
    /// `Conflict` when the document's version is another one, or it is not there.
    async fn delete(&self, key: &Key, expected: Version) -> Result<()>;

    /// Up to `limit` documents whose keys begin with `prefix`, in byte order of the keys, after `after`.
    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>>;
}
