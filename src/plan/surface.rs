//! What a workflow asks for: which tools its nodes may call, and what these may touch, before any operator has said a word.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    model::{Effect, Permission},
    plan::{GraphOutput, GraphPlan, NodeKind, Plan, Power},
    tool::Grants,
};

/// What the nodes of a workflow ask for, in the order in which they run; nodes without tools are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Surface {
    /// The nodes.
    pub nodes: Vec<NodeSurface>,
}

/// What one node asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeSurface {
    /// The path of the node in the plan: `outer.inner`; of what is called as a tool, `workflow:FILE.inner`.
    pub node: String,
    /// The agent that chooses the calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The tools it may call, as patterns.
    pub tools: Vec<String>,
    /// What calls do at most.
    pub effect: Effect,
    /// What they may touch at most: what all levels ask for, of the kinds that the tools touch.
    pub permissions: Vec<Permission>,
    /// Who asks for what, from the outside to the inside.
    pub levels: Vec<LevelSurface>,
    /// Whether a person approves the calls that change something or send something out.
    pub approved_by_a_person: bool,
}

/// What one level asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelSurface {
    /// Who asks: ``agent `writer` ``.
    pub owner: String,
    /// For what.
    pub permissions: Vec<Permission>,
}

impl Surface {
    /// The surface of a plan: of inner workflows and of the agents and workflows that are called as tools, too.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut surface = Self::default();
        surface.add(&plan.graph, "");
        for (tool, called) in &plan.delegates {
            surface.add(&called.graph, &format!("{tool}."));
        }
        surface
    }

    /// Whether no node asks for any tool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What all nodes together ask for; what a wider permission among them permits as well is left out.
    #[must_use]
    pub fn permissions(&self) -> Vec<&Permission> {
        let all: BTreeSet<&str> = self.nodes.iter().flat_map(|node| &node.permissions).map(Permission::as_str).collect();
        let find = |text: &str| self.nodes.iter().flat_map(|node| &node.permissions).find(|one| one.as_str() == text);
        let all: Vec<&Permission> = all.into_iter().filter_map(find).collect();
        let is_covered =
            |one: &Permission| all.iter().any(|other| *other != one && other.is_wider_than(one) && !one.is_wider_than(other));
        all.iter().copied().filter(|one| !is_covered(one)).collect()
    }

    fn add(&mut self, graph: &GraphPlan, prefix: &str) {
        for node in &graph.nodes {
            let path = format!("{prefix}{}", node.id);
            match &node.kind {
                NodeKind::Agent(agent) if !agent.tools.is_empty() || agent.own_calls().next().is_some() => {
                    let mut tools: Vec<String> = agent.tools.iter().map(ToString::to_string).collect();
                    let own = agent.own_calls().filter(|call| tools.iter().all(|known| known != call)).collect::<Vec<_>>();
                    tools.extend(own.into_iter().map(str::to_owned));
                    let name = Some(agent.agent.name.to_string());
                    self.nodes.push(surface(path, name, tools, &agent.powers, &agent.grants));
                }
                NodeKind::Tool(tool) => {
                    let mut found = surface(path, None, vec![tool.tool.to_string()], &tool.powers, &tool.grants);
                    let secrets = tool.secrets.iter().filter_map(|name| format!("secret:{name}").parse().ok());
                    found.permissions.extend(secrets.filter(|secret| super::asks(&tool.grants).contains(secret)));
                    found.effect = tool.effect;
                    self.nodes.push(found);
                }
                NodeKind::Graph(inner) if inner.output == GraphOutput::Single => self.add(inner, prefix),
                NodeKind::Graph(inner) => self.add(inner, &format!("{path}.")),
                NodeKind::Workflow { plan, .. } => self.add(&plan.graph, &format!("{path}.")),
                NodeKind::Agent(_)
                | NodeKind::Value(_)
                | NodeKind::StandIn { .. }
                | NodeKind::Approval(_)
                | NodeKind::Wait(_)
                | NodeKind::Send(_)
                | NodeKind::Receive(_) => {}
            }
        }
    }
}

fn surface(node: String, agent: Option<String>, tools: Vec<String>, powers: &[Power], grants: &Grants) -> NodeSurface {
    let mut permissions: Vec<Permission> = Vec::new();
    for permission in powers.iter().flat_map(|power| &power.permissions) {
        if !permissions.contains(permission) {
            permissions.push(permission.clone());
        }
    }
    let level = |level: &crate::tool::Level| LevelSurface { owner: level.owner.clone(), permissions: level.permissions.clone() };
    NodeSurface {
        node,
        agent,
        tools,
        effect: powers.iter().map(|power| power.effect).max().unwrap_or(Effect::Pure),
        permissions,
        levels: grants.levels.iter().map(level).collect(),
        approved_by_a_person: grants.always_ask,
    }
}
