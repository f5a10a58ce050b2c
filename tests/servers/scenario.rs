//! What a server is to do, read from a file: a JSON list of rules, the first that fits a request holds.
//!
//! ```json
//! [
//!   { "match": "call two", "times": 1, "reply": "reset" },
//!   { "match": "summary", "text": "a long answer", "reply": { "cut": { "after_bytes": 40 } } },
//!   { "prompt": "add them", "reply": { "conversation": [
//!     { "ok": { "tool_calls": [{ "name": "calculator", "arguments": { "expression": "1 + 2" } }] } },
//!     { "ok": { "text": "It is 3." } }
//!   ] } },
//!   { "reply": { "sequence": [{ "status": { "status": 429, "headers": { "retry-after": "7" } } }, { "ok": { "delay_ms": 20 } }] } }
//! ]
//! ```
//!
//! `match` is looked for in the last message of a conversation, or in the path of an effect; `prompt` in its first message of a user;
//! `path` in the path of either. Without them every request fits. `times` is how often the rule holds at most. `text` is the answer that
//! is then given, cut, delayed and so on; without it, the usual one. `tool_calls` are the calls of tools it asks for, by the names the
//! request has for them; arguments that are a text are sent as they are. A reply without settings may be written as its name alone. What
//! fits no rule is answered as usual.

use std::{collections::BTreeMap, error::Error, fs, path::Path, sync::Mutex};

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::{chat::Chat, http::Framing, log::lock};

/// The rules, with how often each has held.
#[derive(Default)]
pub(crate) struct Scenario {
    rules: Vec<(Rule, Mutex<u64>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(rename = "match")]
    part: Option<String>,
    prompt: Option<String>,
    path: Option<String>,
    times: Option<u64>,
    text: Option<String>,
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
    reply: Reply,
}

/// A call of a tool that an answer asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    #[serde(default)]
    arguments: Value,
}

impl ToolCall {
    /// As a model writes them.
    pub(crate) fn arguments(&self) -> String {
        match &self.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        }
    }
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply(pub(crate) Kind);

/// The kinds of replies. Those that send an answer send the usual one, or the rule's `text`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Kind {
    /// An answer, after a while; `finish_reason` is OpenAI's word.
    Ok {
        text: Option<String>,
        #[serde(default)]
        tool_calls: Vec<ToolCall>,
        delay_ms: Option<u64>,
        finish_reason: Option<String>,
    },
    /// A status with a body, a text or JSON. `retry_in_date` is a `Retry-After` of so many seconds, written as a date.
    Status {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        body: Option<Value>,
        retry_in_date: Option<i64>,
    },
    /// The connection is reset before the first byte.
    Reset {},
    /// The connection is closed before the first byte.
    Close {},
    /// Nothing, until the client leaves.
    Hang {},
    /// The first bytes of the body, then nothing until the client leaves.
    Stall { after_bytes: usize },
    /// An answer, head included, a byte at a time.
    Slowloris { interval_ms: u64 },
    /// Headers without end.
    EndlessHeaders {},
    /// The first bytes of the body, then the end of the connection.
    Cut {
        after_bytes: usize,
        #[serde(default)]
        framing: Framing,
    },
    /// An error object inside a stream with status 200, after so many of its events.
    ErrorEvent {
        #[serde(default = "one")]
        after_events: usize,
        error: Option<Value>,
    },
    /// A page with status 200.
    WrongType {},
    /// A stream with an event that is no JSON.
    MalformedJson {},
    /// So many bytes of an answer.
    Huge {
        bytes: u64,
        #[serde(default)]
        form: HugeForm,
        #[serde(default = "success")]
        status: u16,
    },
    /// A compressed answer that unfolds to so many bytes, asked for or not.
    ZipBomb { bytes: u64 },
    /// Every event of the stream twice.
    DuplicateEvents {},
    /// The events of the stream in another order, by their numbers from 0; without one, the last piece of text after the finish.
    ReorderedEvents { order: Option<Vec<usize>> },
    /// A stream whose text is whole, without the events that say so.
    NoFinish {},
    /// So many answers, then so many times 503, and again.
    Flapping { up: u64, down: u64 },
    /// One after the other; the last one again and again.
    Sequence(Vec<Reply>),
    /// One after the other within each conversation, by the answers it has already; the last one again and again.
    Conversation(Vec<Reply>),
    /// These bytes, whatever they are, then the end of the connection.
    Raw { bytes: String },
}

/// What a huge answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HugeForm {
    /// One event of a stream that does not end.
    #[default]
    Line,
    /// Events of a stream, each with some text.
    Events,
    /// Comments of a stream, which carry nothing.
    Comments,
    /// One JSON document.
    Json,
}

fn one() -> usize {
    1
}

fn success() -> u16 {
    200
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Value::String(name) = value {
            value = Value::Object([(name, Value::Object(serde_json::Map::new()))].into_iter().collect());
        }
        let kind = Kind::deserialize(value).map_err(de::Error::custom)?;
        match &kind {
            Kind::Sequence(replies) | Kind::Conversation(replies) if replies.is_empty() => {
                Err(de::Error::custom("a `sequence` or `conversation` needs a reply"))
            }
            Kind::Flapping { up: 0, down: 0 } => Err(de::Error::custom("`flapping` needs an `up` or a `down`")),
            _ => Ok(Self(kind)),
        }
    }
}

/// What the scenario says of a request.
pub(crate) struct Order {
    pub(crate) kind: Kind,
    /// The answer to give instead of the usual one.
    pub(crate) text: Option<String>,
    /// What it asks for.
    pub(crate) tool_calls: Vec<ToolCall>,
}

impl Scenario {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(path).map_err(|err| format!("scenario `{}`: {err}", path.display()))?;
        Self::parse(&text).map_err(|err| format!("scenario `{}`: {err}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let rules: Vec<Value> = serde_json::from_str(text).map_err(|err| format!("no list of rules: {err}"))?;
        let rule = |(number, rule)| match serde_json::from_value(rule) {
            Ok(rule) => Ok((rule, Mutex::new(0))),
            Err(err) => Err(format!("rule {number}: {err}")),
        };
        Ok(Self { rules: (1..).zip(rules).map(rule).collect::<Result<_, _>>()? })
    }

    /// What is to be done about a request, which is a question or an effect; an answer as usual when no rule fits.
    pub(crate) fn order(&self, path: &str, chat: Option<&Chat>) -> Order {
        let text = chat.map_or(path, |chat| &chat.prompt);
        let first = chat.map_or("", |chat| &chat.first_prompt);
        for (rule, held) in &self.rules {
            let fits = |part: &Option<String>, text: &str| part.as_ref().is_none_or(|part| text.contains(part));
            if fits(&rule.part, text) && fits(&rule.prompt, first) && fits(&rule.path, path) {
                let mut held = lock(held);
                if rule.times.is_none_or(|times| *held < times) {
                    let kind = rule.reply.at(*held, chat.map_or(0, |chat| chat.answers));
                    *held += 1;
                    return Order { kind, text: rule.text.clone(), tool_calls: rule.tool_calls.clone() };
                }
            }
        }
        Order { kind: Kind::USUAL, text: None, tool_calls: Vec::new() }
    }
}

impl Reply {
    /// What it comes to the next time, after `held` times, in a conversation with so many `answers`.
    fn at(&self, held: u64, answers: u64) -> Kind {
        let nth = |replies: &[Self], number: u64| {
            let last = replies.len() - 1;
            replies[usize::try_from(number).map_or(last, |number| number.min(last))].at(held, answers)
        };
        match &self.0 {
            Kind::Sequence(replies) => nth(replies, held),
            Kind::Conversation(replies) => nth(replies, answers),
            Kind::Flapping { up, down } if held % (up + down) >= *up => {
                Kind::Status { status: 503, headers: BTreeMap::new(), body: None, retry_in_date: None }
            }
            Kind::Flapping { .. } => Kind::USUAL,
            kind => kind.clone(),
        }
    }
}

impl Kind {
    /// What happens when nothing is said.
    pub(crate) const USUAL: Self = Self::Ok { text: None, tool_calls: Vec::new(), delay_ms: None, finish_reason: None };

    /// Whether it asks for tools, here or by its rule's `tool_calls`.
    pub(crate) fn asks(&self, of_rule: &[ToolCall]) -> bool {
        !of_rule.is_empty() || matches!(self, Self::Ok { tool_calls, .. } if !tool_calls.is_empty())
    }

    /// Its name in the log.
    pub(crate) fn name(&self) -> String {
        let name = match self {
            Self::Status { status, .. } => return format!("status {status}"),
            Self::Ok { tool_calls, .. } if !tool_calls.is_empty() => "tool_calls",
            Self::Ok { .. } => "ok",
            Self::Reset {} => "reset",
            Self::Close {} => "close",
            Self::Hang {} => "hang",
            Self::Stall { .. } => "stall",
            Self::Slowloris { .. } => "slowloris",
            Self::EndlessHeaders {} => "endless_headers",
            Self::Cut { .. } => "cut",
            Self::ErrorEvent { .. } => "error_event",
            Self::WrongType {} => "wrong_type",
            Self::MalformedJson {} => "malformed_json",
            Self::Huge { .. } => "huge",
            Self::ZipBomb { .. } => "zip_bomb",
            Self::DuplicateEvents {} => "duplicate_events",
            Self::ReorderedEvents { .. } => "reordered_events",
            Self::NoFinish {} => "no_finish",
            Self::Flapping { .. } => "flapping",
            Self::Sequence(_) => "sequence",
            Self::Conversation(_) => "conversation",
            Self::Raw { .. } => "raw",
        };
        name.to_owned()
    }
}
