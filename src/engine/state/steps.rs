//! How calls of tools, and what people say of them, change the state.

use jiff::Timestamp;

use super::{RunState, apply::misfit, parts::InstanceId};
use crate::{
    agent::Recorded,
    error::Result,
    model::{EventBody, NodeStatus, Seq, Spend},
};

impl RunState {
    /// Takes an event about a step of the instance.
    pub(super) fn apply_step(&mut self, id: InstanceId, body: &EventBody, seq: Seq, at: Timestamp) -> Result<()> {
        match body {
            EventBody::ToolCalled { call, .. } => {
                self.add_spend(id, Spend { tool_calls: 1, ..Spend::default() });
                self.on_step(id, seq, |recorded| recorded.take_intent(call.clone()));
            }
            EventBody::ToolReturned { node, result, .. } => {
                let spend = self.called.take(node, result);
                self.add_spend(id, spend);
                self.on_step(id, seq, |recorded| recorded.take_result(result.clone()));
            }
            EventBody::AttemptPaused { node, .. } | EventBody::ApprovalGiven { node, .. } if self.is_final(id) => {
                return Err(misfit(&format!("node `{node}` has ended, but the log goes on with it")));
            }
            EventBody::ApprovalRequested { .. } | EventBody::ApprovalGiven { .. } if self.stands(id) => {
                self.apply_question(id, body, seq, at);
            }
            EventBody::ApprovalRequested { request, .. } => {
                self.on_step(id, seq, |recorded| recorded.take_question(request.clone()));
            }
            EventBody::AttemptPaused { until, held, .. } => self.on_paused(id, *until, *held, seq),
            EventBody::ApprovalGiven { approval, .. } => {
                self.on_step(id, seq, |recorded| recorded.take_approval(approval.clone()));
                self.go_on_if_answered(id);
            }
            other => return Err(misfit(&format!("`{}` is about no step", other.kind()))),
        }
        Ok(())
    }

    fn on_step(&mut self, id: InstanceId, seq: Seq, take: impl FnOnce(&mut Recorded)) {
        let instance = self.instance_mut(id);
        instance.horizon = seq;
        take(&mut instance.recorded);
    }

    /// The attempt gives its place back and waits: for answers to its questions, for a run that it called, for a time, or because it is
    /// held.
    fn on_paused(&mut self, id: InstanceId, until: Option<Timestamp>, held: bool, seq: Seq) {
        self.set_status(id, NodeStatus::Waiting);
        self.pause(id, until);
        let instance = self.instance_mut(id);
        instance.horizon = seq;
        // Who waits for an answer is not held before it has come.
        instance.is_held = held && instance.recorded.questions().next().is_none();
        // Another node may have failed meanwhile, so that nobody need answer any more.
        self.dirty.push_back(id);
        if held {
            // What held it may be over.
            self.go_on_if_answered(id);
        }
    }

    /// An attempt that waited goes on when its last question is answered, and neither the run nor its agent is paused.
    pub(super) fn go_on_if_answered(&mut self, id: InstanceId) {
        let (active, is_free) = (self.course.active(), self.may_go_on(id).is_ok());
        let instance = self.instance_mut(id);
        let Some(since) = instance.paused else { return };
        if instance.recorded.questions().next().is_some() {
            return;
        }
        instance.is_held = !is_free;
        if is_free {
            // The time of waiting is not that of the node.
            instance.active_before += active.saturating_sub(since);
            self.set_status(id, NodeStatus::Pending);
            self.dirty.push_back(id);
        }
    }

    /// Whether a person is asked something and has not answered.
    pub(in crate::engine) fn asks_people(&self) -> bool {
        self.instances.iter().any(|instance| instance.paused.is_some() && !instance.is_held)
    }

    /// Whether the instance waits for a person.
    pub(in crate::engine) fn is_paused(&self, id: InstanceId) -> bool {
        let instance = self.instance(id);
        instance.paused.is_some() && instance.status == NodeStatus::Waiting
    }
}
