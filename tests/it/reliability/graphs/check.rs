//! Holds the log of a run against what was worked out for it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use agentflow::{
    engine::RunResult,
    error::ErrorKind,
    model::{Event, EventBody, NodePath, NodeStatus, RunStatus, Value},
};

use super::{
    expected::{
        Expected, Happens, attempt_failed, attempt_started, ended, fallback_taken, iteration_started, model_responded, name,
    },
    spec::Graph,
};

/// Where each event stands in the log, by name. An attempt that was taken up again counts where it began first.
struct Named {
    at: HashMap<String, usize>,
    /// The first event of each instance, and its last one if it ended.
    first: HashMap<String, usize>,
    end: HashMap<String, usize>,
}

/// Everything that must hold of a run that has ended.
pub(crate) fn check(
    graph: &Graph,
    mut expected: Expected,
    events: &[Event],
    summary: &BTreeMap<NodePath, (NodeStatus, u32, Value)>,
    result: &RunResult,
) {
    let may_be_spent = budgets(graph, &mut expected);
    let named = names(events);
    same_events(&expected, &named);
    same_state(&expected, summary);
    same_end(&expected, result, may_be_spent);
    order(&expected, &named);
    halts(&expected, events);
    caps(graph, &expected, events);
}

/// Whether a budget may be spent: then nothing is certain but what the budget allows, and a run that goes beyond one surely fails.
fn budgets(graph: &Graph, expected: &mut Expected) -> bool {
    let nodes = (expected.started(), graph.max_nodes.unwrap_or(2_000));
    let iterations = (expected.iterations(), graph.max_iterations.unwrap_or(1_000));
    let is_beyond = |((least, most), limit): ((u64, u64), u64)| (least > limit, most > limit);
    let (surely_nodes, perhaps_nodes) = is_beyond(nodes);
    let (surely_iterations, perhaps_iterations) = is_beyond(iterations);
    // Each answer costs two; once they are spent every call is refused, also one that would have failed for nothing.
    let perhaps_tokens = graph.max_tokens.is_some_and(|limit| expected.answers().1 * 2 >= limit);
    let perhaps = perhaps_nodes || perhaps_iterations || perhaps_tokens;
    if perhaps {
        let whole = Expected::default().mark();
        expected.soften_since(whole);
        let budget = name(ErrorKind::Budget);
        match &mut expected.end {
            Some(Err(kinds)) => _ = kinds.insert(budget),
            end if surely_nodes || surely_iterations => *end = Some(Err([budget].into())),
            _ => {}
        }
    }
    perhaps
}

fn names(events: &[Event]) -> Named {
    let mut named = Named { at: HashMap::new(), first: HashMap::new(), end: HashMap::new() };
    let mut attempts: HashMap<&str, u32> = HashMap::new();
    for (position, event) in events.iter().enumerate() {
        let name = match &event.body {
            EventBody::AttemptStarted { node, attempt, .. } => {
                attempts.insert(node.as_str(), *attempt);
                attempt_started(node.as_str(), *attempt)
            }
            EventBody::ModelResponded { node, attempt, ordinal, .. } => model_responded(node.as_str(), *attempt, *ordinal),
            EventBody::AttemptFailed { node, attempt, .. } => attempt_failed(node.as_str(), *attempt),
            EventBody::FallbackTaken { node, attempt, from, to, .. } => fallback_taken(node.as_str(), *attempt, from, to),
            EventBody::IterationStarted { node, iteration } => {
                iteration_started(node.as_str(), attempts[node.as_str()], *iteration)
            }
            EventBody::NodeSucceeded { node, .. } => ended(node.as_str(), NodeStatus::Succeeded),
            EventBody::NodeFailed { node, .. } => ended(node.as_str(), NodeStatus::Failed),
            EventBody::NodeSkipped { node, .. } => ended(node.as_str(), NodeStatus::Skipped),
            EventBody::NodeCancelled { node } => ended(node.as_str(), NodeStatus::Cancelled),
            // How long calls wait for a place is a matter of timing.
            EventBody::RunCreated { .. }
            | EventBody::RunFinished { .. }
            | EventBody::RunResumed { .. }
            | EventBody::RunPaused { .. }
            | EventBody::RunContinued { .. }
            | EventBody::AttemptPaused { held: true, .. }
            | EventBody::CallWaited { .. } => continue,
            other => panic!("an event that no graph has: {other:?}"),
        };
        let path = event.body.node().unwrap().as_str();
        named.first.entry(path.to_owned()).or_insert(position);
        if name.starts_with("node_") {
            assert!(named.end.insert(path.to_owned(), position).is_none(), "`{path}` ends twice");
        }
        let again = named.at.contains_key(&name);
        // Only an attempt that a dead process left behind is started again.
        let was_resumed = || events[named.at[&name]..position].iter().any(|e| matches!(e.body, EventBody::RunResumed { .. }));
        assert!(!again || (name.starts_with("attempt_started") && was_resumed()), "`{name}` happens twice");
        named.at.entry(name).or_insert(position);
    }
    named
}

fn same_events(expected: &Expected, named: &Named) {
    let known: HashMap<&str, Happens> = expected.events.iter().map(|(name, happens)| (name.as_str(), *happens)).collect();
    for (name, happens) in &known {
        assert!(*happens == Happens::Perhaps || named.at.contains_key(*name), "`{name}` did not happen");
    }
    let soft: BTreeSet<&str> =
        expected.instances.iter().filter(|i| i.happens == Happens::Perhaps).map(|i| i.path.as_str()).collect();
    for name in named.at.keys().filter(|name| !known.contains_key(name.as_str())) {
        // What is cut off is cancelled, or fails without another attempt.
        let path = name.strip_prefix("node_cancelled ").or(name.strip_prefix("node_failed "));
        assert!(path.is_some_and(|path| soft.contains(path)), "`{name}` was not expected");
    }
}

fn same_state(expected: &Expected, summary: &BTreeMap<NodePath, (NodeStatus, u32, Value)>) {
    let containers: HashSet<&str> =
        expected.origins.values().filter_map(|origin| Some(origin.opened_by.as_ref()?.1.as_str())).collect();
    let mut left: HashMap<&str, _> = summary.iter().map(|(path, end)| (path.as_str(), end)).collect();
    for instance in &expected.instances {
        let path = instance.path.as_str();
        let Some((status, attempt, output)) = left.remove(path) else {
            assert_eq!(instance.happens, Happens::Perhaps, "there is no `{path}`");
            continue;
        };
        let is_same = *status == instance.status && *output == instance.output && *attempt == instance.attempt;
        // What is cut off may fail without another attempt; a container may go on without what failed in it so.
        let is_cut_off = instance.happens == Happens::Perhaps
            && (matches!(status, NodeStatus::Cancelled | NodeStatus::Failed)
                || (containers.contains(path) && *status == instance.status));
        assert!(is_same || is_cut_off, "`{path}` is {status:?} {output} after attempt {attempt}: {instance:?} was expected");
    }
    assert!(left.is_empty(), "nobody expected {left:?}");
}

fn same_end(expected: &Expected, result: &RunResult, may_be_spent: bool) {
    let kind = result.error.as_ref().map(|error| name(error.kind));
    match expected.end.as_ref().unwrap() {
        Ok(_) if may_be_spent && result.status == RunStatus::Failed => assert_eq!(kind, Some(name(ErrorKind::Budget))),
        Ok(outputs) => {
            assert_eq!(result.status, RunStatus::Succeeded, "{:?}", result.error);
            let found: BTreeMap<_, _> = result.outputs.iter().map(|(id, value)| (id.clone(), value.clone())).collect();
            assert_eq!(&found, outputs);
        }
        Err(kinds) => {
            assert_eq!(result.status, RunStatus::Failed);
            assert!(kind.as_ref().is_some_and(|kind| kinds.contains(kind)), "{kind:?} is none of {kinds:?}");
        }
    }
}

/// Nothing begins before what it rests on, and no container ends well before what is in it has ended.
fn order(expected: &Expected, named: &Named) {
    for (path, origin) in &expected.origins {
        let Some(first) = named.first.get(path) else { continue };
        let is_before = |source: &String| named.end.get(source).is_some_and(|end| end < first);
        let is_in_order =
            if origin.one_is_enough { origin.after.iter().any(is_before) } else { origin.after.iter().all(is_before) };
        assert!(is_in_order, "`{path}` begins before {:?} have ended", origin.after);
        if let Some((event, container)) = &origin.opened_by {
            assert!(named.at.get(event).is_some_and(|at| at < first), "`{path}` begins before `{event}`");
            if let Some(end) = named.at.get(&ended(container, NodeStatus::Succeeded)) {
                assert!(named.end.get(path).is_some_and(|inner| inner < end), "`{container}` ends before `{path}`");
            }
        }
    }
}

/// Nothing starts in a graph or map after a failure has ended it.
fn halts(expected: &Expected, events: &[Event]) {
    let mut halted: Vec<&str> = Vec::new();
    for event in events {
        match &event.body {
            EventBody::NodeFailed { node, handled: None, error, .. } => {
                let path = node.as_str();
                if error.kind == ErrorKind::Budget || !expected.caught.contains(path) {
                    let name = path.rfind('.').map_or(0, |dot| dot + 1);
                    let element = path[name..].find('[').map(|bracket| name + bracket + 1);
                    halted.push(&path[..element.unwrap_or(name)]);
                }
            }
            EventBody::AttemptStarted { node, .. } | EventBody::IterationStarted { node, .. } => {
                let around = halted.iter().find(|prefix| node.as_str().starts_with(**prefix));
                assert!(around.is_none(), "`{node}` starts after a failure in `{}`", around.unwrap());
            }
            _ => {}
        }
    }
}

/// What may be in flight at once, and how much may start in all.
fn caps(graph: &Graph, expected: &Expected, events: &[Event]) {
    let mut attempts: BTreeSet<&str> = BTreeSet::new();
    let mut elements: BTreeSet<&str> = BTreeSet::new();
    let mut started: BTreeSet<&str> = BTreeSet::new();
    let (mut iterations, mut tokens) = (0, 0);
    for event in events {
        let path = event.body.node().map(NodePath::as_str).unwrap_or_default();
        match &event.body {
            EventBody::AttemptStarted { agent, .. } => {
                started.insert(path);
                if agent.is_some() {
                    attempts.insert(path);
                    assert!(graph.max_tokens.is_none_or(|most| tokens < most), "`{path}` starts without a budget");
                }
                if let Some(parent) = path.strip_suffix(']').and_then(|path| path.rsplit_once('[')).map(|(parent, _)| parent) {
                    elements.insert(path);
                    let siblings = elements.iter().filter(|path| {
                        path.strip_prefix(parent)
                            .is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']') && !rest.contains('.'))
                    });
                    let width = expected.widths.get(parent).copied().unwrap_or(u32::MAX);
                    assert!(siblings.count() <= width as usize, "too many elements of `{parent}` at once");
                }
                iterations += u64::from(expected.loops.contains(path));
            }
            EventBody::IterationStarted { .. } => iterations += 1,
            EventBody::ModelResponded { .. } => tokens += 2,
            EventBody::AttemptFailed { .. } | EventBody::FallbackTaken { .. } => {
                attempts.retain(|other| *other != path && !is_inside(other, path));
                elements.retain(|other| !is_inside(other, path));
            }
            EventBody::NodeSucceeded { .. } | EventBody::NodeFailed { .. } | EventBody::NodeCancelled { .. } => {
                if matches!(event.body, EventBody::NodeSucceeded { .. }) {
                    started.insert(path);
                }
                attempts.retain(|other| *other != path && !is_inside(other, path));
                elements.retain(|other| *other != path && !is_inside(other, path));
            }
            EventBody::RunResumed { .. } => {
                elements.retain(|element| !attempts.contains(element));
                attempts.clear();
            }
            _ => {}
        }
        assert!(attempts.len() <= graph.concurrency as usize, "{} attempts at once: {attempts:?}", attempts.len());
        assert!(started.len() as u64 <= graph.max_nodes.unwrap_or(2_000), "{} node instances start", started.len());
        assert!(iterations <= graph.max_iterations.unwrap_or(1_000), "{iterations} iterations start");
    }
}

/// Whether `path` lies in the instance `container`.
fn is_inside(path: &str, container: &str) -> bool {
    path.strip_prefix(container).is_some_and(|rest| rest.starts_with(['.', '!', '@', '[']))
}
