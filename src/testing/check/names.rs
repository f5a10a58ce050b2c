//! The names that tests of a workflow may use.

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Code, Diagnostic, Spanned, nearest},
    model::{NodePattern, ToolName, ToolPattern},
    plan::{GraphOutput, NodeKind, NodePlan, Plan},
};

/// What a workflow has that tests name.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) plan: &'a Plan,
    nodes: Vec<String>,
    tools: Vec<ToolPattern>,
    models: BTreeSet<String>,
}

impl<'a> Names<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let mut tools = Vec::new();
        for node in plan.nodes() {
            match &node.kind {
                NodeKind::Agent(agent) => {
                    tools.extend(agent.tools.iter().cloned());
                    tools.extend(agent.own_calls().filter_map(|name| ToolPattern::new(name).ok()));
                }
                NodeKind::Tool(tool) => tools.extend(ToolPattern::new(tool.tool.as_str())),
                NodeKind::Value(_)
                | NodeKind::Workflow { .. }
                | NodeKind::Graph(_)
                | NodeKind::Approval(_)
                | NodeKind::Wait(_)
                | NodeKind::Send(_)
                | NodeKind::Receive(_)
                | NodeKind::StandIn { .. } => {}
            }
        }
        Self { plan, nodes: plan.node_paths(), tools, models: plan.models().map(ToString::to_string).collect() }
    }

    /// The node at `path`, which has no instances in it; of a looped node what it does, and not the graph that is made around it.
    pub(super) fn node(&self, path: &str) -> Option<(&'a NodePlan, &'a NodeKind)> {
        let (_, node) = self.plan.node_at(path)?;
        let kind = match &node.kind {
            NodeKind::Graph(inner) if inner.output == GraphOutput::Single => {
                inner.nodes.first().map_or(&node.kind, |inner| &inner.kind)
            }
            kind => kind,
        };
        Some((node, kind))
    }

    pub(super) fn has_agent(&self, name: &str) -> bool {
        self.plan.agents.contains_key(name)
    }

    pub(super) fn has_tool(&self, name: &str) -> bool {
        ToolName::new(name).is_ok_and(|name| self.tools.iter().any(|tool| tool.covers(&name)))
    }

    pub(super) fn has_model(&self, name: &str) -> bool {
        self.models.contains(name)
    }

    pub(super) fn agents(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.plan.agents.keys().map(String::as_str)
    }

    pub(super) fn tools(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(ToolPattern::as_str)
    }

    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(String::as_str)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(String::as_str)
    }

    /// The node that an expectation names, perhaps an instance of it; tells when there is none.
    pub(super) fn expected_node(
        &self,
        name: &Spanned<String>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<(&'a NodePlan, &'a NodeKind)> {
        self.written_node(name, &NodePattern::new(&name.value).in_plan(), problems)
    }

    /// The node at `path` that `name` means; tells when there is none.
    pub(super) fn written_node(
        &self,
        name: &Spanned<String>,
        path: &str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<(&'a NodePlan, &'a NodeKind)> {
        let found = self.node(path);
        if found.is_none() {
            let inner = self.nodes.iter().find(|known| known.rsplit('.').next() == Some(path)).map(String::as_str);
            let near = inner.or_else(|| nearest(path, self.nodes()));
            problems.push(unknown(name, "node", self.plan, near, self.nodes()));
        }
        found
    }
}

/// A name that the workflow does not have.
pub(super) fn unknown<'n>(
    name: &Spanned<String>,
    what: &str,
    plan: &Plan,
    near: Option<&str>,
    known: impl Iterator<Item = &'n str>,
) -> Diagnostic {
    let message = format!("workflow `{}` has no {what} `{}`", plan.name, name.value.escape_default());
    let problem = Diagnostic::error(Code::UNKNOWN_IN_TEST, name.span, message).label(format!("unknown {what}"));
    match near {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(listed(what, known)),
    }
}

/// The names that there are, as far as they are few.
pub(super) fn listed<'n>(what: &str, known: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 12;
    let known: BTreeSet<&str> = known.collect();
    let shown: Vec<String> = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match known.len() {
        0 => format!("it has no {what}s"),
        1..=SHOWN => format!("its {what}s are {}", shown.join(", ")),
        more => format!("its {what}s are {}, and {} more", shown.join(", "), more - SHOWN),
    }
}
