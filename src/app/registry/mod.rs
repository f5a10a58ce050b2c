//! The registry: all agents of a manifest or a workflow with what they cost, what runs have shown of them, and how they stand.
//!
//! `figures` reads one run, `stats` keeps what was read, `measure` sums up a window; `report` is what front ends show.

mod figures;
mod measure;
mod report;
pub(super) mod stats;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tracing::warn;

pub use figures::Figures;
pub use measure::{MOST_DAYS, MOST_RUNS, Measured, Measurements, Window, measure};
pub use report::{AgentCost, AgentReport, AgentState, FiguresReport};

use self::report::{Costs, reports};
use super::{
    Settings, WorkflowSource, compile, compile_manifest, open_if_there,
    project::{self, StorePlace},
    providers::Prices,
    recorded::RecordedSettings,
};
use crate::{
    agent::{AgentControl, agent_controls, health_of_all},
    diagnostic::{Diagnostic, Sources, nearest},
    error::{Error, ErrorKind, Result},
    manifest::Manifest,
    model::{AgentName, ModelRef, Value},
    plan::{AgentStanding, Catalog, CompileOptions, Compiled, CompiledManifest, ModelStanding, Standings},
    resilience::Phase,
    store::Store,
};

/// All agents of a manifest or of a workflow.
#[derive(Debug)]
pub struct Registry {
    /// The agents, by name.
    pub agents: Vec<AgentReport>,
    /// Over what they were measured.
    pub window: Window,
    /// What is wrong with the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that these point into.
    pub sources: Sources,
    catalog: Catalog,
    standings: Standings,
}

impl Registry {
    /// The agents of the workflow at `workflow`, its own and those of its manifest, or those of the manifest that is found.
    ///
    /// # Errors
    /// `NotFound` when there is no manifest and no workflow; those of the store.
    pub async fn read(workflow: Option<&WorkflowSource>, settings: &Settings) -> Result<Self> {
        let Gathered { catalog, manifest, diagnostics, sources, place, .. } = gather(workflow, settings).await?;
        let store = open_if_there(&place).await?;
        let known = Known::read(store.as_ref(), Timestamp::now()).await?;
        let mut costs = Costs::new(Prices::new(manifest.as_ref()));
        let left_alone = |model: &ModelRef| known.left_alone.contains(model);
        let agents = reports(&catalog, &sources, &mut costs, &known.measurements, &known.controls, &left_alone);
        let models = agents.iter().filter_map(|agent| agent.model.as_ref());
        let standings = known.standings(models, &mut costs);
        Ok(Self { agents, window: known.measurements.window, diagnostics, sources, catalog, standings })
    }

    /// The agent called `name`.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    pub fn agent(&self, name: &str) -> Result<&AgentReport> {
        self.agents.iter().find(|agent| agent.name == name).ok_or_else(|| {
            let names = self.agents.iter().map(|agent| agent.name.as_str());
            unknown(&format!("there is no agent `{}`", name.escape_default()), name, names)
        })
    }

    /// The agents that have all of `wanted` and cost less than `under_cost` (USD for 1,000 tokens), the one that a workflow would get
    /// first.
    ///
    /// # Errors
    /// `NotFound` when there is none, with the nearest capability or the cheapest agent.
    pub fn find(&self, wanted: &[&str], under_cost: Option<f64>) -> Result<Vec<&AgentReport>> {
        let known = self.catalog.capabilities();
        if let Some(unknown_one) = wanted.iter().find(|&&capability| !known.contains(capability)) {
            let message = format!("no agent has the capability `{}`", unknown_one.escape_default());
            return Err(unknown(&message, unknown_one, known.iter().copied()));
        }
        let options = CompileOptions { standings: self.standings.clone(), ..CompileOptions::default() };
        let fitting: Vec<&AgentReport> = self
            .catalog
            .ranked(wanted, &options)
            .iter()
            .filter_map(|profile| {
                // Both are by name, and so are the reports.
                let at = self.agents.binary_search_by(|agent| agent.name.as_str().cmp(profile.name.as_str())).ok()?;
                self.agents.get(at)
            })
            .collect();
        if fitting.is_empty() {
            let all: Vec<String> = wanted.iter().map(|capability| format!("`{capability}`")).collect();
            return Err(Error::new(ErrorKind::NotFound, format!("no agent has all of {}", all.join(", ")))
                .hint("ask for fewer capabilities, or give them to one agent"));
        }
        let Some(under) = under_cost else { return Ok(fitting) };
        let cheap: Vec<&AgentReport> =
            fitting.iter().copied().filter(|agent| agent.cost.usd_per_1k().is_some_and(|usd| usd < under)).collect();
        if cheap.is_empty() { Err(too_dear(&fitting, under)) } else { Ok(cheap) }
    }
}

/// The error when every agent costs too much, or nobody knows what it costs.
fn too_dear(fitting: &[&AgentReport], under: f64) -> Error {
    let priced = fitting.iter().filter_map(|agent| Some((agent, agent.cost.usd_per_1k()?)));
    let error =
        Error::new(ErrorKind::NotFound, format!("no agent that fits is known to cost less than ${under} for 1,000 tokens"));
    let error = match priced.min_by(|one, other| one.1.total_cmp(&other.1)) {
        Some((agent, usd)) => error.hint(format!("the cheapest is `{}` with ${usd:.6}", agent.name)),
        None => error,
    };
    let unpriced = fitting.iter().filter(|agent| agent.cost.usd_per_1k().is_none()).count();
    if unpriced == 0 {
        return error;
    }
    error.hint(format!("the price of {unpriced} is not known; set it under `[providers.NAME.price]` in the manifest"))
}

pub(super) fn unknown<'a>(message: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    let error = Error::new(ErrorKind::NotFound, message);
    match nearest(name, known.clone()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("there are {}", known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))),
    }
}

fn manifest_of(settings: &Settings) -> Result<PathBuf> {
    project::manifest_here(settings.manifest.as_deref())?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "there is no manifest here or in a folder above")
            .hint("name one with `--manifest FILE`, or make a project with `agentflow init`")
    })
}

/// The store of a workflow, as its runs have it.
fn place(settings: &Settings, manifest: Option<&Manifest>, manifest_path: Option<&Path>, folder: &Path) -> StorePlace {
    let base = manifest_path.map_or_else(|| folder.to_owned(), project::folder_of);
    StorePlace::choose(settings.store.as_deref(), manifest, &base)
}

/// The agents of a manifest or a workflow, and the files that say so.
pub(super) struct Gathered {
    pub(super) catalog: Catalog,
    pub(super) manifest: Option<Manifest>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) sources: Sources,
    /// The folder of the manifest, or of the workflow when there is none.
    pub(super) folder: PathBuf,
    /// Where their runs are kept.
    pub(super) place: StorePlace,
}

/// Reads the agents of the workflow at `workflow`, or those of the manifest that is found.
///
/// # Errors
/// `NotFound` when there is no manifest and no workflow.
pub(super) async fn gather(workflow: Option<&WorkflowSource>, settings: &Settings) -> Result<Gathered> {
    let (catalog, manifest, manifest_path, diagnostics, sources, folder) = if let Some(source) = workflow {
        let Compiled { catalog, manifest, manifest_path, diagnostics, sources, .. } = compile(source, settings).await?;
        (catalog, manifest, manifest_path, diagnostics, sources, project::folder_of(source.path()))
    } else {
        let path = manifest_of(settings)?;
        let CompiledManifest { catalog, manifest, diagnostics, sources } = compile_manifest(&path, settings);
        let folder = project::folder_of(&path);
        (catalog, manifest, Some(path), diagnostics, sources, folder)
    };
    let place = place(settings, manifest.as_ref(), manifest_path.as_deref(), &folder);
    Ok(Gathered { catalog, manifest, diagnostics, sources, folder, place })
}

/// What the store knows of agents and models.
#[derive(Debug, Default)]
struct Known {
    /// How people steer agents.
    controls: BTreeMap<AgentName, AgentControl>,
    measurements: Measurements,
    /// The models whose breaker is not closed.
    left_alone: HashSet<ModelRef>,
}

impl Known {
    async fn read(store: Option<&Arc<dyn Store>>, now: Timestamp) -> Result<Self> {
        let Some(store) = store else { return Ok(Self::default()) };
        let measurements = measure(store, now).await?;
        let health = health_of_all(store).await?.into_iter();
        let left_alone = health.filter(|health| health.breaker.phase() != Phase::Closed).map(|health| health.target.model);
        let controls = agent_controls(store).await?;
        Ok(Self { controls, measurements, left_alone: left_alone.collect() })
    }

    /// What a choice rests on; only real answers count.
    fn standings<'a>(&self, models: impl Iterator<Item = &'a ModelRef>, costs: &mut Costs<'_>) -> Standings {
        let measured = self.measurements.agents.iter().map(|(name, measured)| {
            let latency = measured.real.latency_ms().map(Duration::from_millis);
            (name.clone(), AgentStanding { latency, ..AgentStanding::default() })
        });
        let mut agents: BTreeMap<String, AgentStanding> = measured.collect();
        for (name, control) in &self.controls {
            agents.entry(name.to_string()).or_default().mode = control.state;
        }
        let model = |model: &ModelRef| {
            let is_left_alone = self.left_alone.contains(model);
            (model.clone(), ModelStanding { is_left_alone, usd_per_1k: costs.of(model).usd_per_1k() })
        };
        Standings { agents, models: models.map(model).collect() }
    }
}

/// What is known of the agents that a compiled workflow has to choose from; `None` when there is nothing to choose.
pub(super) async fn standings(compiled: &Compiled, source: &WorkflowSource, settings: &Settings) -> Option<Standings> {
    let choices = &compiled.plan.as_ref()?.choices;
    let among: BTreeSet<String> = (choices.iter().filter(|choice| choice.among.len() > 1))
        .flat_map(|choice| choice.among.iter().filter_map(|(_, model)| Some(model.as_ref()?.to_string())))
        .collect();
    if choices.iter().all(|choice| choice.among.len() < 2) {
        return None;
    }
    let manifest = compiled.manifest.as_ref();
    let place = place(settings, manifest, compiled.manifest_path.as_deref(), &project::folder_of(source.path()));
    // A check of files works without a store; a run that needs it tells what is wrong with it.
    let known = match open_if_there(&place).await {
        Ok(store) => Known::read(store.as_ref(), Timestamp::now()).await,
        Err(error) => Err(error),
    };
    let known = known.unwrap_or_else(|error| {
        warn!(url = place.url, %error, "agents are chosen without what runs have shown");
        Known::default()
    });
    let models: Vec<ModelRef> = among.iter().filter_map(|model| model.parse().ok()).collect();
    Some(known.standings(models.iter(), &mut Costs::new(Prices::new(manifest))))
}

/// Whether a run with these settings has simulated answers, or such that a cassette played: nothing was really asked or done in it.
pub(super) fn is_simulated(settings: &Value) -> bool {
    let plays = |settings: &RecordedSettings| settings.cassette.as_ref().is_some_and(|choice| choice.mode.plays());
    serde_json::from_value::<RecordedSettings>(settings.clone()).is_ok_and(|settings| settings.mock.is_some() || plays(&settings))
}
