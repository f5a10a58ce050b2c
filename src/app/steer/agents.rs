//! Pausing, draining, terminating and setting agents, by the name that the manifest or a workflow gives them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    agent::{AgentChange, AgentControl, agent_controls, change_agent},
    app::{
        Settings, WorkflowSource, environment,
        live::live,
        open_if_there,
        project::StorePlace,
        providers,
        registry::{Gathered, gather, unknown},
    },
    error::{Error, ErrorKind, Result, nearest},
    model::{AgentMode, AgentName, AgentOverrides, AgentSetting, ModelRef},
    store::{self, Store},
};

/// The agents that can be steered: those of a manifest or a workflow.
#[derive(Debug)]
pub struct Steerable {
    names: BTreeSet<String>,
    providers: BTreeSet<String>,
    place: StorePlace,
}

/// How an agent stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentStatus {
    /// Which agent.
    pub name: String,
    /// Whether it may be asked.
    pub state: AgentMode,
    /// What it is set to.
    pub overrides: AgentOverrides,
    /// Who changed it last, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Changed>,
    /// How many of its attempts are under way, in all live runs.
    pub under_way: usize,
}

/// The last change of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// When.
    pub at: Timestamp,
    /// Who made it.
    pub by: String,
    /// What was done.
    pub change: String,
}

impl Steerable {
    /// The agents of the workflow at `workflow`, its own and those of its manifest, or those of the manifest that is found.
    ///
    /// # Errors
    /// `NotFound` when there is no manifest and no workflow; `Invalid` when it cannot be read.
    pub async fn read(workflow: Option<&WorkflowSource>, settings: &Settings) -> Result<Self> {
        let Gathered { catalog, manifest, place, folder, .. } = gather(workflow, settings).await?;
        let known = providers::report(manifest.as_ref(), &folder);
        Ok(Self {
            names: catalog.entries().map(|(name, _)| name.to_owned()).collect(),
            providers: known.into_iter().map(|provider| provider.name).collect(),
            place,
        })
    }

    /// The agent called `name`.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    pub fn agent(&self, name: &str) -> Result<AgentName> {
        if self.names.contains(name) {
            return AgentName::new(name);
        }
        Err(unknown(&format!("there is no agent `{}`", name.escape_default()), name, self.names.iter().map(String::as_str))
            .hint("an agent that is written in a workflow is found with `--workflow FILE`"))
    }

    /// Changes how an agent is steered. Returns how it is steered now, and whether that is new.
    ///
    /// # Errors
    /// As [`change_agent`].
    pub async fn change(&self, agent: &AgentName, change: &AgentChange) -> Result<(AgentControl, bool)> {
        let store = store::open(&self.place.url, self.place.synchronous).await?;
        change_agent(&store, agent, change, &environment::user()).await
    }

    /// What `words` such as `temperature=0.2` set.
    ///
    /// # Errors
    /// `Invalid` for what cannot be set, with the nearest name; for a value that cannot be; for a model whose provider is not known.
    pub fn overrides(&self, words: &[(String, String)]) -> Result<AgentOverrides> {
        let mut overrides = AgentOverrides::default();
        for (name, value) in words {
            let bad = |what: &str| {
                Error::new(ErrorKind::Invalid, format!("`{name}` cannot be `{}`", value.escape_default())).hint(what)
            };
            match setting(name)? {
                AgentSetting::Model => overrides.model = Some(self.model(value)?),
                AgentSetting::Temperature => {
                    overrides.temperature = Some(value.parse().map_err(|_| bad("write a number from 0 to 2"))?);
                }
                AgentSetting::MaxConcurrent => {
                    overrides.max_concurrent = Some(value.parse().map_err(|_| bad("write a whole number, 1 or more"))?);
                }
            }
        }
        overrides.check()?;
        Ok(overrides)
    }

    fn model(&self, text: &str) -> Result<ModelRef> {
        let model: ModelRef = text.parse()?;
        let provider = model.provider.as_str();
        if self.providers.contains(provider) {
            return Ok(model);
        }
        let error = Error::new(ErrorKind::Invalid, format!("no provider `{provider}` for model `{model}`"));
        Err(match nearest(provider, self.providers.iter().map(String::as_str)) {
            Some(meant) => error.hint(format!("did you mean `{meant}/{}`?", model.model)),
            None => error.hint(format!("add `[providers.{provider}]` to the manifest, or name a model of another one")),
        })
    }

    /// How all agents stand, by name: those of the files, and those that the store knows of.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn status(&self) -> Result<Vec<AgentStatus>> {
        let store = open_if_there(&self.place).await?;
        let (controls, under_way) = match &store {
            Some(store) => (agent_controls(store).await?, under_way(store).await?),
            None => (BTreeMap::new(), BTreeMap::new()),
        };
        let mut controls: BTreeMap<String, AgentControl> =
            controls.into_iter().map(|(name, control)| (name.to_string(), control)).collect();
        let names: BTreeSet<String> = self.names.iter().chain(controls.keys()).cloned().collect();
        let status = |name: String| {
            let AgentControl { state, overrides, mut history, .. } = controls.remove(&name).unwrap_or_default();
            let changed = history.pop().map(|entry| Changed { at: entry.at, by: entry.by, change: entry.change });
            let under_way = under_way.get(&name).copied().unwrap_or_default();
            AgentStatus { name, state, overrides, changed, under_way }
        };
        Ok(names.into_iter().map(status).collect())
    }
}

/// The setting called `name`.
///
/// # Errors
/// `Invalid`, with the nearest name.
pub fn setting(name: &str) -> Result<AgentSetting> {
    if let Some(setting) = AgentSetting::ALL.into_iter().find(|setting| setting.as_str() == name) {
        return Ok(setting);
    }
    let names = AgentSetting::ALL.map(AgentSetting::as_str);
    let error = Error::new(ErrorKind::Invalid, format!("an agent cannot be set another `{}`", name.escape_default()));
    let error = match nearest(name, names.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("what can be set is {}", names.map(|name| format!("`{name}`")).join(", "))),
    };
    Err(match name {
        "tools" | "permissions" => error.hint("what an agent may do is in the manifest only, and in the operator's policy"),
        _ => error,
    })
}

/// How many attempts of each agent are under way in live runs.
async fn under_way(store: &Arc<dyn Store>) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for run in live(store, true).await?.runs {
        for (agent, attempts) in run.agents {
            *counts.entry(agent).or_default() += attempts;
        }
    }
    Ok(counts)
}
