//! What the events of a run say of each node instance, for comparisons of two runs.

use indexmap::IndexMap;

use crate::model::{Basis, Event, EventBody, NodePath, Origin, Reused, Value};

/// A run by its node instances.
#[derive(Debug, Default)]
pub(super) struct RunFacts<'a> {
    /// The name of the workflow.
    pub(super) workflow: &'a str,
    /// The earlier run it comes from.
    pub(super) origin: Option<&'a Origin>,
    /// What it was given.
    pub(super) inputs: Option<&'a IndexMap<String, Value>>,
    /// What it gave, when it succeeded.
    pub(super) outputs: Option<&'a IndexMap<String, Value>>,
    /// Its node instances, in the order in which they began.
    pub(super) nodes: IndexMap<&'a NodePath, NodeFacts<'a>>,
}

/// A node instance.
#[derive(Debug, Default)]
pub(super) struct NodeFacts<'a> {
    /// What the last attempt of an agent rests on, or the answer that was taken over.
    pub(super) basis: Option<&'a Basis>,
    /// Where its output was taken from.
    pub(super) reused: Option<&'a Reused>,
    /// The inputs of the workflow it runs.
    pub(super) inputs: Option<&'a IndexMap<String, Value>>,
    /// Its output, also one that stands in for a failure.
    pub(super) output: Option<&'a Value>,
    /// Whether it succeeded.
    pub(super) succeeded: bool,
    /// The nodes its `route` chose.
    pub(super) routed_to: Option<&'a [String]>,
    /// Why it failed or was skipped.
    pub(super) reason: Option<&'a str>,
}

impl<'a> RunFacts<'a> {
    /// Gathers them from the events of a run.
    pub(super) fn of(events: &'a [Event]) -> Self {
        let mut facts = Self::default();
        for event in events {
            match &event.body {
                EventBody::RunCreated { workflow, origin, inputs, .. } => {
                    facts.workflow = workflow;
                    facts.origin = origin.as_ref();
                    facts.inputs = Some(inputs);
                }
                EventBody::RunFinished { outputs, error: None, .. } => facts.outputs = Some(outputs),
                body => {
                    if let Some(node) = body.node() {
                        facts.nodes.entry(node).or_default().take(body);
                    }
                }
            }
        }
        facts
    }

    /// The output of an instance, as far as it has one.
    pub(super) fn output(&self, node: &NodePath) -> Option<&'a Value> {
        self.nodes.get(node)?.output
    }
}

impl<'a> NodeFacts<'a> {
    fn take(&mut self, body: &'a EventBody) {
        match body {
            EventBody::AttemptStarted { basis, inputs, .. } => {
                self.basis = basis.as_ref().or(self.basis);
                self.inputs = inputs.as_ref().or(self.inputs);
            }
            EventBody::NodeSucceeded { output, routed_to, reused, .. } => {
                self.output = Some(output);
                self.succeeded = true;
                self.routed_to = routed_to.as_deref();
                self.reused = reused.as_ref();
                self.basis = reused.as_ref().map(|reused| &reused.basis).or(self.basis);
                self.reason = None;
            }
            EventBody::NodeFailed { error, handled, .. } => {
                self.output = handled.as_ref().map(|handled| &handled.output);
                self.reason = Some(&error.message);
            }
            EventBody::NodeSkipped { reason, .. } => self.reason = Some(reason),
            EventBody::RunCreated { .. }
            | EventBody::RunResumed { .. }
            | EventBody::ModelResponded { .. }
            | EventBody::IterationStarted { .. }
            | EventBody::AttemptFailed { .. }
            | EventBody::FallbackTaken { .. }
            | EventBody::CallWaited { .. }
            | EventBody::ToolCalled { .. }
            | EventBody::ToolReturned { .. }
            | EventBody::ToolDenied { .. }
            | EventBody::ApprovalRequested { .. }
            | EventBody::AttemptPaused { .. }
            | EventBody::ApprovalGiven { .. }
            | EventBody::BreakerChanged { .. }
            | EventBody::MessageSent { .. }
            | EventBody::MessagesTaken { .. }
            | EventBody::MessagesCame { .. }
            | EventBody::MessageDead { .. }
            | EventBody::SubscriptionChanged { .. }
            | EventBody::NodeCancelled { .. }
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
    }
}
