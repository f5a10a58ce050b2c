//! What a run of a graph is to come to: a list of events without an order, how each node ends, and what may come before what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use agentflow::{
    error::ErrorKind,
    model::{NodeStatus, Value},
};

/// Whether something must happen, or may be cut off because what is around it ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happens {
    Surely,
    Perhaps,
}

/// What the reference worked out.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Events by their names, see [`attempt_started`] and its like.
    pub(crate) events: Vec<(String, Happens)>,
    pub(crate) instances: Vec<Instance>,
    /// Model calls that are answered.
    pub(crate) answers: Vec<Happens>,
    /// Iterations that begin.
    pub(crate) iterations: Vec<Happens>,
    pub(crate) origins: HashMap<String, Origin>,
    /// How many elements of a map, by the path of the map, may be in flight.
    pub(crate) widths: HashMap<String, u32>,
    /// Instances that go round; their first iteration begins with their attempt.
    pub(crate) loops: HashSet<String>,
    /// Nodes whose failure leads to another node.
    pub(crate) caught: HashSet<String>,
    /// The outputs of the run, or the ways in which it may fail.
    pub(crate) end: Option<Result<BTreeMap<String, Value>, BTreeSet<ErrorKindName>>>,
}

/// [`ErrorKind`] has no order; its name has.
pub(crate) type ErrorKindName = String;

pub(crate) fn name(kind: ErrorKind) -> ErrorKindName {
    format!("{kind:?}")
}

/// How a node instance ends.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) path: String,
    pub(crate) status: NodeStatus,
    pub(crate) output: Value,
    pub(crate) attempt: u32,
    /// Whether it counts towards `limits.nodes`.
    pub(crate) has_started: bool,
    pub(crate) happens: Happens,
}

/// What comes before an instance's first event.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// Instances that have ended then.
    pub(crate) after: Vec<String>,
    /// Whether one of them is enough.
    pub(crate) one_is_enough: bool,
    /// The event that opened the graph or map it is in, and the instance that owns it.
    pub(crate) opened_by: Option<(String, String)>,
}

pub(crate) fn attempt_started(path: &str, attempt: u32) -> String {
    format!("attempt_started {path} {attempt}")
}

pub(crate) fn attempt_failed(path: &str, attempt: u32) -> String {
    format!("attempt_failed {path} {attempt}")
}

pub(crate) fn fallback_taken(path: &str, attempt: u32, from: &str, to: &str) -> String {
    format!("fallback_taken {path} {attempt} {from} {to}")
}

pub(crate) fn model_responded(path: &str, attempt: u32, ordinal: u32) -> String {
    format!("model_responded {path} {attempt} {ordinal}")
}

pub(crate) fn iteration_started(path: &str, attempt: u32, iteration: u32) -> String {
    format!("iteration_started {path} {attempt} {iteration}")
}

pub(crate) fn ended(path: &str, status: NodeStatus) -> String {
    format!("node_{} {path}", status.as_str())
}

/// How much was expected at one point; what came since can be made uncertain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    events: usize,
    instances: usize,
    answers: usize,
    iterations: usize,
}

impl Expected {
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            events: self.events.len(),
            instances: self.instances.len(),
            answers: self.answers.len(),
            iterations: self.iterations.len(),
        }
    }

    /// Nothing that was added since `mark` is certain: what is around it ends before all of it has happened.
    pub(crate) fn soften_since(&mut self, mark: Mark) {
        self.events[mark.events..].iter_mut().for_each(|(_, happens)| *happens = Happens::Perhaps);
        self.instances[mark.instances..].iter_mut().for_each(|instance| instance.happens = Happens::Perhaps);
        self.answers[mark.answers..].iter_mut().for_each(|happens| *happens = Happens::Perhaps);
        self.iterations[mark.iterations..].iter_mut().for_each(|happens| *happens = Happens::Perhaps);
    }

    pub(crate) fn happens(&mut self, event: String) {
        self.events.push((event, Happens::Surely));
    }

    /// How many node instances start, at least; and how many might at most. One that fails before its first attempt does not count
    /// as started, but is refused like the others when the bound is reached.
    pub(crate) fn started(&self) -> (u64, u64) {
        let started = self.instances.iter().filter(|instance| instance.has_started);
        let begun = self.instances.iter().filter(|instance| instance.has_started || instance.status == NodeStatus::Failed);
        (bounds(started.map(|instance| instance.happens)).0, bounds(begun.map(|instance| instance.happens)).1)
    }

    pub(crate) fn iterations(&self) -> (u64, u64) {
        bounds(self.iterations.iter().copied())
    }

    pub(crate) fn answers(&self) -> (u64, u64) {
        bounds(self.answers.iter().copied())
    }
}

fn bounds(all: impl Iterator<Item = Happens>) -> (u64, u64) {
    all.fold((0, 0), |(least, most), happens| (least + u64::from(happens == Happens::Surely), most + 1))
}
