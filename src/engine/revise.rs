//! Going on with other files than those a run was recorded with: allowed as long as nothing that has happened would be different.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, ModelRef, NodePath, Revised, RunId, StoredSource, Value},
    plan::Plan,
};

/// A wish to go on with other files.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The plan of the files that the run has had so far.
    pub former: Arc<Plan>,
    /// What the front end wants to find again on the next resume.
    pub settings: Value,
}

impl Revision {
    /// What is recorded when a run with these events goes on with `plan`.
    pub(super) fn check(self, run: RunId, plan: &Plan, events: &[Event]) -> Result<Revised> {
        if recorded_digest(events) != Some(self.former.digest.as_str()) {
            return Err(Error::new(ErrorKind::Conflict, "the run was given other files in the meantime").hint("try again"));
        }
        let changed = changed_nodes(&self.former, plan, events);
        if let Some(first) = changed.first() {
            let names: Vec<String> = changed.iter().map(|node| format!("`{node}`")).collect();
            let what = if changed.len() == 1 { "a node that has" } else { "nodes that have" };
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("the files change {what} begun or ended in this run: {}", names.join(", ")),
            )
            .hint(format!(
                "`agentflow fork {run} --from {first} --workflow FILE` makes a new run that takes over all that comes before it"
            )));
        }
        if let Some(EventBody::RunCreated { inputs, .. }) = events.first().map(|event| &event.body) {
            let complete =
                plan.complete_inputs(inputs.clone()).map_err(|error| error.context("the recorded inputs do not fit"))?;
            if complete != *inputs {
                return Err(Error::new(ErrorKind::Invalid, "the files add inputs, but the inputs of this run are recorded")
                    .hint("`agentflow run FILE --reuse` begins anew and takes over all that stays the same"));
            }
        }
        Ok(Revised { plan_digest: plan.digest.clone(), sources: plan.stored_sources.clone(), settings: self.settings })
    }
}

/// The error for a run that cannot be given other files any more.
pub(super) fn ended(run: RunId) -> Error {
    Error::new(ErrorKind::Invalid, format!("run `{run}` has ended, so it cannot go on with other files"))
        .hint("`agentflow run FILE --reuse` or `agentflow fork` make a new run that takes over its answers")
}

/// The digest of the files that a run with these events goes on with.
pub(super) fn recorded_digest(events: &[Event]) -> Option<&str> {
    let EventBody::RunCreated { plan_digest: first, .. } = &events.first()?.body else { return None };
    Some(last_revised(events).map_or(first, |revised| &revised.plan_digest))
}

/// The files and settings that a run with these events goes on with: those of its beginning, or the last it was given.
#[must_use]
pub fn revised_files(events: &[Event]) -> Option<(&[StoredSource], &Value)> {
    let EventBody::RunCreated { sources, settings, .. } = &events.first()?.body else { return None };
    Some(last_revised(events).map_or((sources, settings), |revised| (&revised.sources, &revised.settings)))
}

fn last_revised(events: &[Event]) -> Option<&Revised> {
    events.iter().rev().find_map(|event| match &event.body {
        EventBody::RunResumed { revised, .. } => revised.as_ref(),
        _ => None,
    })
}

/// The outermost nodes that have events and are not the same in both plans, by their paths.
///
/// Other models are no change, except for a node that fell back to one or is in the middle of a conversation. A container counts with all that is inside.
#[must_use]
pub fn changed_nodes(former: &Plan, plan: &Plan, events: &[Event]) -> Vec<String> {
    let mut changed: Vec<String> = Vec::new();
    for path in touched(events) {
        let is_inside = |outer: &String| path.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('.'));
        if !changed.iter().any(is_inside) && definition(former, &path) != definition(plan, &path) {
            changed.push(path);
        }
    }
    for path in bound_to_models(events) {
        if !changed.contains(&path) && models(former, &path) != models(plan, &path) {
            changed.push(path);
        }
    }
    changed
}

/// The paths in the plan of all nodes that have events, outer ones first.
fn touched(events: &[Event]) -> BTreeSet<String> {
    events.iter().filter_map(|event| event.body.node()).map(NodePath::without_instances).collect()
}

/// The paths in the plan of nodes that have recorded answers and no end, for what they ask next must follow from those, and of
/// nodes that fell back to another model, for the log names it.
fn bound_to_models(events: &[Event]) -> BTreeSet<String> {
    let (mut open, mut fell_back) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match &event.body {
            EventBody::ModelResponded { node, .. }
            | EventBody::ToolReturned { node, .. }
            | EventBody::ToolCalled { node, .. } => {
                open.insert(node);
            }
            EventBody::FallbackTaken { node, .. } => {
                fell_back.insert(node);
            }
            EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeCancelled { node }
            | EventBody::NodeSkipped { node, .. } => {
                open.remove(node);
            }
            EventBody::RunCreated { .. }
            | EventBody::RunResumed { .. }
            | EventBody::AttemptStarted { .. }
            | EventBody::IterationStarted { .. }
            | EventBody::AttemptFailed { .. }
            | EventBody::CallWaited { .. }
            | EventBody::ToolDenied { .. }
            | EventBody::ApprovalRequested { .. }
            | EventBody::AttemptPaused { .. }
            | EventBody::ApprovalGiven { .. }
            | EventBody::BreakerChanged { .. }
            | EventBody::MessageSent { .. }
            | EventBody::MessagesTaken { .. }
            | EventBody::MessagesCame { .. }
            | EventBody::MessageDead { .. }
            | EventBody::SubscriptionChanged { .. }
            | EventBody::RunPaused { .. }
            | EventBody::RunContinued { .. }
            | EventBody::RunCancelRequested { .. }
            | EventBody::AgentPaused { .. }
            | EventBody::AgentResumed { .. }
            | EventBody::AgentDraining { .. }
            | EventBody::AgentTerminated { .. }
            | EventBody::AgentChanged { .. }
            | EventBody::RunFinished { .. } => {}
        }
    }
    open.union(&fell_back).map(|node| node.without_instances()).collect()
}

fn definition(plan: &Plan, path: &str) -> Option<String> {
    let (graph, node) = plan.node_at(path)?;
    graph.index.get(&node.id).map(|index| graph.definition_of(*index))
}

/// The models that an agent's node may ask.
fn models<'a>(plan: &'a Plan, path: &str) -> Option<Vec<&'a ModelRef>> {
    plan.node_at(path)?.1.kind.agent().map(|agent| agent.models().collect())
}
