//! Part 9: whole histories of a run on a virtual clock, by a seed: a store and a provider that fail, processes that die, stop, and are
//! overtaken by others. After every write the invariants are looked at, and the same seed writes the same log, byte for byte.

mod provider;
mod store;

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    panic::catch_unwind,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    agent::{Models, ModelsSettings, ProviderLimits},
    engine::{Clock, Engine, EngineSettings, Observer, RunOptions, RunResult, RunState, Stop, read_run},
    error::{ErrorKind, Result},
    model::{Event, Owner, ProviderName, RunId, RunStatus},
    plan::Plan,
    provider::Providers,
    resilience::{BreakerPolicy, SharedClock},
    store::{Record, Store},
};
use fastrand::Rng;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    runtime::Builder,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use self::{provider::SimulatedProvider, store::SimulatedStore};
use super::{
    graphs::{build, plan, text_of},
    part::Part,
};

/// How many nodes a workflow has.
const NODES: RangeInclusive<usize> = 4..=20;
/// How many processes try before nothing fails any more.
const PROCESSES: u32 = 8;
/// When the first process begins, in seconds since 1970.
const BEGINNING: i64 = 1_700_000_000;
/// No history takes so long, in virtual time.
const FOR_EVER: Duration = Duration::from_secs(30 * 24 * 3_600);

#[test]
fn part_9_simulation() {
    let mut part = Part::begin(9);
    let volume = part.volume(60, 3_000);
    let mut violations = Vec::new();
    let mut totals = Counts::default();
    for number in 0..volume {
        let seed = part.random(number).u64(..);
        let mut tell = |what: String| violations.push(format!("seed {number} ({seed}): {what}"));
        match catch_unwind(|| (history(seed), history(seed))) {
            Ok((first, second)) => {
                first.violations.iter().cloned().for_each(&mut tell);
                if let Some(what) = difference(&first, &second) {
                    tell(what);
                }
                totals.add(&first);
            }
            Err(panic) => tell(text_of(&*panic)),
        }
    }
    for (name, count) in [
        ("records", totals.records),
        ("processes", totals.processes),
        ("faults", totals.faults),
        ("fenced", totals.fenced),
        ("deaths", totals.deaths),
        ("stops", totals.stops),
        ("breaker changes", totals.breaker_changes),
        ("succeeded", totals.succeeded),
    ] {
        part.figure(name, count);
    }
    part.finish(volume, &violations);
}

/// What happened to one run.
#[derive(Debug, Default)]
struct History {
    log: Vec<Record>,
    /// How each process ended, in words.
    outcomes: Vec<String>,
    violations: Vec<String>,
    counts: Counts,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    records: u64,
    processes: u64,
    faults: u64,
    fenced: u64,
    deaths: u64,
    stops: u64,
    breaker_changes: u64,
    succeeded: u64,
}

impl Counts {
    fn add(&mut self, history: &History) {
        let other = history.counts;
        self.records += other.records;
        self.processes += other.processes;
        self.faults += other.faults;
        self.fenced += other.fenced;
        self.deaths += other.deaths;
        self.stops += other.stops;
        self.breaker_changes += other.breaker_changes;
        self.succeeded += other.succeeded;
    }
}

/// In what two histories of one seed differ.
fn difference(first: &History, second: &History) -> Option<String> {
    if first.outcomes != second.outcomes {
        return Some(format!("the processes ended as {:?}, and as {:?}", first.outcomes, second.outcomes));
    }
    let pair = first.log.iter().zip(&second.log).find(|(one, other)| one != other);
    match pair {
        Some((one, other)) => Some(format!("the same seed wrote {one:?}, and {other:?}")),
        None if first.log.len() != second.log.len() => Some("the same seed wrote logs of two lengths".to_owned()),
        None => None,
    }
}

/// The whole history that a seed makes.
fn history(seed: u64) -> History {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed);
        let lived = timeout(FOR_EVER, world.live()).await;
        if lived.is_err() {
            world.store.report("the run never ends".to_owned());
        }
        world.into_history()
    })
}

/// A run and everybody who has to do with it.
struct World {
    rng: Rng,
    plan: Arc<Plan>,
    inputs: IndexMap<String, Value>,
    store: Arc<SimulatedStore>,
    engine: Engine,
    run: RunId,
    clock: Clock,
    processes: JoinSet<(u32, Result<RunResult>)>,
    /// Those alive, with the wish to stop and the handle to kill each.
    alive: BTreeMap<u32, (Stop, AbortHandle)>,
    stopped: Vec<u32>,
    outcomes: Vec<String>,
    counts: Counts,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let graph = build::graph(rng.u64(..), NODES);
        let store = Arc::new(SimulatedStore::new(rng.u64(..)));
        let mut providers = Providers::default();
        let openai = ProviderName::new("openai").unwrap();
        providers.register(openai.clone(), Arc::new(SimulatedProvider::new(rng.u64(..))));
        // Breakers that open at every second failure or so, and come back soon.
        let open_for = Duration::from_secs(rng.u64(1..20));
        let breaker = Some(BreakerPolicy { failures: rng.u32(1..5), open_for, ..BreakerPolicy::default() });
        let limits = ProviderLimits { breaker, ..ProviderLimits::default() };
        let settings = ModelsSettings { providers: BTreeMap::from([(openai, limits)]), ..ModelsSettings::default() };
        let beginning = Timestamp::from_second(BEGINNING).unwrap();
        let models = Models::new(providers, settings).with_clock(SharedClock::at(beginning));
        let engine = Engine::new(Arc::clone(&store) as Arc<dyn Store>, Arc::new(models), EngineSettings::default());
        Self {
            plan: plan(&graph),
            inputs: IndexMap::from([("n".to_owned(), json!(graph.input))]),
            run: format!("01890000-0000-7000-8000-{:012x}", rng.u64(..) >> 16).parse().unwrap(),
            clock: Clock::at(beginning),
            rng,
            store,
            engine,
            processes: JoinSet::new(),
            alive: BTreeMap::new(),
            stopped: Vec::new(),
            outcomes: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Lets processes come and go until the run has ended, then looks at what is left.
    async fn live(&mut self) {
        let mut next = 0;
        loop {
            if self.alive.is_empty() {
                if self.store.has_ended() {
                    break;
                }
                if next > PROCESSES {
                    self.store.report(format!("the run does not end although nothing fails: {:?}", self.outcomes.last()));
                    return;
                }
                if next == PROCESSES {
                    self.store.calm_down();
                    self.store.let_lease_run_out();
                }
                sleep(Duration::from_millis(self.rng.u64(..40_000))).await;
                self.start(next);
                next += 1;
            }
            let pause = Duration::from_millis(self.rng.u64(..2_500));
            tokio::select! {
                biased;
                Some(ended) = self.processes.join_next() => self.on_ended(ended),
                () = sleep(pause), if next <= PROCESSES => {
                    if next < PROCESSES && self.meddle(next) {
                        next += 1;
                    }
                }
            }
        }
        self.look_back().await;
    }

    /// One thing that happens from outside; whether a process was started.
    fn meddle(&mut self, next: u32) -> bool {
        let Some((number, (stop, handle))) = self.alive.iter().next() else { return false };
        match self.rng.u8(..8) {
            0 => {
                stop.gracefully();
                self.stopped.push(*number);
                self.counts.stops += 1;
            }
            1 => {
                stop.at_once();
                self.stopped.push(*number);
                self.counts.stops += 1;
            }
            2 => {
                handle.abort();
                self.counts.deaths += 1;
            }
            3 if self.alive.len() < 2 => {
                // It lives on, and does not know.
                self.store.let_lease_run_out();
                self.start(next);
                return true;
            }
            4 if self.alive.len() < 2 => {
                // Somebody tries although the run is held.
                self.start(next);
                return true;
            }
            _ => {}
        }
        false
    }

    fn start(&mut self, number: u32) {
        let owner = Owner { host: "simulated".to_owned(), process: number + 1, started: u64::from(number) + 1 };
        let options = RunOptions { run: self.run, owner, clock: self.clock, ..RunOptions::new(self.inputs.clone()) };
        let (engine, plan, stop) = (self.engine.clone(), Arc::clone(&self.plan), Stop::default());
        let observer = Arc::new(Witness { store: Arc::clone(&self.store), last: Mutex::new(None) });
        let wish = stop.clone();
        let handle = self.processes.spawn(async move {
            let resumed = engine.resume(Arc::clone(&plan), options.clone(), observer.clone(), wish.clone()).await;
            let result = match resumed {
                Err(error) if error.kind() == ErrorKind::NotFound => engine.run(plan, options, observer, wish).await,
                other => other,
            };
            (number, result)
        });
        self.alive.insert(number, (stop, handle));
        self.counts.processes += 1;
    }

    fn on_ended(&mut self, ended: std::result::Result<(u32, Result<RunResult>), tokio::task::JoinError>) {
        let (number, result) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_cancelled() => {
                self.alive.retain(|_, (_, handle)| !handle.is_finished());
                self.outcomes.push("killed".to_owned());
                return;
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.alive.remove(&number);
        match &result {
            Ok(result) if result.status == RunStatus::Running => {
                if !self.stopped.contains(&number) {
                    self.store.report(format!("process {number} lets go of the run although nobody asked it to"));
                }
            }
            Ok(_) if !self.store.has_ended() => self.store.report(format!("process {number} tells an end that is not stored")),
            Ok(_) => {}
            Err(error) => {
                let is_expected = matches!(
                    error.kind(),
                    ErrorKind::StoreUnavailable | ErrorKind::Fenced | ErrorKind::Conflict | ErrorKind::Locked
                );
                if !is_expected {
                    self.store.report(format!("process {number} ends with {error:?}"));
                }
            }
        }
        self.outcomes.push(match result {
            Ok(result) => format!("{number}: {:?} {:?}", result.status, result.outputs),
            Err(error) => format!("{number}: {error}"),
        });
    }

    /// A run that has ended tells its end to whoever asks, is the same when it is read again, and changes no more.
    async fn look_back(&mut self) {
        self.store.calm_down();
        self.store.let_lease_run_out();
        let log = self.store.records();
        self.start(PROCESSES + 1);
        let again = loop {
            let (number, result) = self.processes.join_next().await.unwrap().unwrap();
            if number > PROCESSES {
                break result;
            }
        };
        self.alive.clear();
        let store: Arc<dyn Store> = Arc::clone(&self.store) as _;
        let events = read_run(&store, self.run).await.unwrap().events;
        let state = RunState::replay(Arc::clone(&self.plan), &BTreeMap::new(), &events).unwrap();
        let ending = state.ending().unwrap();
        match again {
            Ok(again) => {
                let is_same = again.status == ending.status
                    && again.outputs == ending.outputs
                    && again.error == ending.error
                    && again.spend == state.spend();
                if !is_same {
                    self.store.report(format!("the run ended as {ending:?}, and tells {again:?}"));
                }
            }
            Err(error) => self.store.report(format!("a run that has ended does not tell its end: {error:?}")),
        }
        if state.summary().values().any(|(status, ..)| !status.is_final()) {
            self.store.report("the run has ended, and a node of it has not".to_owned());
        }
        if self.store.records() != log {
            self.store.report("a run that had ended has changed".to_owned());
        }
        self.counts.succeeded += u64::from(ending.status == RunStatus::Succeeded);
    }

    fn into_history(self) -> History {
        let log = self.store.records();
        let (faults, fenced) = self.store.faults();
        let breaker_changes = log.iter().filter(|record| record.kind == "breaker_changed").count() as u64;
        let counts = Counts { records: log.len() as u64, faults, fenced, breaker_changes, ..self.counts };
        History { log, outcomes: self.outcomes, violations: self.store.violations(), counts }
    }
}

/// Sees what a process shows.
struct Witness {
    store: Arc<SimulatedStore>,
    last: Mutex<Option<u64>>,
}

impl Observer for Witness {
    fn on_event(&self, _run: RunId, event: &Event) {
        if !self.store.holds(event) {
            self.store.report(format!("event {} is shown and not stored", event.seq));
        }
        let last = self.last.lock().unwrap().replace(event.seq);
        if last.is_some_and(|last| last + 1 != event.seq) {
            self.store.report(format!("event {} is shown after event {last:?}", event.seq));
        }
    }
}
