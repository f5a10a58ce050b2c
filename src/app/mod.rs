//! Composition root: from settings, manifest and environment to a plan, models, a store and an engine that runs the plan.
//!
//! The boundary of the library's API: front ends call this room. It prints nothing and decides nothing about how things look.

pub mod approve;
pub mod audit;
pub mod cassette;
mod causes;
pub mod compare;
pub mod conversations;
pub mod embedders;
mod environment;
pub mod estimate;
pub mod exit;
mod exposed;
mod facts;
pub mod form;
pub mod git;
pub mod inputs;
pub mod line_diff;
pub mod live;
pub mod lock;
mod lost_calls;
pub mod memory;
pub mod policy;
pub mod project;
pub mod providers;
mod recorded;
pub mod registry;
pub mod rehearsal;
pub mod reuse;
pub mod review;
pub mod runs;
pub mod servers;
mod stand_ins;
pub mod steer;
mod text_diff;
pub mod toolkit;
pub mod tools;
pub mod verify;
pub mod why;

pub use environment::{user, working_folder};
pub use stand_ins::is_same as is_same_file;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tracing::info;

use crate::{
    agent::{Models, ModelsSettings, Tools},
    app::{
        cassette::CassetteChoice,
        inputs::StandardInput,
        memory::ProjectMemory,
        policy::PolicySettings,
        project::StorePlace,
        recorded::RecordedSettings,
        stand_ins::StandIns,
        tools::{ProjectTools, StorePins, Wanted},
    },
    diagnostic::{DiskFiles, Files},
    engine::{Clock, Delegates, Engine, RunOptions},
    error::{Error, ErrorKind, Result},
    manifest::Manifest,
    memory::models::OnTransfer,
    model::{CollectionName, Event, EventBody, ModelRef, RunId, Value},
    plan::{
        CompileOptions, Compiled, CompiledManifest, ManifestChoice, Plan, RegisteredAgents, compile as compile_file, compile_text,
    },
    provider::{Cassette, Providers},
    store::{self, Store},
    tool::{LiveSecrets, Redactor},
};

/// What messages call a workflow that came from standard input.
const STDIN: &str = "<stdin>";

/// What a front end was told about how to work.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The manifest, instead of the one that is found.
    pub manifest: Option<PathBuf>,
    /// The URL of the store, instead of that of the manifest.
    pub store: Option<String>,
    /// Lets a simulated model answer every call.
    pub mock: Option<MockOptions>,
    /// A cassette to be recorded or played.
    pub cassette: Option<CassetteChoice>,
    /// Models by agent name, stronger than any file.
    pub models: BTreeMap<String, ModelRef>,
    /// Files that are read where others are named, by these.
    pub instead: BTreeMap<PathBuf, PathBuf>,
    /// Agents that the program brings itself, beside those of the manifest; kept with a run.
    pub agents: RegisteredAgents,
    /// What the operator permits.
    pub policy: PolicySettings,
    /// Hears how far the download of a local model has come.
    pub on_transfer: Option<OnTransfer>,
}

/// How the simulated model answers, as far as it is not as the manifest says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MockOptions {
    /// How long an answer takes, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// What the answers are derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Settings {
    /// What files are compiled with.
    fn compile_options(&self) -> CompileOptions {
        CompileOptions { model_overrides: self.models.clone(), agents: self.agents.clone(), ..CompileOptions::default() }
    }
}

/// A workflow that a front end was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowSource {
    /// In a file.
    File(PathBuf),
    /// As text, e.g. from standard input.
    Text(String),
}

impl WorkflowSource {
    /// The file at `path`, or all of standard input for `-`.
    ///
    /// # Errors
    /// When standard input cannot be read, or was read before.
    pub fn read(path: &Path, stdin: &mut StandardInput) -> Result<Self> {
        if path == Path::new("-") { Ok(Self::Text(stdin.read("the workflow")?)) } else { Ok(Self::File(path.to_owned())) }
    }

    /// The path that messages show, and that paths in the workflow are relative to.
    fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Text(_) => Path::new(STDIN),
        }
    }
}

/// Checks a workflow with its manifest, and gives the plan or every problem.
///
/// Where a node asks for capabilities that several agents have, what is known of these agents decides: prices, the health of their
/// models, and what runs in the store have shown.
///
/// # Errors
/// `NotFound` when a manifest was named that is not there. Everything else is a diagnostic.
pub async fn compile(source: &WorkflowSource, settings: &Settings) -> Result<Compiled> {
    let choice = project::manifest_choice(settings.manifest.as_deref())?;
    let options = settings.compile_options();
    let files = StandIns(&settings.instead);
    let mut compiled = compile_from(&files, source, &choice, options.clone(), settings.mock);
    if let Some(standings) = registry::standings(&compiled, source, settings).await {
        compiled = compile_from(&files, source, &choice, CompileOptions { standings, ..options }, settings.mock);
    }
    let manifest = compiled.manifest_path.as_deref().unwrap_or(Path::new("none"));
    info!(workflow = %source.path().display(), manifest = %manifest.display(), problems = compiled.diagnostics.len(), "compiled");
    Ok(compiled)
}

/// Checks a workflow for tests: agents without a model get one that stands for none, and nothing is looked up but the files, so that the
/// same files always give the same plan. `manifest` is used instead of the one that is found.
#[must_use]
pub fn compile_for_tests(files: &dyn Files, workflow: &Path, manifest: Option<&Path>) -> Compiled {
    let choice = manifest.map_or(ManifestChoice::Find, |path| ManifestChoice::At(path.to_owned()));
    let source = WorkflowSource::File(workflow.to_owned());
    compile_from(files, &source, &choice, CompileOptions::default(), Some(MockOptions::default()))
}

/// Compiles; when answers are simulated, agents without a model get one that stands for none.
fn compile_from(
    files: &dyn Files,
    source: &WorkflowSource,
    choice: &ManifestChoice,
    mut options: CompileOptions,
    mock: Option<MockOptions>,
) -> Compiled {
    let compile = |options: &CompileOptions| match source {
        WorkflowSource::File(path) => compile_file(path, choice.clone(), files, options),
        WorkflowSource::Text(text) => compile_text(source.path(), text.clone(), choice.clone(), files, options),
    };
    let compiled = compile(&options);
    let without = match (&compiled.plan, mock) {
        (Some(plan), Some(_)) => providers::agents_without_model(plan),
        _ => return compiled,
    };
    if without.is_empty() {
        return compiled;
    }
    options.model_overrides.extend(without.into_iter().map(|agent| (agent, providers::no_model())));
    compile(&options)
}

/// Checks a manifest alone, and gives its agents.
#[must_use]
pub fn compile_manifest(path: &Path, settings: &Settings) -> CompiledManifest {
    crate::plan::compile_manifest(path, &DiskFiles, &settings.compile_options())
}

/// A plan with everything it needs to run.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Where the run is kept.
    pub store: StorePlace,
    /// Whether answers are simulated.
    pub simulated: bool,
    services: Services,
    recorded: RecordedSettings,
}

/// Whom the nodes of a plan ask and what they call, under the policy of now.
#[derive(Debug, Default)]
struct Services {
    models: Option<Arc<Models>>,
    tools: Arc<Tools>,
    pins: Arc<StorePins>,
    /// What the tools of memory look at.
    memory: Option<ProjectMemory>,
    /// The agents and workflows that are called as tools.
    delegates: Option<Delegates>,
    /// Where programs are at home; gone with this.
    _home: Option<TempDir>,
}

impl Services {
    /// Finds what `plan` needs in the project in `folder`.
    ///
    /// # Errors
    /// `Invalid` when a model or a tool has no key, or its description makes no sense; `Denied` when a tool could not do anything.
    fn find(
        plan: &Plan,
        manifest: Option<&Manifest>,
        folder: &Path,
        place: &StorePlace,
        recorded: &RecordedSettings,
        settings: &Settings,
        has_begun: bool,
    ) -> Result<Self> {
        let mock = recorded.mock;
        let asks_nobody = recorded.cassette.as_ref().is_some_and(CassetteChoice::asks_nobody);
        let only_pretends = mock.is_some() || asks_nobody;
        let (policy, secrets) = policy::policy(settings, folder)?;
        let mut live = LiveSecrets::default();
        secrets.note_all(&mut live);
        let models = providers::models(plan, manifest, folder, mock, asks_nobody, &mut live)?;
        let memory = ProjectMemory::of(manifest, folder, place, settings.on_transfer.clone(), &mut live)?;
        if !only_pretends {
            tools::refuse_what_cannot_work(plan, &policy)?;
        }
        let ProjectTools { mut toolbox, settings, pins, home, .. } =
            tools::tools(manifest, folder, &Wanted::by(plan), Some(&memory), only_pretends, &mut live)?;
        let names: Vec<_> = plan.delegates.values().flat_map(|delegate| delegate.env.iter().cloned()).collect();
        let redactor = Redactor::new(&live);
        exposed::refuse_secrets(&plan.env, &redactor)?;
        exposed::refuse_secrets(&names, &redactor)?;
        let delegates = Delegates::of(plan, &recorded.to_value()?, &environment::variables(&names));
        delegates.put_into(&mut toolbox);
        let tools = Tools::new(toolbox, policy, settings).with_secrets(secrets, redactor);
        let tools = if mock.is_some() { tools.simulated() } else { tools };
        let cassette = recorded.cassette.as_ref().map(|choice| choice.open(&recorded.folder, has_begun, &live)).transpose()?;
        let (models, tools) = match cassette {
            Some(cassette) => (models.with_cassette(Arc::clone(&cassette)), tools.with_cassette(cassette)),
            None => (models, tools),
        };
        Ok(Self {
            models: Some(Arc::new(models)),
            tools: Arc::new(tools),
            pins,
            memory: Some(memory),
            delegates: Some(delegates),
            _home: home,
        })
    }
}

/// Finds what `plan` needs to run, without starting anything.
///
/// # Errors
/// `Invalid` when a model has no provider that can be used, or a tool no key; `Denied` when the policy leaves a tool nothing to do. The
/// hints tell the ways forward.
pub fn prepare(
    plan: Plan,
    source: &WorkflowSource,
    manifest: Option<(&Path, &Manifest)>,
    settings: &Settings,
) -> Result<Prepared> {
    let folder = environment::working_folder()?;
    let base = manifest.map_or_else(|| project::folder_of(source.path()), |(path, _)| project::folder_of(path));
    let manifest_file = manifest.map(|(_, manifest)| manifest);
    let recorded = RecordedSettings {
        folder,
        manifest: manifest.map(|(path, _)| path.to_owned()),
        mock: settings.mock,
        cassette: settings.cassette.clone(),
        models: settings.models.clone(),
        agents: settings.agents.clone(),
        choices: plan.choices.clone(),
    };
    let store = StorePlace::choose(settings.store.as_deref(), manifest_file, &base);
    let services = Services::find(&plan, manifest_file, &base, &store, &recorded, settings, false)?;
    Ok(Prepared { plan: Arc::new(plan), store, simulated: settings.mock.is_some(), services, recorded })
}

impl Prepared {
    /// Opens the store and makes the engine.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn engine(&self) -> Result<Engine> {
        info!(url = self.store.url, synchronous = ?self.store.synchronous, "opening the store");
        let store = store::open(&self.store.url, self.store.synchronous).await?;
        Ok(self.engine_over(store))
    }

    /// The memory that the plan looks at, and those of its collections that the plan reads and that are made of files.
    #[must_use]
    pub fn memory(&self) -> Option<(&ProjectMemory, Vec<CollectionName>)> {
        let asks_nobody = self.cassette().is_some_and(|cassette| cassette.mode().asks_nobody());
        let memory = self.services.memory.as_ref().filter(|_| !self.simulated && !asks_nobody)?;
        Some((memory, memory.read_by(&self.plan)))
    }

    /// The cassette that the run records or plays. Who drives the run ends its use with [`Cassette::finish`].
    #[must_use]
    pub fn cassette(&self) -> Option<&Arc<Cassette>> {
        self.services.models.as_ref()?.cassette()
    }

    /// Makes the engine over a store that is open.
    #[must_use]
    pub fn engine_over(&self, store: Arc<dyn Store>) -> Engine {
        let Services { models, tools, pins, delegates, .. } = &self.services;
        pins.keep_in(&store);
        let models = models.clone().unwrap_or_else(|| Arc::new(Models::new(Providers::default(), ModelsSettings::default())));
        let engine = Engine::new(store, models, environment::engine_settings()).with_tools(Arc::clone(tools));
        if let Some(delegates) = delegates {
            delegates.run_by(&engine);
        }
        engine
    }

    /// What the engine is told of run `run`. `inputs` are those that were given; the plan's defaults are applied here.
    ///
    /// # Errors
    /// `Invalid` when the inputs do not fit.
    pub fn options(&self, run: RunId, inputs: IndexMap<String, Value>) -> Result<RunOptions> {
        let settings = self.recorded.to_value()?;
        Ok(RunOptions {
            run,
            owner: store::this_process(),
            clock: Clock::start(),
            inputs: self.plan.complete_inputs(inputs)?,
            settings,
            env: environment::variables(&self.plan.env),
            origin: None,
            parent: None,
            revision: None,
            asks_people: false,
        })
    }
}

/// The store of the working folder, or the one that was named, for commands that know no workflow.
///
/// # Errors
/// When a manifest was named that is not there, or the one that was found cannot be read.
pub fn store_here(settings: &Settings) -> Result<StorePlace> {
    if settings.store.is_some() && settings.manifest.is_none() {
        return Ok(StorePlace::choose(settings.store.as_deref(), None, Path::new(".")));
    }
    let Some(path) = project::manifest_here(settings.manifest.as_deref())? else {
        return Ok(StorePlace::choose(settings.store.as_deref(), None, Path::new(".")));
    };
    let (mut sources, mut problems) = (crate::diagnostic::Sources::default(), Vec::new());
    let manifest = crate::manifest::read_manifest(&path, &DiskFiles, &mut sources, &mut problems);
    if manifest.is_none() && settings.store.is_none() {
        let why = problems.first().map_or_else(String::new, |problem| format!(": {}", problem.message));
        return Err(Error::new(ErrorKind::Invalid, format!("the manifest `{}` cannot be read{why}", path.display()))
            .hint("`agentflow validate` with its name tells more; `--store URL` does without it"));
    }
    Ok(StorePlace::choose(settings.store.as_deref(), manifest.as_ref(), &project::folder_of(&path)))
}

/// Opens the store of the working folder, if it is there: looking at runs makes no store.
///
/// # Errors
/// As [`store_here`], and those of the store.
pub async fn open_existing_store(settings: &Settings) -> Result<Option<Arc<dyn Store>>> {
    open_if_there(&store_here(settings)?).await
}

async fn open_if_there(place: &StorePlace) -> Result<Option<Arc<dyn Store>>> {
    if place.file().is_some_and(|file| file.symlink_metadata().is_err_and(|err| err.kind() == std::io::ErrorKind::NotFound)) {
        return Ok(None);
    }
    info!(url = place.url, "opening the store");
    store::open(&place.url, place.synchronous).await.map(Some)
}

/// The plan of a recorded run with these events, with all choices as they were made; `None` when its stored files cannot be compiled by
/// this version.
///
/// # Errors
/// `Corrupt` for settings that cannot be read.
pub fn plan_of(run: RunId, events: &[Event]) -> Result<Option<Plan>> {
    recorded::plan(run, events)
}

/// A recorded run that may go on, or be gone on from.
#[derive(Debug)]
pub struct Resumable {
    /// The run.
    pub run: RunId,
    /// What has happened so far.
    pub events: Vec<Event>,
    /// What it needs to go on.
    pub prepared: Prepared,
    /// The engine, over the store that the run is in.
    pub engine: Engine,
    /// The plan it has had so far, when it is to go on with other files.
    pub former: Option<Arc<Plan>>,
}

/// What came of looking for a run to go on with.
#[derive(Debug)]
pub enum Found {
    /// It may go on.
    Resumable(Box<Resumable>),
    /// Its stored workflow cannot be compiled by this version of agentflow.
    Broken(Box<Compiled>),
    /// The other files it was to go on with have errors.
    Invalid(Box<Compiled>),
}

/// What a recorded run is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To go on with it.
    Resume,
    /// To begin a new run from it.
    Fork,
}

/// Finds the run that `name` means and prepares it with the settings that it began with, and with the workflow and prompts that are
/// stored with it, unless it is given other `files`.
///
/// # Errors
/// As [`runs::find`] and [`prepare`]; `Corrupt` for a log that cannot be read.
pub async fn find_resumable(name: &str, purpose: Purpose, files: Option<&WorkflowSource>, settings: &Settings) -> Result<Found> {
    let (place, store, run) = find_run(name, settings).await?;
    let events = crate::engine::read_run(&store, run).await?.events;
    let (mut compiled, mut recorded) = recorded::compile(run, &events)?;
    let Some(mut plan) = compiled.plan.take() else { return Ok(Found::Broken(Box::new(compiled))) };
    let mut former = None;
    if let Some(source) = files {
        let choice = project::manifest_choice(settings.manifest.as_deref())?;
        compiled = compile_from(&DiskFiles, source, &choice, recorded.options(), recorded.mock);
        let Some(changed) = compiled.plan.take() else { return Ok(Found::Invalid(Box::new(compiled))) };
        former = Some(Arc::new(std::mem::replace(&mut plan, changed)));
        recorded.choices.clone_from(&plan.choices);
        recorded.folder = environment::working_folder()?;
        recorded.manifest.clone_from(&compiled.manifest_path);
    }
    let base = recorded.folder.join(recorded.manifest.as_deref().map(project::folder_of).unwrap_or_default());
    // What has ended asks nobody any more, so it needs no key and no permission to be looked at.
    let ended = matches!(events.last().map(|event| &event.body), Some(EventBody::RunFinished { .. }));
    let services = if ended && purpose == Purpose::Resume {
        Services::default()
    } else {
        // INVARIANT: the policy is the operator's of now, never one of the log.
        Services::find(&plan, compiled.manifest.as_ref(), &base, &place, &recorded, settings, true)?
    };
    if let Some(parent) = recorded::parent(&events) {
        if purpose == Purpose::Fork || former.is_some() {
            let message = format!("run `{run}` is a call of `{}` by run `{}`", parent.tool, parent.run);
            return Err(Error::new(ErrorKind::Invalid, message).hint("name that run instead"));
        }
        plan = recorded::called(&plan, parent)?;
    }
    let prepared = Prepared { plan: Arc::new(plan), store: place, simulated: recorded.mock.is_some(), services, recorded };
    let engine = prepared.engine_over(store);
    Ok(Found::Resumable(Box::new(Resumable { run, events, prepared, engine, former })))
}

/// The store of the working folder and the run in it that `name` means.
async fn find_run(name: &str, settings: &Settings) -> Result<(StorePlace, Arc<dyn Store>, RunId)> {
    let place = store_here(settings)?;
    let Some(store) = open_existing_store(settings).await? else {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no run `{}`", name.escape_default()))
            .hint(format!("there is no store at `{}` yet; `--store URL` names another", place.url)));
    };
    let run = runs::find(&store, name).await?;
    Ok((place, store, run))
}
