//! How an instance ends: its output with the route taken, another attempt, or its failure and what that means.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{RunState, parts::InstanceId};
use crate::{
    agent::{Entry, Notice},
    error::{Error, ErrorKind, Result},
    model::{EventBody, Handled, NodeStatus, Value},
    plan::{NodeKind, OnError, RoutePlan},
    store::Digest,
    template::Shared,
};

/// Whether a failure ends the run, whatever its node says: a budget that is spent, and a cassette that does not have what is asked, which
/// nothing that was recorded can follow.
pub(super) fn ends_run(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Budget | ErrorKind::Unrecorded)
}

/// The shortest time that a further attempt is given.
const WORTH_A_TRY: Duration = Duration::from_secs(2);

impl RunState {
    /// The event of an instance that has its output.
    ///
    /// # Errors
    /// `Template` when its `route` cannot be evaluated or has no case for the value.
    pub(in crate::engine) fn success(&self, id: InstanceId, output: Value) -> Result<EventBody> {
        self.success_with_notes(id, output, Vec::new())
    }

    /// The event of an instance that has its output, and what was overlooked to get it.
    ///
    /// # Errors
    /// As [`RunState::success`].
    pub(in crate::engine) fn success_with_notes(&self, id: InstanceId, output: Value, notes: Vec<String>) -> Result<EventBody> {
        let routed_to = if self.instance(id).element.is_some() { None } else { self.route(id, &output)? };
        let (node, attempt) = (self.path(id).clone(), self.instance(id).attempt);
        Ok(EventBody::NodeSucceeded { node, attempt, output, routed_to, notes, reused: None })
    }

    /// The event of an instance whose present attempt failed: another attempt at a later time, one with the next model of the
    /// chain, or failure for good.
    pub(in crate::engine) fn failure(&self, id: InstanceId, error: &Error, now: Timestamp) -> EventBody {
        let instance = self.instance(id);
        if instance.attempt == 0 || self.is_mapped_parent(id) || self.is_halted_at(id) {
            return self.failed_for_good(id, error);
        }
        let left = self.time_left_around(id, now);
        let is_worth_it = |delay: &Duration| left.is_none_or(|left| *delay + WORTH_A_TRY <= left);
        let delay = self.node(id).retry.delay_after(instance.tries, error, self.random(id)).filter(is_worth_it);
        let retry_at = delay.and_then(|delay| now.checked_add(SignedDuration::try_from(delay).ok()?).ok());
        let (node, attempt) = (instance.path.clone(), instance.attempt);
        match retry_at {
            Some(retry_at) => EventBody::AttemptFailed { node, attempt, error: error.to_record(), retry_at },
            None => self.failure_of_target(id, error),
        }
    }

    /// The event of an instance whose present attempt failed and which does not ask the same model again.
    pub(in crate::engine) fn failure_of_target(&self, id: InstanceId, error: &Error) -> EventBody {
        match self.next_target(id, error.kind()) {
            Some(next) => EventBody::FallbackTaken {
                node: self.path(id).clone(),
                attempt: self.instance(id).attempt,
                from: self.target_name(id).unwrap_or_default(),
                to: next.to_string(),
                error: error.to_record(),
            },
            None => self.failed_for_good(id, &self.with_given_up(id, error)),
        }
    }

    /// The event of an instance that gets no further attempt.
    pub(in crate::engine) fn failed_for_good(&self, id: InstanceId, error: &Error) -> EventBody {
        let instance = self.instance(id);
        let output = match &self.node(id).on_error {
            _ if ends_run(error.kind()) => None,
            OnError::Continue => Some(Value::Null),
            OnError::Use(tree) => tree.render(&self.scope_at(id, tree.references(), None)).ok(),
            OnError::Fail | OnError::Goto(_) => None,
        };
        EventBody::NodeFailed {
            node: instance.path.clone(),
            attempt: instance.attempt,
            error: error.to_record(),
            handled: output.map(|output| Handled { output }),
        }
    }

    /// The events that end an instance that ran out of time: what runs inside it is cancelled, then it fails.
    pub(in crate::engine) fn time_out(&self, id: InstanceId, error: &Error) -> Vec<EventBody> {
        let mut events: Vec<_> = self.running_inside(id).into_iter().map(|inner| self.cancelled(inner)).collect();
        events.push(self.failed_for_good(id, error));
        events
    }

    /// The event of an instance that is given up because what is around it ends.
    pub(in crate::engine) fn cancelled(&self, id: InstanceId) -> EventBody {
        EventBody::NodeCancelled { node: self.path(id).clone() }
    }

    /// The event of something that an attempt has kept in the log.
    pub(in crate::engine) fn kept(&self, id: InstanceId, entry: Entry) -> EventBody {
        let (node, attempt) = (self.path(id).clone(), self.instance(id).attempt);
        match entry {
            Entry::Answer(call) => EventBody::ModelResponded {
                node,
                attempt,
                ordinal: call.ordinal,
                model: call.model,
                fingerprint: call.fingerprint,
                response: call.response,
                cost: call.cost,
                duration_ms: call.duration_ms,
                overrides: call.overrides,
            },
            Entry::Intent(call) => EventBody::ToolCalled { node, attempt, call },
            Entry::Result(result) => EventBody::ToolReturned { node, attempt, result },
            Entry::Denial(denial) => EventBody::ToolDenied { node, attempt, denial },
            Entry::Question(request) => EventBody::ApprovalRequested { node, attempt, request },
        }
    }

    /// The event of an attempt that waits: for a person, until a time if there is one, or because the run or its agent is `held`.
    pub(in crate::engine) fn paused(&self, id: InstanceId, until: Option<Timestamp>, held: bool) -> EventBody {
        EventBody::AttemptPaused { node: self.path(id).clone(), attempt: self.instance(id).attempt, until, held }
    }

    /// The event of what happened around a call.
    pub(in crate::engine) fn noticed(&self, id: InstanceId, notice: Notice) -> EventBody {
        let (node, attempt) = (self.path(id).clone(), self.instance(id).attempt);
        match notice {
            Notice::Waited { ordinal, model, reason, duration } => EventBody::CallWaited {
                node,
                attempt,
                ordinal,
                model: model.to_string(),
                reason: reason.to_owned(),
                duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            },
            Notice::BreakerChanged { model, from, to, reason } => EventBody::BreakerChanged {
                node,
                attempt,
                model: model.to_string(),
                from: from.to_string(),
                to: to.to_string(),
                reason,
            },
        }
    }

    /// All attempts of agents in flight, in the whole run.
    pub(in crate::engine) fn running_attempts(&self) -> Vec<InstanceId> {
        let ids = (0..self.instances.len()).map(|index| InstanceId(u32::try_from(index).unwrap_or(u32::MAX)));
        ids.filter(|id| self.is_running_attempt(*id)).collect()
    }

    pub(super) fn is_running_attempt(&self, id: InstanceId) -> bool {
        let goes_out = matches!(self.node(id).kind, NodeKind::Agent(_) | NodeKind::Tool(_) | NodeKind::StandIn { .. });
        goes_out && self.instance(id).status == NodeStatus::Running && !self.is_mapped_parent(id)
    }

    /// Attempts of agents in flight inside an instance, not itself.
    fn running_inside(&self, id: InstanceId) -> Vec<InstanceId> {
        self.descendants(id).into_iter().filter(|inner| self.is_running_attempt(*inner)).collect()
    }

    fn route(&self, id: InstanceId, output: &Value) -> Result<Option<Vec<String>>> {
        let Some(route) = &self.node(id).route else { return Ok(None) };
        let case = self.chosen_case(id, route, output)?;
        let chosen = case.and_then(|case| route.cases.get(case)).or(route.default.as_ref());
        Ok(chosen.map(|chosen| chosen.iter().map(ToString::to_string).collect()))
    }

    /// The case of `route`, that of an instance, when it puts out `output`; `None` for the default.
    ///
    /// # Errors
    /// `Template` when the `route` cannot be evaluated or has no case for the value.
    pub(super) fn chosen_case<'r>(&self, id: InstanceId, route: &'r RoutePlan, output: &Value) -> Result<Option<&'r str>> {
        let shared = Shared::new(output);
        let value = route
            .on
            .evaluate(&self.scope_at(id, route.on.references(), Some(&shared)))
            .map_err(|error| error.context("`route.on`"))?;
        let text = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match route.cases.get_key_value(&text) {
            Some((case, _)) => Ok(Some(case)),
            None if route.default.is_some() => Ok(None),
            None => Err(Error::new(ErrorKind::Template, format!("`route` has no case for `{text}` and no default"))
                .hint("add the case, or a `default:`")
                .raw_text(output.to_string())),
        }
    }

    /// A number in [0, 1) that only depends on the run, the instance and its attempt, so that a replay waits the same time.
    fn random(&self, id: InstanceId) -> f64 {
        let instance = self.instance(id);
        let run = self.run.map(|run| run.to_string()).unwrap_or_default();
        let Digest(bytes) = Digest::of(format!("{run}/{}/{}", instance.path, instance.attempt).as_bytes());
        let head = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        f64::from(head) / (f64::from(u32::MAX) + 1.0)
    }
}
