//! Random flows of tools: calls of every effect, by nodes, maps and agents, permitted, asked about and denied; interrupted anywhere, with
//! a person who decides at random. What the tools saw is held against the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    Error,
    agent::{Models, ModelsSettings, Tools},
    diagnostic::DiskFiles,
    engine::{Engine, EngineSettings, RunOptions, RunResult, RunState, Stop, answer, open_questions, read_run},
    error::{ErrorKind, Result},
    model::{
        Access, AccessClass, Approval, ChatRequest, ChatResponse, Decision, Effect, Event, EventBody, FinishReason, OnAmbiguous,
        Price, ProviderName, QuestionKind, RunId, RunStatus, ToolName, ToolOutcome, ToolRequest, ToolSpec, Value,
    },
    plan::{CompileOptions, ManifestChoice, Plan, compile_text},
    provider::{OnText, Provider, Providers},
    store::{InMemoryStore, Store, this_process},
    tool::{Authorized, CallContext, Policy, Rules, Tool, ToolCall, ToolOutput, Toolbox},
};
use async_trait::async_trait;
use fastrand::Rng;
use indexmap::IndexMap;
use serde_json::json;
use tokio::{runtime::Runtime, time::sleep};

use super::{
    INTERRUPTIONS, Interruption, Watcher,
    halting::{Death, HaltingStore},
};

/// The tool of each effect.
const TOOLS: [(&str, Effect); 4] =
    [("calculator", Effect::Pure), ("http_get", Effect::Read), ("http_put", Effect::Idempotent), ("http_post", Effect::Write)];
/// More often than a run can ask something.
const MOST_WAITS: usize = 200;

/// A call that is due, told apart by the number it is given.
#[derive(Debug, Clone, Copy)]
struct Due {
    tool: &'static str,
    effect: Effect,
    permitted: Permitted,
    on_ambiguous: OnAmbiguous,
    /// Whether it fails the first time it is made, and is tried again.
    is_flaky: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permitted {
    Always,
    Asked,
    Never,
}

/// A flow and the calls it makes.
#[derive(Debug)]
struct Flow {
    text: String,
    due: BTreeMap<u64, Due>,
    /// What each agent node asks for, turn by turn.
    turns: BTreeMap<String, Vec<Vec<u64>>>,
    /// How many calls may be made.
    most: Option<usize>,
}

impl Flow {
    fn random(rng: &mut Rng) -> Self {
        let most = (rng.u8(..5) == 0).then(|| rng.usize(1..=10));
        let mut flow = Self { text: String::new(), due: BTreeMap::new(), turns: BTreeMap::new(), most };
        let mut nodes = serde_json::Map::new();
        for number in 0..rng.u64(1..=6) {
            let on_ambiguous = [OnAmbiguous::Ask, OnAmbiguous::Rerun, OnAmbiguous::AssumeDone][rng.usize(..3)];
            let id = format!("n{number}");
            let mut node = json!({ "on_error": "continue", "on_ambiguous": on_ambiguous.as_str() });
            if rng.u8(..3) == 0 {
                let turns = (0..rng.u64(1..=3)).map(|turn| {
                    let calls = (0..rng.u64(1..=3)).map(|index| number * 100 + turn * 10 + index).collect::<Vec<_>>();
                    flow.due.extend(calls.iter().map(|call| (*call, Due::random(rng, on_ambiguous, false))));
                    calls
                });
                let turns = turns.collect();
                node["agent"] = json!("a");
                node["prompt"] = json!("go on");
                flow.turns.insert(id.clone(), turns);
            } else {
                let due = Due::random(rng, on_ambiguous, true);
                node["tool"] = json!(due.tool);
                node["retry"] = json!({ "max_attempts": 3, "initial": "40ms" });
                let calls = if rng.u8(..3) == 0 { rng.u64(2..=4) } else { 1 };
                let numbers: Vec<_> = (0..calls).map(|call| number * 100 + call).collect();
                for call in &numbers {
                    flow.due.insert(*call, Due { permitted: Due::random(rng, on_ambiguous, true).permitted, ..due });
                }
                if calls > 1 {
                    node["map"] = json!(format!("{numbers:?}"));
                    node["args"] = arguments(due.tool, "{{ item }}");
                } else {
                    node["args"] = arguments(due.tool, &numbers[0].to_string());
                }
            }
            if number > 0 && rng.bool() {
                node["needs"] = json!([format!("n{}", rng.u64(..number))]);
            }
            nodes.insert(id, node);
        }
        let tools: Vec<_> = TOOLS.iter().map(|(name, _)| name).collect();
        let limits = most.map_or_else(|| json!({}), |most| json!({ "tool_calls": most }));
        let flow_text = json!({
            "limits": limits,
            "permissions": ["fs:read:**", "net:x.example"],
            "agents": { "a": { "model": "openai/m", "tools": tools } },
            "nodes": nodes,
        });
        Self { text: flow_text.to_string(), ..flow }
    }

    #[track_caller]
    fn plan(&self) -> Arc<Plan> {
        let path = Path::new("flow.json");
        let compiled = compile_text(path, self.text.clone(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
        let problems: Vec<_> = compiled.diagnostics.iter().map(|problem| problem.message.clone()).collect();
        Arc::new(compiled.plan.unwrap_or_else(|| panic!("{problems:?}")))
    }
}

/// Arguments by which a call of `tool` is told from all others.
fn arguments(tool: &str, number: &str) -> Value {
    if tool == "calculator" { json!({ "expression": number }) } else { json!({ "url": format!("https://x.example/{number}") }) }
}

/// The number in [`arguments`].
fn number(arguments: &Value) -> u64 {
    match (&arguments["expression"], arguments["url"].as_str()) {
        (Value::Number(number), _) => number.as_u64().unwrap(),
        (Value::String(number), _) => number.parse().unwrap(),
        (_, Some(url)) => url.rsplit('/').next().unwrap().parse().unwrap(),
        _ => panic!("{arguments}"),
    }
}

impl Due {
    fn random(rng: &mut Rng, on_ambiguous: OnAmbiguous, of_node: bool) -> Self {
        let (tool, effect) = TOOLS[rng.usize(..TOOLS.len())];
        let permitted = match rng.u8(..6) {
            0 | 1 => Permitted::Asked,
            2 => Permitted::Never,
            _ => Permitted::Always,
        };
        let is_flaky = of_node && effect != Effect::Pure && rng.u8(..4) == 0;
        Self { tool, effect, permitted, on_ambiguous, is_flaky }
    }
}

/// A call that a tool saw.
#[derive(Debug, Clone)]
struct Seen {
    n: u64,
    key: String,
}

/// The world that the tools change.
#[derive(Debug)]
struct Outside {
    due: BTreeMap<u64, Due>,
    seen: Mutex<Vec<Seen>>,
}

impl Outside {
    fn of(&self, n: u64) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.n == n).cloned().collect()
    }
}

/// A tool that does one thing to the world.
#[derive(Debug)]
struct Doer {
    spec: ToolSpec,
    outside: Arc<Outside>,
}

#[async_trait]
impl Tool for Doer {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Read]
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let n = number(arguments);
        let folder = match self.outside.due[&n].permitted {
            Permitted::Always => "free",
            Permitted::Asked => "asked",
            Permitted::Never => "closed",
        };
        Ok(vec![Access::Read { path: format!("{folder}/{n}") }])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let n = number(&call.arguments);
        let before = self.outside.of(n).len();
        self.outside.seen.lock().unwrap().push(Seen { n, key: context.idempotency_key.to_owned() });
        sleep(Duration::from_millis(n * 37 % 250)).await;
        if self.outside.due[&n].is_flaky && before == 0 {
            return Err(Error::new(ErrorKind::Transient, "not yet"));
        }
        Ok(ToolOutput::new(json!({ "got": n })))
    }
}

/// A model that asks for what is due.
#[derive(Debug)]
struct Asker {
    turns: BTreeMap<String, Vec<Vec<u64>>>,
    due: BTreeMap<u64, Due>,
}

#[async_trait]
impl Provider for Asker {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        let turns = &self.turns[request.origin.node.as_str()];
        let Some(calls) = turns.get(request.origin.ordinal as usize) else { return Ok(ChatResponse::text("done", "m")) };
        let ask = |n: &u64| ToolRequest {
            id: n.to_string(),
            name: self.due[n].tool.to_owned(),
            arguments: arguments(self.due[n].tool, &n.to_string()).to_string(),
        };
        let tool_requests = calls.iter().map(ask).collect();
        Ok(ChatResponse { tool_requests, finish: FinishReason::ToolRequests, ..ChatResponse::text("", "m") })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }
}

/// What a try counted.
#[derive(Debug, Default)]
pub(super) struct FlowCounts {
    pub(super) calls: u64,
    pub(super) made_again: u64,
    pub(super) decisions: u64,
}

impl FlowCounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.made_again += other.made_again;
        self.decisions += other.decisions;
    }
}

/// Runs a random flow to its end, through interruptions and questions, and checks all that is to be seen of it.
pub(super) fn try_flow(runtime: &Runtime, random: &mut Rng) -> FlowCounts {
    let flow = Flow::random(random);
    let outside = Arc::new(Outside { due: flow.due.clone(), seen: Mutex::default() });
    let mut world =
        World { plan: flow.plan(), flow: &flow, outside, inner: Arc::default(), run: RunId::generate(), processes: 0 };
    let mut left = random.usize(0..=INTERRUPTIONS + 2);
    let mut waits = 0;
    let result = loop {
        let interruption = (left > 0).then(|| Interruption::random(random, 8 * flow.due.len() as u64));
        left = left.saturating_sub(1);
        let result = runtime.block_on(world.process(interruption));
        match result {
            Some(result) if result.status == RunStatus::Waiting => {
                waits += 1;
                assert!(waits < MOST_WAITS, "the run waits for ever\n{}", flow.text);
                runtime.block_on(world.decide(random));
            }
            Some(result) if result.status != RunStatus::Running => break result,
            _ => assert!(interruption.is_some(), "the run does not end although nothing interrupts it\n{}", flow.text),
        }
    };
    let events = runtime.block_on(world.events());
    world.check(&events, &result);
    let seen = world.outside.seen.lock().unwrap();
    let different: BTreeSet<_> = seen.iter().map(|seen| seen.n).collect();
    let decisions = events.iter().filter(|event| matches!(event.body, EventBody::ApprovalGiven { .. })).count();
    FlowCounts { calls: seen.len() as u64, made_again: (seen.len() - different.len()) as u64, decisions: decisions as u64 }
}

/// What outlives a process.
struct World<'a> {
    plan: Arc<Plan>,
    flow: &'a Flow,
    outside: Arc<Outside>,
    inner: Arc<InMemoryStore>,
    run: RunId,
    processes: usize,
}

impl World<'_> {
    async fn events(&self) -> Vec<Event> {
        let store: Arc<dyn Store> = Arc::clone(&self.inner) as _;
        match read_run(&store, self.run).await {
            Ok(recorded) => recorded.events,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    }

    fn tools(&self) -> Tools {
        let mut toolbox = Toolbox::default();
        for (name, effect) in TOOLS {
            let parameters = json!({ "type": "object" });
            let name = ToolName::new(name).unwrap();
            let spec = ToolSpec { name, description: "Does it.".to_owned(), parameters, effect };
            toolbox.add(Arc::new(Doer { spec, outside: Arc::clone(&self.outside) }));
        }
        let rule = |text: &str| vec![text.parse().unwrap()];
        let rules = Rules { allow: rule("fs:read:free/**"), ask: rule("fs:read:asked/**"), deny: Vec::new() };
        Tools::new(toolbox, Policy::new(rules), BTreeMap::new())
    }

    /// One process that begins the run or goes on with it; `None` when it is killed.
    async fn process(&mut self, interruption: Option<Interruption>) -> Option<RunResult> {
        self.processes += 1;
        let before = self.events().await;
        let seen_before = self.outside.seen.lock().unwrap().len();
        let death = match interruption {
            Some(Interruption::KilledAtEvent(death)) => Some(Death { at: death.at.max(before.len() as u64), ..death }),
            _ => None,
        };
        let store = Arc::new(HaltingStore::new(Arc::clone(&self.inner), death));
        let mut providers = Providers::default();
        let asker = Asker { turns: self.flow.turns.clone(), due: self.flow.due.clone() };
        providers.register(ProviderName::new("openai").unwrap(), Arc::new(asker));
        let models = Arc::new(Models::new(providers, ModelsSettings::default()));
        let engine = Engine::new(Arc::clone(&store) as _, models, EngineSettings::default()).with_tools(Arc::new(self.tools()));
        let options = RunOptions { run: self.run, ..RunOptions::new(IndexMap::new()) };
        let (watcher, stop, plan) = (Arc::new(Watcher::default()), Stop::default(), Arc::clone(&self.plan));
        let driven = async {
            if before.is_empty() {
                engine.run(plan, options, watcher.clone(), stop.clone()).await
            } else {
                engine.resume(plan, options, watcher.clone(), stop.clone()).await
            }
        };
        let interrupted = async {
            match interruption {
                Some(Interruption::KilledAt(after)) => sleep(after / 4).await,
                Some(Interruption::StoppedAt(after, ask)) => {
                    sleep(after / 4).await;
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
        let recorded = Recorded::read(&before);
        let intended = Recorded::read(&events).intended;
        let seen = self.outside.seen.lock().unwrap();
        for Seen { n, key } in &seen[seen_before..] {
            assert!(!recorded.outputs.contains_key(n), "call {n} is made again, though its result was recorded");
            let is_pure = self.flow.due[n].effect == Effect::Pure;
            let keys = intended.get(n);
            assert!(is_pure || keys.is_some_and(|keys| keys.contains(key)), "call {n} is made before its intent is in the log");
        }
        result
    }

    /// A person answers some of what is asked, or all.
    async fn decide(&self, random: &mut Rng) {
        let open = open_questions(&self.events().await);
        assert!(!open.is_empty(), "the run waits, and asks nothing");
        let some = random.usize(1..=open.len());
        let given: Vec<_> = open
            .into_iter()
            .take(some)
            .map(|question| {
                let decisions: &[Decision] = match question.request.question.kind {
                    QuestionKind::Permission => &[Decision::Approve, Decision::Approve, Decision::Reject],
                    QuestionKind::Ambiguous => &[Decision::Rerun, Decision::Rerun, Decision::AssumeDone, Decision::Reject],
                    QuestionKind::Choice => &[],
                };
                let approval = Approval {
                    step: question.request.step,
                    fingerprint: question.request.fingerprint,
                    decision: decisions[random.usize(..decisions.len())],
                    option: None,
                    form: None,
                    by: "ada".to_owned(),
                    comment: None,
                };
                (question.node, question.attempt, approval)
            })
            .collect();
        let store: Arc<dyn Store> = Arc::clone(&self.inner) as _;
        answer(&store, self.run, &this_process(), Duration::from_secs(30), &given).await.unwrap();
    }

    /// Everything that must hold at the end.
    fn check(&self, events: &[Event], result: &RunResult) {
        let text = &self.flow.text;
        let recorded = Recorded::read(events);
        // What only computes is not waited for, and so may be done before the run ends for it.
        let goes_out = |seen: &&Seen| self.flow.due[&seen.n].effect != Effect::Pure;
        let made = self.outside.seen.lock().unwrap().iter().filter(goes_out).count();
        assert!(self.flow.most.is_none_or(|most| made <= most), "{made} calls were made\n{text}");
        let is_whole = result.status == RunStatus::Succeeded;
        let is_spent = result.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Budget) && self.flow.most.is_some();
        assert!(is_whole || is_spent, "{:?}\n{text}", result.error);
        let state = RunState::replay(Arc::clone(&self.plan), &BTreeMap::new(), events).unwrap();
        assert_eq!(state.spend(), result.spend);
        let intents = events.iter().filter(|event| matches!(event.body, EventBody::ToolCalled { .. })).count();
        assert_eq!(result.spend.tool_calls, intents as u64, "{text}");
        assert!(open_questions(events).is_empty(), "{text}");
        for (n, due) in &self.flow.due {
            let told = || format!("call {n}, {due:?}\n{text}");
            let seen = self.outside.of(*n);
            let keys: BTreeSet<_> = seen.iter().map(|seen| &seen.key).collect();
            assert!(keys.len() <= 1, "{} keys: {}", keys.len(), told());
            let decided =
                |decision| recorded.decisions.get(n).map_or(0, |all| all.iter().filter(|one| **one == decision).count());
            let (approved, rejected) = (decided(Decision::Approve), decided(Decision::Reject));
            // A call that is known to have failed is made again, as the node's `retry` says.
            let failures = recorded.failed.get(n).copied().unwrap_or_default();
            let may_be_made = match (due.permitted, due.effect) {
                (Permitted::Never, _) => 0,
                (Permitted::Asked, _) if approved == 0 => 0,
                (_, Effect::Write) => match due.on_ambiguous {
                    OnAmbiguous::Ask => 1 + failures + decided(Decision::Rerun),
                    OnAmbiguous::Rerun => self.processes + failures,
                    OnAmbiguous::AssumeDone => 1 + failures,
                },
                (_, Effect::Pure | Effect::Read | Effect::Idempotent) => self.processes + failures,
            };
            let outputs = outputs_of(&recorded, *n);
            assert!(due.is_flaky || !is_whole || failures == usize::from(outputs.is_empty()), "failed: {}", told());
            assert!(seen.len() <= may_be_made, "made {} times, {may_be_made} were due: {}", seen.len(), told());
            let is_refused = due.permitted == Permitted::Never || rejected > 0;
            match outputs {
                [] => assert!(!is_whole || (is_refused && failures > 0), "no result: {}", told()),
                [Value::Null] => {
                    let is_assumed = due.on_ambiguous == OnAmbiguous::AssumeDone || decided(Decision::AssumeDone) > 0;
                    assert!(is_assumed && due.effect == Effect::Write, "taken for made: {}", told());
                }
                [output] => assert!(*output == json!({ "got": n }) && !seen.is_empty() && !is_refused, "{output}: {}", told()),
                _ => panic!("{} results: {}", outputs.len(), told()),
            }
        }
    }
}

fn outputs_of(recorded: &Recorded, n: u64) -> &[Value] {
    recorded.outputs.get(&n).map_or(&[], Vec::as_slice)
}

/// What a log says of calls, by their numbers.
#[derive(Debug, Default)]
struct Recorded {
    intended: BTreeMap<u64, BTreeSet<String>>,
    outputs: BTreeMap<u64, Vec<Value>>,
    /// How often a call failed.
    failed: BTreeMap<u64, usize>,
    decisions: BTreeMap<u64, Vec<Decision>>,
}

impl Recorded {
    fn read(events: &[Event]) -> Self {
        let mut recorded = Self::default();
        let mut numbers = BTreeMap::new();
        let n = number;
        for event in events {
            match &event.body {
                EventBody::ToolCalled { node, call, .. } => {
                    recorded.intended.entry(n(&call.arguments)).or_default().insert(call.key.clone());
                    numbers.insert((node, call.step), n(&call.arguments));
                }
                EventBody::ToolDenied { node, denial, .. } => {
                    numbers.insert((node, denial.step), n(&denial.arguments));
                }
                EventBody::ApprovalRequested { node, request, .. } => {
                    numbers.insert((node, request.step), n(&request.question.arguments));
                }
                EventBody::ApprovalGiven { node, approval, .. } => {
                    let n = numbers[&(node, approval.step)];
                    recorded.decisions.entry(n).or_default().push(approval.decision);
                }
                EventBody::ToolReturned { node, result, .. } => {
                    let n = numbers[&(node, result.step)];
                    match &result.outcome {
                        ToolOutcome::Output(value) => recorded.outputs.entry(n).or_default().push(value.clone()),
                        ToolOutcome::Failed { .. } => *recorded.failed.entry(n).or_default() += 1,
                    }
                }
                _ => {}
            }
        }
        recorded
    }
}
