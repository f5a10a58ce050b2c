//! The queue for places, and the start of what has one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    RunState, Step,
    brief::Brief,
    parts::InstanceId,
    reserve::{Affords, Reserve},
    steering::Leave,
};
use crate::{
    error::Result,
    model::{Basis, EventBody, ModelRef, NodePath, NodeStatus, Seq, Value},
    plan::{AgentNode, GraphPlan, NodeKind, ToolNode},
};

/// An attempt of an agent or a call of a tool to be made.
#[derive(Debug)]
pub(in crate::engine) struct Start {
    pub(in crate::engine) id: InstanceId,
    pub(in crate::engine) event: EventBody,
    pub(in crate::engine) path: NodePath,
    pub(in crate::engine) attempt: u32,
    /// The model that is asked; `None` where no one names one, and for tools.
    pub(in crate::engine) model: Option<ModelRef>,
    /// The model of the chain that is asked when nobody has set the agent to another one.
    pub(in crate::engine) written: Option<ModelRef>,
    /// Whether the agent may be set to another model: not while one asks that stands in for its own.
    pub(in crate::engine) is_own_model: bool,
    /// How long a call waits for a model that is left alone.
    pub(in crate::engine) patience: Duration,
    pub(in crate::engine) work: Work,
    /// By what the placeholders of secrets in it are made.
    pub(in crate::engine) secret_key: Arc<str>,
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

/// A node of the plan with what it is to be given.
#[derive(Debug)]
pub(in crate::engine) struct Work {
    graph: Arc<GraphPlan>,
    node: usize,
    given: Given,
}

/// What is rendered for a node.
#[derive(Debug)]
enum Given {
    Brief(Box<Brief>),
    Arguments(Value),
}

/// What is to be done.
pub(in crate::engine) enum Job<'a> {
    /// Ask an agent.
    Agent { node: &'a AgentNode, brief: &'a Brief },
    /// Call a tool.
    Tool { node: &'a ToolNode, arguments: &'a Value },
}

impl Work {
    /// What is to be done, in the words of the plan.
    pub(in crate::engine) fn job(&self) -> Job<'_> {
        match (&self.graph.nodes[self.node].kind, &self.given) {
            (NodeKind::Agent(node), Given::Brief(brief)) => Job::Agent { node, brief },
            (NodeKind::Tool(node), Given::Arguments(arguments)) => Job::Tool { node, arguments },
            _ => unreachable!("work is made of agents with a brief and of tools with arguments"),
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
            match self.leave(id) {
                Leave::Granted => {}
                Leave::Held => {
                    self.hold(id);
                    continue;
                }
                Leave::Never(error) => {
                    self.instance_mut(id).queued = false;
                    return Some(Step::Record(Box::new(self.failed_for_good(id, &error))));
                }
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
        match &self.node(id).kind {
            NodeKind::Agent(agent) => self.start_agent(id, agent).map(|started| match started {
                Some((start, reserve)) => {
                    self.instance_mut(id).reserve = reserve;
                    Begun::Step(Step::Start(Box::new(start)))
                }
                None => Begun::Held,
            }),
            NodeKind::Tool(tool) => {
                let arguments = self.render(id, &tool.args).map_err(|error| error.context("`args`"))?;
                let basis = self.basis_of_call(tool, &arguments);
                let start = self.start_of(id, None, None, Some(basis), Given::Arguments(arguments));
                Ok(Begun::Step(Step::Start(Box::new(start))))
            }
            NodeKind::Value(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_)
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_) => {
                Ok(self.begin(id, now).map_or(Begun::Nothing, |body| Begun::Step(Step::Record(Box::new(body)))))
            }
        }
    }

    /// `None` when a budget has to be settled first.
    fn start_agent(&self, id: InstanceId, agent: &AgentNode) -> Result<Option<(Start, Reserve)>> {
        let brief = self.brief(id, agent)?;
        let (system, prompt) = (brief.system.as_deref(), brief.prompt.as_str());
        let basis = self.basis(agent, system, prompt);
        let reserve = match self.affords(id, agent, prompt.len() + system.map_or(0, str::len)) {
            Affords::Yes(reserve) => reserve,
            Affords::Later => return Ok(None),
            Affords::Never(error) => return Err(error),
        };
        let start = self.start_of(id, Some(agent), self.target(id), Some(basis), Given::Brief(Box::new(brief)));
        Ok(Some((start, reserve)))
    }

    fn start_of(
        &self,
        id: InstanceId,
        agent: Option<&AgentNode>,
        model: Option<&ModelRef>,
        basis: Option<Basis>,
        given: Given,
    ) -> Start {
        let instance = self.instance(id);
        // An attempt that a dead process left behind goes on; it is not a new one.
        let attempt = if instance.status == NodeStatus::Waiting { instance.attempt + 1 } else { instance.attempt.max(1) };
        let path = instance.path.clone();
        Start {
            id,
            event: EventBody::AttemptStarted {
                node: path.clone(),
                attempt,
                agent: agent.map(|agent| agent.agent.name.clone()),
                chosen: agent.and_then(|agent| agent.chosen_by.clone()),
                model: model.map(ToString::to_string),
                basis,
                elements: None,
                inputs: None,
            },
            path,
            attempt,
            model: model.cloned(),
            written: self.written_target(id).cloned(),
            is_own_model: instance.target == 0,
            patience: self.patience(id),
            secret_key: Arc::clone(&self.secret_key),
            work: Work { graph: Arc::clone(&self.frame(instance.frame).graph), node: instance.node, given },
            horizon: self.horizon(id),
        }
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
        own.max(around).max(sources.unwrap_or(0)).max(self.steered_at(id))
    }
}
