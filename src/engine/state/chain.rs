//! The chain of models of an agent's node: which one is asked, and which one comes after a failure.

use std::time::Duration;

use super::{RunState, parts::InstanceId};
use crate::{
    agent::BREAKER_PATIENCE,
    error::{Error, ErrorKind},
    model::{FallbackReason, ModelRef},
    plan::AgentNode,
    resilience::{Next, verdict},
};

impl RunState {
    /// The model that the instance asks now.
    pub(in crate::engine) fn target(&self, id: InstanceId) -> Option<&ModelRef> {
        self.set_model(id).or_else(|| self.written_target(id))
    }

    /// The model of the chain that it asks now, as its author wrote it.
    pub(super) fn written_target(&self, id: InstanceId) -> Option<&ModelRef> {
        self.agent_node(id)?.models().nth(self.instance(id).target)
    }

    /// The same as `provider/model`.
    pub(super) fn target_name(&self, id: InstanceId) -> Option<String> {
        self.target(id).map(ToString::to_string)
    }

    /// Where the model called `name` stands in the chain of the instance.
    pub(super) fn position_in_chain(&self, id: InstanceId, name: &str) -> Option<usize> {
        self.agent_node(id)?.models().position(|model| model.to_string() == name)
    }

    /// How long a call of the instance waits for a model that is left alone: not at all when there is another one to ask, or nothing
    /// is to be tried again.
    pub(super) fn patience(&self, id: InstanceId) -> Duration {
        let waits = self.node(id).retry.max_attempts > 1 && self.next_target(id, ErrorKind::CircuitOpen).is_none();
        if waits { BREAKER_PATIENCE } else { Duration::ZERO }
    }

    /// The model that is asked after the present one has failed with `kind` and is not asked again.
    pub(super) fn next_target(&self, id: InstanceId, kind: ErrorKind) -> Option<&ModelRef> {
        let node = self.agent_node(id)?;
        let asked_for = match verdict(kind).next {
            Next::Never => return None,
            Next::AtOnce | Next::AfterRetries => None,
            Next::IfLarger => Some(FallbackReason::ContextLength),
            Next::IfAsked => Some(FallbackReason::Auth),
        };
        // The own model stands before the fallbacks, so the target's number is that of the fallback after it.
        let rest = node.fallback.get(self.instance(id).target..).unwrap_or_default();
        let fits = |also_after: &[FallbackReason]| asked_for.is_none_or(|reason| also_after.contains(&reason));
        rest.iter().find(|fallback| fits(&fallback.also_after)).map(|fallback| &fallback.model)
    }

    /// `error` with what became of the models that were given up before.
    pub(super) fn with_given_up(&self, id: InstanceId, error: &Error) -> Error {
        let whole = Error::from(error.to_record());
        let given_up = &self.instance(id).given_up;
        given_up.iter().fold(whole, |error, failed| error.hint(format!("before it, {failed}")))
    }

    fn agent_node(&self, id: InstanceId) -> Option<&AgentNode> {
        self.node(id).kind.agent()
    }
}
