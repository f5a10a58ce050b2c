//! The state of a run as a machine without IO: `next_step` decides, `apply` takes events, `replay` rebuilds it from a log.
//!
//! The scheduler drives it in a live run; a resume drives the same machine. Templates and conditions are evaluated here, because
//! they are pure. Nothing here awaits, reads a clock or touches a store.

mod apply;
mod approval;
mod brief;
mod budget;
mod chain;
mod decide;
mod exchange;
mod grounds;
mod mail;
mod mailboxes;
mod open;
mod outcome;
mod parts;
mod post;
mod project;
mod reserve;
mod reuse;
mod scope;
mod standing;
mod start;
mod steering;
mod steps;
mod time;
mod timers;
mod wait;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use indexmap::IndexMap;
use jiff::Timestamp;

pub(super) use brief::Brief;
pub(super) use budget::{MANY_EVENTS, MAX_EVENTS};
pub(super) use decide::Step;
pub use grounds::{EdgeGround, Grounds};
use mailboxes::Mailboxes;
pub(super) use parts::InstanceId;
use parts::{Frame, FrameId, Inner, Instance};
pub(super) use start::{Job, Start};
use steering::Steering;
use time::Course;

use crate::{
    agent::Recorded,
    engine::{child::CalledSpend, reuse::Reuse},
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{Event, MessageType, ModelRef, NodePath, NodeStatus, Price, RunId, RunStatus, Seq, Spend, Value},
    plan::{Addressees, NodePlan, Plan},
    schema::Validator,
    template::Shared,
};

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Succeeded, failed or cancelled.
    pub status: RunStatus,
    /// The outputs of a run that succeeded.
    pub outputs: IndexMap<String, Value>,
    /// Why it failed.
    pub error: Option<ErrorRecord>,
}

/// Where a run stands.
#[derive(Debug)]
pub struct RunState {
    plan: Arc<Plan>,
    env: Shared,
    run: Option<RunId>,
    /// By what the placeholders of secrets are made.
    secret_key: Arc<str>,
    started_at: Timestamp,
    frames: Vec<Frame>,
    instances: Vec<Instance>,
    by_path: HashMap<NodePath, InstanceId>,
    /// Instances that something happened to since they were last looked at.
    dirty: VecDeque<InstanceId>,
    /// Instances that wait only for a free place.
    ready: VecDeque<InstanceId>,
    /// When waiting instances are due, each as its `due` says.
    timers: BTreeSet<(Timestamp, InstanceId)>,
    /// Instances that wait for their next attempt.
    retrying: u32,
    /// Instances that wait for somebody, or for a time.
    paused: u32,
    /// Attempts of agents in flight.
    running: u32,
    /// Node instances that have started.
    started: u64,
    /// Iterations that have started, of all loops.
    iterations: u64,
    /// What runs that were called as tools cost, as far as it is counted.
    called: CalledSpend,
    next_seq: Seq,
    course: Course,
    ending: Option<Ending>,
    /// Answers of an earlier run that may be taken.
    reuse: Option<Reuse>,
    /// Whether a simulated model answers for all others.
    is_simulated: bool,
    /// What models charge, as far as it is known.
    prices: HashMap<ModelRef, Price>,
    /// The messages of the run.
    mailboxes: Mailboxes,
    /// What it has to do with mailboxes of the project.
    project: project::Project,
    /// To whom messages can go, by the workflow as it is run.
    addressees: HashMap<FrameId, Addressees>,
    /// What checks the bodies of messages.
    validators: HashMap<(FrameId, MessageType), Validator>,
    /// How people steer it.
    steering: Steering,
}

impl RunState {
    /// The state before the first event.
    #[must_use]
    pub fn new(plan: Arc<Plan>, env: &BTreeMap<String, String>) -> Self {
        let env = env.iter().map(|(name, value)| (name.clone(), Shared::new(&Value::from(value.as_str())))).collect();
        Self {
            plan,
            env: Shared::object(env),
            run: None,
            secret_key: Arc::from(""),
            started_at: Timestamp::UNIX_EPOCH,
            frames: Vec::new(),
            instances: Vec::new(),
            by_path: HashMap::new(),
            dirty: VecDeque::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            retrying: 0,
            paused: 0,
            running: 0,
            started: 0,
            iterations: 0,
            called: CalledSpend::default(),
            next_seq: 0,
            course: Course::default(),
            ending: None,
            reuse: None,
            is_simulated: false,
            prices: HashMap::new(),
            mailboxes: Mailboxes::default(),
            project: project::Project::default(),
            addressees: HashMap::new(),
            validators: HashMap::new(),
            steering: Steering::default(),
        }
    }

    /// The same state, which knows what models charge: it sets aside what calls in flight may cost.
    #[must_use]
    pub fn priced(mut self, prices: HashMap<ModelRef, Price>) -> Self {
        self.prices = prices;
        self
    }

    /// The state after `events`, which begin with the first one.
    ///
    /// # Errors
    /// `Divergent` when an event does not fit the plan or the events before it.
    pub fn replay(plan: Arc<Plan>, env: &BTreeMap<String, String>, events: &[Event]) -> Result<Self> {
        let mut state = Self::new(plan, env);
        state.apply_all(events)?;
        Ok(state)
    }

    /// Takes the next events.
    ///
    /// # Errors
    /// As [`RunState::apply`].
    pub fn apply_all(&mut self, events: &[Event]) -> Result<()> {
        events.iter().try_for_each(|event| self.apply(event))
    }

    /// The number of the next event.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// How the run ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// All calls so far.
    #[must_use]
    pub fn spend(&self) -> Spend {
        self.frames.first().map(|frame| frame.spend).unwrap_or_default()
    }

    /// Every node instance: path, status, attempt and output. For tests and comparisons.
    #[must_use]
    pub fn summary(&self) -> BTreeMap<NodePath, (NodeStatus, u32, Value)> {
        self.instances
            .iter()
            .map(|instance| {
                (instance.path.clone(), (instance.status, instance.attempt, instance.output.to_json().unwrap_or(Value::Null)))
            })
            .collect()
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(super) fn path(&self, id: InstanceId) -> &NodePath {
        &self.instance(id).path
    }

    pub(super) fn id_of(&self, path: &NodePath) -> Option<InstanceId> {
        self.by_path.get(path).copied()
    }

    pub(super) fn is_final(&self, id: InstanceId) -> bool {
        self.instance(id).status.is_final()
    }

    /// What is recorded of the present conversation of a node.
    pub(super) fn recorded(&self, id: InstanceId) -> &Recorded {
        &self.instance(id).recorded
    }

    /// The instance and everything it runs in, from the inside to the outside.
    pub(super) fn with_surroundings(&self, id: InstanceId) -> impl Iterator<Item = InstanceId> {
        std::iter::successors(Some(id), |id| {
            let instance = self.instance(*id);
            instance.element.as_ref().map(|element| element.parent).or(self.frame(instance.frame).owner)
        })
    }

    /// The frame of the instance and all frames around it, up to that of the run.
    fn frames_around(&self, id: InstanceId) -> impl Iterator<Item = &Frame> {
        self.frame_ids_around(id).map(|frame| self.frame(frame))
    }

    fn frame_ids_around(&self, id: InstanceId) -> impl Iterator<Item = FrameId> {
        std::iter::successors(Some(self.instance(id).frame), |frame| Some(self.instance(self.frame(*frame).owner?).frame))
    }

    fn instance(&self, id: InstanceId) -> &Instance {
        &self.instances[id.0 as usize]
    }

    fn instance_mut(&mut self, id: InstanceId) -> &mut Instance {
        &mut self.instances[id.0 as usize]
    }

    fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.0 as usize]
    }

    fn frame_mut(&mut self, id: FrameId) -> &mut Frame {
        &mut self.frames[id.0 as usize]
    }

    fn node(&self, id: InstanceId) -> &NodePlan {
        let instance = self.instance(id);
        &self.frame(instance.frame).graph.nodes[instance.node]
    }

    /// Whether the instance stands for all elements of a map.
    fn is_mapped_parent(&self, id: InstanceId) -> bool {
        self.instance(id).element.is_none() && self.node(id).map.is_some()
    }

    /// Whether nothing new may start in the frame, because it or one around it has failed.
    fn is_halted(&self, frame: FrameId) -> bool {
        let mut current = Some(frame);
        while let Some(id) = current {
            let frame = self.frame(id);
            if frame.failed.is_some() {
                return true;
            }
            current = frame.owner.map(|owner| {
                // An element's siblings halt it when one of them has failed.
                self.instance(owner).frame
            });
            if let Some(owner) = frame.owner
                && self.siblings_failed(owner)
            {
                return true;
            }
        }
        false
    }

    /// Whether the instance is an element of a map of which another element has failed.
    fn siblings_failed(&self, id: InstanceId) -> bool {
        self.instance(id).element.as_ref().is_some_and(
            |element| matches!(&self.instance(element.parent).inner, Inner::Elements(elements) if elements.failed.is_some()),
        )
    }

    fn find(&self, path: &NodePath) -> Result<InstanceId> {
        self.by_path.get(path).copied().ok_or_else(|| {
            Error::new(ErrorKind::Divergent, format!("the log names node `{path}`, which the plan does not have there"))
        })
    }
}
