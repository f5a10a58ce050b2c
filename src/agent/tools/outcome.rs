//! What came of a call, on its way into the log: cut to its size, without secrets, with its digest.

use std::time::Duration;

use super::key;
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Effect, Spend, StepId, ToolOutcome, ToolResult, Value},
    tool::{Redactor, ToolOutput},
};

/// A result on its way into the log.
pub(super) struct Made {
    pub(super) outcome: Result<ToolOutput>,
    pub(super) untrusted: bool,
    pub(super) cached: bool,
    pub(super) duration_ms: u64,
    pub(super) spend: Spend,
}

impl Made {
    pub(super) fn new(outcome: Result<ToolOutput>) -> Self {
        Self { outcome, untrusted: false, cached: false, duration_ms: 0, spend: Spend::default() }
    }

    pub(super) fn failed(error: Error) -> Self {
        Self::new(Err(error))
    }
}

/// What a result belongs to.
#[derive(Debug, Clone)]
pub(super) struct Of {
    pub(super) step: StepId,
    pub(super) tool: String,
    pub(super) fingerprint: String,
}

impl Of {
    /// What is kept and told of a call: without any secret, whoever gave it away.
    pub(super) fn result(self, redactor: Option<&Redactor>, made: Made) -> ToolResult {
        let Self { step, tool, fingerprint } = self;
        let Made { outcome, untrusted, cached, duration_ms, spend } = made;
        let redact = |text: &str| match redactor {
            Some(redactor) => redactor.redact(text).into_owned(),
            None => text.to_owned(),
        };
        let (outcome, notes) = match outcome {
            Ok(ToolOutput { value, notes }) => {
                let notes = notes.iter().map(|note| redact(note)).collect();
                let value = match redactor {
                    Some(redactor) => redactor.redact_value(&value).into_owned(),
                    None => value,
                };
                (ToolOutcome::Output(value), notes)
            }
            Err(error) => {
                let mut record = error.to_record();
                record.message = redact(&record.message);
                record.raw_text = record.raw_text.as_deref().map(redact);
                record.hints = record.hints.iter().map(|hint| redact(hint)).collect();
                (ToolOutcome::Failed { told: redact(error.message()), error: record }, Vec::new())
            }
        };
        let digest = result_digest(&outcome);
        ToolResult { step, tool, fingerprint, outcome, notes, digest, untrusted, cached, duration_ms, spend }
    }
}

/// By what the audit tells that a result is what it was.
#[must_use]
pub fn result_digest(outcome: &ToolOutcome) -> String {
    let text = match outcome {
        ToolOutcome::Output(value) => value.to_string(),
        ToolOutcome::Failed { told, .. } => told.clone(),
    };
    key::digest(&[b"result", text.as_bytes()])
}

/// Cuts a result that is too long: text at a character, anything else becomes the beginning of its JSON.
pub(super) fn capped(mut output: ToolOutput, max: usize) -> ToolOutput {
    let text = match &output.value {
        Value::String(text) if text.len() > max => text.as_str(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => return output,
        value @ (Value::Array(_) | Value::Object(_)) => {
            let text = value.to_string();
            if text.len() <= max {
                return output;
            }
            output.value = Value::String(text);
            return capped(output, max);
        }
    };
    let total = text.len();
    let cut = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    output.value = Value::String(text[..cut].to_owned());
    output.notes.push(format!("the result was cut: {cut} of {total} bytes are shown"));
    output
}

pub(super) fn assumed_done() -> Made {
    let notes = vec!["the process died during this call; it counts as made, and its result is not known".to_owned()];
    Made::new(Ok(ToolOutput { value: Value::Null, notes }))
}

pub(super) fn rejected(comment: Option<&str>) -> Error {
    let why = comment.map(|comment| format!(": {comment}")).unwrap_or_default();
    Error::new(ErrorKind::Denied, format!("a person did not approve this call{why}"))
}

pub(super) fn timed_out(tool: &str, timeout: Duration, effect: Effect) -> Error {
    let doubt = if effect.changes() { "; what it does may have happened all the same" } else { "" };
    Error::new(ErrorKind::Timeout, format!("`{tool}` did not answer within {timeout:?}{doubt}"))
        .hint(format!("raise `timeout` under `[tools.{tool}]` in the manifest"))
}
