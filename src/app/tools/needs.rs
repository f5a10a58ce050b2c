//! Whether the tools of a plan may do anything at all: found out before anything is paid for.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{AccessClass, Permission, ToolName, ToolPattern},
    plan::{NodeKind, Plan},
    tool::{BUILT_INS, Grants, Policy},
};

/// The most problems told.
const MOST_TOLD: usize = 8;

/// Refuses a plan in which a tool touches a kind of things of which nothing is permitted.
///
/// # Errors
/// `Denied`, naming nodes and tools; its hints have the permissions that would do.
pub(in crate::app) fn refuse_what_cannot_work(plan: &Plan, policy: &Policy) -> Result<()> {
    let (mut told, mut wanted) = (Vec::new(), Vec::new());
    for node in plan.nodes() {
        let (patterns, grants) = match &node.kind {
            NodeKind::Agent(agent) => (agent.tools.clone(), &agent.grants),
            NodeKind::Tool(tool) => (ToolPattern::new(tool.tool.as_str()).into_iter().collect(), &tool.grants),
            NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_) => continue,
        };
        for (name, reach) in reaches(&patterns) {
            if let Some((class, why)) = policy.lacks(reach, grants) {
                let asked = asked_for(grants, class);
                let mut names: Vec<String> = asked.iter().map(|permission| format!("`{permission}`")).collect();
                if names.is_empty() {
                    names.push(format!("`{}`", class.prefix()));
                }
                told.push(format!("node `{}`: `{name}` needs {}, and {why}", node.id, names.join(", ")));
                wanted.extend(asked);
            }
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    let more = told.len().saturating_sub(MOST_TOLD);
    told.truncate(MOST_TOLD);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    let error = Error::new(ErrorKind::Denied, told.join("\n       "));
    if wanted.is_empty() {
        return Err(error.hint("have the agent, the node or the workflow ask for what it needs under `permissions`"));
    }
    let flags: Vec<_> = widest(wanted).iter().map(|permission| format!("--allow '{permission}'")).collect();
    Err(error
        .hint(format!("to permit what is asked for, run with: {}", flags.join(" ")))
        .hint("to permit it for good, add it to the policy file; `agentflow policy show` tells where that is"))
}

/// The tools that patterns mean, as far as they are known, with what they touch.
fn reaches(patterns: &[ToolPattern]) -> Vec<(String, &'static [AccessClass])> {
    let is_meant = |name: &str| ToolName::new(name).is_ok_and(|name| patterns.iter().any(|pattern| pattern.covers(&name)));
    let built_in = BUILT_INS.iter().filter(|tool| is_meant(tool.name)).map(|tool| (tool.name.to_owned(), tool.reach));
    let served = patterns.iter().filter(|pattern| pattern.server().is_some());
    built_in.chain(served.map(|pattern| (pattern.to_string(), [AccessClass::Mcp].as_slice()))).collect()
}

/// What the innermost level asks for of a kind.
fn asked_for(grants: &Grants, class: AccessClass) -> Vec<Permission> {
    let permissions = grants.levels.last().into_iter().flat_map(|level| &level.permissions);
    permissions.filter(|permission| permission.class() == class).cloned().collect()
}

/// Without those that another one covers, in the order of their texts.
fn widest(mut wanted: Vec<Permission>) -> Vec<Permission> {
    wanted.sort_by_key(ToString::to_string);
    wanted.dedup();
    let all = wanted.clone();
    wanted.retain(|one| !all.iter().any(|other| other != one && other.is_wider_than(one)));
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_covers_is_not_asked_for_as_well() {
        let wanted =
            ["fs:read:**", "run:git log", "fs:read:README.md", "fs:read:**", "net:b.io"].map(|text| text.parse().unwrap());
        let left: Vec<_> = widest(wanted.into()).iter().map(ToString::to_string).collect();
        assert_eq!(left, ["fs:read:**", "net:b.io", "run:git log"]);
    }
}
