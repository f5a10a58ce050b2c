//! Several changes that are made together.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Seq, Value},
    store::record::{Epoch, Key, Record, StreamId, Version},
};

/// One of several changes that [`Store::commit`](super::Store::commit) makes in one step. Each is refused for the reasons for which
/// the method of its name is.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// As [`Store::append`](super::Store::append).
    Append {
        /// To this stream.
        stream: StreamId,
        /// Of this epoch.
        epoch: Epoch,
        /// The number of the first record.
        expected: Seq,
        /// What is appended.
        records: Vec<Record>,
    },
    /// As [`Store::put`](super::Store::put).
    Put {
        /// Under this key.
        key: Key,
        /// The version read, or [`Version::ABSENT`].
        expected: Version,
        /// The document.
        value: Value,
    },
    /// As [`Store::delete`](super::Store::delete).
    Delete {
        /// The document under this key.
        key: Key,
        /// The version read.
        expected: Version,
    },
}

impl Write {
    /// What it changes: a stream or a document.
    fn target(&self) -> (&'static str, &str) {
        match self {
            Self::Append { stream, .. } => ("stream", stream.as_str()),
            Self::Put { key, .. } | Self::Delete { key, .. } => ("document", key.as_str()),
        }
    }
}

/// `Invalid` when two of `writes` change the same stream or document: each is checked against what was there before all of them.
pub(super) fn check_targets(writes: &[Write]) -> Result<()> {
    let mut targets: Vec<_> = writes.iter().map(Write::target).collect();
    targets.sort_unstable();
    match targets.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => {
            let (what, name) = pair[0];
            Err(Error::new(ErrorKind::Invalid, format!("{what} `{name}` cannot be changed twice in one step")))
        }
    }
}
