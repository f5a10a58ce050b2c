//! The document of one agent.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{AgentMode, AgentName, AgentOverrides, Value},
    store::{Key, Store, Version, Versioned},
};

/// What the keys of these documents begin with; the agent's name follows.
pub const AGENT_CONTROLS: &str = "control/agent/";
/// The version of the format.
const VERSION: u32 = 1;
/// How many documents are read at once.
const PAGE: usize = 200;
/// How many changes are kept of an agent.
const KEPT: usize = 20;

/// How one agent is steered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentControl {
    version: u32,
    /// Whether it may be asked.
    pub state: AgentMode,
    /// What it is set to.
    #[serde(default, skip_serializing_if = "AgentOverrides::is_empty")]
    pub overrides: AgentOverrides,
    /// The last changes, the newest last.
    #[serde(default)]
    pub history: Vec<ControlEntry>,
}

/// A change of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlEntry {
    /// When.
    pub at: Timestamp,
    /// Who made it.
    pub by: String,
    /// What was done, e.g. `paused` or `temperature=0.2`.
    pub change: String,
}

/// Nobody has changed anything.
impl Default for AgentControl {
    fn default() -> Self {
        Self { version: VERSION, state: AgentMode::Active, overrides: AgentOverrides::default(), history: Vec::new() }
    }
}

impl AgentControl {
    /// Who changed it last.
    #[must_use]
    pub fn by(&self) -> &str {
        self.history.last().map_or("", |entry| &entry.by)
    }

    /// Notes a change; the oldest is forgotten when there are many.
    pub(super) fn note(&mut self, entry: ControlEntry) {
        self.history.push(entry);
        let many = self.history.len().saturating_sub(KEPT);
        self.history.drain(..many);
    }

    pub(super) fn to_value(&self) -> Result<Value> {
        serde_json::to_value(self)
            .map_err(|error| Error::new(ErrorKind::Internal, "the control of an agent is no JSON").source(error))
    }

    /// Reads the document under `key`.
    ///
    /// # Errors
    /// `Corrupt` when it makes no sense, or a newer version wrote it.
    pub fn of_value(key: &Key, value: &Value) -> Result<Self> {
        let newer = value.get("version").and_then(Value::as_u64).is_some_and(|version| version > u64::from(VERSION));
        let hint = if newer {
            "use a newer version of agentflow"
        } else {
            "remove the document; the agent is then as its author wrote it"
        };
        serde_json::from_value(value.clone()).ok().filter(|_| !newer).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, format!("document `{key}` cannot be read as the control of an agent")).hint(hint)
        })
    }
}

/// The key of the document of `agent`.
pub(super) fn key(agent: &AgentName) -> Key {
    Key::new(format!("{AGENT_CONTROLS}{agent}"))
}

/// The document of `agent` with its version; the usual one when there is none.
pub(super) async fn read(store: &dyn Store, agent: &AgentName) -> Result<(AgentControl, Version)> {
    let key = key(agent);
    match store.get(&key).await? {
        Some(Versioned { version, value }) => Ok((AgentControl::of_value(&key, &value)?, version)),
        None => Ok((AgentControl::default(), Version::ABSENT)),
    }
}

/// How `agent` is steered at the moment.
///
/// # Errors
/// `Corrupt`; those of the store.
pub async fn agent_control(store: &Arc<dyn Store>, agent: &AgentName) -> Result<AgentControl> {
    read(store.as_ref(), agent).await.map(|(control, _)| control)
}

/// How all agents are steered of which anybody ever changed something, by name. What cannot be read is left out.
///
/// # Errors
/// Those of the store.
pub async fn agent_controls(store: &Arc<dyn Store>) -> Result<BTreeMap<AgentName, AgentControl>> {
    let mut all = BTreeMap::new();
    let mut after: Option<Key> = None;
    loop {
        let page = store.list(AGENT_CONTROLS, after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        for (key, document) in &page {
            let name = AgentName::new(key.as_str().trim_start_matches(AGENT_CONTROLS));
            if let (Ok(name), Ok(control)) = (name, AgentControl::of_value(key, &document.value)) {
                all.insert(name, control);
            }
        }
        after = page.into_iter().next_back().map(|(key, _)| key);
        if is_last {
            return Ok(all);
        }
    }
}
