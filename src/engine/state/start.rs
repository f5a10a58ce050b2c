//! The queue for places, and the start of what has one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    RunState, Step,
    brief::Brief,
    parts::{FrameId, InstanceId},
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
    /// Something stands in for the node, and it is rendered for nobody.
    Nothing,
}

/// What is to be done.
pub(in crate::engine) enum Job<'a> {
    /// Ask an agent.
    Agent { node: &'a AgentNode, brief: &'a Brief },
    /// Call a tool.
    Tool { node: &'a ToolNode, arguments: &'a Value },
    /// Let something stand in for the node.
    StandIn { of: &'a NodeKind, brief: Option<&'a Brief>, arguments: Option<&'a Value> },
}

impl Work {
    /// What is to be done, in the words of the plan.
    pub(in crate::engine) fn job(&self) -> Job<'_> {
        match (&self.graph.nodes[self.node].kind, &self.given) {
            (NodeKind::Agent(node), Given::Brief(brief)) => Job::Agent { node, brief },
            (NodeKind::Tool(node), Given::Arguments(arguments)) => Job::Tool { node, arguments },
            (NodeKind::StandIn { of, .. }, given) => Job::StandIn {
                of,
                brief: if let Given::Brief(brief) = given { Some(brief) } else { None },
                arguments: if let Given::Arguments(arguments) = given { Some(arguments) } else { None },
            },
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
        while self.running < self.plan.limits.concurrency {
            let id = self.ready.pop_front()?;
            if !matches!(self.instance(id).status, NodeStatus::Pending | NodeStatus::Waiting) || self.is_halted_at(id) {
                self.instance_mut(id).queued = false;
                self.dirty.push_back(id);
                self.call_crowd(id);
                continue;
            }
            if let Some(full) = self.full_around(id) {
                self.frame_mut(full).crowd.push_back(id);
                self.call_crowd(id);
                continue;
            }
            match self.leave(id) {
                Leave::Granted => {}
                Leave::Held => {
                    self.hold(id);
                    self.call_crowd(id);
                    continue;
                }
                Leave::Never(error) => {
                    self.instance_mut(id).queued = false;
                    self.call_crowd(id);
                    return Some(Step::Record(Box::new(self.failed_for_good(id, &error))));
                }
            }
            self.instance_mut(id).queued = false;
            // Others that queued may have started meanwhile.
            if let Some(error) = self.exceeded_budget(id).or_else(|| self.exceeded_count(id)) {
                self.call_crowd(id);
                return Some(Step::Record(Box::new(self.failed_for_good(id, &error))));
            }
            match self.start(id, now) {
                Ok(Begun::Step(step)) => return Some(step),
                Ok(Begun::Nothing) => self.call_crowd(id),
                Ok(Begun::Held) => {
                    // What stands behind it would take what it waits for.
                    self.instance_mut(id).queued = true;
                    self.ready.push_front(id);
                    return None;
                }
                Err(error) => {
                    self.call_crowd(id);
                    return Some(Step::Record(Box::new(self.failure(id, &error, now))));
                }
            }
        }
        None
    }

    /// The innermost workflow around the instance that has no place free.
    fn full_around(&self, id: InstanceId) -> Option<FrameId> {
        self.frame_ids_around(id).find(|frame| !self.frame(*frame).has_place())
    }

    /// Has one of those that wait for a place of each workflow around the instance, which takes none there any more, queue again where one is
    /// free.
    pub(super) fn call_crowd(&mut self, id: InstanceId) {
        let mut next = Some(self.instance(id).frame);
        while let Some(frame) = next {
            let current = self.frame_mut(frame);
            let called = if current.has_place() { current.crowd.pop_front() } else { None };
            next = current.owner.map(|owner| self.instance(owner).frame);
            self.ready.extend(called);
        }
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
            NodeKind::StandIn { of, is_given } => {
                self.start_stand_in(id, of, *is_given).map(|start| Begun::Step(Step::Start(Box::new(start))))
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

    /// What stands in for a node is told what the node would have been given, as far as it would have been rendered for somebody.
    fn start_stand_in(&self, id: InstanceId, of: &NodeKind, is_given: bool) -> Result<Start> {
        match of {
            NodeKind::Agent(agent) if is_given => {
                let brief = self.brief(id, agent)?;
                Ok(self.start_of(id, Some(agent), self.target(id), None, Given::Brief(Box::new(brief))))
            }
            NodeKind::Tool(tool) if is_given => {
                let arguments = self.render(id, &tool.args).map_err(|error| error.context("`args`"))?;
                Ok(self.start_of(id, None, None, None, Given::Arguments(arguments)))
            }
            _ => Ok(self.start_of(id, None, None, None, Given::Nothing)),
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use indexmap::IndexMap;

    use super::*;
    use crate::{
        diagnostic::StoredFiles,
        model::{AgentName, Event, RunId, StoredSource},
        plan::{CompileOptions, ManifestChoice, compile},
        store::this_process,
    };

    const HUNDREDS: usize = 400;

    /// A state that is driven by hand: what it decides is applied at once.
    struct Driven {
        state: RunState,
        starts: Vec<InstanceId>,
    }

    impl Driven {
        fn apply(&mut self, body: EventBody) {
            let event = Event { seq: self.state.next_seq(), at: Timestamp::UNIX_EPOCH, body };
            self.state.apply(&event).unwrap();
        }

        fn decide(&mut self) {
            while let Some(step) = self.state.next_step(Timestamp::UNIX_EPOCH) {
                match step {
                    Step::Record(body) => self.apply(*body),
                    Step::Start(start) => {
                        self.starts.push(start.id);
                        self.apply(start.event);
                    }
                }
            }
        }

        /// How many stand in the queue, and how many were taken out of it for want of a place.
        fn waiting(&self) -> (usize, usize) {
            (self.state.ready.len(), self.state.frames.iter().map(|frame| frame.crowd.len()).sum())
        }
    }

    /// A team in a workflow of its own, which lets so many work at once, after the first decisions.
    fn team(at_once: usize, nodes: &str) -> Driven {
        let source = |path: &str, text: String| StoredSource { path: path.to_owned(), text };
        let team = format!(
            "limits: {{ concurrency: {at_once}, nodes: 2k }}\nagents: {{ a: {{ model: mock/m }}, b: {{ model: mock/m }} }}\n{nodes}"
        );
        let files = StoredFiles::new(vec![
            source("flow.yaml", "limits: { concurrency: 64 }\nnodes: { team: { workflow: team.yaml } }\n".to_owned()),
            source("team.yaml", team),
        ]);
        let compiled = compile(Path::new("flow.yaml"), ManifestChoice::None, &files, &CompileOptions::default());
        let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        let mut driven = Driven { state: RunState::new(Arc::new(plan), &BTreeMap::new()), starts: Vec::new() };
        driven.apply(EventBody::RunCreated {
            run: RunId::generate(),
            workflow: "flow".to_owned(),
            plan_digest: String::new(),
            sources: Vec::new(),
            inputs: IndexMap::new(),
            settings: Value::Null,
            agentflow: String::new(),
            owner: this_process(),
            origin: None,
            parent: None,
            nonce: None,
        });
        driven.decide();
        driven
    }

    #[test]
    fn who_has_no_place_is_called_once_when_there_is_one() {
        let list = format!("nodes:\n  list: {{ value: '{{{{ range({HUNDREDS}) }}}}' }}\n");
        let mut team = team(2, &(list + "  each: { map: list, agent: a, prompt: 'number {{ item }}' }\n"));
        assert_eq!((team.starts.len(), team.waiting()), (2, (0, HUNDREDS - 2)));
        for ended in 0..HUNDREDS {
            let id = team.starts[ended];
            let body = team.state.success(id, Value::from("done")).unwrap();
            team.apply(body);
            let waiting = HUNDREDS.saturating_sub(3 + ended);
            assert_eq!(team.waiting(), (usize::from(ended + 2 < HUNDREDS), waiting), "one place, one call");
            team.decide();
            assert_eq!(team.starts.len(), (ended + 3).min(HUNDREDS), "in the order in which they came");
        }
        assert!(team.starts.is_sorted() && team.state.ending().is_some());
    }

    #[test]
    fn who_may_not_begin_leaves_the_place_to_the_next() {
        for terminated in [false, true] {
            let node = |id: &str, agent: &str| format!("  {id}: {{ agent: {agent}, prompt: go, on_error: continue }}\n");
            let nodes = ["nodes:\n".to_owned(), node("one", "a"), node("two", "a"), node("three", "b")].concat();
            let mut team = team(1, &nodes);
            let (agent, by) = (AgentName::new("a").unwrap(), "somebody".to_owned());
            let steered =
                if terminated { EventBody::AgentTerminated { agent, by } } else { EventBody::AgentPaused { agent, by } };
            team.apply(steered);
            let body = team.state.success(team.starts[0], Value::from("done")).unwrap();
            team.apply(body);
            team.decide();
            let started: Vec<_> = team.starts.iter().map(|id| team.state.path(*id).to_string()).collect();
            assert_eq!(started, ["team.one", "team.three"], "terminated: {terminated}");
        }
    }
}
