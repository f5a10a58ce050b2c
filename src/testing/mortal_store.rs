//! A store that a process has until it dies: from then on nothing more is written through it.

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::crash::Deaths;
use crate::{
    error::Result,
    model::{Owner, Seq, Value},
    store::{Epoch, Key, Record, Store, StreamId, Version, Versioned, Write},
};

/// Writes into another store, as long as the process lives.
#[derive(Debug)]
pub(super) struct MortalStore {
    pub(super) inner: Arc<dyn Store>,
    pub(super) deaths: Arc<Deaths>,
}

impl MortalStore {
    /// Returns when the process lives, and never when it is dead.
    async fn alive(&self) {
        if self.deaths.is_dead() {
            pending::<()>().await;
        }
    }
}

#[async_trait]
impl Store for MortalStore {
    async fn claim(&self, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch> {
        self.alive().await;
        self.inner.claim(stream, owner, lease).await
    }

    async fn renew(&self, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<()> {
        self.alive().await;
        self.inner.renew(stream, epoch, lease).await
    }

    async fn append(&self, stream: &StreamId, epoch: Epoch, expected: Seq, records: &[Record]) -> Result<()> {
        self.alive().await;
        self.inner.append(stream, epoch, expected, records).await
    }

    async fn read(&self, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>> {
        self.inner.read(stream, from, limit).await
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamId>> {
        self.inner.streams(prefix).await
    }

    async fn remove_stream(&self, stream: &StreamId) -> Result<()> {
        self.alive().await;
        self.inner.remove_stream(stream).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned<Value>>> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, expected: Version, value: &Value) -> Result<Version> {
        self.alive().await;
        self.inner.put(key, expected, value).await
    }

    async fn delete(&self, key: &Key, expected: Version) -> Result<()> {
        self.alive().await;
        self.inner.delete(key, expected).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Versioned<Value>)>> {
        self.inner.list(prefix, after, limit).await
    }

    async fn commit(&self, writes: &[Write]) -> Result<()> {
        self.alive().await;
        self.inner.commit(writes).await
    }
}
