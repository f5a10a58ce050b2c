//! What is other in one plan than in another: of the workflow, its nodes and its edges, in the words of the format. Those of inner
//! graphs, inner workflows and of what is called as a tool are among them. What may be touched is compared by [`Lock`](super::Lock).

mod aspects;

#[cfg(test)]
mod tests;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

use crate::{
    model::Value,
    plan::{EdgeKind, GraphOutput, GraphPlan, NodeKind, NodePlan, Plan},
};

use aspects::Aspects;

/// What is other in one plan than in another.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanDifference {
    /// What is other about the workflow as a whole: inputs, outputs, limits, ….
    pub workflow: Vec<AspectDifference>,
    /// Nodes that are new, gone or others; those of the second plan in their order, then those that are gone.
    pub nodes: Vec<NodeDifference>,
    /// Edges that are new, gone or taken at other times.
    pub edges: Vec<EdgeDifference>,
}

/// Whether something is new, gone or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is only in the second plan.
    Added,
    /// It is only in the first plan.
    Removed,
    /// It is in both, and not the same.
    Changed,
}

impl ChangeKind {
    /// `added`, `removed` or `changed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// Something that a workflow or a node says, and that is other: as it is written, or as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AspectDifference {
    /// What of it: `prompt`, `model`, `when`, `limits.max_cost_usd`, ….
    pub aspect: String,
    /// In the first plan; absent where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one: Option<Value>,
    /// In the second plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Value>,
}

/// A node that is new, gone or another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeDifference {
    /// Its path: `outer.inner`; in what is called as a tool, `workflow:FILE.inner`.
    pub node: String,
    /// Whether it is new, gone or another.
    pub change: ChangeKind,
    /// What it is, in the second plan if it is there: `agent`, `tool`, ….
    pub kind: &'static str,
    /// What it says that is other; all that it says, for one that is new or gone.
    pub aspects: Vec<AspectDifference>,
}

/// An edge that is new, gone, or taken at other times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdgeDifference {
    /// The path of its source.
    pub from: String,
    /// The path of its target.
    pub to: String,
    /// Whether it is new, gone or another.
    pub change: ChangeKind,
    /// When it is taken in the first plan, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one: Option<String>,
    /// When it is taken in the second plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

impl PlanDifference {
    /// What is other in `other` than in `one`. A plan that is not there has nothing.
    #[must_use]
    pub fn between(one: Option<&Plan>, other: Option<&Plan>) -> Self {
        let said = |plan: Option<&Plan>| plan.map(aspects::of_workflow).unwrap_or_default();
        let (one_parts, other_parts) = (Parts::of(one), Parts::of(other));
        Self {
            workflow: aspects(&said(one), &said(other)),
            nodes: nodes(&one_parts, &other_parts),
            edges: edges(&one_parts.edges, &other_parts.edges),
        }
    }

    /// Whether nothing is other.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.workflow.is_empty() && self.nodes.is_empty() && self.edges.is_empty()
    }
}

/// A plan, taken apart.
#[derive(Default)]
struct Parts {
    /// What each node is and says, by path.
    nodes: IndexMap<String, (&'static str, Aspects)>,
    /// When each edge is taken, by the paths of its ends.
    edges: IndexMap<(String, String), String>,
}

impl Parts {
    fn of(plan: Option<&Plan>) -> Self {
        let mut parts = Self::default();
        if let Some(plan) = plan {
            parts.add(&plan.graph, "");
            for (tool, called) in &plan.delegates {
                parts.add(&called.graph, &format!("{tool}."));
            }
        }
        parts
    }

    fn add(&mut self, graph: &GraphPlan, prefix: &str) {
        for node in &graph.nodes {
            let path = format!("{prefix}{}", node.id);
            for edge in &node.incoming {
                let source = &graph.nodes[edge.from];
                self.edges.insert((format!("{prefix}{}", source.id), path.clone()), taken(&edge.kind, source, node));
            }
            // A graph that `compile` made around a looped node is that node.
            let written = match &node.kind {
                NodeKind::Graph(inner) if inner.output == GraphOutput::Single => inner.nodes.first(),
                _ => None,
            };
            let said = aspects::of_node(node, written);
            self.nodes.insert(path.clone(), (written.unwrap_or(node).kind.word(), said));
            if let Some(inside) = written.unwrap_or(node).inside() {
                self.add(inside, &format!("{path}."));
            }
        }
    }
}

/// When an edge is taken, in words.
fn taken(kind: &EdgeKind, source: &NodePlan, target: &NodePlan) -> String {
    match kind {
        EdgeKind::Plain => "always".to_owned(),
        EdgeKind::Conditional(condition) => format!("if {}", condition.source()),
        EdgeKind::OnError => "on error".to_owned(),
        EdgeKind::Routed => {
            let Some(route) = &source.route else { return "routed".to_owned() };
            let cases = route.cases.iter().filter(|(_, chosen)| chosen.contains(&target.id)).map(|(case, _)| format!("`{case}`"));
            let default = route.default.iter().filter(|chosen| chosen.contains(&target.id)).map(|_| "any other value".to_owned());
            format!("routed for {}", cases.chain(default).collect::<Vec<_>>().join(", "))
        }
    }
}

fn nodes(one: &Parts, other: &Parts) -> Vec<NodeDifference> {
    let none = Aspects::new();
    let paths: IndexSet<&String> = other.nodes.keys().chain(one.nodes.keys()).collect();
    let compared = paths.into_iter().filter_map(|path| {
        let (before, after) = (one.nodes.get(path), other.nodes.get(path));
        let (change, kind) = match (before, after) {
            (Some(_), Some((kind, _))) => (ChangeKind::Changed, *kind),
            (None, Some((kind, _))) => (ChangeKind::Added, *kind),
            (Some((kind, _)), None) => (ChangeKind::Removed, *kind),
            (None, None) => return None,
        };
        let said = |side: Option<&(&'static str, Aspects)>| side.map_or_else(|| none.clone(), |(_, said)| said.clone());
        let aspects = aspects(&said(before), &said(after));
        let is_same = change == ChangeKind::Changed && aspects.is_empty();
        (!is_same).then(|| NodeDifference { node: path.clone(), change, kind, aspects })
    });
    compared.collect()
}

fn edges(one: &IndexMap<(String, String), String>, other: &IndexMap<(String, String), String>) -> Vec<EdgeDifference> {
    let ends: IndexSet<&(String, String)> = other.keys().chain(one.keys()).collect();
    let compared = ends.into_iter().filter_map(|ends| {
        let (before, after) = (one.get(ends), other.get(ends));
        let change = match (before, after) {
            (Some(before), Some(after)) if before == after => return None,
            (Some(_), Some(_)) => ChangeKind::Changed,
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
        };
        let (from, to) = ends.clone();
        Some(EdgeDifference { from, to, change, one: before.cloned(), other: after.cloned() })
    });
    compared.collect()
}

fn aspects(one: &Aspects, other: &Aspects) -> Vec<AspectDifference> {
    let names: IndexSet<&String> = other.keys().chain(one.keys()).collect();
    let compared = names.into_iter().filter_map(|name| {
        let (before, after) = (one.get(name), other.get(name));
        (before != after).then(|| AspectDifference { aspect: name.clone(), one: before.cloned(), other: after.cloned() })
    });
    compared.collect()
}
