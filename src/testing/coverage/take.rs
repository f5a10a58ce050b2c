//! What a run took: its events are replayed, and the state before each is asked on what it rests.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    point::{Count, What},
    site::{Site, is_element, site},
    survey::doing,
};
use crate::{
    engine::{EdgeGround, Grounds, RunState},
    error::{ErrorKind, ErrorRecord, Result},
    model::{Event, EventBody, Gate, Handled, NodePath, Value},
    plan::{JoinMode, NodeKind, NodePlan, OnError, Plan, WaitNode},
};

/// Something that a run took.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) file: PathBuf,
    pub(super) node: String,
    pub(super) what: What,
}

/// What a run took and what it passed by.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) taken: Vec<Taken>,
    /// Nodes that were skipped: file and path.
    pub(super) skipped: Vec<(PathBuf, String)>,
}

/// The way that the run with these events took, which is one of `plan`.
///
/// # Errors
/// `Divergent` when the events do not fit the plan.
pub(super) fn way(plan: &Arc<Plan>, env: &BTreeMap<String, String>, events: &[Event]) -> Result<Way> {
    let mut state = RunState::new(Arc::clone(plan), env);
    let mut walk = Walk { plan, way: Way::default(), answered: BTreeMap::new() };
    for event in events {
        walk.look(&state, &event.body);
        state.apply(event)?;
    }
    Ok(walk.way)
}

struct Walk<'p> {
    plan: &'p Plan,
    way: Way,
    /// What became of the questions that nodes asked: the option that was taken, nothing while nobody has answered.
    answered: BTreeMap<NodePath, Option<String>>,
}

impl Walk<'_> {
    /// Looks at an event in the state before it.
    fn look(&mut self, state: &RunState, body: &EventBody) {
        let Some(path) = body.node() else { return };
        let Some(site) = site(self.plan, path) else { return };
        match body {
            EventBody::NodeSkipped { .. } => self.skipped(state, path, &site),
            EventBody::AttemptStarted { elements, .. } => {
                self.began(state, path, &site, *elements);
                if let Some(elements) = elements {
                    self.take(&site, What::Mapped(Count::of(*elements)));
                }
            }
            EventBody::IterationStarted { .. } => {
                self.ended_iteration(state, path, &site);
                self.take(&site, What::WentRound);
            }
            EventBody::AttemptFailed { .. } => self.take(&site, What::Retried),
            EventBody::FallbackTaken { to, .. } => self.take(&site, What::FellBackTo(to.clone())),
            EventBody::ApprovalRequested { request, .. } if request.question.gate.is_some() => {
                self.answered.insert(path.clone(), None);
            }
            EventBody::ApprovalGiven { approval, .. } => {
                if let Some(answer) = self.answered.get_mut(path) {
                    *answer = answer.take().or_else(|| approval.option.clone());
                }
            }
            EventBody::NodeSucceeded { output, .. } => {
                self.began(state, path, &site, None);
                self.succeeded(state, path, &site, output);
            }
            EventBody::NodeFailed { error, handled, .. } => {
                self.began(state, path, &site, None);
                self.failed(path, &site, error, handled.as_ref());
            }
            _ => {}
        }
    }

    fn take(&mut self, site: &Site<'_>, what: What) {
        self.way.taken.push(Taken { file: site.file.clone(), node: site.local.clone(), what });
    }

    fn skipped(&mut self, state: &RunState, path: &NodePath, site: &Site<'_>) {
        self.way.skipped.push((site.file.clone(), site.local.clone()));
        let Some(grounds) = state.grounds(path) else { return };
        self.edge_conditions(site, &grounds);
        if grounds.edges.is_empty() || grounds.edges.iter().any(|edge| edge.taken) {
            self.when(site, &grounds);
        }
    }

    /// Takes note of how a node began; of elements of a map, that there is one.
    fn began(&mut self, state: &RunState, path: &NodePath, site: &Site<'_>, elements: Option<usize>) {
        if site.is_iteration {
            return;
        }
        if is_element(path) {
            if !state.has_begun(path) {
                self.take(site, What::Ran);
            }
            return;
        }
        let Some(grounds) = state.grounds(path) else { return };
        let has_reason = grounds.edges.is_empty() || grounds.edges.iter().any(|edge| edge.taken);
        self.edge_conditions(site, &grounds);
        if !has_reason {
            return;
        }
        self.when(site, &grounds);
        if site.node.when.is_some() && grounds.when != Some(true) {
            return;
        }
        // A node with elements runs in them; one whose elements nobody made was stood in for as a whole.
        match elements {
            Some(0) => self.way.skipped.push((site.file.clone(), site.local.clone())),
            Some(_) => {}
            None => self.take(site, What::Ran),
        }
        for (edge, ground) in site.node.incoming.iter().zip(&grounds.edges).filter(|(_, ground)| ground.taken) {
            let from = site.graph.nodes[edge.from].id.to_string();
            if site.node.join == JoinMode::Any && is_first(ground, &grounds) {
                self.take(site, What::FirstFrom(from.clone()));
            }
            self.take(site, What::EdgeFrom(from));
        }
    }

    fn when(&mut self, site: &Site<'_>, grounds: &Grounds) {
        if let Some(value) = grounds.when {
            self.take(site, What::When(value));
        }
    }

    fn edge_conditions(&mut self, site: &Site<'_>, grounds: &Grounds) {
        for (edge, ground) in site.node.incoming.iter().zip(&grounds.edges) {
            if let Some(value) = ground.condition {
                self.take(site, What::EdgeCondition(site.graph.nodes[edge.from].id.to_string(), value));
            }
        }
    }

    fn ended_iteration(&mut self, state: &RunState, path: &NodePath, site: &Site<'_>) -> Option<bool> {
        let value = state.until(path)?;
        self.take(site, What::Until(value));
        Some(value)
    }

    fn succeeded(&mut self, state: &RunState, path: &NodePath, site: &Site<'_>, output: &Value) {
        if self.ended_iteration(state, path, site) == Some(false) {
            self.take(site, What::ReachedBound);
        }
        match state.case_of(path, output) {
            Some(Some(case)) => self.take(site, What::Case(case.to_owned())),
            Some(None) => self.take(site, What::Default),
            None => {}
        }
        if is_whole_map(path, site.node) {
            return;
        }
        match doing(site.node).kind.written() {
            NodeKind::Approval(_) => match self.answered.remove(path) {
                Some(None) => self.take(site, What::Unanswered),
                Some(Some(option)) => self.take(site, What::Chose(option)),
                None => {
                    let option = output.get("option").and_then(Value::as_str).filter(|_| is_itself(site));
                    if let Some(option) = option {
                        self.take(site, What::Chose(option.to_owned()));
                    }
                }
            },
            NodeKind::Receive(receive) if receive.takes_fewer && is_itself(site) => {
                let came = output.as_array().map_or(0, Vec::len);
                if came < receive.count as usize {
                    self.take(site, What::CameShort);
                }
            }
            NodeKind::Wait(wait)
                if matches!(**wait, WaitNode::Message { goes_on: true, .. }) && output.is_null() && is_itself(site) =>
            {
                self.take(site, What::CameShort);
            }
            _ => {}
        }
    }

    fn failed(&mut self, path: &NodePath, site: &Site<'_>, error: &ErrorRecord, handled: Option<&Handled>) {
        if matches!(doing(site.node).kind.written(), NodeKind::Approval(_)) {
            match self.answered.remove(path) {
                Some(None) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Timeout) => self.take(site, What::Unanswered),
                Some(Some(option)) => self.take(site, What::Chose(option)),
                None if error.kind == ErrorKind::Denied && is_itself(site) => {
                    self.take(site, What::Chose(Gate::REJECT.to_owned()));
                }
                Some(None) | None => {}
            }
        }
        match &site.node.on_error {
            OnError::Continue if handled.is_some() => self.take(site, What::Continued),
            OnError::Use(_) if handled.is_some() => self.take(site, What::Replaced),
            // A failed element fails the map, and that goes on elsewhere.
            OnError::Goto(target) if handled.is_none() && error.kind != ErrorKind::Budget && !is_element(path) => {
                self.take(site, What::WentTo(target.to_string()));
            }
            OnError::Fail | OnError::Continue | OnError::Use(_) | OnError::Goto(_) => {}
        }
    }
}

/// Whether the edge was taken before all others.
fn is_first(edge: &EdgeGround, grounds: &Grounds) -> bool {
    grounds.edges.iter().filter(|other| other.taken).all(|other| edge.ended <= other.ended)
}

/// Whether what ends is a map with all its elements.
fn is_whole_map(path: &NodePath, node: &NodePlan) -> bool {
    node.map.is_some() && !is_element(path)
}

/// Whether what ends is the work of the node, and not a loop around it.
fn is_itself(site: &Site<'_>) -> bool {
    site.is_iteration || site.node.looped.is_none()
}
