//! Runs a plan: decides, attempts, records, recovers. The log is the truth: append, then show.
//!
//! `state` decides without IO; `scheduler` does what it says, appends what happens through `log`, and starts a call only when
//! everything the call rests on is durable; `recover` reads a log back, `pages` bit by bit, `inspect` also one that is damaged;
//! `rehearsal` lets something stand in for nodes; `reuse` finds answers in an earlier run, `revise` lets a run go on with other files; `child` runs agents and workflows that are
//! called as tools.

mod answer;
mod append;
mod attempt;
mod child;
mod clock;
mod control;
mod deadlines;
mod inbox;
mod inspect;
mod kill_points;
mod log;
mod observer;
mod pages;
mod project_mail;
mod recover;
mod rehearsal;
mod reuse;
mod revise;
mod scheduler;
mod state;
mod stop;
mod waits;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use indexmap::IndexMap;

pub use answer::{OpenQuestion, Taken, answer, check_answer, last_answer, open_questions};
pub use child::{CalledSpend, Child, Delegates, children_of};
pub use clock::Clock;
pub use control::{RunControl, ask_run, cancel_unheld, forget_wish, run_control};
pub use inspect::{BadRecord, Inspection, inspect};
pub use observer::{Observer, Progress};
pub use pages::EventPages;
pub use recover::{RecordedRun, read_run};
pub use rehearsal::{Rehearsed, StandIns};
pub use reuse::{EarlierAnswer, Reuse, answers_of, invalidated};
pub use revise::{Revision, changed_nodes, revised_files};
pub use state::{EdgeGround, Ending, Grounds, RunState};
pub use stop::Stop;
pub use waits::{OpenWait, open_waits};

use self::control::Lookout;
use crate::{
    agent::{Models, Tools},
    error::{ErrorRecord, Result},
    model::{MailboxName, Origin, Owner, Parent, RunId, RunStatus, Spend, Value},
    plan::Plan,
    store::{Store, this_process},
};

/// Runs plans: one engine for all runs of a process.
#[derive(Debug, Clone)]
pub struct Engine {
    store: Arc<dyn Store>,
    models: Arc<Models>,
    tools: Arc<Tools>,
    settings: EngineSettings,
    /// Looks at what people wish, for all runs of the engine.
    lookout: Arc<Lookout>,
    /// What stands in for the work of nodes.
    stand_ins: Option<Arc<dyn StandIns>>,
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
    /// How long what happened is tried to be recorded while the store is down. Nothing new starts meanwhile.
    pub store_patience: Duration,
    /// How long a process is held for a run that does nothing but wait: for a time, or for agents that are paused. For what is further
    /// away it ends, and the run is gone on with later.
    pub hold: Duration,
    /// How often it is looked at what people wish of a run that goes on, and what they answered: what is asked for is in its log within a
    /// second.
    pub look_every: Duration,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            flush_after: Duration::from_millis(200),
            grace: Duration::from_secs(10),
            store_patience: Duration::from_secs(30),
            hold: Duration::from_secs(60),
            look_every: control::LOOK_EVERY,
        }
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
    /// The earlier run whose answers are taken where they rest on the same. A resume takes it from the log.
    pub origin: Option<Origin>,
    /// The call that the run is made for, when it is one. A resume takes it from the log.
    pub parent: Option<Parent>,
    /// For a resume that goes on with other files: what they are checked against.
    pub revision: Option<Revision>,
    /// Whether who runs it puts its questions to people as soon as it can do nothing else: no process is held for their ends then.
    pub asks_people: bool,
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
            origin: None,
            parent: None,
            revision: None,
            asks_people: false,
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
    /// The mailboxes of the project that a run waits for which was let go of: for messages, or for room.
    pub mailboxes: Vec<MailboxName>,
}

impl Engine {
    /// Makes an engine over a store and models. What is found out about the health of models is shared through the store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, models: Arc<Models>, settings: EngineSettings) -> Self {
        models.share_health(&store);
        Self { store, models, tools: Arc::default(), settings, lookout: Arc::default(), stand_ins: None }
    }

    /// The same engine, with tools that nodes may call.
    #[must_use]
    pub fn with_tools(self, tools: Arc<Tools>) -> Self {
        tools.keep_in(&self.store);
        Self { tools, ..self }
    }

    /// The same engine, which rehearses: `stand_ins` is asked for what comes of every attempt.
    #[must_use]
    pub fn rehearsing(self, stand_ins: Arc<dyn StandIns>) -> Self {
        Self { stand_ins: Some(stand_ins), ..self }
    }

    /// The store it keeps runs in.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The state of a run of this engine before its first event.
    fn state(&self, plan: Arc<Plan>, env: &BTreeMap<String, String>) -> RunState {
        let models: HashSet<_> = plan.models().collect();
        let prices = models.into_iter().filter_map(|model| Some((model.clone(), self.models.price(model)?))).collect();
        RunState::new(plan, env)
            .simulated(self.stand_ins.is_some() || self.models.providers().are_simulated())
            .priced(prices)
            .permitting(self.tools.policy().clone())
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
