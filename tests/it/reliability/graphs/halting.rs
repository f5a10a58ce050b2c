//! A store whose process dies at a certain event: the append that holds it never returns.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    error::Result,
    model::{Owner, Seq, Value},
    store::{Epoch, InMemoryStore, Key, Record, Store, StreamId, Version, Versioned, Write},
};
use async_trait::async_trait;
use tokio::sync::Notify;

/// Where a process dies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pub(crate) at: Seq,
    /// Whether the event is in the store by then.
    pub(crate) after: bool,
}

/// Passes everything on, until its process is to die.
#[derive(Debug)]
pub(crate) struct HaltingStore {
    inner: Arc<InMemoryStore>,
    death: Mutex<Option<Death>>,
    died: Notify,
}

impl HaltingStore {
    pub(crate) fn new(inner: Arc<InMemoryStore>, death: Option<Death>) -> Self {
        Self { inner, death: Mutex::new(death), died: Notify::new() }
    }

    /// Waits until the process is dead; for ever, if it is not to die.
    pub(crate) async fn death(&self) {
        self.died.notified().await;
    }
}

#[async_trait]
impl Store for HaltingStore {
    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()> {
        let death = *self.death.lock().unwrap();
        let Some(death) = death.filter(|death| death.at < expected + records.len() as Seq) else {
            return self.inner.append(stream, epoch, expected, records).await;
        };
        if death.after {
            self.inner.append(stream, epoch, expected, records).await?;
        }
        self.died.notify_one();
        std::future::pending().await
    }

    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch> {
        self.inner.claim(stream, owner, lease).await
    }

    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()> {
        self.inner.renew(stream, epoch, lease).await
    }

    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>> {
        self.inner.read(stream, from, limit).await
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamId>> {
        self.inner.streams(prefix).await
    }

    async fn remove_stream(&self, stream: &StreamId) -> Result<()> {
        self.inner.remove_stream(stream).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned<Value>>> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version> {
        self.inner.put(key, expected, value).await
    }

    async fn delete(&self, key: &Key, expected: Version) -> Result<()> {
        self.inner.delete(key, expected).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>> {
        self.inner.list(prefix, after, limit).await
    }

    async fn commit(&self, writes: &[Write]) -> Result<()> {
        self.inner.commit(writes).await
    }
}
