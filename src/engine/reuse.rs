//! The answers of an earlier run that a run may take over, found by what they rest on. Read once, when the run begins or goes on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tracing::warn;

use super::recover::read_run;
use crate::{
    error::Result,
    model::{Basis, Event, EventBody, NodePath, NodePattern, Origin, OriginKind, RunId, Value},
    plan::Plan,
    store::Store,
};

/// What may be taken of an earlier run. Each answer is given to one node only: two samples of the same prompt stay two.
#[derive(Debug)]
pub struct Reuse {
    run: RunId,
    invalidated: Vec<NodePattern>,
    answers: HashMap<NodePath, EarlierAnswer>,
    /// By path in the plan and basis: the instances, in the order in which they ended.
    alike: HashMap<(String, Basis), Vec<NodePath>>,
    taken: HashSet<NodePath>,
}

/// An answer of an earlier run.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierAnswer {
    /// The node instance.
    pub node: NodePath,
    /// What it rests on.
    pub basis: Basis,
    /// The output.
    pub output: Value,
    /// What was overlooked to get it.
    pub notes: Vec<String>,
}

impl Reuse {
    /// Reads what can be taken of the run that `origin` names, for a run of `plan`.
    ///
    /// # Errors
    /// As [`read_run`].
    pub async fn read(store: &Arc<dyn Store>, plan: &Plan, origin: &Origin) -> Result<Self> {
        let recorded = read_run(store, origin.run).await?;
        Ok(Self::of(origin, plan, &recorded.events))
    }

    /// The same for a run that goes on. What cannot be read any more is asked anew.
    pub(super) async fn read_again(store: &Arc<dyn Store>, plan: &Plan, origin: &Origin) -> Option<Self> {
        if origin.kind == OriginKind::Repair {
            return None;
        }
        match Self::read(store, plan, origin).await {
            Ok(reuse) => Some(reuse),
            Err(error) => {
                warn!(run.id = %origin.run, %error, "nothing can be taken of the earlier run");
                None
            }
        }
    }

    /// What can be taken of a run with these events.
    #[must_use]
    pub fn of(origin: &Origin, plan: &Plan, events: &[Event]) -> Self {
        let mut answers = HashMap::new();
        let mut alike: HashMap<_, Vec<_>> = HashMap::new();
        for answer in answers_of(events) {
            alike.entry((answer.node.without_instances(), answer.basis.clone())).or_default().push(answer.node.clone());
            answers.insert(answer.node.clone(), answer);
        }
        Self { run: origin.run, invalidated: invalidated(origin, plan), answers, alike, taken: HashSet::new() }
    }

    /// The run that answers are taken of.
    pub(super) fn run(&self) -> RunId {
        self.run
    }

    /// An answer for the node at `path`, if there is one that rests on `basis` and is still to be had: its own first, then that of
    /// another instance of the same node, so that elements of a map may move.
    pub(super) fn find(&self, path: &NodePath, basis: &Basis) -> Option<&EarlierAnswer> {
        let is_free = |answer: &&EarlierAnswer| !self.taken.contains(&answer.node);
        let own = self.answers.get(path).filter(|answer| answer.basis == *basis).filter(is_free);
        own.or_else(|| {
            let alike = self.alike.get(&(path.without_instances(), basis.clone()))?;
            alike.iter().filter_map(|node| self.answers.get(node)).find(is_free)
        })
    }

    /// Whether the node at `path` is to be asked in any case.
    pub(super) fn is_invalidated(&self, path: &NodePath) -> bool {
        self.invalidated.iter().any(|pattern| pattern.covers(path))
    }

    /// Notes that the answer of `node` has been given away.
    pub(super) fn take(&mut self, node: &NodePath) {
        self.taken.insert(node.clone());
    }
}

/// The nodes whose answers are not taken of the earlier run.
#[must_use]
pub fn invalidated(origin: &Origin, plan: &Plan) -> Vec<NodePattern> {
    let from = origin.from.as_deref().map(|from| plan.from_on(&NodePattern::new(from))).unwrap_or_default();
    from.into_iter().chain(origin.invalidated.iter().map(NodePattern::new)).collect()
}

/// The answers of agents and results of `tool` nodes in a run, each with what it rests on, in the order in which they came.
#[must_use]
pub fn answers_of(events: &[Event]) -> Vec<EarlierAnswer> {
    let mut asked: HashMap<&NodePath, &Basis> = HashMap::new();
    let mut answers = Vec::new();
    for event in events {
        match &event.body {
            EventBody::AttemptStarted { node, basis: Some(basis), .. } => {
                asked.insert(node, basis);
            }
            EventBody::NodeSucceeded { node, output, notes, reused, .. } => {
                let basis = reused.as_ref().map(|reused| &reused.basis).or_else(|| asked.get(node).copied());
                answers.extend(basis.map(|basis| EarlierAnswer {
                    node: node.clone(),
                    basis: basis.clone(),
                    output: output.clone(),
                    notes: notes.clone(),
                }));
            }
            _ => {}
        }
    }
    answers
}
