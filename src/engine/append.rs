//! One append and what is to be known of it: whether it took effect, when the store gave no clear answer.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Seq,
    store::{Digest, Epoch, Record, Store, StreamId, verify_chain},
};

/// How many records before the append are verified before it is tried again.
const TAIL: u64 = 16;

/// Records on their way into the store.
pub(super) struct Append {
    pub(super) store: Arc<dyn Store>,
    pub(super) stream: StreamId,
    pub(super) epoch: Epoch,
    /// The number of the first record.
    pub(super) expected: Seq,
    /// The hash of the record before it.
    pub(super) previous: Digest,
    pub(super) records: Vec<Record>,
}

impl Append {
    /// Appends the records.
    ///
    /// # Errors
    /// Those of the store. After `StoreUnavailable` it is not known whether the append took effect.
    pub(super) async fn begin(&self) -> Result<()> {
        self.store.append(&self.stream, self.epoch, self.expected, &self.records).await
    }

    /// Appends the records unless an earlier try has done so.
    ///
    /// # Errors
    /// As [`Append::begin`]; `Corrupt`, naming the first bad record, when the end of the stream is not what was written.
    pub(super) async fn again(&self) -> Result<()> {
        if self.has_taken_effect().await? { Ok(()) } else { self.begin().await }
    }

    /// Looks into the store for what became of an earlier try.
    async fn has_taken_effect(&self) -> Result<bool> {
        // Only a store that works again answers this, and says that it has come no further.
        let probed = self.store.append(&self.stream, self.epoch, self.expected, &[]).await;
        let conflict = match probed {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::Conflict => Some(error),
            Err(error) => return Err(error),
        };
        let found = self.verified_tail().await?;
        let is_ours =
            found.len() == self.records.len() && found.iter().zip(&self.records).all(|(one, other)| one.hash == other.hash);
        match conflict {
            _ if is_ours => Ok(true),
            Some(conflict) => Err(conflict),
            None => Ok(false),
        }
    }

    /// The records from `expected` on, after those before them were found to be what was written.
    async fn verified_tail(&self) -> Result<Vec<Record>> {
        let from = self.expected.saturating_sub(TAIL);
        let limit = usize::try_from(TAIL).unwrap_or(usize::MAX).saturating_add(self.records.len()).saturating_add(1);
        let mut tail = self.store.read(&self.stream, from, limit).await?;
        let damaged = |seq| {
            Error::new(ErrorKind::Corrupt, format!("record {seq} of `{}` is not what was written", self.stream))
                .hint("restore the store from a backup; the records before this one are intact")
        };
        // What the first of them is chained to is known only at the beginning of the stream.
        match tail.split_first() {
            Some((first, rest)) if from > 0 => verify_chain(&self.stream, from + 1, first.hash, rest)?,
            _ => verify_chain(&self.stream, from, Digest::ZERO, &tail)?,
        };
        let known = usize::try_from(self.expected - from).unwrap_or(usize::MAX);
        if tail.len() < known {
            return Err(damaged(from + tail.len() as u64));
        }
        let new = tail.split_off(known);
        match tail.last() {
            Some(last) if last.hash != self.previous => Err(damaged(last.seq)),
            _ => Ok(new),
        }
    }
}
