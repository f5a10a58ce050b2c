//! Results kept for calls with the same arguments: documents in the store, so that processes share them.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    model::Value,
    store::{Key, Store, Version},
    tool::ToolOutput,
};

/// A result as it is kept. Plain data into a fixed type: nothing in it chooses what it becomes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    at: Timestamp,
    value: Value,
    notes: Vec<String>,
}

/// The result of an earlier call that is no older than `ttl`. A cache that does not work is no cache.
pub(super) async fn find(store: &Arc<dyn Store>, fingerprint: &str, ttl: Duration) -> Option<ToolOutput> {
    let kept: Kept = serde_json::from_value(store.get(&key(fingerprint)).await.ok()??.value).ok()?;
    let age = Duration::try_from(Timestamp::now().duration_since(kept.at)).ok()?;
    (age <= ttl).then_some(ToolOutput { value: kept.value, notes: kept.notes })
}

/// Keeps a result in place of an older one.
pub(super) async fn keep(store: &Arc<dyn Store>, fingerprint: &str, ttl: Duration, output: &ToolOutput) {
    if ttl.is_zero() {
        return;
    }
    if let Err(error) = put(store, fingerprint, output).await {
        tracing::debug!(%error, "a result could not be kept");
    }
}

async fn put(store: &Arc<dyn Store>, fingerprint: &str, output: &ToolOutput) -> Result<()> {
    let key = key(fingerprint);
    let kept = Kept { at: Timestamp::now(), value: output.value.clone(), notes: output.notes.clone() };
    let value = serde_json::to_value(&kept).unwrap_or_default();
    let version = store.get(&key).await?.map_or(Version::ABSENT, |known| known.version);
    store.put(&key, version, &value).await.map(|_| ())
}

fn key(fingerprint: &str) -> Key {
    Key::new(format!("cache/tool/{fingerprint}"))
}
