//! How people steer the run and its agents: what is held, what may not begin any more, what agents are set to.
//!
//! A wish becomes an event by [`RunState::wished`]; the events change the state here, so that a replay holds and sets the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{RunState, parts::InstanceId};
use crate::{
    engine::control::{RunControl, Wishes},
    error::{Error, ErrorKind, Result},
    model::{AgentMode, AgentName, AgentOverrides, EventBody, ModelRef, NodeStatus, Price, RunWish, Seq},
};

/// How the run is steered.
#[derive(Debug, Default)]
pub(super) struct Steering {
    /// Who paused the run.
    paused: Option<String>,
    /// Who cancelled it.
    cancelled: Option<String>,
    /// The agents that are not as their author wrote them, or were not once.
    agents: BTreeMap<AgentName, Steered>,
    /// Instances that would start if their agent might.
    held: Vec<InstanceId>,
}

/// How an agent is steered.
#[derive(Debug, Default)]
struct Steered {
    mode: AgentMode,
    /// Who said so last.
    by: String,
    overrides: AgentOverrides,
    refused: Option<String>,
    /// The event that said so last: what follows from it leaves the process when it is durable.
    horizon: Seq,
}

/// Whether an instance may begin an attempt.
pub(super) enum Leave {
    /// It may.
    Granted,
    /// Not before its agent may.
    Held,
    /// Not any more.
    Never(Error),
}

impl RunState {
    /// The events by which the run comes to know what is wished, of it and of those of its agents that `agents` names. `unasked` tells
    /// why a model cannot be asked here.
    pub(in crate::engine) fn wished(
        &self,
        run: Option<&RunControl>,
        wishes: &Wishes,
        agents: &BTreeSet<AgentName>,
        unasked: impl Fn(&ModelRef) -> Option<String>,
    ) -> Vec<EventBody> {
        let mut events = Vec::new();
        if self.ending.is_some() || self.steering.cancelled.is_some() {
            return events;
        }
        match (run.map(|control| (control.wish, &control.by)), &self.steering.paused) {
            (Some((RunWish::Cancel, by)), _) => return vec![EventBody::RunCancelRequested { by: by.clone() }],
            (Some((RunWish::Pause, by)), None) => events.push(EventBody::RunPaused { by: by.clone() }),
            (Some((RunWish::GoOn, by)), Some(_)) => events.push(EventBody::RunContinued { by: by.clone() }),
            // Nobody went on with it: a wish that is lost changes nothing.
            (Some((RunWish::Pause, _)) | None, Some(_)) | (Some((RunWish::GoOn, _)) | None, None) => {}
        }
        let usual = Steered::default();
        for agent in agents {
            let known = self.steering.agents.get(agent).unwrap_or(&usual);
            let (mode, mut overrides, by) = wishes.agents.get(agent).map_or_else(
                || (AgentMode::Active, AgentOverrides::default(), known.by.clone()),
                |control| (control.state, control.overrides.clone(), control.by().to_owned()),
            );
            let refused = overrides.model.as_ref().and_then(&unasked);
            if refused.is_some() {
                overrides.model = None;
            }
            if overrides != known.overrides || refused != known.refused {
                events.push(EventBody::AgentChanged { agent: agent.clone(), overrides, refused, by: by.clone() });
            }
            if mode != known.mode {
                events.push(moved(agent.clone(), mode, by));
            }
        }
        events
    }

    /// Takes an event by which the run or an agent is steered.
    pub(super) fn apply_steering(&mut self, body: &EventBody, seq: Seq) {
        match body {
            EventBody::RunPaused { by } => self.steering.paused = Some(by.clone()),
            EventBody::RunContinued { .. } => {
                self.steering.paused = None;
                self.release();
            }
            EventBody::RunCancelRequested { by } => self.steering.cancelled = Some(by.clone()),
            EventBody::AgentChanged { agent, overrides, refused, by } => {
                let steered = self.steering.agents.entry(agent.clone()).or_default();
                steered.overrides.clone_from(overrides);
                steered.refused.clone_from(refused);
                steered.by.clone_from(by);
                steered.horizon = seq;
            }
            other => {
                let Some((agent, mode, by)) = other.agent_mode() else { return };
                let steered = self.steering.agents.entry(agent.clone()).or_default();
                steered.mode = mode;
                by.clone_into(&mut steered.by);
                steered.horizon = seq;
                self.release();
            }
        }
    }

    /// Has everything looked at again that was held.
    fn release(&mut self) {
        for id in std::mem::take(&mut self.steering.held) {
            self.instance_mut(id).queued = false;
            self.enqueue(id);
        }
        for id in self.open_instances() {
            if self.instance(id).is_held {
                self.go_on_if_answered(id);
            }
        }
    }

    /// Whether the instance may begin an attempt, or go on with one that a dead process left behind.
    pub(super) fn leave(&self, id: InstanceId) -> Leave {
        let Some((agent, steered)) = self.steered(id) else { return Leave::Granted };
        let goes_on = self.instance(id).status == NodeStatus::Pending && self.instance(id).attempt > 0;
        match steered.mode {
            AgentMode::Active => Leave::Granted,
            AgentMode::Draining if goes_on => Leave::Granted,
            AgentMode::Paused | AgentMode::Draining => Leave::Held,
            AgentMode::Terminated => Leave::Never(terminated(agent, &steered.by)),
        }
    }

    /// Keeps an instance until its agent may begin something.
    pub(super) fn hold(&mut self, id: InstanceId) {
        self.instance_mut(id).queued = true;
        self.steering.held.push(id);
    }

    /// Whether an attempt under way may take a further step.
    ///
    /// # Errors
    /// `Waiting` when the run or its agent is paused: the attempt goes on from its log, later.
    pub(in crate::engine) fn may_go_on(&self, id: InstanceId) -> Result<()> {
        if self.is_stopped() {
            return Err(Error::new(ErrorKind::Waiting, "the run is paused"));
        }
        match self.steered(id) {
            Some((agent, Steered { mode: AgentMode::Paused, .. })) => {
                Err(Error::new(ErrorKind::Waiting, format!("agent `{agent}` is paused")))
            }
            _ => Ok(()),
        }
    }

    /// What agents are set to that are set to anything.
    pub(in crate::engine) fn all_overrides(&self) -> impl Iterator<Item = (&AgentName, &AgentOverrides)> {
        let steered = self.steering.agents.iter().map(|(agent, steered)| (agent, &steered.overrides));
        steered.filter(|(_, overrides)| !overrides.is_empty())
    }

    /// What an agent is set to.
    pub(super) fn overrides_of(&self, agent: &AgentName) -> Option<&AgentOverrides> {
        self.steering.agents.get(agent).map(|steered| &steered.overrides)
    }

    /// The model that the agent of an instance is set to; what stands in for it is asked as written.
    pub(super) fn set_model(&self, id: InstanceId) -> Option<&ModelRef> {
        if self.instance(id).target > 0 {
            return None;
        }
        self.steered(id)?.1.overrides.model.as_ref()
    }

    /// Has the calls of a model reckoned with this price.
    pub(in crate::engine) fn learn_price(&mut self, model: &ModelRef, price: Price) {
        self.prices.insert(model.clone(), price);
    }

    /// The event that a start of the instance rests on because of how its agent is steered.
    pub(super) fn steered_at(&self, id: InstanceId) -> Seq {
        self.steered(id).map_or(0, |(_, steered)| steered.horizon)
    }

    /// Who cancelled the run, if somebody did.
    pub(in crate::engine) fn cancelled_by(&self) -> Option<&str> {
        self.steering.cancelled.as_deref()
    }

    /// Whether nothing may be decided before somebody goes on with the run.
    pub(in crate::engine) fn is_stopped(&self) -> bool {
        self.steering.paused.is_some() || self.steering.cancelled.is_some()
    }

    /// Whether somebody paused the run, and nobody has gone on with it.
    #[must_use]
    pub fn is_run_paused(&self) -> bool {
        self.steering.paused.is_some()
    }

    /// The agents that hold nodes of the run which would go on otherwise, by name.
    #[must_use]
    pub fn holding_agents(&self) -> BTreeSet<AgentName> {
        let stopped = self.open_instances().into_iter().filter(|id| self.is_paused(*id) && self.instance(*id).is_held);
        let held = self.steering.held.iter().copied().filter(|id| !self.is_final(*id) && !self.is_halted_at(*id));
        held.chain(stopped).filter_map(|id| self.steered(id).map(|(agent, _)| agent.clone())).collect()
    }

    /// Whether something waits for an agent that may not begin anything.
    pub(super) fn holds_something(&self) -> bool {
        self.steering.held.iter().any(|id| !self.is_final(*id))
    }

    /// The attempts under way of an agent that was terminated, and why they fail.
    pub(in crate::engine) fn terminated(&self) -> Vec<(InstanceId, Error)> {
        let why = |id| match self.steered(id) {
            Some((agent, steered)) if steered.mode == AgentMode::Terminated => Some((id, terminated(agent, &steered.by))),
            _ => None,
        };
        self.running_attempts().into_iter().filter_map(why).collect()
    }

    /// The agent that an instance asks.
    pub(in crate::engine) fn agent_of(&self, id: InstanceId) -> Option<&AgentName> {
        self.node(id).kind.agent().map(|node| &node.agent.name)
    }

    fn steered(&self, id: InstanceId) -> Option<(&AgentName, &Steered)> {
        if self.steering.agents.is_empty() {
            return None;
        }
        self.steering.agents.get_key_value(self.agent_of(id)?)
    }
}

fn moved(agent: AgentName, to: AgentMode, by: String) -> EventBody {
    match to {
        AgentMode::Active => EventBody::AgentResumed { agent, by },
        AgentMode::Paused => EventBody::AgentPaused { agent, by },
        AgentMode::Draining => EventBody::AgentDraining { agent, by },
        AgentMode::Terminated => EventBody::AgentTerminated { agent, by },
    }
}

fn terminated(agent: &AgentName, by: &str) -> Error {
    Error::new(ErrorKind::Cancelled, format!("agent `{agent}` was terminated by {by}"))
        .hint(format!("`agentflow agents resume {agent}` lets it be asked again"))
}
