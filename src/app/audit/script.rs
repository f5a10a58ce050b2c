//! Events of runs for tests, written down as a story.

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    agent::result_digest,
    error::{Error, ErrorKind},
    model::{
        Access, AgentName, Approval, ApprovalRequest, Decision, Effect, Event, EventBody, NodePath, Question, QuestionKind,
        RunId, StepId, ToolDenial, ToolIntent, ToolOutcome, ToolResult, Value,
    },
    store::{Digest, Record, Store, StreamId, this_process},
};

/// The node at which everything happens.
pub(super) fn node() -> NodePath {
    NodePath::new("fetch")
}

pub(super) fn step() -> StepId {
    StepId { turn: 0, index: 0 }
}

pub(super) fn created(run: RunId) -> EventBody {
    EventBody::RunCreated {
        run,
        workflow: "research".to_owned(),
        plan_digest: String::new(),
        sources: Vec::new(),
        inputs: IndexMap::new(),
        settings: Value::Null,
        agentflow: "0.1.0".to_owned(),
        owner: this_process(),
        origin: None,
        parent: None,
        nonce: None,
    }
}

pub(super) fn started() -> EventBody {
    let agent = Some(AgentName::new("writer").unwrap());
    EventBody::AttemptStarted {
        node: node(),
        attempt: 1,
        agent,
        chosen: None,
        model: None,
        basis: None,
        elements: None,
        inputs: None,
    }
}

/// A call of `tool` that reads from a host, permitted by a rule.
pub(super) fn intent(tool: &str) -> ToolIntent {
    ToolIntent {
        step: step(),
        tool: tool.to_owned(),
        arguments: json!({"url": "https://example.com/"}),
        fingerprint: "f".to_owned(),
        effect: Effect::Read,
        key: "af1-key".to_owned(),
        accesses: vec![Access::Net { secure: true, host: "example.com".to_owned(), port: 443 }],
        rules: vec!["net:*.com".parse().unwrap()],
        approved: false,
    }
}

pub(super) fn called(call: ToolIntent) -> EventBody {
    EventBody::ToolCalled { node: node(), attempt: 1, call }
}

pub(super) fn result(tool: &str, outcome: ToolOutcome) -> ToolResult {
    let digest = result_digest(&outcome);
    ToolResult {
        step: step(),
        tool: tool.to_owned(),
        fingerprint: "f".to_owned(),
        outcome,
        notes: Vec::new(),
        digest,
        untrusted: true,
        cached: false,
        duration_ms: 12,
        spend: crate::model::Spend::default(),
    }
}

pub(super) fn failed(kind: ErrorKind) -> ToolOutcome {
    let error = Error::new(kind, "it was not made");
    ToolOutcome::Failed { told: error.message().to_owned(), error: error.to_record() }
}

pub(super) fn returned(result: ToolResult) -> EventBody {
    EventBody::ToolReturned { node: node(), attempt: 1, result }
}

pub(super) fn denied(tool: &str) -> EventBody {
    let error = Error::new(ErrorKind::Denied, "the policy does not allow it").to_record();
    let denial = ToolDenial { step: step(), tool: tool.to_owned(), arguments: json!({}), error };
    EventBody::ToolDenied { node: node(), attempt: 1, denial }
}

pub(super) fn asked(tool: &str, kind: QuestionKind) -> EventBody {
    let question = Question {
        kind,
        tool: tool.to_owned(),
        arguments: json!({}),
        effect: Effect::Write,
        accesses: Vec::new(),
        reason: "the policy asks".to_owned(),
        gate: None,
    };
    let request = ApprovalRequest { step: step(), fingerprint: "f".to_owned(), question };
    EventBody::ApprovalRequested { node: node(), attempt: 1, request }
}

pub(super) fn answered(decision: Decision, fingerprint: &str) -> EventBody {
    let (by, comment) = ("alice".to_owned(), Some("once".to_owned()));
    let approval =
        Approval { step: step(), fingerprint: fingerprint.to_owned(), decision, option: None, form: None, by, comment };
    EventBody::ApprovalGiven { node: node(), attempt: 1, approval }
}

/// The events, numbered, a second apart.
pub(super) fn events(bodies: Vec<EventBody>) -> Vec<Event> {
    let begin: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    (0..).zip(bodies).map(|(seq, body)| Event { seq, at: begin + SignedDuration::from_secs(seq.cast_signed()), body }).collect()
}

/// Keeps a run with these events, the first of which is its creation.
pub(super) async fn keep(store: &Arc<dyn Store>, run: RunId, bodies: Vec<EventBody>) {
    let stream = StreamId::run(run);
    let mut last = Digest::ZERO;
    let records: Vec<Record> = events(bodies)
        .into_iter()
        .map(|Event { seq, at, body }| {
            let text = serde_json::to_string(&body).unwrap();
            let record = Record::seal(last, &stream, seq, at, body.kind(), EventBody::VERSION, text);
            last = record.hash;
            record
        })
        .collect();
    let epoch = store.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
    store.append(&stream, epoch, 0, &records).await.unwrap();
}
