//! What people are asked about a run, and their answers: events of the run like all others, written while no process runs it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::recover::read_run;
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Approval, ApprovalRequest, Event, EventBody, NodePath, Owner, RunId},
    store::{Record, Store, StreamId},
};

/// A question that nobody has answered yet.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenQuestion {
    /// The node that waits for the answer.
    pub node: NodePath,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// What is asked.
    pub request: ApprovalRequest,
}

/// The open questions of a run, in the order in which they were asked.
#[must_use]
pub fn open_questions(events: &[Event]) -> Vec<OpenQuestion> {
    let mut open: Vec<OpenQuestion> = Vec::new();
    for event in events {
        match &event.body {
            EventBody::ApprovalRequested { node, attempt, request } => {
                open.retain(|question| question.node != *node || question.request.step != request.step);
                open.push(OpenQuestion { node: node.clone(), attempt: *attempt, request: request.clone() });
            }
            EventBody::ApprovalGiven { node, approval, .. } => {
                open.retain(|question| question.node != *node || !answers(approval, &question.request));
            }
            EventBody::ToolReturned { node, result, .. } => {
                open.retain(|question| question.node != *node || question.request.step != result.step);
            }
            EventBody::NodeSucceeded { node, .. } | EventBody::NodeFailed { node, .. } | EventBody::NodeCancelled { node } => {
                open.retain(|question| question.node != *node);
            }
            EventBody::RunFinished { .. } => open.clear(),
            _ => {}
        }
    }
    open
}

/// Whether an answer is one to this question.
fn answers(approval: &Approval, request: &ApprovalRequest) -> bool {
    approval.step == request.step && approval.fingerprint == request.fingerprint && approval.decision.fits(request.question.kind)
}

/// Records answers to open questions of a run that no process holds. The first answer to a question counts.
///
/// # Errors
/// `Locked` when a live process holds the run; `Invalid` for an answer to a question that is not open (any more), in which case none is
/// recorded; those of reading the run and of the store.
pub async fn answer(
    store: &Arc<dyn Store>,
    run: RunId,
    owner: &Owner,
    lease: Duration,
    given: &[(NodePath, u32, Approval)],
) -> Result<()> {
    let stream = StreamId::run(run);
    let epoch = store.claim(&stream, owner, lease).await?;
    let written = write(store, run, &stream, epoch, given).await;
    let given_back = store.renew(&stream, epoch, Duration::ZERO).await;
    written.and(given_back)
}

async fn write(
    store: &Arc<dyn Store>,
    run: RunId,
    stream: &StreamId,
    epoch: u64,
    given: &[(NodePath, u32, Approval)],
) -> Result<()> {
    let recorded = read_run(store, run).await?;
    let open = open_questions(&recorded.events);
    let (mut last, mut seq) = (recorded.last, recorded.events.len() as u64);
    let expected = seq;
    let mut records = Vec::with_capacity(given.len());
    for (node, attempt, approval) in given {
        if !open.iter().any(|question| question.node == *node && answers(approval, &question.request)) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("node `{node}` does not wait for an answer about call {}", approval.step),
            )
            .hint(format!("`agentflow approve {run}` shows what is asked")));
        }
        let body = EventBody::ApprovalGiven { node: node.clone(), attempt: *attempt, approval: approval.clone() };
        let text = serde_json::to_string(&body)
            .map_err(|error| Error::new(ErrorKind::Internal, "an event cannot be written as JSON").source(error))?;
        let record = Record::seal(last, stream, seq, Timestamp::now(), body.kind(), EventBody::VERSION, text);
        last = record.hash;
        seq += 1;
        records.push(record);
    }
    store.append(stream, epoch, expected, &records).await
}
