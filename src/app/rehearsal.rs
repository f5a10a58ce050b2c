//! Workflows that are rehearsed: what all rehearsals of one share is found once, and each has a cast of its own that answers for models,
//! stands in for nodes and pretends to be tools. Nothing outside of the process is touched, and nothing is paid.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Duration};

use indexmap::IndexMap;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::{
    agent::{Models, ModelsSettings, ToolSettings, Tools, WrapTool},
    app::{
        MockOptions, Settings, WorkflowSource, environment,
        memory::ProjectMemory,
        project::{self, StorePlace},
        recorded::RecordedSettings,
        tools::{ProjectTools, Wanted, tools},
    },
    engine::{Clock, Delegates, Engine, EngineSettings, RunOptions, StandIns},
    error::Result,
    manifest::Manifest,
    model::{ProviderName, RunId, Value},
    plan::Plan,
    provider::{Provider, Providers},
    store::{self, Store},
    tool::{LiveSecrets, Policy, Toolbox},
};

/// The id that those of rehearsed runs are made from, so that they are the same each time.
const FIRST_RUN: &str = "019b7600-0000-7000-8000-000000000000";
/// When rehearsed runs begin: always the same time.
const BEGINNING: &str = "2026-01-01T09:00:00Z";
/// How long a rehearsed run is held for what it waits for, and how long nobody else wants anything of it: its time passes by itself.
const LONG: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A workflow with what all its rehearsals share.
#[derive(Debug)]
pub struct Stage {
    plan: Arc<Plan>,
    toolbox: Toolbox,
    tool_settings: BTreeMap<String, ToolSettings>,
    recorded: Value,
    /// Where programs would be at home; gone with this.
    _home: Option<TempDir>,
}

/// Who plays in one rehearsal.
pub struct Cast {
    /// Answers for every model, but those of `named`.
    pub provider: Arc<dyn Provider>,
    /// Answer for the models of their own names.
    pub named: BTreeMap<ProviderName, Arc<dyn Provider>>,
    /// Stands in for nodes.
    pub stand_ins: Arc<dyn StandIns>,
    /// Is put around every tool, each of which only pretends already.
    pub tools: Arc<dyn WrapTool>,
}

impl fmt::Debug for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, named, stand_ins, tools } = self;
        let mut shown = f.debug_struct("Cast");
        shown.field("provider", provider).field("named", named).field("stand_ins", stand_ins).field("tools", tools).finish()
    }
}

impl Stage {
    /// Finds what the rehearsals of `plan` share. Needs no key, no server and no policy.
    ///
    /// # Errors
    /// `Invalid` when a tool is described in a way that makes no sense.
    pub fn set(plan: Plan, source: &WorkflowSource, manifest: Option<(&Path, &Manifest)>, settings: &Settings) -> Result<Self> {
        let folder = manifest.map_or_else(|| project::folder_of(source.path()), |(path, _)| project::folder_of(path));
        let recorded = RecordedSettings {
            folder: environment::working_folder()?,
            manifest: manifest.map(|(path, _)| path.to_owned()),
            mock: Some(MockOptions::default()),
            cassette: None,
            models: settings.models.clone(),
            agents: settings.agents.clone(),
            choices: plan.choices.clone(),
        };
        let manifest = manifest.map(|(_, manifest)| manifest);
        let mut live = LiveSecrets::default();
        let place = StorePlace::choose(Some("memory:"), manifest, &folder);
        let memory = ProjectMemory::of(manifest, &folder, &place, None, &mut live)?;
        let ProjectTools { toolbox, settings: tool_settings, home, .. } =
            tools(manifest, &folder, &Wanted::by(&plan), Some(&memory), true, &mut live)?;
        Ok(Self { plan: Arc::new(plan), toolbox, tool_settings, recorded: recorded.to_value()?, _home: home })
    }

    /// The workflow.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// An engine for one rehearsal, over a store of its own. What is called as a tool is run by it, too, with `env`.
    #[must_use]
    pub fn engine(&self, cast: Cast, env: &BTreeMap<String, String>, store: Arc<dyn Store>) -> Engine {
        let mut providers = Providers::default();
        cast.named.into_iter().for_each(|(name, provider)| providers.register(name, provider));
        providers.answer_everything_else_by(cast.provider);
        let models = Arc::new(Models::new(providers, ModelsSettings::default()));
        let mut toolbox = self.toolbox.clone();
        let delegates = Delegates::of(&self.plan, &self.recorded, env);
        delegates.put_into(&mut toolbox);
        let tools = Tools::new(toolbox, Policy::default(), self.tool_settings.clone()).simulated().wrapped(cast.tools);
        let settings = EngineSettings { hold: LONG, lease: LONG, look_every: LONG, ..EngineSettings::default() };
        let engine = Engine::new(store, models, settings).with_tools(Arc::new(tools)).rehearsing(cast.stand_ins);
        delegates.run_by(&engine);
        engine
    }

    /// What the engine is told of the rehearsal `name`: its run has the same id and the same times whenever it is made.
    ///
    /// # Errors
    /// `Invalid` when the inputs do not fit.
    pub fn options(&self, name: &str, inputs: IndexMap<String, Value>, env: BTreeMap<String, String>) -> Result<RunOptions> {
        let first: RunId = FIRST_RUN.parse()?;
        let beginning: Timestamp = BEGINNING.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(RunOptions {
            run: first.child(name),
            owner: store::this_process(),
            clock: Clock::at(beginning),
            inputs: self.plan.complete_inputs(inputs)?,
            settings: self.recorded.clone(),
            env,
            origin: None,
            parent: None,
            revision: None,
            asks_people: false,
        })
    }
}
