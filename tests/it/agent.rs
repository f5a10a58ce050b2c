//! Agents at work: what is asked, what is recorded, and what an attempt comes to.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentflow::{
    Error, ErrorKind, Result,
    agent::{
        Answered, Call, CallLimits, CallRecord, Called, Entry, Journal, Models, ModelsSettings, Notice, ProviderLimits, Recorded,
        Task, Tools, drive,
    },
    model::{
        AgentName, AgentProfile, CallRates, ChatRequest, ChatResponse, Cost, FinishReason, ModelRef, NodeId, NodePath, Price,
        ProviderName, RunId, Usage, Value,
    },
    provider::{MockProvider, MockSettings, OnText, Provider, Providers},
    resilience::Rate,
    tool::Grants,
};
use async_trait::async_trait;
use serde_json::json;
use tokio::time::Instant;

use crate::provider::request;

/// Answers in turn, after `delay`, and counts how many calls are in flight.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Result<String>>>,
    asked: Mutex<Vec<ChatRequest>>,
    delay: Duration,
    price: Option<Price>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<String>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    fn says(answers: &[&str]) -> Arc<Self> {
        Self::new(answers.iter().map(|answer| Ok((*answer).to_owned())))
    }
}

#[async_trait]
impl Provider for Script {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        self.asked.lock().unwrap().push(request.clone());
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.delay).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let content = self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok("more".to_owned()))?;
        on_text(&content);
        let usage = Some(Usage { input_tokens: 1_000_000, cached_tokens: 0, output_tokens: 0 });
        Ok(ChatResponse { content, tool_requests: Vec::new(), finish: FinishReason::Stop, usage, model: request.model.clone() })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        self.price
    }
}

/// Remembers what it was told, in order.
#[derive(Debug, Default)]
struct Notes {
    heard: Mutex<Vec<String>>,
    recorded: Mutex<Vec<CallRecord>>,
    is_broken: bool,
}

#[async_trait]
impl Journal for Notes {
    async fn record(&self, entry: Entry) -> Result<()> {
        let Entry::Answer(call) = entry else { panic!("there are no tools here: {entry:?}") };
        if self.is_broken {
            return Err(Error::new(ErrorKind::StoreUnavailable, "the disk is full"));
        }
        self.heard.lock().unwrap().push(format!("record {}", call.ordinal));
        self.recorded.lock().unwrap().push(call);
        Ok(())
    }

    fn note(&self, entry: Entry) {
        panic!("there are no tools here: {entry:?}");
    }

    fn on_call(&self, ordinal: u32) {
        self.heard.lock().unwrap().push(format!("call {ordinal}"));
    }

    fn on_text(&self, text: &str) {
        self.heard.lock().unwrap().push(format!("text {text}"));
    }

    fn on_notice(&self, notice: Notice) {
        self.heard.lock().unwrap().push(format!("{notice:?}"));
    }
}

struct Agent {
    profile: AgentProfile,
    model: ModelRef,
    node: NodePath,
    output: Option<Value>,
    grants: Arc<Grants>,
}

impl Agent {
    fn new() -> Self {
        let profile = AgentProfile {
            name: AgentName::new("judge").unwrap(),
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
        };
        Self {
            profile,
            model: "lab/small".parse().unwrap(),
            node: NodePath::root(&NodeId::new("verdict").unwrap()),
            output: None,
            grants: Arc::default(),
        }
    }

    /// One that must give a score.
    fn scoring() -> Self {
        let output = json!({"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]});
        Self { output: Some(output), ..Self::new() }
    }

    fn task(&self) -> Task<'_> {
        Task {
            run: RunId::generate(),
            node: &self.node,
            attempt: 1,
            agent: &self.profile,
            model: &self.model,
            chain: vec![&self.model],
            patience: Duration::ZERO,
            system: Some("Be fair.".to_owned()),
            prompt: "Judge it.".to_owned(),
            output: self.output.as_ref(),
            temperature: None,
            max_tokens: None,
            max_turns: 10,
            tools: &[],
            grants: &self.grants,
            on_ambiguous: None,
            secret_key: "",
            call_timeout: Duration::from_secs(600),
            recall: None,
            remember: None,
            conversation: None,
        }
    }
}

fn models(provider: Arc<dyn Provider>, settings: ModelsSettings) -> Models {
    let mut providers = Providers::default();
    providers.register(ProviderName::new("lab").unwrap(), provider);
    Models::new(providers, settings)
}

/// Calls `lab/small` for `seconds` at most.
async fn call(models: &Models, max_concurrent: Option<u32>, seconds: u64) -> Result<Called> {
    let (model, request) = ("lab/small".parse().unwrap(), request("small"));
    let agent_limits = CallLimits { max_concurrent, ..CallLimits::default() };
    let call = Call {
        model: &model,
        agent_limits,
        timeout: Duration::from_secs(seconds),
        patience: Duration::ZERO,
        request: &request,
        out: None,
    };
    models.call(call, &|_| (), &|_| ()).await
}

async fn run(agent: &Agent, provider: &Arc<Script>, recorded: &[CallRecord], journal: &Notes) -> Answered {
    let mut log = Recorded::default();
    for call in recorded {
        log.take_call(call.clone());
    }
    drive(agent.task(), &models(provider.clone(), ModelsSettings::default()), &Tools::default(), &log, journal).await
}

#[tokio::test]
async fn one_answer_is_one_call_that_is_left_to_the_outcome() {
    let (journal, provider) = (Notes::default(), Script::says(&["It is good.\n"]));
    let answered = run(&Agent::new(), &provider, &[], &journal).await;
    assert_eq!(answered.outcome.unwrap(), "It is good.");
    assert_eq!(answered.last_call.unwrap().response.content, "It is good.\n");
    assert_eq!(*journal.heard.lock().unwrap(), ["call 0", "text It is good.\n"]);
}

#[tokio::test]
async fn a_call_is_recorded_before_the_one_that_follows_it() {
    let (journal, provider) = (Notes::default(), Script::says(&["no", "{\"score\": \"x\"}", "{\"score\": 3}"]));
    let answered = run(&Agent::scoring(), &provider, &[], &journal).await;
    assert_eq!(answered.outcome.unwrap(), json!({"score": 3}));
    assert_eq!(answered.last_call.unwrap().ordinal, 2);
    assert_eq!(
        *journal.heard.lock().unwrap(),
        ["call 0", "text no", "record 0", "call 1", "text {\"score\": \"x\"}", "record 1", "call 2", "text {\"score\": 3}"]
    );
    let sizes: Vec<_> = provider.asked.lock().unwrap().iter().map(|request| request.messages.len()).collect();
    assert_eq!(sizes, [2, 4, 6]);
}

#[tokio::test]
async fn recorded_answers_are_taken_and_never_asked_for_again() {
    let first = Notes::default();
    let answered = run(&Agent::scoring(), &Script::says(&["no", "never", "{\"score\": 3}"]), &[], &first).await;
    let mut recorded = first.recorded.into_inner().unwrap();
    recorded.push(answered.last_call.unwrap());
    // Killed after any of the calls: what is in the log is not asked for again, and the outcome is the same.
    for known in 0..=3 {
        let (journal, provider) =
            (Notes::default(), Script::new(recorded[known..].iter().map(|call| Ok(call.response.content.clone()))));
        let again = run(&Agent::scoring(), &provider, &recorded[..known], &journal).await;
        assert_eq!(again.outcome.unwrap(), json!({"score": 3}), "{known} known");
        assert_eq!(provider.asked.lock().unwrap().len(), 3 - known);
        assert_eq!(again.last_call.map(|call| call.ordinal), (known < 3).then_some(2));
    }
}

#[tokio::test]
async fn an_answer_to_another_question_is_not_taken() {
    let first = run(&Agent::new(), &Script::says(&["fine"]), &[], &Notes::default()).await;
    let recorded = [first.last_call.unwrap()];
    let mut changed = Agent::new();
    changed.model = "lab/large".parse().unwrap();
    let provider = Script::says(&["fine"]);
    let error = run(&changed, &provider, &recorded, &Notes::default()).await.outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Divergent);
    assert_eq!(
        error.to_string(),
        "node `verdict`: the log holds the answer to a request to `lab/small` as call 0 of this attempt"
    );
    assert!(provider.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_answer_keeps_its_call_and_its_text() {
    let provider = Script::says(&["no", "no", "still no"]);
    let answered = run(&Agent::scoring(), &provider, &[], &Notes::default()).await;
    let record = answered.outcome.unwrap_err().to_record();
    assert_eq!((record.kind, record.raw_text.as_deref()), (ErrorKind::Schema, Some("still no")));
    assert_eq!(answered.last_call.unwrap().ordinal, 2);
}

#[tokio::test]
async fn a_failed_call_ends_the_attempt_and_is_not_made_again() {
    let down = || Error::new(ErrorKind::Transient, "down").retry_after(Some(Duration::from_secs(3)));
    let (journal, provider) = (Notes::default(), Script::new([Ok("no".to_owned()), Err(down())]));
    let answered = run(&Agent::scoring(), &provider, &[], &journal).await;
    let error = answered.outcome.unwrap_err();
    assert_eq!((error.kind(), error.requested_delay()), (ErrorKind::Transient, Some(Duration::from_secs(3))));
    assert!(answered.last_call.is_none());
    assert_eq!(journal.recorded.lock().unwrap().len(), 1);
    assert_eq!(provider.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_more_is_asked_when_the_journal_fails() {
    let journal = Notes { is_broken: true, ..Notes::default() };
    let provider = Script::says(&["no"]);
    let answered = run(&Agent::scoring(), &provider, &[], &journal).await;
    assert_eq!(answered.outcome.unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert_eq!(provider.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_missing_provider_is_told_with_what_to_do() {
    let mut agent = Agent::new();
    agent.model = "openai/gpt-5-mini".parse().unwrap();
    let error = run(&agent, &Script::says(&[]), &[], &Notes::default()).await.outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.to_string(), "no provider `openai` for model `openai/gpt-5-mini`: set up are `lab`");
    assert_eq!(error.hints().len(), 2);
}

#[tokio::test]
async fn a_cost_is_known_simulated_or_unpriced() {
    let price = Some(Price { input: 2.5, cached_input: None, output: 1.0 });
    let priced = Arc::new(Script { price, ..Script::default() });
    let unpriced = Script::says(&[]);
    let mock = Arc::new(MockProvider::new(MockSettings::default()));
    for (provider, cost) in [(priced as Arc<dyn Provider>, Cost::Usd(2.5)), (unpriced, Cost::Unpriced), (mock, Cost::Simulated)] {
        let models = models(provider, ModelsSettings::default());
        let called = call(&models, None, 1).await;
        assert_eq!(called.unwrap().cost, cost);
    }
}

/// Makes `calls` calls at once, each of 1 s; returns how long all took and how many were in flight at most.
async fn crowd(calls: usize, max_concurrent: Option<u32>, settings: ModelsSettings) -> (Duration, usize) {
    let provider = Arc::new(Script { delay: Duration::from_secs(1), ..Script::default() });
    let models = models(provider.clone(), settings);
    let begun = Instant::now();
    let calls = (0..calls).map(|_| call(&models, max_concurrent, 9));
    for called in futures::future::join_all(calls).await {
        called.unwrap();
    }
    (begun.elapsed(), provider.most_in_flight.load(Ordering::SeqCst))
}

fn limits(calls: CallLimits) -> ModelsSettings {
    let limits = ProviderLimits { calls, ..ProviderLimits::default() };
    ModelsSettings { providers: BTreeMap::from([(ProviderName::new("lab").unwrap(), limits)]), ..ModelsSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_bounded_per_provider_per_agent_and_over_all() {
    assert_eq!(crowd(40, None, ModelsSettings::default()).await.1, 16);
    assert_eq!(crowd(40, Some(3), ModelsSettings::default()).await.1, 3);
    let wide = CallLimits { max_concurrent: Some(100), ..CallLimits::default() };
    assert_eq!(crowd(90, None, limits(wide)).await.1, 64);
    let narrow = ModelsSettings { max_concurrent: Some(5), ..ModelsSettings::default() };
    assert_eq!(crowd(20, None, narrow).await.1, 5);
}

#[tokio::test(start_paused = true)]
async fn calls_keep_to_the_rate_of_their_provider() {
    let rate = |amount| Some(Rate { amount, per: Duration::from_secs(10) });
    let requests = CallLimits { rates: CallRates { requests: rate(5.0), tokens: None }, ..CallLimits::default() };
    // Five at once, then one every 2 s.
    let (elapsed, _) = crowd(8, None, limits(requests)).await;
    assert!(elapsed >= Duration::from_secs(7) && elapsed < Duration::from_secs(8), "{elapsed:?}");
    // The first answer turns out to have used a hundred times what ten seconds allow: the second call waits until that is paid back.
    let tokens = CallLimits { rates: CallRates { requests: None, tokens: rate(10_000.0) }, ..CallLimits::default() };
    let models = models(Script::says(&[]), limits(tokens));
    let begun = Instant::now();
    for expected in [0, 991] {
        call(&models, None, 9).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_cut_off_at_its_time_limit_and_gives_its_permit_back() {
    let provider = Arc::new(Script { delay: Duration::from_secs(3_600), ..Script::default() });
    let models = models(provider, limits(CallLimits { max_concurrent: Some(1), ..CallLimits::default() }));
    for _ in 0..3 {
        let begun = Instant::now();
        let error = call(&models, None, 30).await.unwrap_err();
        assert_eq!(error.to_string(), "model `lab/small` did not answer within 30s");
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (ErrorKind::Timeout, 30));
    }
}

#[tokio::test(start_paused = true)]
async fn simulated_calls_are_bounded_by_their_agent_only() {
    let mock = MockProvider::new(MockSettings { latency: Duration::from_millis(50), ..MockSettings::default() });
    let mut providers = Providers::default();
    providers.answer_everything_by(Arc::new(mock));
    let models = Models::new(providers, ModelsSettings::default());
    for (max_concurrent, expected_ms) in [(None, 50), (Some(100), 500)] {
        let begun = Instant::now();
        let calls = (0..1_000).map(|_| call(&models, max_concurrent, 9));
        futures::future::join_all(calls).await.into_iter().for_each(|called| assert!(called.is_ok()));
        let elapsed = begun.elapsed().as_millis();
        assert!((expected_ms..expected_ms + 25).contains(&elapsed), "{elapsed} ms");
    }
}
