//! Runs a plan: decides, attempts, records, recovers. The log is the truth: append, then show.
//!
//! `state` decides without IO; `scheduler` does what it says, appends what happens through `log`, and starts a call only when
//! everything the call rests on is durable; `recover` reads a log back.

mod attempt;
mod clock;
mod kill_points;
mod log;
mod observer;
mod recover;
mod scheduler;
mod state;
mod stop;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use indexmap::IndexMap;

pub use clock::Clock;
pub use observer::{Observer, Progress};
pub use recover::{RecordedRun, read_run};
pub use state::{Ending, RunState};
pub use stop::Stop;

use crate::{
    agent::Models,
    error::{ErrorRecord, Result},
    model::{Owner, RunId, RunStatus, Spend, Value},
    plan::Plan,
    store::{Store, this_process},
};

/// Runs plans: one engine for all runs of a process.
#[derive(Debug, Clone)]
pub struct Engine {
    store: Arc<dyn Store>,
    models: Arc<Models>,
    settings: EngineSettings,
}

/// How an engine keeps its runs.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// How long a run stays claimed when its process is not heard of any more.
    pub lease: Duration,
    /// How long an event that nothing waits for may stay unwritten.
    pub flush_after: Duration,
    /// How long calls in flight may take to end after a graceful stop.
    pub grace: Duration,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), flush_after: Duration::from_millis(200), grace: Duration::from_secs(10) }
    }
}

/// What a run is started with.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Its id.
    pub run: RunId,
    /// Who runs it.
    pub owner: Owner,
    /// What its events are dated by.
    pub clock: Clock,
    /// Its inputs, complete and checked (`Plan::complete_inputs`). A resume takes them from the log.
    pub inputs: IndexMap<String, Value>,
    /// What the front end wants to find again on resume. A resume takes it from the log.
    pub settings: Value,
    /// The environment variables that the plan's `env:` names, as far as they are set.
    pub env: BTreeMap<String, String>,
}

impl RunOptions {
    /// A new run of this process with these inputs, and nothing else.
    #[must_use]
    pub fn new(inputs: IndexMap<String, Value>) -> Self {
        Self {
            run: RunId::generate(),
            owner: this_process(),
            clock: Clock::start(),
            inputs,
            settings: Value::Null,
            env: BTreeMap::new(),
        }
    }
}

/// How a run stands when the engine lets go of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// The run.
    pub run: RunId,
    /// `Running` when it was interrupted: it can be resumed.
    pub status: RunStatus,
    /// The outputs of a run that succeeded.
    pub outputs: IndexMap<String, Value>,
    /// Why it failed.
    pub error: Option<ErrorRecord>,
    /// All calls of the run.
    pub spend: Spend,
}

impl Engine {
    /// Makes an engine over a store and models.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, models: Arc<Models>, settings: EngineSettings) -> Self {
        Self { store, models, settings }
    }

    /// Runs `plan` from its beginning.
    ///
    /// # Errors
    /// Only what keeps the run from being recorded: `StoreUnavailable`, `Fenced`, `Conflict` for an id that exists. A run that
    /// fails is a result.
    pub async fn run(&self, plan: Arc<Plan>, options: RunOptions, observer: Arc<dyn Observer>, stop: Stop) -> Result<RunResult> {
        let scheduler = scheduler::Scheduler::create(self, plan, options, observer).await?;
        Box::pin(scheduler.drive(stop)).await
    }

    /// Goes on with a recorded run whose process has ended. A run that has ended gives its result again.
    ///
    /// # Errors
    /// `NotFound`; `Locked` when another live process holds it; `Corrupt`, `Divergent` when its log does not fit; and those of
    /// [`Engine::run`].
    pub async fn resume(
        &self,
        plan: Arc<Plan>,
        options: RunOptions,
        observer: Arc<dyn Observer>,
        stop: Stop,
    ) -> Result<RunResult> {
        let scheduler = scheduler::Scheduler::recover(self, plan, options, observer).await?;
        Box::pin(scheduler.drive(stop)).await
    }
}
