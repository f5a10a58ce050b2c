//! What every store holds: records chained by hash, keys, versions.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{RunId, Seq, Value},
};

/// The id of a stream, e.g. `run/0193…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(String);

impl StreamId {
    /// The prefix of all run streams.
    pub const RUNS: &'static str = "run/";

    /// The stream of a run.
    #[must_use]
    pub fn run(run: RunId) -> Self {
        Self(format!("{}{run}", Self::RUNS))
    }

    /// Wraps an id that a store gave back, or a test made.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The most bytes of a record's body, and of a document's JSON text: 16 MiB.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// Grows with every take-over of a stream, from 1.
pub type Epoch = u64;

/// The epoch of a stream that nobody has claimed: many may append to it.
pub const SHARED: Epoch = 0;

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest that the first record of a stream is chained to.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number in the stream, from 0, without gaps.
    pub seq: Seq,
    /// When it was made, to the microsecond (finer digits are not stored).
    pub at: Timestamp,
    /// What sort of record it is, e.g. `node_succeeded`.
    pub kind: String,
    /// The version of the body's format.
    pub version: u16,
    /// The body: JSON text.
    pub body: String,
    /// SHA-256 of the previous record's hash and all columns above.
    pub hash: Digest,
}

impl Record {
    /// Makes a record and chains it to the one before (`previous` is [`Digest::ZERO`] for the first).
    #[must_use]
    pub fn seal(previous: Digest, stream: &StreamId, seq: Seq, at: Timestamp, kind: &str, version: u16, body: String) -> Self {
        let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        let hash = chain(previous, stream, seq, at, kind, version, &body);
        Self { seq, at, kind: kind.to_owned(), version, body, hash }
    }
}

/// SHA-256 over the previous hash and every column, each preceded by its length.
fn chain(previous: Digest, stream: &StreamId, seq: Seq, at: Timestamp, kind: &str, version: u16, body: &str) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(previous.0);
    for column in [stream.as_str().as_bytes(), kind.as_bytes(), body.as_bytes()] {
        hasher.update((column.len() as u64).to_be_bytes());
        hasher.update(column);
    }
    hasher.update(seq.to_be_bytes());
    hasher.update(at.as_microsecond().to_be_bytes());
    hasher.update(version.to_be_bytes());
    Digest(hasher.finalize().into())
}

/// Checks that `records`, which follow one hashed `previous` and begin at `first`, are whole and in order; returns the last hash.
///
/// # Errors
/// `Corrupt`, naming the first bad record.
pub fn verify_chain(stream: &StreamId, first: Seq, previous: Digest, records: &[Record]) -> Result<Digest> {
    let mut last = previous;
    for (expected, record) in (first..).zip(records) {
        let right = chain(last, stream, record.seq, record.at, &record.kind, record.version, &record.body);
        if record.seq != expected || record.hash != right {
            return Err(damaged(stream, expected));
        }
        last = record.hash;
    }
    Ok(last)
}

/// The error for a record that is not what was written.
pub(super) fn damaged(stream: &StreamId, seq: Seq) -> Error {
    Error::new(ErrorKind::Corrupt, format!("record {seq} of `{stream}` is damaged"))
        .hint("restore the store from a backup; the records before this one are intact")
}

/// The key of a document: parts divided by `/`, e.g. `breaker/openai`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The version of a document: grows with every write, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// The version of a document that is not there.
    pub const ABSENT: Self = Self(0);
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A document with its version.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T = Value> {
    /// The version to give to the next write.
    pub version: Version,
    /// The document.
    pub value: T,
}
