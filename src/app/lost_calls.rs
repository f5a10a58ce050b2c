//! Which attempts a dead process left behind: each may have had a call under way, which was perhaps paid for.

use std::collections::HashSet;

use crate::model::{Event, EventBody, NodePath};

/// The attempts of agents that are under way.
#[derive(Debug, Default)]
pub(super) struct Attempts<'a> {
    running: HashSet<&'a NodePath>,
}

impl<'a> Attempts<'a> {
    /// Takes the next event; returns the nodes whose call is lost by it.
    pub(super) fn take(&mut self, event: &'a Event) -> HashSet<&'a NodePath> {
        match &event.body {
            EventBody::RunResumed { .. } => return std::mem::take(&mut self.running),
            EventBody::AttemptStarted { node, agent: Some(_), .. } => {
                self.running.insert(node);
            }
            EventBody::AttemptFailed { node, .. }
            | EventBody::FallbackTaken { node, .. }
            | EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeSkipped { node, .. }
            | EventBody::NodeCancelled { node }
            | EventBody::AttemptPaused { node, .. } => {
                self.running.remove(node);
            }
            EventBody::RunCreated { .. }
            | EventBody::AttemptStarted { .. }
            | EventBody::ModelResponded { .. }
            | EventBody::CallWaited { .. }
            | EventBody::ToolCalled { .. }
            | EventBody::ToolReturned { .. }
            | EventBody::ToolDenied { .. }
            | EventBody::ApprovalRequested { .. }
            | EventBody::ApprovalGiven { .. }
            | EventBody::BreakerChanged { .. }
            | EventBody::MessageSent { .. }
            | EventBody::MessagesTaken { .. }
            | EventBody::MessagesCame { .. }
            | EventBody::MessageDead { .. }
            | EventBody::SubscriptionChanged { .. }
            | EventBody::IterationStarted { .. }
            | EventBody::RunPaused { .. }
            | EventBody::RunContinued { .. }
            | EventBody::RunCancelRequested { .. }
            | EventBody::AgentPaused { .. }
            | EventBody::AgentResumed { .. }
            | EventBody::AgentDraining { .. }
            | EventBody::AgentTerminated { .. }
            | EventBody::AgentChanged { .. }
            | EventBody::RunFinished { .. } => {}
        }
        HashSet::new()
    }
}
