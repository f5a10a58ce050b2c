//! The mock provider: answers that follow the output schema, derived from a seed, and scripted ones. Opens no connection.

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

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatMessage, ChatRequest, ChatResponse, FinishReason, Price, Role, Usage, Value},
    provider::{OnText, Provider, simulate, status::kind_of_status},
    schema::Validator,
};

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
}

/// A scripted answer.
#[derive(Debug, Clone, PartialEq)]
pub enum MockAnswer {
    /// This value: a string as it is, anything else as JSON (wrapped, if the call asks for a wrapped answer).
    Value(Value),
    /// A failure.
    Error {
        /// What kind; what `status` means when absent.
        kind: Option<ErrorKind>,
        /// As a server would answer.
        status: Option<u16>,
        /// What the server asks for.
        retry_after: Option<Duration>,
        /// What the server says.
        message: Option<String>,
    },
}

impl MockAnswer {
    /// Reads a scripted answer: any value, or `{"error": {"status": 503, "kind": "transient", "retry_after": 2, "message": "…"}}`
    /// with one of `status` and `kind` at least; `retry_after` in seconds.
    ///
    /// # Errors
    /// `Invalid` when an `error` is none of that form.
    pub fn from_value(value: Value) -> Result<Self> {
        let error = match value.as_object() {
            Some(fields) if fields.len() == 1 && fields.contains_key("error") => &fields["error"],
            _ => return Ok(Self::Value(value)),
        };
        let bad = |what: &str| {
            Error::new(ErrorKind::Invalid, format!("no valid mock error: {what}"))
                .hint("write `{ error: { status: 503 } }` or `{ error: { kind: timeout } }`, with `retry_after` (seconds) and `message` if you like")
        };
        let fields = error.as_object().ok_or_else(|| bad("`error` is no map"))?;
        let (mut kind, mut status, mut retry_after, mut message) = (None, None, None, None);
        for (key, value) in fields {
            match key.as_str() {
                "kind" => {
                    let known = serde_json::from_value(value.clone()).map_err(|_| bad(&format!("unknown kind {value}")))?;
                    kind = Some(known);
                }
                "status" => {
                    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
                    let number = number.filter(|number| (400..=599).contains(number));
                    status = Some(number.ok_or_else(|| bad(&format!("{value} is no status from 400 to 599")))?);
                }
                "retry_after" => {
                    let delay = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                    retry_after = Some(delay.ok_or_else(|| bad(&format!("{value} is no number of seconds")))?);
                }
                "message" => message = Some(value.as_str().ok_or_else(|| bad("`message` is no string"))?.to_owned()),
                unknown => return Err(bad(&format!("unknown key `{}`", unknown.escape_default()))),
            }
        }
        if kind.is_none() && status.is_none() {
            return Err(bad("it has neither `status` nor `kind`"));
        }
        Ok(Self::Error { kind, status, retry_after, message })
    }
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

    fn content(&self, request: &ChatRequest) -> Result<String> {
        match self.scripted(request) {
            Some(MockAnswer::Value(value)) => scripted_content(value, request),
            Some(MockAnswer::Error { kind, status, retry_after, message }) => {
                let kind = kind.or(status.map(kind_of_status)).unwrap_or(ErrorKind::Transient);
                let status = status.map(|status| format!(" with status {status}")).unwrap_or_default();
                let message = message.as_deref().unwrap_or("as its script says");
                Err(Error::new(kind, format!("mock model `{}` failed{status}: {message}", request.model))
                    .retry_after(*retry_after))
            }
            None => {
                let mut rng = Rng::with_seed(self.seed(request));
                match &request.output {
                    Some(output) => {
                        let value = simulate::value(&output.schema, request.origin.agent.as_str(), &mut rng)?;
                        Ok(value.to_string())
                    }
                    None => Ok(simulate::text(request, &mut rng)),
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
        for ChatMessage { role, content, .. } in &request.messages {
            hash.update([0, u8::from(*role == Role::Assistant)]);
            hash.update(content);
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
        let content = match self.content(request) {
            Ok(content) => content,
            Err(error) => {
                if !latency.is_zero() {
                    tokio::time::sleep(latency).await;
                }
                return Err(error);
            }
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
        let read: usize = request.messages.iter().map(|message| message.content.len()).sum();
        let usage = Usage { input_tokens: tokens(read), cached_tokens: 0, output_tokens: tokens(content.len()) };
        Ok(ChatResponse {
            content,
            tool_requests: Vec::new(),
            finish: FinishReason::Stop,
            usage: Some(usage),
            model: request.model.clone(),
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }

    fn is_simulated(&self) -> bool {
        true
    }
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
