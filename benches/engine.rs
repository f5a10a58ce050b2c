//! Whole runs in this process: what the engine adds to a node, and what the disk adds to that.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use agentflow::{
    agent::{CallLimits, Models, ModelsSettings, ProviderLimits},
    diagnostic::DiskFiles,
    engine::{Engine, EngineSettings, Observer, RunOptions, Stop},
    model::{ChatRequest, ChatResponse, Event, FinishReason, Price, ProviderName, RunId, RunStatus},
    plan::{CompileOptions, ManifestChoice, Plan, compile_text},
    provider::{MockProvider, MockSettings, OnText, Provider, Providers},
    store::{self, Store, StreamId, Synchronous, this_process},
};
use async_trait::async_trait;
use indexmap::IndexMap;

use crate::{
    figure::{Figure, Unit},
    measure::{peak_memory, processor_share, processor_time, quantile, show},
    store::Bare,
    table::Table,
};

pub(crate) fn run(table: &mut Table) {
    let runtime = runtime();
    pure_chains(table, &runtime);
    agent_chains(table, &runtime);
    fan_out(table);
    resumes(table, &runtime);
    parallel(table, &runtime);
    uneven_diamond(table, &runtime);
}

/// One thread, as the program itself has.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Chains of nodes that only compute.
fn pure_chains(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let mut each = Vec::new();
    for count in [100, 1_000, 10_000] {
        let plan = plan(&pure_chain(count));
        let folder = tempfile::tempdir_in(".").unwrap();
        let url = format!("sqlite:{}", folder.path().join("pure.db").display());
        let store = runtime.block_on(store::open(&url, Synchronous::Full)).unwrap();
        let engine = Engine::new(store, models(mock(Duration::ZERO)), EngineSettings::default());
        let (before, rounds) = (processor_time(), (3_000 / count).clamp(3, 20));
        let mut times: Vec<_> = (0..rounds).map(|_| runtime.block_on(one_run(&engine, &plan))).collect();
        let node = quantile(&mut times, 0.5) / u32::try_from(count).unwrap();
        each.push(node);
        table.keep(format!("pure-node-{count}"), Figure::of(Unit::Processor, &times).each(count));
        let measured = format!("{}{}", show(node), processor_share(before, rounds * count));
        let what = format!("chain of {count} pure nodes, FULL: a node");
        if count == 1_000 {
            table.wanted(what, "≤ 15 µs", measured, node <= Duration::from_micros(15));
        } else {
            table.told(what, measured);
        }
    }
    // A short chain pays the flushes of the run's beginning and end with few nodes, so it says little.
    let flat = each[2].as_secs_f64() / each[1].as_secs_f64();
    table.wanted("a pure node of 10,000 against one of 1,000", "≤ × 1.3", format!("× {flat:.2}"), flat <= 1.3);
}

/// Chains of mock agents, each recorded before the next begins, in turns with bare commits to the same disk.
fn agent_chains(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    const NODES: usize = 100;
    const ROUNDS: usize = 20;
    let plan = plan(&agent_chain(NODES));
    for (name, synchronous) in [("FULL", Synchronous::Full), ("NORMAL", Synchronous::Normal)] {
        let folder = tempfile::tempdir_in(".").unwrap();
        let url = format!("sqlite:{}", folder.path().join("chain.db").display());
        let store = runtime.block_on(store::open(&url, synchronous)).unwrap();
        let engine = Engine::new(store, models(mock(Duration::ZERO)), EngineSettings::default());
        let mut raw = Bare::open(&folder.path().join("raw.db"), synchronous);
        let (mut nodes, mut bare) = (Vec::new(), Vec::new());
        let mut processor = Some(Duration::ZERO);
        for _ in 0..ROUNDS {
            let before = processor_time();
            nodes.push(runtime.block_on(one_run(&engine, &plan)) / u32::try_from(NODES).unwrap());
            processor =
                before.zip(processor_time()).zip(processor).map(|((before, after), sum)| sum + after.saturating_sub(before));
            let commits: Duration = (0..NODES).map(|_| raw.commit(1)).sum();
            bare.push(commits / u32::try_from(NODES).unwrap());
        }
        table.keep(format!("agent-node-{}-to-commit", name.to_lowercase()), Figure::pairs(&nodes, &bare));
        table.keep(format!("agent-node-{}", name.to_lowercase()), Figure::of(Unit::Disk, &nodes));
        let (node, bare) = (quantile(&mut nodes, 0.5), quantile(&mut bare, 0.5));
        let times = node.as_secs_f64() / bare.as_secs_f64();
        let processor =
            processor.map_or_else(String::new, |sum| format!(", CPU {}", show(sum / u32::try_from(ROUNDS * NODES).unwrap())));
        let figures = format!("{}{processor}; bare commit {} (× {times:.2})", show(node), show(bare));
        let what = format!("chain of {NODES} mock agents, {name}: a node");
        if synchronous == Synchronous::Full {
            table.wanted(what, "≤ × 1.2", figures, times <= 1.2);
        } else {
            table.wanted(what, "≤ 65 µs", figures, node <= Duration::from_micros(65));
        }
    }
}

/// The argument that makes this program do nothing but one fan-out and tell its time and memory.
pub(crate) const FAN_OUT_ONLY: &str = "fan-out-only";

/// 1 → 10,000 → 1 in a process of its own, for its peak memory.
fn fan_out(table: &mut Table) {
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..3 {
        let output = Command::new(std::env::current_exe().unwrap()).arg(FAN_OUT_ONLY).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (micros, kib) = text.trim().split_once(' ').unwrap();
        times.push(Duration::from_micros(micros.parse().unwrap()));
        memory = memory.max(kib.parse::<u64>().unwrap());
    }
    let time = quantile(&mut times, 0.5);
    table.keep("fan-out", Figure::of(Unit::Processor, &times));
    #[expect(clippy::cast_precision_loss, reason = "small")]
    table.keep("fan-out-memory", Figure::one(Unit::Kibibytes, memory as f64));
    table.wanted("1 → 10,000 → 1 mock agents, FULL: time", "≤ 0.4 s", show(time), time <= Duration::from_millis(400));
    table.wanted(
        "1 → 10,000 → 1 mock agents, FULL: peak memory",
        "≤ 80 MB",
        format!("{} MB", memory / 1024),
        memory <= 80 * 1024,
    );
}

pub(crate) fn fan_out_only() {
    let runtime = runtime();
    let folder = tempfile::tempdir_in(".").unwrap();
    let url = format!("sqlite:{}", folder.path().join("fan.db").display());
    let store = runtime.block_on(store::open(&url, Synchronous::Full)).unwrap();
    let plan = plan(
        "limits: { nodes: 100k, concurrency: 64 }\nagents: { a: { model: mock/m } }\nnodes:\n  list: { value: '{{ range(10000) }}' }\n  \
         each: { map: list, agent: a, prompt: 'number {{ item }}' }\n  end: { value: '{{ each | length }}' }\n",
    );
    let engine = Engine::new(store, models(mock(Duration::ZERO)), EngineSettings::default());
    let time = runtime.block_on(one_run(&engine, &plan));
    println!("{} {}", time.as_micros(), peak_memory().unwrap_or(0));
}

/// A run whose last event is missing: read from the disk, verified, replayed, and brought to its end.
fn resumes(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    for (events, most) in [(1_000, Duration::from_millis(100)), (50_000, Duration::from_secs(2))] {
        // An agent that answers makes three events.
        let plan = plan(&format!(
            "limits: {{ nodes: 100k, concurrency: 64 }}\nagents: {{ a: {{ model: mock/m }} }}\nnodes:\n  list: {{ value: '{{{{ range({}) }}}}' }}\n  \
             each: {{ map: list, agent: a, prompt: 'number {{{{ item }}}}' }}\n",
            events / 3 - 20
        ));
        let folder = tempfile::tempdir_in(".").unwrap();
        let open = |name: String| {
            let url = format!("sqlite:{}", folder.path().join(name).display());
            runtime.block_on(store::open(&url, Synchronous::Full)).unwrap()
        };
        let engine_over = |store| Engine::new(store, models(mock(Duration::ZERO)), EngineSettings::default());
        let options = || RunOptions::new(IndexMap::new());
        let (first, run) = (open("first.db".to_owned()), options());
        let id = run.run;
        runtime.block_on(engine_over(Arc::clone(&first)).run(Arc::clone(&plan), run, Arc::new(Blind), Stop::default())).unwrap();
        let stream = StreamId::run(id);
        let mut records = runtime.block_on(first.read(&stream, 0, 100_000)).unwrap();
        records.pop();
        let mut times: Vec<_> = (0..5)
            .map(|round| {
                let store = open(format!("again-{round}.db"));
                runtime.block_on(async {
                    let epoch = store.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
                    store.append(&stream, epoch, 0, &records).await.unwrap();
                });
                let engine = engine_over(store);
                let options = RunOptions { run: id, ..options() };
                let start = Instant::now();
                let resumed = engine.resume(Arc::clone(&plan), options, Arc::new(Blind), Stop::default());
                assert_eq!(runtime.block_on(resumed).unwrap().status, RunStatus::Succeeded);
                start.elapsed()
            })
            .collect();
        let time = quantile(&mut times, 0.5);
        table.keep(format!("resume-{events}"), Figure::of(Unit::Processor, &times));
        let what = format!("resume of a run of {} events", records.len());
        table.wanted(what, format!("≤ {}", show(most)), show(time), time <= most);
    }
}

/// Many nodes that wait for a model at once.
fn parallel(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let mut text = "limits: { nodes: 100k, concurrency: 100 }\nagents: { a: { model: mock/m } }\nnodes:\n".to_owned();
    (0..1_000).for_each(|n| writeln!(text, "  n{n}: {{ agent: a, prompt: '{n}' }}").unwrap());
    let folder = tempfile::tempdir_in(".").unwrap();
    let url = format!("sqlite:{}", folder.path().join("parallel.db").display());
    let store = runtime.block_on(store::open(&url, Synchronous::Full)).unwrap();
    let plan = plan(&text);
    let engine = Engine::new(store, models(mock(Duration::from_millis(50))), EngineSettings::default());
    let mut times: Vec<_> = (0..3).map(|_| runtime.block_on(one_run(&engine, &plan))).collect();
    let time = quantile(&mut times, 0.5);
    table.keep("parallel", Figure::of(Unit::Seconds, &times));
    table.wanted("1,000 agents of 50 ms, 100 at once, FULL", "≤ 0.55 s", show(time), time <= Duration::from_millis(550));
}

/// Two ways of different shape from top to bottom; in levels it would take 400 ms.
fn uneven_diamond(table: &mut Table, runtime: &tokio::runtime::Runtime) {
    let plan = plan(
        "agents: { a: { model: mock/m } }\nnodes:\n  top: { value: 0 }\n  left: { agent: a, prompt: '200 {{ top }}' }\n  \
         left_next: { agent: a, prompt: '50 {{ left }}' }\n  right: { agent: a, prompt: '50 {{ top }}' }\n  \
         right_next: { agent: a, prompt: '200 {{ right }}' }\n  bottom: { value: '{{ left_next }}{{ right_next }}' }\n",
    );
    let store: Arc<dyn Store> = Arc::new(store::InMemoryStore::default());
    let engine = Engine::new(store, models(Arc::new(Timed)), EngineSettings::default());
    let mut times: Vec<_> = (0..3).map(|_| runtime.block_on(one_run(&engine, &plan))).collect();
    let time = quantile(&mut times, 0.5);
    table.keep("uneven-diamond", Figure::of(Unit::Seconds, &times));
    table.wanted("uneven diamond, critical path 250 ms", "≤ 260 ms", show(time), time <= Duration::from_millis(260));
}

fn pure_chain(count: usize) -> String {
    let mut text = "limits: { nodes: 100k }\nnodes:\n  n0: { value: 1 }\n".to_owned();
    (1..count).for_each(|n| writeln!(text, "  n{n}: {{ value: '{{{{ n{} + 1 }}}}' }}", n - 1).unwrap());
    text
}

fn agent_chain(count: usize) -> String {
    let mut text =
        "limits: { nodes: 100k }\nagents: { a: { model: mock/m } }\nnodes:\n  n0: { agent: a, prompt: begin }\n".to_owned();
    (1..count).for_each(|n| writeln!(text, "  n{n}: {{ agent: a, prompt: 'after {{{{ n{} }}}}' }}", n - 1).unwrap());
    text
}

pub(crate) fn plan(text: &str) -> Arc<Plan> {
    let options = CompileOptions::default();
    let compiled = compile_text(Path::new("bench.yaml"), text.to_owned(), ManifestChoice::None, &DiskFiles, &options);
    Arc::new(compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)))
}

pub(crate) fn mock(latency: Duration) -> Arc<dyn Provider> {
    Arc::new(MockProvider::new(MockSettings { latency, ..MockSettings::default() }))
}

/// Models without a bound of their own, all answered by `provider`.
pub(crate) fn models(provider: Arc<dyn Provider>) -> Arc<Models> {
    let mut providers = Providers::default();
    providers.answer_everything_by(provider);
    let unbounded = ProviderLimits {
        calls: CallLimits { max_concurrent: Some(10_000), ..CallLimits::default() },
        ..ProviderLimits::default()
    };
    let name = ProviderName::new("mock").unwrap();
    Arc::new(Models::new(
        providers,
        ModelsSettings { max_concurrent: Some(10_000), providers: BTreeMap::from([(name, unbounded)]) },
    ))
}

pub(crate) async fn one_run(engine: &Engine, plan: &Arc<Plan>) -> Duration {
    let options = RunOptions::new(IndexMap::new());
    let start = Instant::now();
    let result = engine.run(Arc::clone(plan), options, Arc::new(Blind), Stop::default()).await.unwrap();
    let time = start.elapsed();
    assert_eq!(result.status, RunStatus::Succeeded, "{:?}", result.error);
    time
}

pub(crate) struct Blind;

impl Observer for Blind {
    fn on_event(&self, _run: RunId, _event: &Event) {}
}

/// Answers after as many milliseconds as the prompt begins with.
#[derive(Debug)]
struct Timed;

#[async_trait]
impl Provider for Timed {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> agentflow::Result<ChatResponse> {
        let prompt = &request.messages.last().unwrap().content;
        let millis = prompt.split(' ').next().unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok(ChatResponse {
            content: "done".to_owned(),
            tool_requests: Vec::new(),
            finish: FinishReason::Stop,
            usage: None,
            model: "timed".to_owned(),
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }

    fn is_simulated(&self) -> bool {
        true
    }
}
