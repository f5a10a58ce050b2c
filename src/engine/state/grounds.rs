//! On what a node began or did not: asked by who wants to know which way a run took. Read only, and of a state before the event that
//! follows from it.

use super::{
    RunState,
    parts::{Inner, InstanceId},
};
use crate::{
    error::Result,
    model::{NodePath, NodeStatus, Seq, Value},
    plan::EdgeKind,
};

/// What the beginning of a node rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Grounds {
    /// How its incoming edges stand, in the order of the plan.
    pub edges: Vec<EdgeGround>,
    /// What its `when` gives; absent when it has none, or when it cannot be evaluated.
    pub when: Option<bool>,
}

/// How an incoming edge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeGround {
    /// The event with which its source ended, if it has.
    pub ended: Option<Seq>,
    /// Whether it is taken.
    pub taken: bool,
    /// What its own condition gives, where it has one and its source went through.
    pub condition: Option<bool>,
}

impl RunState {
    /// What the beginning of the node at `path` rests on; `None` when it has begun or ended, and for elements of a map.
    #[must_use]
    pub fn grounds(&self, path: &NodePath) -> Option<Grounds> {
        let id = self.id_of(path)?;
        if self.instance(id).element.is_some() || self.has_begun(path) {
            return None;
        }
        let node = self.node(id);
        let edges = (0..node.incoming.len()).map(|edge| self.edge_ground(id, edge)).collect();
        let when = node.when.as_ref().and_then(|when| when.is_true(&self.scope_at(id, when.references(), None)).ok());
        Some(Grounds { edges, when })
    }

    /// Whether the node at `path` has begun or ended.
    #[must_use]
    pub fn has_begun(&self, path: &NodePath) -> bool {
        let instance = self.id_of(path).map(|id| self.instance(id));
        instance.is_some_and(|instance| instance.began.is_some() || instance.status.is_final())
    }

    fn edge_ground(&self, id: InstanceId, edge: usize) -> EdgeGround {
        let (instance, node) = (self.instance(id), self.node(id));
        let edge = &node.incoming[edge];
        let source = self.instance(self.frame(instance.frame).nodes[edge.from]);
        let condition = match &edge.kind {
            EdgeKind::Conditional(condition) if source.went_through => {
                condition.is_true(&self.scope_at(id, condition.references(), None)).ok()
            }
            EdgeKind::Conditional(_) | EdgeKind::Plain | EdgeKind::Routed | EdgeKind::OnError => None,
        };
        EdgeGround {
            ended: source.status.is_final().then_some(source.horizon),
            taken: self.is_taken(id, &edge.kind, edge.from).unwrap_or(false),
            condition,
        }
    }

    /// Whether the edge from the node `from` to the instance is taken, as far as its source has come.
    pub(super) fn is_taken(&self, id: InstanceId, kind: &EdgeKind, from: usize) -> Result<bool> {
        let source = self.instance(self.frame(self.instance(id).frame).nodes[from]);
        Ok(match kind {
            EdgeKind::Plain => source.went_through,
            EdgeKind::Routed => {
                let target = self.node(id).id.as_str();
                source.went_through && source.routed_to.iter().any(|chosen| chosen == target)
            }
            EdgeKind::Conditional(condition) => {
                source.went_through
                    && condition
                        .is_true(&self.scope_at(id, condition.references(), None))
                        .map_err(|error| error.context("edge condition"))?
            }
            EdgeKind::OnError => source.status == NodeStatus::Failed && !source.went_through,
        })
    }

    /// What the `until` of the loop at `path` gives after the iteration that is just over; `None` when there is none.
    #[must_use]
    pub fn until(&self, path: &NodePath) -> Option<bool> {
        let id = self.id_of(path)?;
        let until = self.node(id).looped.as_ref()?.until.as_ref()?;
        match self.instance(id).inner {
            Inner::Frame(frame) => until.is_true(&self.scope_inside(frame, until.references())).ok(),
            Inner::Nothing | Inner::Elements(_) => None,
        }
    }

    /// The case by which the node at `path` chooses when it puts out `output`; `None` inside for the default. `None` when it chooses
    /// nothing.
    #[must_use]
    pub fn case_of(&self, path: &NodePath, output: &Value) -> Option<Option<&str>> {
        let id = self.id_of(path)?;
        if self.instance(id).element.is_some() {
            return None;
        }
        self.chosen_case(id, self.node(id).route.as_ref()?, output).ok()
    }
}
