//! What people were asked about calls of tools, and have not answered: from the events alone, without the plan.

use indexmap::IndexMap;
use serde::Serialize;

use crate::{
    error::ErrorKind,
    model::{ApprovalRequest, Event, EventBody, NodePath, StepId},
};

/// A question that nobody has answered yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenQuestion {
    /// The node that waits for the answer.
    pub node: NodePath,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// What is asked.
    #[serde(flatten)]
    pub request: ApprovalRequest,
}

/// The questions of the nodes that wait for a person.
#[derive(Debug, Default)]
pub(super) struct OpenQuestions<'a> {
    nodes: IndexMap<&'a NodePath, Waiting<'a>>,
}

#[derive(Debug, Default)]
struct Waiting<'a> {
    attempt: u32,
    paused: bool,
    asked: IndexMap<StepId, &'a ApprovalRequest>,
}

impl<'a> OpenQuestions<'a> {
    /// Takes the next event.
    pub(super) fn take(&mut self, event: &'a Event) {
        match &event.body {
            EventBody::ApprovalRequested { node, attempt, request } => {
                let waiting = self.nodes.entry(node).or_default();
                waiting.attempt = *attempt;
                waiting.asked.insert(request.step, request);
            }
            EventBody::AttemptPaused { node, .. } => self.nodes.entry(node).or_default().paused = true,
            EventBody::ApprovalGiven { node, approval, .. } => {
                if let Some(waiting) = self.nodes.get_mut(node) {
                    let answers = |asked: &&ApprovalRequest| {
                        asked.fingerprint == approval.fingerprint && approval.decision.fits(asked.question.kind)
                    };
                    if waiting.asked.get(&approval.step).is_some_and(answers) {
                        waiting.asked.shift_remove(&approval.step);
                    }
                }
            }
            EventBody::ToolReturned { node, result, .. } => {
                if let Some(waiting) = self.nodes.get_mut(node) {
                    waiting.asked.shift_remove(&result.step);
                }
            }
            EventBody::AttemptStarted { node, .. } => {
                if let Some(waiting) = self.nodes.get_mut(node) {
                    waiting.paused = false;
                }
            }
            EventBody::AttemptFailed { node, error, .. } | EventBody::FallbackTaken { node, error, .. } => {
                if error.kind == ErrorKind::Schema {
                    self.nodes.shift_remove(node);
                }
            }
            EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeSkipped { node, .. }
            | EventBody::NodeCancelled { node } => {
                self.nodes.shift_remove(node);
            }
            EventBody::RunFinished { .. } => self.nodes.clear(),
            EventBody::RunCreated { .. }
            | EventBody::RunResumed { .. }
            | EventBody::ModelResponded { .. }
            | EventBody::ToolCalled { .. }
            | EventBody::ToolDenied { .. }
            | EventBody::IterationStarted { .. }
            | EventBody::CallWaited { .. }
            | EventBody::BreakerChanged { .. } => {}
        }
    }

    /// Whether a node waits for a person.
    pub(super) fn is_waiting(&self) -> bool {
        self.nodes.values().any(|waiting| waiting.paused && !waiting.asked.is_empty())
    }

    /// The questions, in the order in which their nodes began to ask.
    pub(super) fn list(&self) -> Vec<OpenQuestion> {
        let paused = self.nodes.iter().filter(|(_, waiting)| waiting.paused);
        let questions = paused.flat_map(|(node, waiting)| {
            waiting.asked.values().map(|request| OpenQuestion {
                node: (*node).clone(),
                attempt: waiting.attempt,
                request: (*request).clone(),
            })
        });
        questions.collect()
    }
}
