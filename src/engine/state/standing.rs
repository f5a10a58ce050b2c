//! Nodes that stand, for people or a time: no task works on them. They begin, wait for what comes in as an event or with time, and end, all by decisions.

use jiff::Timestamp;

use super::{RunState, parts::InstanceId};
use crate::{
    error::Result,
    model::{Approval, ApprovalRequest, EventBody, NodeStatus, Seq, Value},
    plan::{NodeKind, RehearsedAnswer, WaitNode},
};

/// What is recorded of a node that stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// What it asks.
    pub(super) asked: Option<ApprovalRequest>,
    /// The first answer, and when it was given.
    pub(super) answer: Option<(Approval, Timestamp)>,
}

impl RunState {
    /// Whether the instance is one of a node that stands.
    pub(super) fn stands(&self, id: InstanceId) -> bool {
        let stands = match &self.node(id).kind {
            NodeKind::Approval(_) => true,
            NodeKind::Wait(node) => !matches!(**node, WaitNode::Message { .. }),
            NodeKind::Agent(_)
            | NodeKind::Tool(_)
            | NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Send(_)
            | NodeKind::Receive(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_) => false,
        };
        stands && !self.is_mapped_parent(id)
    }

    /// Begins a node that stands. In a simulated run nobody is asked and nothing waited for.
    pub(super) fn begin_standing(&self, id: InstanceId, now: Timestamp) -> EventBody {
        let begun = match &self.node(id).kind {
            NodeKind::Approval(node) if self.is_simulated && node.rehearsed != Some(RehearsedAnswer::Silence) => {
                self.simulated_answer(id, node, now)
            }
            NodeKind::Wait(node) if self.is_simulated => self.wait_in_no_time(id, node, now),
            _ => Ok(self.started(id, None)),
        };
        begun.unwrap_or_else(|error| self.failure(id, &error, now))
    }

    /// What there is to record of a node that stands and has begun, if anything.
    pub(super) fn examine_standing(&self, id: InstanceId, now: Timestamp) -> Option<EventBody> {
        if self.is_halted_at(id) {
            return Some(self.cancelled(id));
        }
        let next = match &self.node(id).kind {
            NodeKind::Approval(node) => self.examine_approval(id, node, now),
            NodeKind::Wait(node) => self.examine_wait(id, node, now),
            _ => Ok(None),
        };
        next.unwrap_or_else(|error| Some(self.failure(id, &error, now)))
    }

    /// Takes an event about a question of a node that stands.
    pub(super) fn apply_question(&mut self, id: InstanceId, body: &EventBody, seq: Seq, at: Timestamp) {
        let instance = self.instance_mut(id);
        instance.horizon = seq;
        match body {
            EventBody::ApprovalRequested { request, .. } => {
                instance.standing = Standing { asked: Some(request.clone()), answer: None };
            }
            EventBody::ApprovalGiven { approval, .. } => {
                let is_asked = |request: &ApprovalRequest| {
                    request.step == approval.step
                        && request.fingerprint == approval.fingerprint
                        && approval.decision.fits(request.question.kind)
                };
                // The first answer counts.
                if instance.standing.answer.is_none() && instance.standing.asked.as_ref().is_some_and(is_asked) {
                    instance.standing.answer = Some((approval.clone(), at));
                }
            }
            _ => {}
        }
        self.dirty.push_back(id);
    }

    /// Whether the time until which the instance waits has come.
    pub(super) fn is_due(&self, id: InstanceId, now: Timestamp) -> bool {
        let instance = self.instance(id);
        instance.status == NodeStatus::Waiting && instance.due.is_some_and(|due| due <= now)
    }

    /// The event of a node that stands and has its output.
    pub(super) fn stood(&self, id: InstanceId, output: Value, note: Option<String>) -> Result<EventBody> {
        self.success_with_notes(id, output, note.into_iter().collect())
    }
}
