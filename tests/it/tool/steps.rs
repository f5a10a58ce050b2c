//! Calls of tools in a conversation and in `tool` nodes: what is checked, what is recorded when, and what is taken from the log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    Error, ErrorKind, Result,
    agent::{
        Answered, Entry, Journal, Models, ModelsSettings, Notice, Recorded, Task, ToolSettings, ToolTask, Tools, call_tool, drive,
    },
    model::{
        Access, AgentName, AgentProfile, Approval, CallRates, ChatRequest, ChatResponse, Decision, Effect, FinishReason,
        ModelRef, NodePath, OnAmbiguous, ProviderName, QuestionKind, Role, RunId, ToolIntent, ToolName, ToolOutcome, ToolPattern,
        ToolRequest, ToolResult, Value,
    },
    provider::{OnText, Provider, Providers},
    store::{self, Synchronous},
    tool::{Grants, Level, Policy, Rules, Tool, ToolOutput, Toolbox},
};
use async_trait::async_trait;
use serde_json::json;

use crate::tool::probe::Probe;

/// A model that answers in turn: a text, or calls of tools.
#[derive(Debug)]
struct Script {
    answers: Mutex<VecDeque<Vec<(&'static str, &'static str)>>>,
    asked: Mutex<Vec<ChatRequest>>,
}

#[async_trait]
impl Provider for Script {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        self.asked.lock().unwrap().push(request.clone());
        let calls = self.answers.lock().unwrap().pop_front().unwrap_or_default();
        let tool_requests: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(at, (name, arguments))| ToolRequest {
                id: format!("call_{at}"),
                name: (*name).to_owned(),
                arguments: (*arguments).to_owned(),
            })
            .collect();
        let (content, finish) = if tool_requests.is_empty() {
            ("done".to_owned(), FinishReason::Stop)
        } else {
            (String::new(), FinishReason::ToolRequests)
        };
        Ok(ChatResponse { content, tool_requests, finish, usage: None, model: request.model.clone() })
    }

    fn price(&self, _model: &str) -> Option<agentflow::model::Price> {
        None
    }
}

/// Keeps entries as the log would.
#[derive(Debug, Default)]
struct Log {
    entries: Mutex<Vec<(bool, Entry)>>,
}

#[async_trait]
impl Journal for Log {
    async fn record(&self, entry: Entry) -> Result<()> {
        self.entries.lock().unwrap().push((true, entry));
        Ok(())
    }

    fn note(&self, entry: Entry) {
        self.entries.lock().unwrap().push((false, entry));
    }

    fn on_call(&self, _ordinal: u32) {}

    fn on_text(&self, _text: &str) {}

    fn on_notice(&self, _notice: Notice) {}
}

impl Log {
    /// `answer`, `intent 0.1`, …; with a `!` when it was waited for.
    fn heard(&self) -> Vec<String> {
        let entries = self.entries.lock().unwrap();
        let told = |(waited, entry): &(bool, Entry)| {
            let mark = if *waited { "!" } else { "" };
            match entry {
                Entry::Answer(call) => format!("answer {}{mark}", call.ordinal),
                Entry::Intent(intent) => format!("intent {}{mark}", intent.step),
                Entry::Result(result) => format!("result {}{mark}", result.step),
                Entry::Denial(denial) => format!("denial {}{mark}", denial.step),
                Entry::Question(request) => format!("question {}{mark}", request.step),
            }
        };
        entries.iter().map(told).collect()
    }

    /// The log after the first `count` entries.
    fn recorded(&self, count: usize) -> Recorded {
        let mut recorded = Recorded::default();
        for (_, entry) in self.entries.lock().unwrap().iter().take(count).cloned() {
            match entry {
                Entry::Answer(call) => recorded.take_call(call),
                Entry::Intent(intent) => recorded.take_intent(intent),
                Entry::Result(result) => recorded.take_result(result),
                Entry::Question(request) => recorded.take_question(request),
                Entry::Denial(_) => {}
            }
        }
        recorded
    }

    fn all(&self) -> Recorded {
        self.recorded(usize::MAX)
    }

    fn results(&self) -> Vec<ToolResult> {
        let entries = self.entries.lock().unwrap();
        entries
            .iter()
            .filter_map(|(_, entry)| if let Entry::Result(result) = entry { Some(result.clone()) } else { None })
            .collect()
    }

    fn intents(&self) -> Vec<ToolIntent> {
        let entries = self.entries.lock().unwrap();
        entries
            .iter()
            .filter_map(|(_, entry)| if let Entry::Intent(intent) = entry { Some(intent.clone()) } else { None })
            .collect()
    }

    fn failure(&self) -> String {
        match &self.results()[0].outcome {
            ToolOutcome::Failed { told, .. } => told.clone(),
            ToolOutcome::Output(value) => panic!("it did not fail: {value}"),
        }
    }
}

/// An agent with tools, and the world around it.
struct Lab {
    run: RunId,
    profile: AgentProfile,
    model: ModelRef,
    node: NodePath,
    patterns: Vec<ToolPattern>,
    grants: Arc<Grants>,
    on_ambiguous: Option<OnAmbiguous>,
    tools: Tools,
}

fn docs() -> Access {
    Access::Read { path: "docs/a.md".to_owned() }
}

impl Lab {
    fn new(probes: &[&Arc<Probe>]) -> Self {
        let rules = Rules { allow: vec!["fs:read:docs/**".parse().unwrap()], ..Rules::default() };
        Self::with(probes, rules, BTreeMap::new())
    }

    fn with(probes: &[&Arc<Probe>], rules: Rules, settings: BTreeMap<String, ToolSettings>) -> Self {
        let mut toolbox = Toolbox::default();
        for probe in probes {
            toolbox.add(Arc::clone(probe) as Arc<dyn Tool>);
        }
        let permissions = ["fs:read:**", "net:x.example"].map(|text| text.parse().unwrap()).to_vec();
        let level = Level { owner: "agent `worker`".to_owned(), permissions };
        let rules = Rules { allow: [rules.allow, vec!["net:x.example".parse().unwrap()]].concat(), ..rules };
        Self {
            run: RunId::generate(),
            profile: AgentProfile {
                name: AgentName::new("worker").unwrap(),
                description: None,
                capabilities: Vec::new(),
                model: None,
                fallback: Vec::new(),
                system: None,
                temperature: None,
                max_tokens: None,
                max_turns: None,
                timeout: None,
                max_concurrent: None,
                rates: CallRates::default(),
                tools: Vec::new(),
                permissions: None,
            },
            model: "lab/small".parse().unwrap(),
            node: NodePath::new("work"),
            patterns: vec![ToolPattern::new("*").unwrap()],
            grants: Arc::new(Grants { levels: vec![level], always_ask: false }),
            on_ambiguous: None,
            tools: Tools::new(toolbox, Policy::new(rules), settings),
        }
    }

    async fn converse(
        &self,
        answers: &[&[(&'static str, &'static str)]],
        recorded: &Recorded,
        log: &Log,
    ) -> (Answered, Arc<Script>) {
        let answers = answers.iter().map(|calls| calls.to_vec()).collect();
        let script = Arc::new(Script { answers: Mutex::new(answers), asked: Mutex::default() });
        let mut providers = Providers::default();
        providers.register(ProviderName::new("lab").unwrap(), Arc::clone(&script) as Arc<dyn Provider>);
        let models = Models::new(providers, ModelsSettings::default());
        let task = Task {
            run: self.run,
            node: &self.node,
            attempt: 1,
            agent: &self.profile,
            model: &self.model,
            chain: vec![&self.model],
            patience: Duration::ZERO,
            system: None,
            prompt: "Work.".to_owned(),
            output: None,
            temperature: None,
            max_tokens: None,
            max_turns: 3,
            tools: &self.patterns,
            grants: &self.grants,
            on_ambiguous: self.on_ambiguous,
            secret_key: "",
            call_timeout: Duration::from_secs(60),
            recall: None,
            remember: None,
            conversation: None,
        };
        (drive(task, &models, &self.tools, recorded, log).await, script)
    }

    async fn node(&self, tool: &str, arguments: Value, recorded: &Recorded, log: &Log) -> Result<Value> {
        let name = ToolName::new(tool).unwrap();
        let task = ToolTask {
            run: self.run,
            node: &self.node,
            tool: &name,
            arguments,
            output: None,
            grants: &self.grants,
            on_ambiguous: self.on_ambiguous,
            secret_key: "",
        };
        call_tool(task, &self.tools, recorded, log).await.outcome
    }
}

/// What the model was told in the last request, by tools.
fn told(script: &Script) -> Vec<String> {
    let asked = script.asked.lock().unwrap();
    let messages = asked.last().unwrap().messages.iter();
    messages.filter(|message| message.role == Role::Tool).map(|message| message.content.clone()).collect()
}

fn approval(log: &Log, decision: Decision) -> Approval {
    let recorded = log.all();
    let request = recorded.questions().next().expect("a person is asked");
    Approval {
        step: request.step,
        fingerprint: request.fingerprint.clone(),
        decision,
        option: None,
        form: None,
        by: "ada".to_owned(),
        comment: None,
    }
}

#[tokio::test]
async fn calls_of_one_answer_are_made_together_and_told_in_order() {
    let (one, two) = (Arc::new(Probe::new("one", Effect::Read)), Arc::new(Probe::new("two", Effect::Read)));
    let (lab, log) = (Lab::new(&[&one, &two]), Log::default());
    let answers: &[&[_]] = &[&[("two", r#"{"n": 2}"#), ("one", r#"{"n": 1}"#), ("two", r#"{"n": 3}"#)]];
    let (answered, script) = lab.converse(answers, &Recorded::default(), &log).await;
    assert_eq!(answered.outcome.unwrap(), "done");
    assert_eq!(told(&script), [r#"{"got":2}"#, r#"{"got":1}"#, r#"{"got":3}"#]);
    let offered: Vec<_> = script.asked.lock().unwrap()[0].tools.iter().map(|tool| tool.name.to_string()).collect();
    assert_eq!(offered, ["one", "two"]);
    let mut heard = log.heard();
    assert_eq!(heard.remove(0), "answer 0");
    heard.sort();
    assert_eq!(heard, ["intent 0.0!", "intent 0.1!", "intent 0.2!", "result 0.0!", "result 0.1!", "result 0.2!"]);
}

#[tokio::test]
async fn what_only_computes_is_not_waited_for_before_it_is_made() {
    let probe = Arc::new(Probe::new("sum", Effect::Pure));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    lab.converse(&[&[("sum", r#"{"n": 1}"#)]], &Recorded::default(), &log).await.0.outcome.unwrap();
    assert_eq!(log.heard(), ["answer 0", "intent 0.0", "result 0.0!"]);
}

#[tokio::test]
async fn a_model_that_invents_tools_or_arguments_is_told_and_nothing_is_called() {
    let probe = Arc::new(Probe::new("one", Effect::Write));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    let answers: &[&[_]] = &[&[("wipe", "{}"), ("one", "{n: 1}"), ("one", r#"{"n": "x", "m": 1}"#), ("one", "")]];
    let (answered, script) = lab.converse(answers, &Recorded::default(), &log).await;
    assert_eq!(answered.outcome.unwrap(), "done");
    let told = told(&script);
    assert_eq!(told[0], "The call failed: there is no tool `wipe`; the tools are `one`.");
    assert!(told[1].starts_with("The call failed: the arguments are no JSON: "), "{}", told[1]);
    assert!(told[2].contains("do not fit `one`") && told[2].contains("at /n") && told[2].contains("'m'"), "{}", told[2]);
    assert!(told[3].contains("\"n\" is a required property"), "{}", told[3]);
    assert!(probe.calls().is_empty() && log.intents().is_empty());
}

#[tokio::test]
async fn a_denied_call_is_recorded_and_told_and_not_made() {
    let secret = Access::Read { path: "secrets/key".to_owned() };
    let probe = Arc::new(Probe::new("read", Effect::Read).touches(secret));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    let (answered, script) = lab.converse(&[&[("read", r#"{"n": 1}"#)]], &Recorded::default(), &log).await;
    assert_eq!(answered.outcome.unwrap(), "done");
    assert_eq!(told(&script), ["The call failed: `fs:read:secrets/key` is not permitted: the policy does not allow it."]);
    assert_eq!(log.heard(), ["answer 0", "denial 0.0", "result 0.0!"]);
    assert!(probe.calls().is_empty());
    let error = lab.node("read", json!({"n": 1}), &Recorded::default(), &Log::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hints()[0].contains("--allow 'fs:read:secrets/key'"), "{:?}", error.hints());
}

#[tokio::test]
async fn what_the_log_has_is_not_called_again() {
    let probe = Arc::new(Probe::new("one", Effect::Write));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    let answers: &[&[_]] = &[&[("one", r#"{"n": 1}"#), ("one", r#"{"n": 2}"#)]];
    lab.converse(answers, &Recorded::default(), &log).await.0.outcome.unwrap();
    assert_eq!(probe.calls().len(), 2);
    let (again, script) = lab.converse(&[], &log.all(), &Log::default()).await;
    assert_eq!(again.outcome.unwrap(), "done");
    assert_eq!((probe.calls().len(), script.asked.lock().unwrap().len()), (2, 1));
    assert_eq!(told(&script), [r#"{"got":1}"#, r#"{"got":2}"#]);
}

#[tokio::test]
async fn a_log_with_the_result_of_another_call_is_divergent() {
    let probe = Arc::new(Probe::new("one", Effect::Read));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    lab.node("one", json!({"n": 1}), &Recorded::default(), &log).await.unwrap();
    let error = lab.node("one", json!({"n": 2}), &log.all(), &Log::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Divergent);
    let error = lab.node("one", json!({"n": 2}), &log.recorded(1), &Log::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Divergent);
}

#[tokio::test]
async fn a_lost_call_that_may_be_repeated_is_made_again_with_its_key() {
    for effect in [Effect::Read, Effect::Idempotent] {
        let probe = Arc::new(Probe::new("one", effect));
        let (lab, log) = (Lab::new(&[&probe]), Log::default());
        lab.node("one", json!({"n": 1}), &Recorded::default(), &log).await.unwrap();
        // Died after the intent, before the result.
        lab.node("one", json!({"n": 1}), &log.recorded(1), &Log::default()).await.unwrap();
        let keys = probe.keys();
        assert_eq!((keys.len(), &keys[0]), (2, &keys[1]), "{effect:?}");
    }
}

#[tokio::test]
async fn a_lost_call_that_changes_the_world_is_asked_about_each_time() {
    let probe = Arc::new(Probe::new("one", Effect::Write));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    lab.node("one", json!({"n": 1}), &Recorded::default(), &log).await.unwrap();
    let second = Log::default();
    let mut recorded = log.recorded(1);
    let error = lab.node("one", json!({"n": 1}), &recorded, &second).await.unwrap_err();
    assert_eq!((error.kind(), probe.calls().len()), (ErrorKind::Waiting, 1));
    assert_eq!(second.all().questions().next().unwrap().question.kind, QuestionKind::Ambiguous);
    // Asked once only.
    recorded.take_question(second.all().questions().next().unwrap().clone());
    let third = Log::default();
    lab.node("one", json!({"n": 1}), &recorded, &third).await.unwrap_err();
    assert!(third.heard().is_empty());
    // An answer to a question of another kind is none.
    recorded.take_approval(approval(&second, Decision::Approve));
    assert_eq!(recorded.questions().count(), 1);
    recorded.take_approval(approval(&second, Decision::Rerun));
    let fourth = Log::default();
    lab.node("one", json!({"n": 1}), &recorded, &fourth).await.unwrap();
    assert_eq!((fourth.heard().join(" "), probe.calls().len()), ("intent 0.0! result 0.0!".to_owned(), 2));
    // Died once more during the call that was approved: that approval is used up.
    recorded.take_intent(fourth.intents()[0].clone());
    let error = lab.node("one", json!({"n": 1}), &recorded, &Log::default()).await.unwrap_err();
    assert_eq!((error.kind(), probe.calls().len()), (ErrorKind::Waiting, 2));
}

#[tokio::test]
async fn a_lost_call_counts_as_made_where_that_is_wanted() {
    let probe = Arc::new(Probe::new("one", Effect::Write));
    let (mut lab, log) = (Lab::new(&[&probe]), Log::default());
    lab.on_ambiguous = Some(OnAmbiguous::AssumeDone);
    lab.node("one", json!({"n": 1}), &Recorded::default(), &log).await.unwrap();
    let second = Log::default();
    assert_eq!(lab.node("one", json!({"n": 1}), &log.recorded(1), &second).await.unwrap(), Value::Null);
    assert_eq!((probe.calls().len(), second.results()[0].notes.len()), (1, 1));
    lab.on_ambiguous = Some(OnAmbiguous::Rerun);
    lab.node("one", json!({"n": 1}), &log.recorded(1), &Log::default()).await.unwrap();
    assert_eq!(probe.calls().len(), 2);
}

#[tokio::test]
async fn where_the_policy_asks_nothing_is_called_before_a_person_approves_exactly_that() {
    let probe = Arc::new(Probe::new("read", Effect::Read).touches(docs()));
    let rules = Rules { ask: vec!["fs:read:docs/**".parse().unwrap()], ..Rules::default() };
    let (lab, log) = (Lab::with(&[&probe], rules, BTreeMap::new()), Log::default());
    let answers: &[&[_]] = &[&[("read", r#"{"n": 1}"#)]];
    let (answered, _) = lab.converse(answers, &Recorded::default(), &log).await;
    assert_eq!(answered.outcome.unwrap_err().kind(), ErrorKind::Waiting);
    assert_eq!(log.heard(), ["answer 0", "question 0.0"]);
    let question = log.all().questions().next().unwrap().question.clone();
    assert_eq!((question.kind, question.arguments, question.accesses), (QuestionKind::Permission, json!({"n": 1}), vec![docs()]));

    let mut approved = log.all();
    approved.take_approval(approval(&log, Decision::Approve));
    let second = Log::default();
    lab.converse(&[], &approved, &second).await.0.outcome.unwrap();
    assert_eq!(probe.calls(), [json!({"n": 1})]);
    assert!(second.intents()[0].approved);

    let mut rejected = log.all();
    rejected.take_approval(Approval { comment: Some("not that file".to_owned()), ..approval(&log, Decision::Reject) });
    let (answered, script) = lab.converse(&[], &rejected, &Log::default()).await;
    assert_eq!(answered.outcome.unwrap(), "done");
    assert_eq!(told(&script), ["The call failed: a person did not approve this call: not that file."]);
    assert_eq!(probe.calls().len(), 1);

    // Another call than the one that was approved: the approval is no good for it.
    let mut other = Recorded::default();
    other.take_question(log.all().questions().next().unwrap().clone());
    other.take_approval(approval(&log, Decision::Approve));
    let error = lab.node("read", json!({"n": 2}), &other, &Log::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Waiting);
}

#[tokio::test]
async fn a_tool_that_fails_is_told_without_what_is_for_people() {
    let error = Error::new(ErrorKind::Transient, "the server did not answer").hint("look at /etc/x").source("os error 111");
    let probe = Arc::new(Probe::new("one", Effect::Read).gives([Err(error)]));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    let (answered, script) = lab.converse(&[&[("one", r#"{"n": 1}"#)]], &Recorded::default(), &log).await;
    assert_eq!(answered.outcome.unwrap(), "done");
    assert_eq!(told(&script), ["The call failed: the server did not answer."]);
    let ToolOutcome::Failed { error, .. } = &log.results()[0].outcome else { panic!("{:?}", log.results()) };
    assert!(error.message.contains("os error 111") && error.hints == ["look at /etc/x"], "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_is_cut_off() {
    let probe = Arc::new(Probe::new("one", Effect::Write).hangs());
    let settings = ToolSettings { timeout: Some(Duration::from_secs(5)), ..ToolSettings::default() };
    let lab = Lab::with(&[&probe], Rules::default(), BTreeMap::from([("one".to_owned(), settings)]));
    let log = Log::default();
    let (answered, script) = lab.converse(&[&[("one", r#"{"n": 1}"#)]], &Recorded::default(), &log).await;
    assert_eq!(answered.outcome.unwrap(), "done");
    assert!(
        told(&script)[0].contains("did not answer within 5s; what it does may have happened all the same"),
        "{:?}",
        told(&script)
    );
    assert_eq!(log.failure(), "`one` did not answer within 5s; what it does may have happened all the same");
}

#[tokio::test]
async fn a_flood_is_cut_at_a_character_and_says_so() {
    let flood = ToolOutput::new("ä".repeat(1_000));
    let list = ToolOutput::new(json!(vec!["x".repeat(50); 50]));
    let probe = Arc::new(Probe::new("one", Effect::Read).gives([Ok(flood), Ok(list)]));
    let settings = ToolSettings { max_output: Some(101), ..ToolSettings::default() };
    let lab = Lab::with(&[&probe], Rules::default(), BTreeMap::from([("one".to_owned(), settings)]));
    let log = Log::default();
    let cut = lab.node("one", json!({"n": 1}), &Recorded::default(), &log).await.unwrap();
    assert_eq!(cut, "ä".repeat(50));
    assert_eq!(log.results()[0].notes, ["the result was cut: 100 of 2000 bytes are shown"]);
    let cut = lab.node("one", json!({"n": 2}), &Recorded::default(), &Log::default()).await.unwrap();
    assert_eq!(cut.as_str().map(str::len), Some(101));
}

#[tokio::test]
async fn results_of_tools_that_read_are_kept_for_the_same_arguments() {
    for (effect, calls) in [(Effect::Read, 2), (Effect::Write, 3)] {
        let probe = Arc::new(Probe::new("one", effect));
        let settings = ToolSettings { cache: Some(Duration::from_secs(3_600)), ..ToolSettings::default() };
        let lab = Lab::with(&[&probe], Rules::default(), BTreeMap::from([("one".to_owned(), settings)]));
        lab.tools.keep_in(&store::open("memory:", Synchronous::Full).await.unwrap());
        let mut cached = Vec::new();
        for n in [1, 1, 2] {
            let log = Log::default();
            let value = lab.node("one", json!({"n": n}), &Recorded::default(), &log).await.unwrap();
            assert_eq!(value, json!({"got": n}));
            cached.push(log.results()[0].cached);
        }
        assert_eq!((probe.calls().len(), cached[1]), (calls, effect == Effect::Read), "{effect:?}");
    }
}

#[tokio::test]
async fn failures_are_not_kept() {
    let probe = Arc::new(Probe::new("one", Effect::Read).gives([Err(Error::new(ErrorKind::Transient, "down"))]));
    let settings = ToolSettings { cache: Some(Duration::from_secs(3_600)), ..ToolSettings::default() };
    let lab = Lab::with(&[&probe], Rules::default(), BTreeMap::from([("one".to_owned(), settings)]));
    lab.tools.keep_in(&store::open("memory:", Synchronous::Full).await.unwrap());
    lab.node("one", json!({"n": 1}), &Recorded::default(), &Log::default()).await.unwrap_err();
    assert_eq!(lab.node("one", json!({"n": 1}), &Recorded::default(), &Log::default()).await.unwrap(), json!({"got": 1}));
}

#[tokio::test]
async fn the_turns_bound_how_often_tools_may_be_asked_for() {
    let probe = Arc::new(Probe::new("one", Effect::Read));
    let (lab, log) = (Lab::new(&[&probe]), Log::default());
    let again: &[_] = &[("one", r#"{"n": 1}"#)];
    let (answered, script) = lab.converse(&[again, again, again, again], &Recorded::default(), &log).await;
    let error = answered.outcome.unwrap_err();
    assert_eq!((error.kind(), script.asked.lock().unwrap().len(), probe.calls().len()), (ErrorKind::Budget, 3, 2));
}

#[tokio::test]
async fn a_tool_node_whose_result_is_not_what_it_wants_fails() {
    let probe = Arc::new(Probe::new("one", Effect::Read));
    let lab = Lab::new(&[&probe]);
    let (name, schema) = (ToolName::new("one").unwrap(), json!({"type": "string"}));
    let task = ToolTask {
        run: lab.run,
        node: &lab.node,
        tool: &name,
        arguments: json!({"n": 1}),
        output: Some(&schema),
        grants: &lab.grants,
        on_ambiguous: None,
        secret_key: "",
    };
    let error = call_tool(task, &lab.tools, &Recorded::default(), &Log::default()).await.outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(lab.node("none", json!({}), &Recorded::default(), &Log::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn simulated_tools_touch_nothing_and_need_no_permission() {
    let (write, sum) = (Arc::new(Probe::new("write", Effect::Write).touches(docs())), Arc::new(Probe::new("sum", Effect::Pure)));
    let lab = Lab::with(&[&write, &sum], Rules::default(), BTreeMap::new());
    let lab = Lab { tools: lab.tools.simulated(), ..lab };
    let answers: &[&[_]] = &[&[("write", r#"{"n": 1}"#), ("sum", r#"{"n": 2}"#)]];
    let (answered, script) = lab.converse(answers, &Recorded::default(), &Log::default()).await;
    assert_eq!(answered.outcome.unwrap(), "done");
    assert!(told(&script)[0].contains("simulated"), "{:?}", told(&script));
    assert_eq!((write.calls().len(), sum.calls().len()), (0, 1));
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_left_alone_whichever_tool_asks() {
    let server = || Access::Net { secure: true, host: "x.example".to_owned(), port: 443 };
    let down = || Err(Error::new(ErrorKind::Transient, "down"));
    let (one, two) = (Probe::new("one", Effect::Read).touches(server()), Probe::new("two", Effect::Read).touches(server()));
    let (one, two) = (Arc::new(one.gives((0..5).map(|_| down()))), Arc::new(two));
    let rules = Rules { allow: vec!["net:x.example".parse().unwrap()], ..Rules::default() };
    let mut lab = Lab::with(&[&one, &two], rules, BTreeMap::new());
    let level = Level { owner: "agent `worker`".to_owned(), permissions: vec!["net:x.example".parse().unwrap()] };
    lab.grants = Arc::new(Grants { levels: vec![level], always_ask: false });
    for n in 0..5 {
        let error = lab.node("one", json!({"n": n}), &Recorded::default(), &Log::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
    }
    let log = Log::default();
    let error = lab.node("two", json!({"n": 1}), &Recorded::default(), &log).await.unwrap_err();
    assert_eq!((error.kind(), two.calls().len()), (ErrorKind::CircuitOpen, 0));
    assert_eq!(log.failure(), "the server `x.example:443` failed too often and is left alone for a while: do without it");
    assert_eq!(log.heard(), ["result 0.0!"]);
}
