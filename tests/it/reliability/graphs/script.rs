//! What models answer, and the provider that answers so: by the node instance, the attempt and the call, whatever was asked before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use agentflow::{
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, ChatResponse, FinishReason, Price, Usage},
    provider::{OnText, Provider},
};
use async_trait::async_trait;
use fastrand::Rng;

/// The answers of one agent's node.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) agent: &'static str,
    /// How many answers of each attempt do not follow the schema before the one that does.
    pub(crate) bad_answers: u32,
    /// How the first attempts fail, in turn, as long as they ask the model of the agent.
    pub(crate) failures: Vec<Failure>,
    /// The models that are asked after it, in this order.
    pub(crate) fallback: Vec<Fallback>,
    /// Whether it only fails in the first attempt of the graphs around it.
    pub(crate) only_first_round: bool,
    /// The only element of a map that fails.
    pub(crate) only_element: Option<usize>,
}

/// A model that is asked when the one before it has failed.
#[derive(Debug, Clone)]
pub(crate) struct Fallback {
    /// How it fails in the attempts of the node, by their number; it is never asked in the first.
    pub(crate) failures: Vec<Option<Failure>>,
    /// Whether it is also asked after a prompt that was too long.
    pub(crate) is_larger: bool,
    /// Whether it is also asked after a key that was refused.
    pub(crate) has_other_key: bool,
}

/// What the models of a chain are called: the one of the agent, then those it falls back to.
pub(crate) const MODELS: [&str; 3] = ["m", "m1", "m2"];

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Busy,
    Throttled,
    /// The same, and the server asks for a wait that is too long.
    ThrottledForLong,
    Truncated,
    Malformed,
    Rejected,
    TooLong,
    KeyRefused,
    Unknown,
    Spent,
    Refused,
    /// No answer ever follows the schema.
    Nonsense,
    /// No answer comes.
    Hangs,
}

impl Failure {
    /// The kind of error that the log keeps.
    pub(crate) fn kind(self) -> ErrorKind {
        match self {
            Self::Busy => ErrorKind::Transient,
            Self::Throttled | Self::ThrottledForLong => ErrorKind::Throttle,
            Self::Truncated => ErrorKind::Truncated,
            Self::Malformed => ErrorKind::Malformed,
            Self::Rejected => ErrorKind::Request,
            Self::TooLong => ErrorKind::ContextLength,
            Self::KeyRefused => ErrorKind::Auth,
            Self::Unknown => ErrorKind::UnknownModel,
            Self::Spent => ErrorKind::Quota,
            Self::Refused => ErrorKind::Refused,
            Self::Nonsense => ErrorKind::Schema,
            Self::Hangs => ErrorKind::Timeout,
        }
    }

    /// How long the server asks to be left alone.
    fn asks_for(self) -> Option<Duration> {
        match self {
            Self::Throttled => Some(Duration::from_secs(2)),
            Self::ThrottledForLong => Some(Duration::from_secs(1_000)),
            _ => None,
        }
    }
}

impl Script {
    /// How `attempt` of the instance at `path` fails, if it does, when it asks model number `target` of the chain.
    pub(crate) fn failure(&self, path: &str, attempt: u32, target: usize) -> Option<Failure> {
        if self.only_first_round && path.contains('!') {
            return None;
        }
        if let Some(element) = self.only_element
            && !path.ends_with(&format!("[{element}]"))
        {
            return None;
        }
        let at = attempt as usize - 1;
        match target.checked_sub(1) {
            None => self.failures.get(at).copied(),
            Some(number) => self.fallback[number].failures.get(at).copied().flatten(),
        }
    }
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) attempt: u32,
    pub(crate) ordinal: u32,
}

/// Answers by script.
#[derive(Debug)]
pub(crate) struct ScriptedProvider {
    /// By node id.
    scripts: BTreeMap<String, Script>,
    seed: u64,
    counts: Arc<Mutex<Counts>>,
}

/// What was asked, counted outside the engine.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: Vec<Call>,
    in_flight: HashMap<String, u32>,
    pub(crate) most_in_flight: HashMap<String, u32>,
}

/// A call in flight; ends when it is dropped.
struct InFlight(Arc<Mutex<Counts>>, String);

impl InFlight {
    fn new(counts: &Arc<Mutex<Counts>>, agent: &str) -> Self {
        let mut guard = counts.lock().unwrap();
        let now = guard.in_flight.entry(agent.to_owned()).or_default();
        *now += 1;
        let now = *now;
        let most = guard.most_in_flight.entry(agent.to_owned()).or_default();
        *most = now.max(*most);
        Self(Arc::clone(counts), agent.to_owned())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        *self.0.lock().unwrap().in_flight.get_mut(&self.1).unwrap() -= 1;
    }
}

impl ScriptedProvider {
    pub(crate) fn new(scripts: BTreeMap<String, Script>, seed: u64) -> Self {
        Self { scripts, seed, counts: Arc::default() }
    }

    pub(crate) fn counts(&self) -> Arc<Mutex<Counts>> {
        Arc::clone(&self.counts)
    }
}

#[async_trait]
impl Provider for ScriptedProvider {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        let origin = &request.origin;
        let path = origin.node.as_str();
        let call = Call { path: path.to_owned(), attempt: origin.attempt, ordinal: origin.ordinal };
        self.counts.lock().unwrap().calls.push(call);
        let _in_flight = InFlight::new(&self.counts, origin.agent.as_str());
        let plain = origin.node.without_instances();
        let script = &self.scripts[plain.rsplit('.').next().unwrap_or(&plain)];
        let target = MODELS.iter().position(|model| *model == request.model).unwrap();
        let failure = script.failure(path, origin.attempt, target);
        let place = path.bytes().fold(self.seed, |hash, byte| hash.rotate_left(7) ^ u64::from(byte));
        let latency = Rng::with_seed(place ^ u64::from(origin.attempt * 16 + origin.ordinal)).u64(0..500);
        tokio::time::sleep(Duration::from_millis(latency)).await;
        let content = match failure {
            Some(Failure::Nonsense) => "I do not count".to_owned(),
            _ if origin.ordinal < script.bad_answers => "let me think".to_owned(),
            Some(Failure::Refused) => return Ok(response("no", FinishReason::ContentFilter)),
            Some(Failure::Hangs) => return std::future::pending().await,
            Some(failure) => {
                return Err(Error::new(failure.kind(), "as the script says").retry_after(failure.asks_for()));
            }
            None => answer_to(&request.messages[0].content).to_string(),
        };
        Ok(response(&content, FinishReason::Stop))
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }

    /// Breakers and paces would make what comes out depend on what else is asked meanwhile.
    fn is_simulated(&self) -> bool {
        true
    }
}

/// One more than the first number of the prompt.
fn answer_to(prompt: &str) -> i64 {
    let number: String = prompt.chars().take_while(char::is_ascii_digit).collect();
    number.parse::<i64>().unwrap() + 1
}

fn response(content: &str, finish: FinishReason) -> ChatResponse {
    let usage = Usage { input_tokens: 1, cached_tokens: 0, output_tokens: 1 };
    ChatResponse { content: content.to_owned(), tool_requests: Vec::new(), finish, usage: Some(usage), model: "m".to_owned() }
}
