//! Runs of small workflows over the mock provider and the in-memory store, told as sentences.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    agent::{Models, ModelsSettings, Tools},
    diagnostic::DiskFiles,
    engine::{Clock, Delegates, Engine, EngineSettings, Observer, Progress, RunOptions, RunResult, Stop, read_run},
    error::Result,
    model::{Event, EventBody, Origin, RunId, RunStatus, Value},
    plan::{CompileOptions, ManifestChoice, Plan, compile_text},
    provider::{MockAnswer, MockProvider, MockSettings, Provider, Providers},
    store::{InMemoryStore, Store, this_process},
    tool::{Policy, Rules, Toolbox},
};
use indexmap::IndexMap;
use serde_json::json;

/// Compiles a workflow that is expected to be right.
#[track_caller]
pub(crate) fn plan(yaml: &str) -> Arc<Plan> {
    let compiled =
        compile_text(Path::new("flow.yaml"), yaml.to_owned(), ManifestChoice::None, &DiskFiles, &CompileOptions::default());
    match compiled.plan {
        Some(plan) => Arc::new(plan),
        None => panic!("{:#?}", compiled.diagnostics),
    }
}

/// A workflow to run, with what its agents answer.
pub(crate) struct Flow {
    pub(crate) plan: Arc<Plan>,
    answers: BTreeMap<String, Vec<MockAnswer>>,
    inputs: IndexMap<String, Value>,
    latency: Duration,
    provider: Option<Arc<dyn Provider>>,
    toolbox: Toolbox,
    rules: Rules,
    tools: Arc<Tools>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) run: RunId,
    pub(crate) stop: Stop,
    pub(crate) origin: Option<Origin>,
}

impl Flow {
    #[track_caller]
    pub(crate) fn new(yaml: &str) -> Self {
        Self::of(plan(yaml))
    }

    pub(crate) fn of(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            answers: BTreeMap::new(),
            inputs: IndexMap::new(),
            latency: Duration::ZERO,
            provider: None,
            toolbox: Toolbox::default(),
            rules: Rules::default(),
            tools: Arc::default(),
            store: Arc::new(InMemoryStore::default()),
            run: RunId::generate(),
            stop: Stop::default(),
            origin: None,
        }
    }

    /// The next answer of a node or agent.
    pub(crate) fn answer(mut self, who: &str, answer: impl Into<Value>) -> Self {
        self.answers.entry(who.to_owned()).or_default().push(MockAnswer::Value(answer.into()));
        self
    }

    /// The next `times` calls of a node or agent fail with `status`.
    pub(crate) fn fail(self, who: &str, status: u16, times: usize) -> Self {
        (0..times).fold(self, |flow, _| flow.scripted(who, json!({"error": {"status": status}})))
    }

    /// The next call of a node or agent ends as the script of a mock provider says.
    pub(crate) fn scripted(mut self, who: &str, script: Value) -> Self {
        self.answers.entry(who.to_owned()).or_default().push(MockAnswer::from_value(script).unwrap());
        self
    }

    /// The first `count` answers of a node or agent were given before.
    pub(crate) fn without_answers(mut self, who: &str, count: usize) -> Self {
        self.answers.entry(who.to_owned()).or_default().drain(..count);
        self
    }

    pub(crate) fn input(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.inputs.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Lets `provider` answer instead of the mock.
    pub(crate) fn provider(mut self, provider: Arc<dyn Provider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// What its nodes may call.
    pub(crate) fn tools(mut self, tools: Tools) -> Self {
        self.tools = Arc::new(tools);
        self
    }

    pub(crate) fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// What the nodes of a workflow that calls agents or workflows may call besides, under these rules.
    pub(crate) fn toolbox(self, toolbox: Toolbox, rules: Rules) -> Self {
        Self { toolbox, rules, ..self }
    }

    pub(crate) fn engine(&self) -> Engine {
        let settings = MockSettings { seed: 1, latency: self.latency, answers: self.answers.clone(), ..MockSettings::default() };
        let mut providers = Providers::default();
        providers.answer_everything_by(self.provider.clone().unwrap_or_else(|| Arc::new(MockProvider::new(settings))));
        let models = Models::new(providers, ModelsSettings::default());
        let engine = Engine::new(Arc::clone(&self.store), Arc::new(models), EngineSettings::default());
        if self.plan.delegates.is_empty() {
            return engine.with_tools(Arc::clone(&self.tools));
        }
        let delegates = Delegates::of(&self.plan, &Value::Null, &BTreeMap::new());
        let mut toolbox = self.toolbox.clone();
        delegates.put_into(&mut toolbox);
        let tools = Tools::new(toolbox, Policy::new(self.rules.clone()), BTreeMap::new());
        let tools = if self.provider.is_none() { tools.simulated() } else { tools };
        let engine = engine.with_tools(Arc::new(tools));
        delegates.run_by(&engine);
        engine
    }

    pub(crate) fn options(&self) -> RunOptions {
        RunOptions {
            run: self.run,
            owner: this_process(),
            clock: Clock::start(),
            inputs: self.plan.complete_inputs(self.inputs.clone()).unwrap(),
            settings: Value::Null,
            env: BTreeMap::new(),
            origin: self.origin.clone(),
            parent: None,
            revision: None,
            asks_people: false,
        }
    }

    pub(crate) async fn run(&self) -> Ran {
        let watcher = Arc::new(Watcher::default());
        let result = self.engine().run(Arc::clone(&self.plan), self.options(), watcher.clone(), self.stop.clone()).await;
        self.ran(result.unwrap(), &watcher).await
    }

    pub(crate) async fn resume(&self) -> Ran {
        let watcher = Arc::new(Watcher::default());
        let result = self.try_resume(watcher.clone()).await;
        self.ran(result.unwrap(), &watcher).await
    }

    pub(crate) async fn try_resume(&self, watcher: Arc<Watcher>) -> Result<RunResult> {
        self.engine().resume(Arc::clone(&self.plan), self.options(), watcher, Stop::default()).await
    }

    async fn ran(&self, result: RunResult, watcher: &Watcher) -> Ran {
        let events = read_run(&self.store, self.run).await.unwrap().events;
        Ran { result, events, calls: watcher.calls(), shown: watcher.shown.lock().unwrap().clone() }
    }
}

/// Notes what an engine shows.
#[derive(Default)]
pub(crate) struct Watcher {
    calls: Mutex<Vec<String>>,
    shown: Mutex<Vec<Event>>,
}

impl Watcher {
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl Observer for Watcher {
    fn on_event(&self, _run: RunId, event: &Event) {
        self.shown.lock().unwrap().push(event.clone());
    }

    fn on_progress(&self, _run: RunId, progress: &Progress<'_>) {
        if let Progress::CallStarted { node, ordinal } = progress {
            self.calls.lock().unwrap().push(format!("{node}#{ordinal}"));
        }
    }
}

/// A run that the engine has let go of.
pub(crate) struct Ran {
    pub(crate) result: RunResult,
    pub(crate) events: Vec<Event>,
    /// The calls that left the engine, `node#ordinal`, in order.
    pub(crate) calls: Vec<String>,
    pub(crate) shown: Vec<Event>,
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.result.status, RunStatus::Succeeded, "{:?}", self.result.error);
        self
    }

    #[track_caller]
    pub(crate) fn failed(self, message: &str) -> Self {
        assert_eq!(self.result.status, RunStatus::Failed);
        assert_eq!(self.result.error.as_ref().map(|error| error.message.as_str()), Some(message));
        self
    }

    #[track_caller]
    pub(crate) fn output(self, name: &str, expected: impl Into<Value>) -> Self {
        assert_eq!(self.result.outputs.get(name), Some(&expected.into()), "output `{name}` of {:?}", self.result.outputs);
        self
    }

    /// Each node with the way it ended, in the order of ending.
    pub(crate) fn endings(&self) -> Vec<String> {
        let ending = |event: &Event| match &event.body {
            EventBody::NodeSucceeded { node, .. } => Some(format!("{node} succeeded")),
            EventBody::NodeFailed { node, .. } => Some(format!("{node} failed")),
            EventBody::NodeSkipped { node, .. } => Some(format!("{node} skipped")),
            EventBody::NodeCancelled { node } => Some(format!("{node} cancelled")),
            _ => None,
        };
        self.events.iter().filter_map(ending).collect()
    }

    #[track_caller]
    pub(crate) fn ended(self, expected: &[&str]) -> Self {
        assert_eq!(self.endings(), expected);
        self
    }

    /// How the nodes ended, sorted: for runs whose order is not the point.
    #[track_caller]
    pub(crate) fn ended_in_any_order(self, expected: &[&str]) -> Self {
        let mut endings = self.endings();
        endings.sort();
        assert_eq!(endings, expected);
        self
    }

    #[track_caller]
    pub(crate) fn attempts(self, node: &str, expected: usize) -> Self {
        let is_start =
            |event: &&Event| matches!(&event.body, EventBody::AttemptStarted { node: started, .. } if started.as_str() == node);
        assert_eq!(self.events.iter().filter(is_start).count(), expected, "attempts of `{node}`");
        self
    }
}
