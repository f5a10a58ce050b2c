//! The mock provider: answers that follow the output schema, derived from a seed, and scripted ones. Opens no connection.
//!
//! Offered tools, it begins a conversation by asking for up to two of them, with arguments that follow their schemas; then it answers.

mod answer;
mod embedder;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use fastrand::Rng;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

pub use answer::{MockAnswer, MockCall};
pub use embedder::MockEmbedder;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatMessage, ChatRequest, ChatResponse, FinishReason, Price, Role, ToolRequest, ToolSpec, Usage, Value},
    provider::{
        OnText, Provider,
        calls::{Call, Calls},
        simulate,
        status::kind_of_status,
    },
    schema::Validator,
};

/// The most tools that are asked for without a script.
const MAX_CALLS: usize = 2;
/// In how many pieces an answer is streamed when it takes time.
const PIECES: usize = 8;

/// How the mock provider answers.
#[derive(Debug, Clone, Default)]
pub struct MockSettings {
    /// What answers are derived from, together with the node, the ordinal of the call and the messages.
    pub seed: u64,
    /// How long an answer takes.
    pub latency: Duration,
    /// Scripted answers in turn, by node path (`review[0]`, `improve.draft`), node id or agent name; the most exact one counts.
    /// When they are used up, made-up ones follow.
    pub answers: BTreeMap<String, Vec<MockAnswer>>,
    /// How many tokens models read and write in one call, by name.
    pub windows: BTreeMap<String, u32>,
}

/// Answers like a model would, without one.
#[derive(Debug)]
pub struct MockProvider {
    settings: MockSettings,
    /// How many scripted answers of each key were given.
    given: Mutex<HashMap<String, usize>>,
}

impl MockProvider {
    /// Makes one.
    #[must_use]
    pub fn new(settings: MockSettings) -> Self {
        Self { settings, given: Mutex::default() }
    }

    /// The next scripted answer for the call, if there is one left.
    fn scripted(&self, request: &ChatRequest) -> Option<&MockAnswer> {
        if self.settings.answers.is_empty() {
            return None;
        }
        let origin = &request.origin;
        let plain = origin.node.without_instances();
        let id = plain.rsplit('.').next().unwrap_or(&plain);
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        [origin.node.as_str(), &plain, id, origin.agent.as_str()].into_iter().find_map(|key| {
            let answers = self.settings.answers.get(key)?;
            let next = given.entry(key.to_owned()).or_default();
            let answer = answers.get(*next)?;
            *next += 1;
            Some(answer)
        })
    }

    fn answer(&self, request: &ChatRequest) -> Result<Saying> {
        match self.scripted(request) {
            Some(MockAnswer::Value(value)) => scripted_content(value, request).map(Saying::Text),
            Some(MockAnswer::Calls(calls)) => {
                requests(calls.iter().map(|call| (call.name.wire(), call.arguments.clone())), request).map(Saying::Requests)
            }
            Some(MockAnswer::Error { kind, status, retry_after, message }) => {
                let kind = kind.or(status.map(kind_of_status)).unwrap_or(ErrorKind::Transient);
                let status = status.map(|status| format!(" with status {status}")).unwrap_or_default();
                let message = message.as_deref().unwrap_or("as its script says");
                Err(Error::new(kind, format!("mock model `{}` failed{status}: {message}", request.model))
                    .retry_after(*retry_after))
            }
            None => {
                let mut rng = Rng::with_seed(self.seed(request));
                let is_first = !request.messages.iter().any(|message| matches!(message.role, Role::Assistant | Role::Tool));
                if is_first && !request.tools.is_empty() {
                    return made_up_requests(request, &mut rng).map(Saying::Requests);
                }
                match &request.output {
                    Some(output) => {
                        let value = simulate::value(&output.schema, request.origin.agent.as_str(), &mut rng)?;
                        Ok(Saying::Text(value.to_string()))
                    }
                    None => Ok(Saying::Text(simulate::text(request, &mut rng))),
                }
            }
        }
    }

    /// The seed of one answer: the same for the same seed, node, ordinal and conversation.
    fn seed(&self, request: &ChatRequest) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.settings.seed.to_le_bytes());
        hash.update(request.origin.ordinal.to_le_bytes());
        hash.update(request.origin.node.as_str());
        for ChatMessage { role, content, tool_requests, .. } in &request.messages {
            hash.update([0, u8::from(*role == Role::Assistant)]);
            hash.update(content);
            for ToolRequest { name, arguments, .. } in tool_requests {
                hash.update([1]);
                hash.update(name);
                hash.update(arguments);
            }
        }
        let digest = hash.finalize();
        u64::from_le_bytes(*digest.first_chunk().expect("the digest has 32 bytes"))
    }
}

#[async_trait]
impl Provider for MockProvider {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        let latency = self.settings.latency;
        let begun = Instant::now();
        let saying = match self.answer(request) {
            Ok(saying) => saying,
            Err(error) => {
                if !latency.is_zero() {
                    tokio::time::sleep(latency).await;
                }
                return Err(error);
            }
        };
        let (content, tool_requests, finish) = match saying {
            Saying::Text(content) => (content, Vec::new(), FinishReason::Stop),
            Saying::Requests(requests) => (String::new(), requests, FinishReason::ToolRequests),
        };
        if latency.is_zero() {
            on_text(&content);
        } else {
            let pieces = pieces(&content);
            let count = u32::try_from(pieces.len()).unwrap_or(1).max(1);
            for (piece, number) in pieces.into_iter().zip(1..) {
                // Points in time, not sleeps in a row: timers round up, and the roundings would add up.
                tokio::time::sleep_until(begun + latency * number / count).await;
                on_text(piece);
            }
        }
        let asked_for = |requests: &[ToolRequest]| requests.iter().map(|request| request.arguments.len()).sum::<usize>();
        let read: usize = request.messages.iter().map(|message| message.content.len() + asked_for(&message.tool_requests)).sum();
        let usage = Usage {
            input_tokens: tokens(read),
            cached_tokens: 0,
            output_tokens: tokens(content.len() + asked_for(&tool_requests)),
        };
        Ok(ChatResponse { content, tool_requests, finish, usage: Some(usage), model: request.model.clone() })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }

    fn window(&self, model: &str) -> Option<u32> {
        self.settings.windows.get(model).copied()
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

/// What is answered.
enum Saying {
    Text(String),
    Requests(Vec<ToolRequest>),
}

/// Requests for tools, by wire name and arguments, numbered as if a server had left that out.
fn requests(calls: impl IntoIterator<Item = (String, String)>, request: &ChatRequest) -> Result<Vec<ToolRequest>> {
    let invalid = |what| Error::new(ErrorKind::Invalid, format!("mock model `{}` {what}", request.model));
    let mut begun = Calls::default();
    for (name, arguments) in calls {
        begun.begin(Call { name, arguments, ..Call::default() }).map_err(invalid)?;
    }
    begun.into_requests(&request.messages, false).map_err(invalid)
}

/// Requests for one or two of the offered tools, in the order of the offer.
fn made_up_requests(request: &ChatRequest, rng: &mut Rng) -> Result<Vec<ToolRequest>> {
    let mut chosen = rng.choose_multiple(0..request.tools.len(), MAX_CALLS);
    chosen.sort_unstable();
    let mut calls = Vec::with_capacity(chosen.len());
    for ToolSpec { name, parameters, .. } in chosen.into_iter().filter_map(|place| request.tools.get(place)) {
        calls.push((name.wire(), simulate::value(parameters, request.origin.agent.as_str(), rng)?.to_string()));
    }
    requests(calls, request)
}

/// A scripted value as the text a model would write.
fn scripted_content(value: &Value, request: &ChatRequest) -> Result<String> {
    let Some(output) = &request.output else {
        return Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    };
    let validator = Validator::new(&output.schema)?;
    let wrapped = json!({ "answer": value });
    Ok(match value {
        value if validator.accepts(value) => value.to_string(),
        _ if validator.accepts(&wrapped) => wrapped.to_string(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    })
}

/// Divides `text` into at most [`PIECES`] parts of about the same length; one empty part when it is empty.
fn pieces(text: &str) -> Vec<&str> {
    let size = text.len().div_ceil(PIECES).max(1);
    let mut rest = text;
    let mut parts = Vec::with_capacity(PIECES);
    while rest.len() > size {
        let end = (size..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// About how many tokens `length` bytes of text are; one at least.
fn tokens(length: usize) -> u64 {
    u64::try_from(length.div_ceil(4)).unwrap_or(u64::MAX).max(1)
}
