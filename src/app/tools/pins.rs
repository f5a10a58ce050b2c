//! What MCP servers offered when they were approved: as the lock file says, or else as the store remembers the first use.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;

use crate::{
    app::lock::{LOCK_FILE, read_lock},
    error::{Error, ErrorKind, Result},
    store::{Key, Store, Version},
    tool::mcp::{Pins, ServerDefinition},
};

/// Pins in the lock file and in the store. What is locked counts, whatever the store remembers.
#[derive(Debug, Default)]
pub struct StorePins {
    locked: BTreeMap<String, ServerDefinition>,
    store: OnceLock<Arc<dyn Store>>,
}

impl StorePins {
    /// Those of the project in `folder`, beside whose manifest the lock file is.
    ///
    /// # Errors
    /// `Invalid` when its lock file cannot be read.
    pub fn beside(folder: &Path) -> Result<Self> {
        let lock = read_lock(&folder.join(LOCK_FILE))?;
        Ok(Self { locked: lock.map(|lock| lock.offered()).unwrap_or_default(), store: OnceLock::new() })
    }

    /// Has first uses remembered in `store`; the first one stays.
    pub fn keep_in(&self, store: &Arc<dyn Store>) {
        self.store.get_or_init(|| Arc::clone(store));
    }

    /// Approves `definition` in place of what was approved before; returns that.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn approve(store: &Arc<dyn Store>, definition: &ServerDefinition) -> Result<Option<ServerDefinition>> {
        let key = key(&definition.server);
        let known = store.get(&key).await?;
        let version = known.as_ref().map_or(Version::ABSENT, |known| known.version);
        let value = serde_json::to_value(definition)
            .map_err(|error| Error::new(ErrorKind::Internal, "a definition cannot be written as JSON").source(error))?;
        store.put(&key, version, &value).await?;
        Ok(known.and_then(|known| serde_json::from_value(known.value).ok()))
    }

    /// What is approved of a server, if anything is.
    ///
    /// # Errors
    /// `Corrupt` when it cannot be read; those of the store.
    pub async fn approved(store: &Arc<dyn Store>, server: &str) -> Result<Option<ServerDefinition>> {
        let Some(known) = store.get(&key(server)).await? else { return Ok(None) };
        serde_json::from_value(known.value).map(Some).map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("what is approved of MCP server `{server}` cannot be read")).source(error)
        })
    }
}

#[async_trait]
impl Pins for StorePins {
    async fn check(&self, definition: &ServerDefinition) -> Result<()> {
        if let Some(locked) = self.locked.get(&definition.server) {
            return held_to(definition, locked);
        }
        let Some(store) = self.store.get() else { return Ok(()) };
        match Self::approved(store, &definition.server).await? {
            Some(approved) => definition.check(&approved),
            None => Self::approve(store, definition).await.map(|_| ()),
        }
    }
}

/// # Errors
/// `Denied`, naming what is not as it was agreed.
fn held_to(definition: &ServerDefinition, locked: &ServerDefinition) -> Result<()> {
    let changes = definition.changes_since(locked);
    if changes.is_empty() {
        return Ok(());
    }
    let what = format!("MCP server `{}` is not what `{LOCK_FILE}` says: {}", definition.server, changes.join(", "));
    Err(Error::new(ErrorKind::Denied, what).hint("look at it, and agree with `agentflow lock --mcp` if it is right"))
}

fn key(server: &str) -> Key {
    Key::new(format!("pin/mcp/{server}"))
}
