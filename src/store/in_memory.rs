//! The store that keeps nothing: for tests, and for runs whose log nobody needs. Same rules as the durable ones.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    error::Result,
    model::{Owner, Seq, Value},
    store::{
        Store,
        record::{Epoch, Key, Record, SHARED, StreamId, Version, Versioned},
        rules::{self, Head, Holder},
        write::{Write, check_targets},
    },
};

/// Streams and documents in the memory of this process, gone with it.
#[derive(Default)]
pub struct InMemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    streams: BTreeMap<StreamId, Stream>,
    documents: BTreeMap<Key, Versioned>,
    /// The highest epoch of any stream that was removed: a stream made anew begins above it.
    highest_removed_epoch: Epoch,
    /// The same for versions of documents.
    highest_deleted_version: u64,
}

struct Stream {
    epoch: Epoch,
    /// None: nobody has claimed it.
    holder: Option<Holder>,
    records: Vec<Record>,
}

impl State {
    fn check_append(&self, stream: &StreamId, epoch: Epoch, expected: Seq) -> Result<()> {
        let head = match self.streams.get(stream) {
            Some(known) => Head { epoch: known.epoch, next: known.records.len() as Seq },
            None if epoch == SHARED => Head { epoch: SHARED, next: 0 },
            None => return Err(rules::unclaimed(stream)),
        };
        rules::check_append(stream, head, epoch, expected)
    }

    fn append(&mut self, stream: &StreamId, records: &[Record]) {
        let made = || Stream { epoch: SHARED, holder: None, records: Vec::new() };
        self.streams.entry(stream.clone()).or_insert_with(made).records.extend_from_slice(records);
    }

    /// [`Version::ABSENT`] for a document that is not there.
    fn version(&self, key: &Key) -> Version {
        self.documents.get(key).map_or(Version::ABSENT, |document| document.version)
    }

    fn put(&mut self, key: &Key, value: &Value) -> Version {
        let stored = self.version(key);
        let version = Version(1 + if stored == Version::ABSENT { self.highest_deleted_version } else { stored.0 });
        self.documents.insert(key.clone(), Versioned { version, value: value.clone() });
        version
    }

    fn delete(&mut self, key: &Key) {
        self.highest_deleted_version = self.highest_deleted_version.max(self.version(key).0);
        self.documents.remove(key);
    }
}

impl InMemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InMemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("InMemoryStore").field("streams", &state.streams.len()).field("documents", &state.documents.len()).finish()
    }
}

#[async_trait]
impl Store for InMemoryStore {
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch> {
        let now = Timestamp::now();
        let holder = Holder { owner: owner.clone(), until: rules::lease_end(now, lease) };
        let mut state = self.state();
        let highest_removed_epoch = state.highest_removed_epoch;
        if let Some(known) = state.streams.get_mut(stream) {
            rules::check_holder(stream, known.holder.as_ref(), Some(owner), now)?;
            known.epoch = 1 + if known.epoch == SHARED { highest_removed_epoch } else { known.epoch };
            known.holder = Some(holder);
            return Ok(known.epoch);
        }
        let epoch = highest_removed_epoch + 1;
        state.streams.insert(stream.clone(), Stream { epoch, holder: Some(holder), records: Vec::new() });
        Ok(epoch)
    }

    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()> {
        let mut state = self.state();
        let known = state.streams.get_mut(stream).ok_or_else(|| rules::unclaimed(stream))?;
        rules::check_epoch(stream, known.epoch, epoch)?;
        if let Some(holder) = &mut known.holder {
            holder.until = rules::lease_end(Timestamp::now(), lease);
        }
        Ok(())
    }

    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()> {
        rules::check_records(stream, expected, records)?;
        let mut state = self.state();
        state.check_append(stream, epoch, expected)?;
        state.append(stream, records);
        Ok(())
    }

    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>> {
        let state = self.state();
        let Some(known) = state.streams.get(stream) else { return Ok(Vec::new()) };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(known.records.iter().skip(from).take(limit).cloned().collect())
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamId>> {
        let state = self.state();
        let from = state.streams.range(StreamId::new(prefix)..);
        Ok(from.map(|(id, _)| id).take_while(|id| id.as_str().starts_with(prefix)).cloned().collect())
    }

    async fn remove_stream(&self, stream: &StreamId) -> Result<()> {
        let mut state = self.state();
        let Some(known) = state.streams.get(stream) else { return Ok(()) };
        rules::check_holder(stream, known.holder.as_ref(), None, Timestamp::now())?;
        state.highest_removed_epoch = state.highest_removed_epoch.max(known.epoch);
        state.streams.remove(stream);
        Ok(())
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned<Value>>> {
        Ok(self.state().documents.get(key).cloned())
    }

    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version> {
        rules::document_text(key, value)?;
        let mut state = self.state();
        rules::check_version(key, state.version(key), expected)?;
        Ok(state.put(key, value))
    }

    async fn delete(&self, key: &Key, expected: Version) -> Result<()> {
        let mut state = self.state();
        rules::check_deletion(key, state.version(key), expected)?;
        state.delete(key);
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>> {
        let state = self.state();
        let prefix_key = Key::new(prefix);
        let from = match after {
            Some(after) if *after >= prefix_key => Bound::Excluded(after),
            _ => Bound::Included(&prefix_key),
        };
        let documents = state.documents.range((from, Bound::Unbounded));
        Ok(documents
            .take_while(|(key, _)| key.as_str().starts_with(prefix))
            .take(limit)
            .map(|(key, document)| (key.clone(), document.clone()))
            .collect())
    }

    async fn commit(&self, writes: &[Write]) -> Result<()> {
        check_targets(writes)?;
        let mut state = self.state();
        for write in writes {
            match write {
                Write::Append { stream, epoch, expected, records } => {
                    rules::check_records(stream, *expected, records)?;
                    state.check_append(stream, *epoch, *expected)?;
                }
                Write::Put { key, expected, value } => {
                    rules::document_text(key, value)?;
                    rules::check_version(key, state.version(key), *expected)?;
                }
                Write::Delete { key, expected } => rules::check_deletion(key, state.version(key), *expected)?,
            }
        }
        for write in writes {
            match write {
                Write::Append { stream, records, .. } => state.append(stream, records),
                Write::Put { key, value, .. } => {
                    state.put(key, value);
                }
                Write::Delete { key, .. } => state.delete(key),
            }
        }
        Ok(())
    }
}
