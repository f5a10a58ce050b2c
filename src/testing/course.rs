//! What became of the nodes of a run, as its events tell it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::ErrorRecord,
    model::{Event, EventBody, NodePath, NodePattern, Value},
    plan::{GraphOutput, NodeKind, NodePlan, Plan},
};

/// What became of the nodes of a run.
#[derive(Debug)]
pub struct Course<'a> {
    plan: &'a Plan,
    instances: BTreeMap<&'a NodePath, Instance<'a>>,
    /// Which instances ended, in that order.
    ends: Vec<&'a NodePath>,
}

/// What became of an instance of a node.
#[derive(Debug, Default)]
pub struct Instance<'a> {
    attempts: BTreeSet<u32>,
    iterations: BTreeSet<u32>,
    /// Of a mapped node as a whole: how many elements it has.
    elements: Option<usize>,
    /// How it ended.
    pub end: Option<End<'a>>,
    /// What it chose.
    pub routed_to: Option<&'a [String]>,
}

/// How an instance of a node ended.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// With this output.
    Succeeded(&'a Value),
    /// For this reason, and what the run went on with.
    Failed(&'a ErrorRecord, Option<&'a Value>),
    /// It was not run, for this reason.
    Skipped(&'a str),
    /// The run ended before.
    Cancelled,
}

impl<'a> End<'a> {
    /// The value that others read.
    #[must_use]
    pub fn output(self) -> Option<&'a Value> {
        match self {
            Self::Succeeded(output) | Self::Failed(_, Some(output)) => Some(output),
            Self::Failed(_, None) | Self::Skipped(_) | Self::Cancelled => None,
        }
    }

    /// The end as it is told.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::Succeeded(_) => "it succeeded".to_owned(),
            Self::Failed(error, None) => format!("it failed: {}", error.message),
            Self::Failed(error, Some(_)) => format!("it failed, which was handled: {}", error.message),
            Self::Skipped(reason) => format!("it was skipped: {reason}"),
            Self::Cancelled => "the run ended before it did".to_owned(),
        }
    }
}

impl Instance<'_> {
    /// How often it counts as run.
    fn times(&self) -> usize {
        let has_run = !self.attempts.is_empty() || matches!(self.end, Some(End::Succeeded(_) | End::Failed(..)));
        match self.elements {
            // The first iteration begins with the node.
            None if has_run => self.iterations.last().map_or(1, |last| usize::try_from(*last).unwrap_or(usize::MAX)),
            // The elements of a mapped node count instead of it.
            Some(_) | None => 0,
        }
    }
}

impl<'a> Course<'a> {
    /// Reads the events of a run of `plan`.
    #[must_use]
    pub fn of(plan: &'a Plan, events: &'a [Event]) -> Self {
        let mut course = Self { plan, instances: BTreeMap::new(), ends: Vec::new() };
        for event in events {
            course.read(&event.body);
        }
        course
    }

    fn read(&mut self, event: &'a EventBody) {
        match event {
            EventBody::AttemptStarted { node, attempt, elements, .. } => {
                let instance = self.instances.entry(node).or_default();
                instance.attempts.insert(*attempt);
                instance.elements = instance.elements.or(*elements);
            }
            EventBody::IterationStarted { node, iteration } => {
                self.instances.entry(node).or_default().iterations.insert(*iteration);
            }
            EventBody::NodeSucceeded { node, output, routed_to, .. } => {
                self.end(node, End::Succeeded(output)).routed_to = routed_to.as_deref();
            }
            EventBody::NodeFailed { node, error, handled, .. } => {
                self.end(node, End::Failed(error, handled.as_ref().map(|handled| &handled.output)));
            }
            EventBody::NodeSkipped { node, reason } => {
                self.end(node, End::Skipped(reason));
            }
            EventBody::NodeCancelled { node } => {
                self.end(node, End::Cancelled);
            }
            _ => {}
        }
    }

    fn end(&mut self, node: &'a NodePath, end: End<'a>) -> &mut Instance<'a> {
        if matches!(end, End::Succeeded(_) | End::Failed(..)) {
            self.ends.push(node);
        }
        let instance = self.instances.entry(node).or_default();
        instance.end = Some(end);
        instance
    }

    /// The instances that `name` names themselves, without what is inside them, in the order of their paths.
    fn named(&self, name: &str) -> impl Iterator<Item = (&'a NodePath, &Instance<'a>)> {
        let (pattern, depth) = (NodePattern::new(name), name.split('.').count());
        let instances = self.instances.iter().map(|(path, instance)| (*path, instance));
        instances.filter(move |(path, _)| path.as_str().split('.').count() == depth && pattern.covers(path))
    }

    /// How often the node `name` ran: elements of a map and iterations of a loop count each.
    #[must_use]
    pub fn executed(&self, name: &str) -> usize {
        self.named(name).map(|(_, instance)| instance.times()).sum()
    }

    /// How many attempts the node `name` took, all its instances together.
    #[must_use]
    pub fn attempts(&self, name: &str) -> usize {
        let name = self.working(name);
        let of = |instance: &Instance<'_>| match instance.elements {
            Some(_) => 0,
            None => instance.attempts.len().max(instance.times().min(1)),
        };
        self.named(&name).map(|(_, instance)| of(instance)).sum()
    }

    /// The node in which the work of the node `name` is done: a looped node is made a graph around itself.
    #[must_use]
    pub fn working(&self, name: &str) -> String {
        let node = self.plan.node_at(&NodePattern::new(name).in_plan()).map(|(_, node)| &node.kind);
        match node {
            Some(NodeKind::Graph(inner)) if inner.output == GraphOutput::Single => {
                let inner = inner.nodes.first().map(|NodePlan { id, .. }| id.as_str()).unwrap_or_default();
                format!("{name}.{inner}")
            }
            _ => name.to_owned(),
        }
    }

    /// Whether the node `name` was skipped, with all its instances, or is inside of one that was.
    #[must_use]
    pub fn is_skipped(&self, name: &str) -> bool {
        let mut ends = self.named(name).map(|(_, instance)| instance.end).peekable();
        match (ends.peek(), name.rsplit_once('.')) {
            (Some(_), _) => ends.all(|end| matches!(end, Some(End::Skipped(_)))),
            (None, Some((outer, _))) => self.is_skipped(outer),
            (None, None) => false,
        }
    }

    /// The instance of the node `name` that speaks for it: of a mapped node the whole, of several the last that has ended; an element or
    /// an iteration where `name` names one.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<(&'a NodePath, &Instance<'a>)> {
        let is_wanted = |path: &NodePath| names_element(name) || !names_element(path.as_str());
        let place = |path: &NodePath| self.ends.iter().rposition(|end| *end == path);
        self.named(name).filter(|(path, _)| is_wanted(path)).max_by_key(|(path, _)| place(path))
    }

    /// What each instance put out, as far as it did, in the order of the paths.
    pub fn outputs(&self) -> impl Iterator<Item = (&'a NodePath, &'a Value)> {
        self.instances.iter().filter_map(|(path, instance)| Some((*path, instance.end?.output()?)))
    }

    /// All instances of the node `name` with their choices, as far as they chose.
    pub fn routes(&self, name: &str) -> impl Iterator<Item = (&'a NodePath, &'a [String])> {
        self.named(name).filter_map(|(path, instance)| Some((path, instance.routed_to?)))
    }

    /// The instances that ended, in that order.
    #[must_use]
    pub fn ends(&self) -> &[&'a NodePath] {
        &self.ends
    }

    /// Whether `path` is the end that `name` stands for in an order: not of an element, unless one is named.
    #[must_use]
    pub fn is_end_of(name: &str, path: &NodePath) -> bool {
        let same_depth = name.split('.').count() == path.as_str().split('.').count();
        same_depth && NodePattern::new(name).covers(path) && (names_element(name) || !names_element(path.as_str()))
    }

    /// The way the run took: each node of the outermost graph in the order in which it ended, with what became of it.
    #[must_use]
    pub fn route(&self) -> Vec<String> {
        let outer = self.ends.iter().filter(|path| !path.as_str().contains(['.', '[']));
        outer.map(|path| self.told(path)).collect()
    }

    fn told(&self, path: &NodePath) -> String {
        let elements = self.instances.get(path).and_then(|instance| instance.elements);
        let times = elements.unwrap_or_else(|| self.executed(path.as_str()));
        let times = if elements.is_some() || times > 1 { format!(" ×{times}") } else { String::new() };
        let failed = match self.instances.get(path).and_then(|instance| instance.end) {
            Some(End::Failed(_, None)) => " (failed)",
            Some(End::Failed(_, Some(_))) => " (failed, handled)",
            _ => "",
        };
        format!("{path}{times}{failed}")
    }

    /// The node whose failure ended the run: the innermost one that failed last and was not taken care of.
    #[must_use]
    pub fn failed(&self) -> Option<(&'a NodePath, &'a ErrorRecord)> {
        let mut found: Option<(&NodePath, &ErrorRecord)> = None;
        for path in &self.ends {
            let encloses = |inner: &NodePath| {
                inner.as_str().strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '[', '@', '!']))
            };
            match self.instances.get(path).and_then(|instance| instance.end) {
                Some(End::Failed(error, None)) if !found.is_some_and(|(inner, _)| encloses(inner)) => found = Some((path, error)),
                Some(End::Succeeded(_) | End::Failed(_, Some(_)))
                    if found.is_some_and(|(inner, _)| inner == *path || encloses(inner)) =>
                {
                    found = None;
                }
                _ => {}
            }
        }
        found
    }
}

/// Whether the last part of a path names an element of a map.
fn names_element(path: &str) -> bool {
    path.rsplit('.').next().is_some_and(|last| last.contains('['))
}
