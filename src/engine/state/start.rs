//! The queue for places, and the start of what has one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{RunState, Step, parts::InstanceId, reserve::Affords};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{EventBody, ModelRef, NodePath, NodeStatus, Seq},
    plan::{AgentNode, GraphPlan, NodeKind},
};

/// An attempt of an agent to run.
#[derive(Debug)]
pub(in crate::engine) struct Start {
    pub(in crate::engine) id: InstanceId,
    pub(in crate::engine) event: EventBody,
    pub(in crate::engine) path: NodePath,
    pub(in crate::engine) attempt: u32,
    /// The model of the chain that is asked; `None` where no one names one.
    pub(in crate::engine) model: Option<ModelRef>,
    /// How long a call waits for a model that is left alone.
    pub(in crate::engine) patience: Duration,
    pub(in crate::engine) work: AgentWork,
    /// The event that must be durable before a call leaves the process.
    pub(in crate::engine) horizon: Seq,
}

/// What came of the start of a queued instance.
enum Begun {
    Step(Step),
    /// It is looked at again as soon as something has changed.
    Nothing,
    /// A budget has to be settled first.
    Held,
}

/// An agent's node with its prompts rendered.
#[derive(Debug)]
pub(in crate::engine) struct AgentWork {
    graph: Arc<GraphPlan>,
    node: usize,
    pub(in crate::engine) system: Option<String>,
    pub(in crate::engine) prompt: String,
}

impl AgentWork {
    /// The node in the plan.
    pub(in crate::engine) fn node(&self) -> &AgentNode {
        match &self.graph.nodes[self.node].kind {
            NodeKind::Agent(node) => node,
            _ => unreachable!("agent work is made of agent nodes only"),
        }
    }
}

impl RunState {
    /// Puts an instance into the queue for a place, once.
    pub(super) fn enqueue(&mut self, id: InstanceId) {
        let instance = self.instance_mut(id);
        if !instance.queued && matches!(instance.status, NodeStatus::Pending | NodeStatus::Waiting) {
            instance.queued = true;
            self.ready.push_back(id);
        }
    }

    /// The next queued instance that has a place.
    pub(super) fn next_ready(&mut self, now: Timestamp) -> Option<Step> {
        let mut looked_at = self.ready.len();
        while looked_at > 0 && self.running < self.plan.limits.concurrency {
            looked_at -= 1;
            let id = self.ready.pop_front()?;
            if !matches!(self.instance(id).status, NodeStatus::Pending | NodeStatus::Waiting) || self.is_halted_at(id) {
                self.instance_mut(id).queued = false;
                self.dirty.push_back(id);
                continue;
            }
            if !self.has_place(id) {
                self.ready.push_back(id);
                continue;
            }
            self.instance_mut(id).queued = false;
            // Others that queued may have started meanwhile.
            if let Some(error) = self.exceeded_budget(id).or_else(|| self.exceeded_count(id)) {
                return Some(Step::Record(Box::new(self.failed_for_good(id, &error))));
            }
            match self.start(id, now) {
                Ok(Begun::Step(step)) => return Some(step),
                Ok(Begun::Nothing) => {}
                Ok(Begun::Held) => {
                    // What stands behind it would take what it waits for.
                    self.instance_mut(id).queued = true;
                    self.ready.push_front(id);
                    return None;
                }
                Err(error) => return Some(Step::Record(Box::new(self.failure(id, &error, now)))),
            }
        }
        None
    }

    /// Whether the inner workflows around the instance have a place free.
    fn has_place(&self, id: InstanceId) -> bool {
        self.frames_around(id).all(|frame| frame.running < frame.plan.limits.concurrency)
    }

    /// Starts a queued instance: an agent, or the next attempt of a container.
    fn start(&mut self, id: InstanceId, now: Timestamp) -> Result<Begun> {
        if let NodeKind::Tool(node) = &self.node(id).kind {
            return Err(Error::new(ErrorKind::Internal, format!("nothing calls the tool `{}` yet", node.tool)));
        }
        let NodeKind::Agent(agent) = &self.node(id).kind else {
            return Ok(self.begin(id, now).map_or(Begun::Nothing, |body| Begun::Step(Step::Record(Box::new(body)))));
        };
        let (system, prompt) = self.prompts(id, agent)?;
        let basis = self.basis(agent, system.as_deref(), &prompt);
        let reserve = match self.affords(id, agent, prompt.len() + system.as_deref().map_or(0, str::len)) {
            Affords::Yes(reserve) => reserve,
            Affords::Later => return Ok(Begun::Held),
            Affords::Never(error) => return Err(error),
        };
        let instance = self.instance(id);
        // An attempt that a dead process left behind goes on; it is not a new one.
        let attempt = if instance.status == NodeStatus::Waiting { instance.attempt + 1 } else { instance.attempt.max(1) };
        let path = instance.path.clone();
        let start = Start {
            id,
            event: EventBody::AttemptStarted {
                node: path.clone(),
                attempt,
                agent: Some(agent.agent.name.clone()),
                model: self.target_name(id),
                basis: Some(basis),
                elements: None,
                inputs: None,
            },
            path,
            attempt,
            model: self.target(id).cloned(),
            patience: self.patience(id),
            work: AgentWork { graph: Arc::clone(&self.frame(instance.frame).graph), node: instance.node, system, prompt },
            horizon: self.horizon(id),
        };
        self.instance_mut(id).reserve = reserve;
        Ok(Begun::Step(Step::Start(Box::new(start))))
    }

    /// The newest event that a start of the instance rests on.
    fn horizon(&self, id: InstanceId) -> Seq {
        let instance = self.instance(id);
        let frame = self.frame(instance.frame);
        let own = instance.horizon;
        let around = match (&instance.element, frame.owner) {
            (Some(element), _) => self.horizon(element.parent),
            (None, Some(owner)) => self.horizon(owner),
            (None, None) => 0,
        };
        let sources = self.node(id).incoming.iter().map(|edge| self.instance(frame.nodes[edge.from]).horizon).max();
        own.max(around).max(sources.unwrap_or(0))
    }
}
