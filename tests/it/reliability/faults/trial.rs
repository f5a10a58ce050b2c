//! One try of a scenario: a run over real sockets on a virtual clock, and everything about it that differs from the reference.

use std::{collections::BTreeMap, net::TcpListener, sync::Arc, time::Duration};

use agentflow::{
    agent::{Models, ModelsSettings},
    engine::{Engine, EngineSettings, RunOptions, Stop, read_run},
    error::ErrorRecord,
    model::{Event, EventBody, ProviderName, RunId, RunStatus, Value},
    provider::{AnthropicProvider, HttpClient, HttpTimes, OpenAiProvider, Provider, Providers, ServerSettings},
    store::{InMemoryStore, Store},
};
use fastrand::Rng;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::json;
use tokio::runtime::Handle;

use super::{
    real_time::OnRealTime,
    reference::{Again, Next, Policy, fraction, row},
    scenarios::{Call, Fault, Place, Protocol},
};
use crate::{
    engine::flow::{Watcher, plan},
    fault_server::FaultServer,
};

/// The models of the chain: what the workflow calls them, and what they answer.
pub(super) const CHAIN: [(&str, &str); 3] = [
    ("openai", "The first model answers, at last: grün, €, 𝄞, and enough words that a cut has something to cut into pieces."),
    ("groq", "The second model answers."),
    ("mistral", "The model that is marked answers."),
];
/// A wait that a server may ask for at most, in milliseconds.
const LONGEST_WAIT_MS: f64 = 120_000.0;
/// How exact times are: the log has whole milliseconds of what servers ask for, and timers go by milliseconds.
const EXACT_MS: f64 = 2.0;

/// A call of the chain, as the log tells it.
struct Try {
    target: usize,
    attempt: u32,
    began: Timestamp,
    ended: Timestamp,
    /// `None` when it was answered.
    error: Option<ErrorRecord>,
    retry_at: Option<Timestamp>,
}

/// What was counted in a try.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) violations: Vec<String>,
    pub(super) attempts: usize,
    pub(super) delays: usize,
    pub(super) hops: usize,
}

/// What is to come of a scenario: each call with its model and its kind, and `answered` for the last, if it is.
fn expected(fault: &Fault, policy: &Policy) -> Vec<String> {
    let mut tries = Vec::new();
    let own = if fault.calls[0].kind.is_empty() { &[] } else { fault.calls.as_slice() };
    for number in 1.. {
        let Some(call) = own.get(number - 1).or_else(|| own.last().filter(|_| !fault.recovers)) else {
            tries.push("0 answered".to_owned());
            return tries;
        };
        tries.push(format!("0 {}", call.kind));
        let (again, next) = row(call.kind);
        let once_more = match again {
            Again::Never => false,
            Again::Once => number < 2,
            Again::Always => true,
        };
        if once_more && number < policy.max_attempts && !is_too_long(call) {
            continue;
        }
        match next {
            Next::Nobody => {}
            Next::Second => tries.push("1 answered".to_owned()),
            Next::Marked => tries.push("2 answered".to_owned()),
        }
        break;
    }
    tries
}

fn is_too_long(call: &Call) -> bool {
    call.asks_ms.is_some_and(|(least, _)| least > LONGEST_WAIT_MS)
}

/// Runs a workflow of one node against a server that fails as the scenario says.
pub(super) fn run(fault: &Fault, policy: &Policy, rng: &mut Rng, real_time: &Handle) -> Counted {
    let server = FaultServer::start_with(&rules(fault), &["--no-sync"]);
    let run: RunId = format!("{:08x}-0000-7000-8000-{:012x}", rng.u32(..), rng.u64(..1 << 48)).parse().unwrap();
    let output = fault.output.map(|output| format!(", output: {output}")).unwrap_or_default();
    let [first, second, marked] = CHAIN.map(|(name, _)| format!("{name}/m"));
    let plan = plan(&format!(
        "
agents: {{ a: {{ model: {first}, fallback: [{second}, {{ model: {marked}, also_after: [context_length, auth] }}] }} }}
nodes: {{ ask: {{ agent: a, prompt: 'a question'{output}, retry: {} }} }}
outputs: {{ answer: '{{{{ ask }}}}' }}
",
        policy.yaml()
    ));
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (result, events) = paused.block_on(async {
        let models = Arc::new(Models::new(providers(fault, &server, real_time), ModelsSettings::default()));
        let engine = Engine::new(Arc::clone(&store), models, EngineSettings::default());
        let options = RunOptions { run, ..RunOptions::new(IndexMap::new()) };
        let result = engine.run(plan, options, Arc::new(Watcher::default()), Stop::default()).await.unwrap();
        (result, read_run(&store, run).await.unwrap().events)
    });
    let tries = tries(&events);
    let mut counted = Counted::default();
    let mut wrong = |what: String| counted.violations.push(what);

    let kind_of = |error: &ErrorRecord| json!(error.kind).as_str().unwrap().to_owned();
    let told: Vec<String> =
        tries.iter().map(|one| format!("{} {}", one.target, one.error.as_ref().map_or("answered".to_owned(), kind_of))).collect();
    let wanted = expected(fault, policy);
    if told != wanted {
        let why = tries.iter().find_map(|one| one.error.as_ref()).map(|error| error.message.clone()).unwrap_or_default();
        wrong(format!("came to {told:?} instead of {wanted:?} ({why})"));
    }
    if let Some(answer) = answer(fault, &wanted) {
        if result.outputs.get("answer") != Some(&answer) {
            wrong(format!("the output is {:?} instead of {answer:?}", result.outputs));
        }
    } else if result.status != RunStatus::Failed {
        wrong(format!("the run is {:?} instead of failed", result.status));
    }
    asked(fault, &server, &wanted).into_iter().for_each(&mut wrong);
    let own = |number: usize| fault.calls.get(number).or(fault.calls.last());
    for (number, one) in tries.iter().enumerate() {
        let Some(error) = &one.error else { continue };
        waited(&run, policy, number, one, tries.get(number + 1), &kind_of(error)).into_iter().for_each(&mut wrong);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
        let told = error.retry_after_ms.map(|ms| ms as f64);
        let asks = own(number).filter(|_| one.target == 0).and_then(|call| call.asks_ms);
        if !told.map_or(asks.is_none(), |told| asks.is_some_and(|(least, most)| (least..=most).contains(&told))) {
            wrong(format!("the server asked for {asks:?} ms, which was read as {told:?}"));
        }
    }
    counted.attempts = tries.len();
    counted.delays = tries.iter().filter(|one| one.retry_at.is_some()).count();
    counted.hops = tries.windows(2).filter(|pair| pair[0].target != pair[1].target).count();
    counted
}

/// What the server is told: the first model fails, the others answer.
fn rules(fault: &Fault) -> Value {
    let mut replies: Vec<Value> = fault.calls.iter().flat_map(|call| vec![call.reply.clone(); fault.calls_per_attempt]).collect();
    if fault.recovers && !fault.calls[0].kind.is_empty() {
        replies.push(json!("ok"));
    }
    let rule =
        |place: usize, reply: Value| json!({"path": format!("/{}/", CHAIN[place].0), "text": text(fault, place), "reply": reply});
    json!([rule(0, json!({"sequence": replies})), rule(1, json!("ok")), rule(2, json!("ok"))])
}

/// What a model answers when it comes to that. Where a document is wanted, the first model has none.
fn text(fault: &Fault, place: usize) -> &'static str {
    match (fault.output, place) {
        (None, _) => CHAIN[place].1,
        (Some(_), 0) => "seven, I think",
        (Some(_), _) => r#"{"n": 7}"#,
    }
}

/// The output of the run, if it has one.
fn answer(fault: &Fault, wanted: &[String]) -> Option<Value> {
    let (target, outcome) = wanted.last()?.split_once(' ')?;
    let place: usize = target.parse().ok()?;
    (outcome == "answered").then(|| if fault.output.is_some() { json!({"n": 7}) } else { json!(CHAIN[place].1) })
}

/// The providers of the chain, on the server unless the fault is that they are not.
pub(super) fn providers(fault: &Fault, server: &FaultServer, runtime: &Handle) -> Providers {
    let mut providers = Providers::default();
    for (place, (name, _)) in CHAIN.iter().enumerate() {
        let base = match (place, fault.place) {
            (0, Place::Nowhere) => nowhere(),
            (0, Place::Secure) => server.url().replace("http:", "https:"),
            _ => server.url().to_owned(),
        };
        let settings = ServerSettings {
            name: ProviderName::new(*name).unwrap(),
            base_url: format!("{base}/{name}/v1"),
            key: None,
            headers: Vec::new(),
            prices: BTreeMap::new(),
            windows: BTreeMap::new(),
        };
        let http = if place == 0 && fault.is_hasty { hasty() } else { HttpClient::default() };
        let provider: Arc<dyn Provider> = match fault.protocol {
            Protocol::OpenAi => Arc::new(OpenAiProvider::new(settings, http).unwrap()),
            Protocol::Anthropic => Arc::new(AnthropicProvider::new(settings, http).unwrap()),
        };
        let provider = Arc::new(OnRealTime { provider, runtime: runtime.clone() });
        providers.register(ProviderName::new(*name).unwrap(), provider);
    }
    providers
}

/// A client that soon loses its patience.
fn hasty() -> HttpClient {
    let short = Duration::from_millis(150);
    HttpClient::new(HttpTimes {
        first_byte: short,
        first_byte_local: short,
        thinking: short,
        idle: short,
        ..HttpTimes::default()
    })
}

/// Where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Each call of the chain with how it ended.
fn tries(events: &[Event]) -> Vec<Try> {
    let mut tries: Vec<Try> = Vec::new();
    for Event { at, body, .. } in events {
        let (error, retry_at) = match body {
            EventBody::AttemptStarted { model, attempt, .. } => {
                let name = model.as_deref().unwrap_or_default();
                let target = CHAIN.iter().position(|(provider, _)| name == format!("{provider}/m")).unwrap();
                tries.push(Try { target, attempt: *attempt, began: *at, ended: *at, error: None, retry_at: None });
                continue;
            }
            EventBody::AttemptFailed { error, retry_at, .. } => (Some(error.clone()), Some(*retry_at)),
            EventBody::FallbackTaken { error, .. } | EventBody::NodeFailed { error, .. } => (Some(error.clone()), None),
            EventBody::NodeSucceeded { .. } => (None, None),
            _ => continue,
        };
        let last = tries.last_mut().unwrap();
        (last.ended, last.error, last.retry_at) = (*at, error, retry_at);
    }
    tries
}

/// Holds what the server was asked against what it was to be asked.
fn asked(fault: &Fault, server: &FaultServer, wanted: &[String]) -> Vec<String> {
    let asked = server.asked();
    let check = |(place, (name, _)): (usize, &(&str, &str))| {
        let count = asked.iter().filter(|asked| asked.path.starts_with(&format!("/{name}/"))).count();
        let calls = wanted.iter().filter(|call| call.starts_with(&place.to_string())).count();
        let calls = match place {
            0 if fault.place != Place::Here => 0,
            0 => calls * fault.calls_per_attempt,
            _ => calls,
        };
        (count != calls).then(|| format!("`{name}` was asked {count} times instead of {calls}"))
    };
    CHAIN.iter().enumerate().filter_map(check).collect()
}

/// Holds the time until the next call against the formula.
fn waited(run: &RunId, policy: &Policy, number: usize, one: &Try, next: Option<&Try>, kind: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let milliseconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64() * 1_000.0;
    let due = one.retry_at.unwrap_or(one.ended);
    if let Some(retry_at) = one.retry_at {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
        let asked = one.error.as_ref().and_then(|error| error.retry_after_ms).map(|ms| ms as f64);
        let r = fraction(&run.to_string(), "ask", one.attempt);
        let wanted = policy.delay_ms(kind, i32::try_from(number).unwrap(), r, asked);
        let told = milliseconds(one.ended, retry_at);
        if (told - wanted).abs() > EXACT_MS {
            wrong.push(format!(
                "{policy:?}: retry {number} after `{kind}` (asked {asked:?}) is due in {told} ms, not {wanted} ms"
            ));
        }
    }
    if let Some(next) = next {
        let late = milliseconds(due, next.began);
        if late.abs() > EXACT_MS {
            wrong.push(format!("the call after number {number} began {late} ms after it was due"));
        }
    }
    wrong
}
