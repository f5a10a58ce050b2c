//! What the events of one run say of its agents: calls and their time, attempts and how many of them failed.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{
    app::registry::is_simulated,
    error::ErrorKind,
    model::{Cost, Event, EventBody, NodePath},
};

/// What was measured of an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Calls of models that were answered.
    pub calls: u64,
    /// How long they took together, in milliseconds.
    pub calls_ms: u64,
    /// Attempts that came to their end.
    pub attempts: u64,
    /// Of them, attempts that failed.
    pub failed: u64,
}

impl Figures {
    /// How long a call took on average, in milliseconds.
    #[must_use]
    pub fn latency_ms(&self) -> Option<u64> {
        self.calls_ms.checked_div(self.calls)
    }

    /// The part of the attempts that did not fail, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn success_rate(&self) -> Option<f64> {
        (self.attempts > 0).then(|| self.attempts.saturating_sub(self.failed) as f64 / self.attempts as f64)
    }

    /// Adds what was measured elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.calls_ms += other.calls_ms;
        self.attempts += other.attempts;
        self.failed += other.failed;
    }
}

/// What one run has shown of an agent with one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentFigures {
    pub(super) agent: String,
    /// `provider/model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    /// Whether no model said anything of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) simulated: bool,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// Whose figures: agent, model, whether simulated.
type Whose = (String, Option<String>, bool);

/// Counts, event by event.
#[derive(Debug, Default)]
pub(super) struct Count {
    is_mock: bool,
    /// The attempts under way.
    open: HashMap<NodePath, Whose>,
    figures: BTreeMap<Whose, Figures>,
}

impl Count {
    /// Counts what `event` tells.
    pub(super) fn take(&mut self, event: &Event) {
        match &event.body {
            EventBody::RunCreated { settings, .. } => self.is_mock = is_simulated(settings),
            EventBody::AttemptStarted { node, agent: Some(agent), model, .. } => {
                let by_mock = model.as_ref().is_some_and(|model| model.starts_with("mock/"));
                self.open.insert(node.clone(), (agent.to_string(), model.clone(), self.is_mock || by_mock));
            }
            EventBody::ModelResponded { node, cost, duration_ms, .. } => {
                let Some(whose) = self.open.get_mut(node) else { return };
                // What a cassette played was answered at once, and says nothing of how a model does now.
                whose.2 |= matches!(cost, Cost::Simulated | Cost::Replayed { .. });
                let figures = self.figures.entry(whose.clone()).or_default();
                figures.calls += 1;
                figures.calls_ms += duration_ms;
            }
            EventBody::AttemptFailed { node, error, .. } | EventBody::FallbackTaken { node, error, .. } => {
                self.end(node, Some(error.kind));
            }
            EventBody::NodeFailed { node, error, .. } => self.end(node, Some(error.kind)),
            EventBody::NodeSucceeded { node, .. } => self.end(node, None),
            EventBody::NodeCancelled { node } => drop(self.open.remove(node)),
            EventBody::AttemptStarted { agent: None, .. }
            | EventBody::RunResumed { .. }
            | EventBody::NodeSkipped { .. }
            | EventBody::ToolCalled { .. }
            | EventBody::ToolReturned { .. }
            | EventBody::ToolDenied { .. }
            | EventBody::ApprovalRequested { .. }
            | EventBody::AttemptPaused { .. }
            | EventBody::ApprovalGiven { .. }
            | EventBody::IterationStarted { .. }
            | EventBody::CallWaited { .. }
            | EventBody::BreakerChanged { .. }
            | EventBody::MessageSent { .. }
            | EventBody::MessagesTaken { .. }
            | EventBody::MessagesCame { .. }
            | EventBody::MessageDead { .. }
            | EventBody::SubscriptionChanged { .. }
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

    fn end(&mut self, node: &NodePath, failure: Option<ErrorKind>) {
        let Some(whose) = self.open.remove(node) else { return };
        if failure.is_some_and(is_of_others) {
            return;
        }
        let figures = self.figures.entry(whose).or_default();
        figures.attempts += 1;
        figures.failed += u64::from(failure.is_some());
    }

    /// What was counted, by agent.
    pub(super) fn into_figures(self) -> Vec<AgentFigures> {
        let figures = |((agent, model, simulated), figures)| AgentFigures { agent, model, simulated, figures };
        self.figures.into_iter().map(figures).collect()
    }
}

/// Whether a failure says nothing about the agent: a budget was spent, a person or the policy said no, the machine gave way.
fn is_of_others(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Budget
        | ErrorKind::Denied
        | ErrorKind::Cancelled
        | ErrorKind::Interrupted
        | ErrorKind::Waiting
        | ErrorKind::StoreUnavailable
        | ErrorKind::Locked
        | ErrorKind::Fenced
        | ErrorKind::Conflict
        | ErrorKind::Corrupt
        | ErrorKind::Divergent
        | ErrorKind::Unrecorded
        | ErrorKind::Internal => true,
        ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::Timeout
        | ErrorKind::Transient
        | ErrorKind::NotReady
        | ErrorKind::Throttle
        | ErrorKind::Overloaded
        | ErrorKind::Quota
        | ErrorKind::Truncated
        | ErrorKind::Malformed
        | ErrorKind::Request
        | ErrorKind::ContextLength
        | ErrorKind::UnknownModel
        | ErrorKind::CircuitOpen
        | ErrorKind::Auth
        | ErrorKind::Refused
        | ErrorKind::Schema
        | ErrorKind::Template => false,
    }
}
