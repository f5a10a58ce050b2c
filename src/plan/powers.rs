//! What the tools that a node names could do there: by what they are, and by what is asked for under `permissions`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    manifest::AgentMemoryManifest,
    model::{AccessClass, AgentProfile, Effect, Permission, ToolName, ToolPattern},
    plan::{GraphPlan, NodeKind, Plan, catalog::Catalog, tools::KnownTools},
    tool::{BuiltIn, Grants, Level, memory},
};

/// A tool, or several that one pattern means, and what calls of it could do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    /// The tool, or the pattern: `http_get`, `mcp:github/*`.
    pub tool: String,
    /// Who calls it, where that is an agent or workflow that the node calls as a tool: ``agent `critic` ``.
    pub by: Option<String>,
    /// What a call does at most.
    pub effect: Effect,
    /// What it may touch at most: what all levels ask for, of the kinds it touches.
    pub permissions: Vec<Permission>,
    /// Whether results may hold what strangers wrote.
    pub is_untrusted: bool,
    /// Whether results may hold what is not for strangers.
    pub is_private: bool,
    /// Whether arguments leave the project.
    pub is_outward: bool,
}

impl Power {
    /// Who is on the other side: an MCP server with all its tools is one party, any other tool one for itself.
    #[must_use]
    pub fn party(&self) -> &str {
        self.tool.split_once('/').map_or(self.tool.as_str(), |(server, _)| server)
    }
}

/// What all levels ask for, said as narrowly as their words allow. Nothing where no level says what it needs.
#[must_use]
pub fn asks(grants: &Grants) -> Vec<Permission> {
    let mut levels = grants.levels.iter().map(|level| &level.permissions);
    let Some(outermost) = levels.next() else { return Vec::new() };
    levels.fold(outermost.clone(), |outer, inner| Permission::both(&outer, inner))
}

impl Plan {
    /// The powers of all nodes when the workflow is called as the tool `file`; what a person approves there is no way out.
    pub(super) fn powers_as(&self, file: &str) -> Vec<Power> {
        let mut found = Vec::new();
        let mut graphs: Vec<&GraphPlan> = vec![&self.graph];
        while let Some(graph) = graphs.pop() {
            for node in &graph.nodes {
                graphs.extend(node.inside().map(|inside| &**inside));
                let (powers, grants) = match &node.kind {
                    NodeKind::Agent(agent) => (&agent.powers, &agent.grants),
                    NodeKind::Tool(tool) => (&tool.powers, &tool.grants),
                    NodeKind::Value(_)
                    | NodeKind::StandIn { .. }
                    | NodeKind::Approval(_)
                    | NodeKind::Wait(_)
                    | NodeKind::Send(_)
                    | NodeKind::Receive(_)
                    | NodeKind::Workflow { .. }
                    | NodeKind::Graph(_) => continue,
                };
                found.extend(powers.iter().cloned().map(|power| Power {
                    by: power.by.or_else(|| Some(format!("workflow `{file}`"))),
                    is_outward: power.is_outward && !grants.always_ask,
                    ..power
                }));
            }
        }
        found
    }
}

/// What a search in `collection`, a template, asks for.
pub(super) fn search_of(collection: &str) -> Option<Permission> {
    format!("memory:read:{}", pattern_of(collection)).parse().ok()
}

/// What keeping something in `collection`, a template, asks for.
pub(super) fn keeping_in(collection: &str) -> Option<Permission> {
    format!("memory:write:{}", pattern_of(collection)).parse().ok()
}

/// The collections that a template may name: what stands before its first `{{`, and anything.
fn pattern_of(collection: &str) -> String {
    match collection.split_once("{{") {
        None => collection.to_owned(),
        Some((before, _)) => {
            let is_plain = before.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            format!("{}*", if is_plain { before } else { "" })
        }
    }
}

/// Finds the powers of nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Powers<'a> {
    pub(super) known: &'a KnownTools,
    pub(super) agents: &'a Catalog,
    /// What the workflows around the node ask for.
    pub(super) levels: &'a [Level],
    /// The powers of workflows that are called as tools.
    pub(super) workflows: &'a BTreeMap<ToolName, Vec<Power>>,
}

impl Powers<'_> {
    /// The powers of tools that are held to `grants`; those of agents they delegate to are held to what these ask for.
    pub(super) fn of(&self, tools: &[ToolPattern], grants: &Grants) -> Vec<Power> {
        let mut found = Vec::new();
        self.add(tools, grants, None, &mut BTreeSet::new(), &mut found);
        found
    }

    fn add(&self, tools: &[ToolPattern], grants: &Grants, by: Option<&str>, seen: &mut BTreeSet<String>, found: &mut Vec<Power>) {
        let asked = asks(grants);
        for pattern in tools {
            if pattern.as_str().starts_with("agent:") {
                for agent in self.agents.called(pattern) {
                    if seen.insert(agent.name.to_string()) {
                        let name = format!("agent `{}`", agent.name);
                        self.add(&agent.tools, &self.grants_of(agent), Some(&name), seen, found);
                        let memory = self.agents.get(agent.name.as_str()).map(|entry| self.of_memory(entry.memory(), &name));
                        found.extend(memory.into_iter().flatten());
                    }
                }
                continue;
            }
            let called = pattern.as_name().and_then(|name| self.workflows.get(&name));
            let new = called.cloned().unwrap_or_else(|| self.powers_of(pattern, &asked, by));
            for power in new {
                if !found.contains(&power) {
                    found.push(power);
                }
            }
        }
    }

    /// The powers that an agent has by what it recalls and remembers, for which it asks by itself.
    fn of_memory(&self, written: &AgentMemoryManifest, by: &str) -> Vec<Power> {
        let recall = written.recall.as_ref().map(|recall| {
            let is_trusted = recall.trusted_only.as_ref().is_some_and(|only| only.value);
            (memory::SEARCH, search_of(&recall.collection.value), is_trusted)
        });
        let remember = written.remember.as_ref().map(|remember| (memory::ADD, keeping_in(&remember.collection.value), false));
        let power = |(tool, permission, is_trusted): (&str, Option<Permission>, bool)| {
            let own = Level { owner: by.to_owned(), permissions: permission.into_iter().collect() };
            let levels = self.levels.iter().cloned().chain([own]).collect();
            let pattern = ToolPattern::new(tool).ok()?;
            let powers = self.powers_of(&pattern, &asks(&Grants { levels, always_ask: false }), Some(by));
            Some(powers.into_iter().map(move |power| Power { is_untrusted: power.is_untrusted && !is_trusted, ..power }))
        };
        recall.into_iter().chain(remember).filter_map(power).flatten().collect()
    }

    fn grants_of(&self, agent: &AgentProfile) -> Grants {
        let own = agent.permissions.clone().map(|permissions| Level { owner: format!("agent `{}`", agent.name), permissions });
        Grants { levels: self.levels.iter().cloned().chain(own).collect(), always_ask: false }
    }

    /// Tools that lack what they touch can do nothing, and are left out.
    fn powers_of(&self, pattern: &ToolPattern, asked: &[Permission], by: Option<&str>) -> Vec<Power> {
        let power = |tool: &str, effect, reach: &[AccessClass], is_stranger: bool| {
            let of_class = |class: &AccessClass| asked.iter().any(|permission| permission.class() == *class);
            let touches = |class: AccessClass| reach.contains(&class);
            reach.iter().all(of_class).then(|| Power {
                tool: tool.to_owned(),
                by: by.map(str::to_owned),
                effect,
                permissions: asked.iter().filter(|permission| touches(permission.class())).cloned().collect(),
                is_untrusted: is_stranger,
                is_private: [AccessClass::Read, AccessClass::Run, AccessClass::Recall].into_iter().any(touches),
                is_outward: touches(AccessClass::Net) || touches(AccessClass::Run),
            })
        };
        if let Some(server) = pattern.server() {
            let effect = self.known.effect_of(pattern);
            let touched: Vec<_> = asked.iter().filter(|permission| permission.is_of_server(server)).cloned().collect();
            let is_pure = effect == Effect::Pure;
            let power = Power {
                tool: pattern.to_string(),
                by: by.map(str::to_owned),
                effect,
                permissions: touched,
                is_untrusted: !is_pure,
                is_private: !is_pure,
                is_outward: !is_pure,
            };
            return if power.permissions.is_empty() { Vec::new() } else { vec![power] };
        }
        let built_in = BuiltIn::covered_by(pattern);
        let found = built_in
            .filter_map(|tool| power(tool.name, self.known.effect(tool.name, tool.effect), tool.reach, tool.is_untrusted));
        // Of a program's own tool nothing is known: it may touch whatever is asked for.
        let classes: BTreeSet<AccessClass> = asked.iter().map(Permission::class).collect();
        let reach: Vec<AccessClass> = classes.into_iter().collect();
        let own = self.known.own(pattern).filter_map(|name| {
            power(name.as_str(), self.known.effect(name.as_str(), Effect::Write), &reach, reach.contains(&AccessClass::Net))
        });
        found.chain(own).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(permissions: &[&str]) -> Level {
        Level { owner: "x".to_owned(), permissions: permissions.iter().map(|text| text.parse().unwrap()).collect() }
    }

    #[test]
    fn a_template_asks_for_the_collections_that_it_may_name() {
        for (collection, pattern) in
            [("docs", "docs"), ("team-{{ inputs.t }}", "team-*"), ("{{ inputs.c }}", "*"), ("a b{{ x }}", "*")]
        {
            assert_eq!(search_of(collection).unwrap().as_str(), format!("memory:read:{pattern}"));
        }
    }

    #[test]
    fn what_is_asked_is_what_all_levels_ask() {
        let asked = |levels: Vec<Level>| -> Vec<String> {
            asks(&Grants { levels, always_ask: false }).iter().map(ToString::to_string).collect()
        };
        assert!(asked(vec![]).is_empty());
        assert_eq!(asked(vec![level(&["net:*", "fs:read:**"]), level(&["net:a.io"])]), ["net:a.io"]);
        assert!(asked(vec![level(&["net:a.io"]), level(&[])]).is_empty());
    }
}
