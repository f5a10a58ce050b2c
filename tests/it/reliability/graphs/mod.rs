//! Part 8: random graphs, interrupted anywhere, against a naive sequential reference.

pub(crate) mod build;
mod check;
mod expected;
mod halting;
mod mail_flows;
mod reference;
mod scope;
pub(crate) mod script;
pub(crate) mod spec;
mod tool_flows;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    agent::{Models, ModelsSettings},
    diagnostic::{DiskFiles, Severity},
    engine::{Engine, EngineSettings, Observer, RunOptions, RunResult, RunState, Stop, ask_run, read_run},
    error::ErrorKind,
    model::{Event, EventBody, ProviderName, RunId, RunStatus, RunWish},
    plan::{CompileOptions, ManifestChoice, Plan, compile_text},
    provider::Providers,
    store::{InMemoryStore, Store},
};
use fastrand::Rng;
use indexmap::IndexMap;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use self::{
    halting::{Death, HaltingStore},
    mail_flows::MailCounts,
    script::{Call, Script, ScriptedProvider},
    spec::{Graph, Kind, Node},
    tool_flows::FlowCounts,
};
use super::part::Part;

/// How many nodes a graph has.
const NODES: RangeInclusive<usize> = 1..=40;
/// How often a run is interrupted before it is let alone.
const INTERRUPTIONS: usize = 3;

#[test]
fn part_8_random_graphs() {
    let mut part = Part::begin(8);
    let volume = part.volume(300, 20_000);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut violations = Vec::new();
    let mut counts = Counts::default();
    for number in 0..volume {
        let mut random = part.random(number);
        let graph = build::graph(random.u64(..), NODES);
        match catch_unwind(AssertUnwindSafe(|| try_graph(&runtime, &graph, &mut random))) {
            Ok(tried) => counts.add(&tried),
            Err(panic) => violations.push(format!("graph {number}: {}\n{}", text_of(&*panic), graph.text())),
        }
    }
    let mut tools = FlowCounts::default();
    for number in 0..volume / 2 {
        let mut random = part.random(volume + number);
        match catch_unwind(AssertUnwindSafe(|| tool_flows::try_flow(&runtime, &mut random))) {
            Ok(tried) => tools.add(&tried),
            Err(panic) => violations.push(format!("flow {number}: {}", text_of(&*panic))),
        }
    }
    let mut mail = MailCounts::default();
    for number in 0..volume / 2 {
        let mut random = part.random(2 * volume + number);
        match catch_unwind(AssertUnwindSafe(|| mail_flows::try_flow(&runtime, &mut random))) {
            Ok(tried) => mail.add(&tried),
            Err(panic) => violations.push(format!("mail {number}: {}", text_of(&*panic))),
        }
    }
    for (name, count) in [
        ("events", counts.events),
        ("calls", counts.calls),
        ("kills", counts.kills),
        ("stops", counts.stops),
        ("pauses", counts.pauses),
        ("failed", counts.failed),
        ("fallbacks", counts.fallbacks),
        ("flows of tools", volume / 2),
        ("calls of tools", tools.calls),
        ("of them made again", tools.made_again),
        ("decisions of people", tools.decisions),
        ("flows of messages", volume / 2),
        ("messages", mail.messages),
        ("kills among them", mail.kills),
    ] {
        part.figure(name, count);
    }
    part.finish(volume, &violations);
}

/// What a try did.
#[derive(Debug, Default)]
struct Counts {
    events: u64,
    calls: u64,
    kills: u64,
    stops: u64,
    pauses: u64,
    failed: u64,
    fallbacks: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.calls += other.calls;
        self.kills += other.kills;
        self.stops += other.stops;
        self.pauses += other.pauses;
        self.failed += other.failed;
        self.fallbacks += other.fallbacks;
    }
}

/// The text of a panic.
pub(crate) fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Compiles a graph.
#[track_caller]
pub(crate) fn plan(graph: &Graph) -> Arc<Plan> {
    let path = Path::new("graph.json");
    let compiled = compile_text(path, graph.text(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
    let errors = compiled.diagnostics.iter().filter(|problem| problem.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|problem| &problem.message).collect();
    Arc::new(compiled.plan.unwrap_or_else(|| panic!("{errors:?}")))
}

/// How a process is kept from ending a run.
#[derive(Debug, Clone, Copy)]
enum Interruption {
    KilledAtEvent(Death),
    KilledAt(Duration),
    StoppedAt(Duration, fn(&Stop)),
}

impl Interruption {
    fn random(random: &mut Rng, events: u64) -> Self {
        let after = Duration::from_millis(random.u64(..4_000));
        match random.u8(..8) {
            0..5 => Self::KilledAtEvent(Death { at: random.u64(..=events), after: random.bool() }),
            5 => Self::KilledAt(after),
            6 => Self::StoppedAt(after, Stop::gracefully),
            _ => Self::StoppedAt(after, Stop::at_once),
        }
    }
}

/// Runs a graph to its end, through some interruptions, and checks everything that is to be seen of it.
fn try_graph(runtime: &Runtime, graph: &Graph, random: &mut Rng) -> Counts {
    let plan = plan(graph);
    let expected = reference::work_out(graph);
    let mut left = if random.bool() { random.usize(1..=INTERRUPTIONS) } else { 0 };
    let mut tried = Counts::default();
    let mut world = World { plan, graph, inner: Arc::default(), run: RunId::generate(), seed: random.u64(..) };
    let result = loop {
        // Somebody pauses the run now and then; the next process goes on with it.
        let pause = (left > 0 && random.u8(..6) == 0).then(|| Duration::from_millis(random.u64(..4_000)));
        tried.pauses += u64::from(pause.is_some());
        let interruption = (left > 0 && pause.is_none()).then(|| Interruption::random(random, expected.events.len() as u64));
        left = left.saturating_sub(1);
        match interruption {
            None => {}
            Some(Interruption::StoppedAt(..)) => tried.stops += 1,
            Some(_) => tried.kills += 1,
        }
        let result = runtime.block_on(world.process(interruption, pause, &mut tried));
        if let Some(result) = result
            && !matches!(result.status, RunStatus::Running | RunStatus::Waiting)
        {
            break result;
        }
        assert!(interruption.is_some() || pause.is_some(), "the run does not end although nothing interrupts it");
    };
    let events = runtime.block_on(world.events());
    let state = RunState::replay(Arc::clone(&world.plan), &BTreeMap::new(), &events).unwrap();
    assert_eq!(state.spend(), result.spend);
    check::check(graph, expected, &events, &state.summary(), &result);
    tried.events = events.len() as u64;
    tried.fallbacks = events.iter().filter(|event| matches!(event.body, EventBody::FallbackTaken { .. })).count() as u64;
    tried.failed = u64::from(result.status == RunStatus::Failed);
    tried
}

/// What outlives a process.
struct World<'a> {
    plan: Arc<Plan>,
    graph: &'a Graph,
    inner: Arc<InMemoryStore>,
    run: RunId,
    seed: u64,
}

impl World<'_> {
    /// All events, verified; none when the run does not exist.
    async fn events(&self) -> Vec<Event> {
        let store: Arc<dyn Store> = Arc::clone(&self.inner) as _;
        match read_run(&store, self.run).await {
            Ok(recorded) => recorded.events,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    }

    /// One process that begins the run or goes on with it; `None` when it is killed.
    async fn process(
        &mut self,
        interruption: Option<Interruption>,
        pause: Option<Duration>,
        tried: &mut Counts,
    ) -> Option<RunResult> {
        let before = self.events().await;
        let death = match interruption {
            Some(Interruption::KilledAtEvent(death)) => Some(Death { at: death.at.max(before.len() as u64), ..death }),
            _ => None,
        };
        let store = Arc::new(HaltingStore::new(Arc::clone(&self.inner), death));
        let mut scripts = BTreeMap::new();
        collect_scripts(&self.graph.nodes, &mut scripts);
        let provider = ScriptedProvider::new(scripts, self.seed);
        let counts = provider.counts();
        let mut providers = Providers::default();
        providers.register(ProviderName::new("openai").unwrap(), Arc::new(provider));
        let models = Arc::new(Models::new(providers, ModelsSettings::default()));
        let engine = Engine::new(Arc::clone(&store) as _, models, EngineSettings::default());
        let inputs = IndexMap::from([("n".to_owned(), json!(self.graph.input))]);
        let options = RunOptions { run: self.run, ..RunOptions::new(inputs) };
        let watcher = Arc::new(Watcher::default());
        let stop = Stop::default();
        let (plan, observer) = (Arc::clone(&self.plan), watcher.clone());
        let driven = async {
            if before.is_empty() {
                engine.run(plan, options, observer, stop.clone()).await
            } else {
                engine.resume(plan, options, observer, stop.clone()).await
            }
        };
        let interrupted = async {
            if let Some(after) = pause {
                tokio::time::sleep(after).await;
                let store: Arc<dyn Store> = Arc::clone(&self.inner) as _;
                ask_run(&store, self.run, RunWish::Pause, "somebody").await.unwrap();
                std::future::pending::<()>().await;
            }
            match interruption {
                Some(Interruption::KilledAt(after)) => tokio::time::sleep(after).await,
                Some(Interruption::StoppedAt(after, ask)) => {
                    tokio::time::sleep(after).await;
                    ask(&stop);
                    std::future::pending::<()>().await;
                }
                Some(Interruption::KilledAtEvent(_)) | None => store.death().await,
            }
        };
        let result = tokio::select! {
            result = driven => Some(result.unwrap_or_else(|error| panic!("{error}"))),
            () = interrupted => None,
        };
        let events = self.events().await;
        watcher.check(&events, before.len() as u64, result.is_some());
        let counts = counts.lock().unwrap();
        asked_once(&counts.calls, &before);
        assert!(counts.most_in_flight.get("b").is_none_or(|most| *most <= 2), "agent `b` has {:?}", counts.most_in_flight);
        tried.calls += counts.calls.len() as u64;
        result
    }
}

fn collect_scripts(nodes: &[Node], scripts: &mut BTreeMap<String, Script>) {
    for node in nodes {
        if let Kind::Agent(script) = &node.kind {
            scripts.insert(node.id.clone(), script.clone());
        }
        collect_scripts(node.inner(), scripts);
    }
}

/// No call is made twice, and none whose answer was in the log when the process began.
fn asked_once(calls: &[Call], before: &[Event]) {
    let mut known: BTreeSet<Call> = before
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::ModelResponded { node, attempt, ordinal, .. } => {
                Some(Call { path: node.to_string(), attempt: *attempt, ordinal: *ordinal })
            }
            _ => None,
        })
        .collect();
    for call in calls {
        assert!(known.insert(call.clone()), "{call:?} is made again");
    }
}

/// Notes what an engine shows.
#[derive(Default)]
struct Watcher {
    shown: Mutex<Vec<Event>>,
}

impl Observer for Watcher {
    fn on_event(&self, _run: RunId, event: &Event) {
        self.shown.lock().unwrap().push(event.clone());
    }
}

impl Watcher {
    /// What was shown is what was stored since event `from`; all of it, unless the process was killed.
    fn check(&self, events: &[Event], from: u64, whole: bool) {
        let shown = self.shown.lock().unwrap();
        let stored = &events[usize::try_from(from).unwrap()..];
        assert!(stored.len() >= shown.len() && *shown == stored[..shown.len()], "what is shown is not what is stored");
        assert!(!whole || shown.len() == stored.len(), "not everything that is stored is shown");
    }
}
