//! What may be touched by one version of a workflow and not by the other: the surface that a lock holds workflows to, the variables that
//! templates read, and what the manifest lets tools and providers reach.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Version, reach};
use crate::{
    app::tools::Wanted,
    plan::{Lock, NodeKind, Plan, WorkflowLock},
};

/// Something that may be touched by one version only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PermissionChange {
    /// The node, server or tool.
    pub place: String,
    /// What is other, in words.
    pub what: String,
    /// Whether the second version may do more; otherwise, it may do less.
    pub is_wider: bool,
}

impl PermissionChange {
    pub(super) fn wider(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), is_wider: true }
    }

    pub(super) fn narrower(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), is_wider: false }
    }
}

/// All of them; what is wider first.
pub(super) fn changes(one: &Version, other: &Version) -> Vec<PermissionChange> {
    let (before, after) = (lock(one), lock(other));
    let mut changes: Vec<PermissionChange> = before
        .changes(&after)
        .into_iter()
        .filter(|change| change.about.is_of_permissions())
        .map(|change| PermissionChange {
            place: change.place.trim_start_matches(", ").to_owned(),
            what: change.what,
            is_wider: !change.is_less,
        })
        .collect();
    changes.extend(gone(&before, &after));
    let names = |version: &Version| version.plan.as_ref().map(variables).unwrap_or_default();
    let (known, wanted) = (names(one), names(other));
    let told = |name: &String| format!("templates read the variable `{name}`");
    changes.extend(wanted.difference(&known).map(|name| PermissionChange::wider("env", told(name))));
    changes.extend(known.difference(&wanted).map(|name| PermissionChange::narrower("env", told(name) + " no more")));
    changes.extend(reach::changes(one, other));
    changes.sort_by_key(|change| !change.is_wider);
    changes
}

/// What could be agreed about a version, with those servers of its manifest that its nodes name.
fn lock(version: &Version) -> Lock {
    let mut lock = Lock::default();
    match &version.plan {
        Some(plan) => lock.set_workflow("", plan),
        None => drop(lock.workflows.insert(String::new(), WorkflowLock { nodes: BTreeMap::new() })),
    }
    if let (Some(manifest), Some(plan)) = (&version.manifest, &version.plan) {
        lock.set_servers(manifest);
        let Wanted::Named(patterns) = Wanted::by(plan) else { return lock };
        let named: BTreeSet<&str> = patterns.iter().filter_map(|pattern| pattern.server()).collect();
        lock.mcp.retain(|name, _| named.contains(name.as_str()));
    }
    lock
}

/// Nodes that are gone, with their tools.
fn gone(before: &Lock, after: &Lock) -> Vec<PermissionChange> {
    let nodes = |lock: &Lock| lock.workflows.get("").map(|workflow| workflow.nodes.clone()).unwrap_or_default();
    let now = nodes(after);
    let gone = nodes(before).into_iter().filter(|(path, node)| !now.contains_key(path) && !node.tools.is_empty());
    gone.map(|(path, node)| {
        PermissionChange::narrower(
            format!("node `{path}`"),
            format!("the node is gone, with its tools: {}", node.tools.join(", ")),
        )
    })
    .collect()
}

/// The environment variables that templates may read, those of inner workflows and of what is called as a tool included.
fn variables(plan: &Plan) -> BTreeSet<String> {
    let inner = plan.nodes().filter_map(|node| match &node.kind {
        NodeKind::Workflow { plan, .. } => Some(&plan.env),
        _ => None,
    });
    let called = plan.delegates.values().map(|called| &called.env);
    [&plan.env].into_iter().chain(inner).chain(called).flatten().cloned().collect()
}
