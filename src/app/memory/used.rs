//! Which collections a plan reads.

use super::ProjectMemory;
use crate::{
    model::{Access, CollectionName, ToolName, ToolPattern},
    plan::{NodeKind, Plan},
    tool::Grants,
};

/// The tool that reads memory.
const SEARCH: &str = "memory_search";

impl ProjectMemory {
    /// The collections that are made of files and that `plan` may read: its nodes and agents ask for it.
    #[must_use]
    pub fn read_by(&self, plan: &Plan) -> Vec<CollectionName> {
        let grants = readers(plan);
        let is_read = |name: &&CollectionName| {
            let access = Access::Recall { collection: name.to_string() };
            grants.iter().any(|grants| grants.levels.iter().all(|level| level.permissions.iter().any(|one| one.covers(&access))))
        };
        self.paths.keys().filter(is_read).cloned().collect()
    }
}

/// What those nodes ask for that read memory.
fn readers(plan: &Plan) -> Vec<&Grants> {
    let mut found: Vec<&Grants> = Vec::new();
    for node in plan.nodes() {
        match &node.kind {
            NodeKind::Agent(agent) => {
                found.extend(agent.recall.as_ref().map(|recall| &*recall.grants));
                if is_among(&agent.tools) {
                    found.push(&agent.grants);
                }
            }
            NodeKind::Tool(tool) if tool.tool.as_str() == SEARCH => found.push(&tool.grants),
            NodeKind::Tool(_)
            | NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_) => {}
        }
    }
    found.retain(|grants| !grants.levels.is_empty());
    found
}

fn is_among(patterns: &[ToolPattern]) -> bool {
    ToolName::new(SEARCH).is_ok_and(|name| patterns.iter().any(|pattern| pattern.covers(&name)))
}
