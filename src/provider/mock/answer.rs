//! The scripted answers of the mock provider, and how they are written.

use std::time::Duration;

use serde_json::Map;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ToolName, Value},
};

/// A scripted answer.
#[derive(Debug, Clone, PartialEq)]
pub enum MockAnswer {
    /// This value: a string as it is, anything else as JSON (wrapped, if the call asks for a wrapped answer).
    Value(Value),
    /// Calls of tools that it asks for, whether they are offered or not.
    Calls(Vec<MockCall>),
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

/// A call of a tool that a scripted answer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockCall {
    /// The tool, as in files.
    pub name: ToolName,
    /// The arguments as a model would write them; JSON or not.
    pub arguments: String,
}

impl MockAnswer {
    /// Reads a scripted answer: any value, `{"tools": [{"name": "mcp:github/search", "arguments": {"query": "x"}}]}`, in which arguments
    /// may be left out or be a text that is sent as it is, or `{"error": {"status": 503, "kind": "transient", "retry_after": 2,
    /// "message": "…"}}` with one of `status` and `kind` at least; `retry_after` in seconds.
    ///
    /// # Errors
    /// `Invalid` when a map whose only key is `tools` or `error` is none of that form.
    pub fn from_value(value: Value) -> Result<Self> {
        match value.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.iter().next()) {
            Some((key, error)) if key == "error" => read_error(error),
            Some((key, calls)) if key == "tools" => read_calls(calls),
            _ => Ok(Self::Value(value)),
        }
    }
}

fn read_calls(calls: &Value) -> Result<MockAnswer> {
    let bad = |what: &str| {
        Error::new(ErrorKind::Invalid, format!("no valid mock calls of tools: {what}"))
            .hint("write `{ tools: [{ name: read_file, arguments: { path: README.md } }] }`")
            .hint("an answer that is a map with `tools` alone can be written as its JSON text")
    };
    let calls = calls.as_array().filter(|calls| !calls.is_empty()).ok_or_else(|| bad("`tools` is no list with a call"))?;
    let read = |call: &Value| {
        let fields = call.as_object().ok_or_else(|| bad("a call is no map"))?;
        only(fields, &["name", "arguments"]).map_err(|key| bad(&format!("unknown key `{}`", key.escape_default())))?;
        let name = fields.get("name").and_then(Value::as_str).ok_or_else(|| bad("a call has no `name`"))?;
        let arguments = match fields.get("arguments") {
            None => "{}".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        Ok(MockCall { name: ToolName::new(name)?, arguments })
    };
    calls.iter().map(read).collect::<Result<_>>().map(MockAnswer::Calls)
}

fn read_error(error: &Value) -> Result<MockAnswer> {
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
    Ok(MockAnswer::Error { kind, status, retry_after, message })
}

/// Fails with the first key that is not among `known`.
fn only<'a>(fields: &'a Map<String, Value>, known: &[&str]) -> Result<(), &'a str> {
    fields.keys().find(|key| !known.contains(&key.as_str())).map_or(Ok(()), |key| Err(key))
}
