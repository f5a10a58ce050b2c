//! The health of a target as the store keeps it: a document that all processes with the store share.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ModelRef, Value},
    resilience::Breaker,
    store::{Digest, Key, Store, Version, Versioned},
};

/// What the keys of these documents begin with.
const PREFIX: &str = "breaker/";
/// The version of the format.
const VERSION: u32 = 1;
/// How many documents are read at once.
const PAGE: usize = 200;

/// Who answers calls: a model behind an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetId {
    /// `provider/model`.
    pub model: ModelRef,
    /// Where the server is; absent when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl TargetId {
    /// The key of its document: the provider, a digest of the address, the model.
    pub(super) fn key(&self) -> Key {
        let digest = Digest::of(self.address.as_deref().unwrap_or_default().as_bytes()).to_string();
        Key::new(format!("{PREFIX}{}/{}/{}", self.model.provider, &digest[..16], self.model.model))
    }
}

/// The health of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetHealth {
    version: u32,
    /// Whose it is.
    #[serde(flatten)]
    pub target: TargetId,
    /// Its breaker.
    pub breaker: Breaker,
}

impl TargetHealth {
    pub(super) fn to_value(target: &TargetId, breaker: &Breaker) -> Result<Value> {
        serde_json::to_value(Self { version: VERSION, target: target.clone(), breaker: breaker.clone() })
            .map_err(|err| Error::new(ErrorKind::Internal, "the state of a breaker is no JSON").source(err))
    }

    fn of_value(key: &Key, value: &Value) -> Result<Self> {
        let newer = value.get("version").and_then(Value::as_u64).is_some_and(|version| version > u64::from(VERSION));
        let hint = if newer { "use a newer version of agentflow" } else { "`agentflow doctor --reset-breakers` writes it anew" };
        serde_json::from_value(value.clone())
            .ok()
            .filter(|_| !newer)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("document `{key}` cannot be read as a breaker")).hint(hint))
    }
}

/// The breaker under `key`, when there is one.
pub(super) async fn read(store: &dyn Store, key: &Key) -> Result<Option<(Breaker, Version)>> {
    let Some(Versioned { version, value }) = store.get(key).await? else { return Ok(None) };
    Ok(Some((TargetHealth::of_value(key, &value)?.breaker, version)))
}

/// The health of every target that the store knows of, by key. What cannot be read is left out.
///
/// # Errors
/// Those of the store.
pub async fn health_of_all(store: &Arc<dyn Store>) -> Result<Vec<TargetHealth>> {
    let all = documents(store).await?;
    Ok(all.iter().filter_map(|(key, document)| TargetHealth::of_value(key, &document.value).ok()).collect())
}

/// Closes every breaker that is not closed, and removes what cannot be read; returns the targets that it closed.
///
/// # Errors
/// Those of the store; `Conflict` when another process changed a breaker meanwhile.
pub async fn reset_breakers(store: &Arc<dyn Store>, now: Timestamp) -> Result<Vec<TargetId>> {
    let mut closed = Vec::new();
    for (key, document) in documents(store).await? {
        let Ok(mut health) = TargetHealth::of_value(&key, &document.value) else {
            store.delete(&key, document.version).await?;
            continue;
        };
        if !health.breaker.is_untroubled() {
            // Written, not removed: processes at work see that it is newer than what they know.
            health.breaker.reset(now);
            store.put(&key, document.version, &TargetHealth::to_value(&health.target, &health.breaker)?).await?;
            closed.push(health.target);
        }
    }
    Ok(closed)
}

async fn documents(store: &Arc<dyn Store>) -> Result<Vec<(Key, Versioned<Value>)>> {
    let mut all: Vec<(Key, Versioned<Value>)> = Vec::new();
    loop {
        let page = store.list(PREFIX, all.last().map(|(key, _)| key), PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
