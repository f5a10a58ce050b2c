//! Events and other values as JSON on standard output.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, RunId, Seq, SpanId, TraceId},
};

/// `value` as a document of several lines, with a line break at its end.
pub(super) fn document(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(no_json)?;
    Ok(text + "\n")
}

/// An event as an object: `seq`, `at`, `type`, the trace it belongs to, and what belongs to the type.
#[derive(Debug, Serialize)]
pub(super) struct EventReport<'a> {
    seq: Seq,
    at: Timestamp,
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(flatten)]
    body: &'a EventBody,
}

impl<'a> EventReport<'a> {
    /// The report of an event of `run`.
    pub(super) fn of(run: RunId, event: &'a Event) -> Self {
        let body = &event.body;
        let span = body.node().map(|node| SpanId::of(run, node, body.attempt()).to_string());
        Self { seq: event.seq, at: event.at, trace_id: TraceId::of(run).to_string(), span_id: span, body }
    }

    /// On a line, with a line break at its end.
    pub(super) fn line(&self) -> Result<String> {
        let text = serde_json::to_string(self).map_err(no_json)?;
        Ok(text + "\n")
    }
}

fn no_json(err: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "a value cannot be written as JSON").source(err)
}
