//! The nodes of a plan as lines of a tree, in the order of the plan. Elements of a map and iterations share one line.

use std::collections::HashMap;

use crate::plan::{GraphOutput, GraphPlan, NodeKind, NodePlan, Plan};

/// One line of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OutlineNode {
    /// Its path in the plan, without instances: `improve.draft`.
    pub(super) path: String,
    /// Its id.
    pub(super) label: String,
    /// How many nodes enclose it.
    pub(super) depth: usize,
    /// Whether it has one instance per element of a list.
    pub(super) mapped: bool,
    /// The most iterations, when it is a loop.
    pub(super) max_iterations: Option<u32>,
}

/// The lines of a plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Outline {
    /// The workflow's name.
    pub(super) name: String,
    /// The lines, each before those it encloses.
    pub(super) nodes: Vec<OutlineNode>,
    /// The line of every node path, also of nodes that have no line of their own.
    line_of: HashMap<String, usize>,
}

impl Outline {
    /// The lines of `plan`.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut outline = Self { name: plan.name.clone(), ..Self::default() };
        outline.add_graph(&plan.graph, "", 0);
        outline
    }

    /// The line that shows the node at `path` (without instances).
    pub(super) fn line_of(&self, path: &str) -> Option<usize> {
        self.line_of.get(path).copied()
    }

    /// The lines that `line` encloses.
    pub(super) fn enclosed(&self, line: usize) -> std::ops::Range<usize> {
        let depth = self.nodes[line].depth;
        let count = self.nodes[line + 1..].iter().take_while(|node| node.depth > depth).count();
        line + 1..line + 1 + count
    }

    fn add_graph(&mut self, graph: &GraphPlan, prefix: &str, depth: usize) {
        for node in &graph.nodes {
            let path = format!("{prefix}{}", node.id);
            let line = self.nodes.len();
            self.nodes.push(OutlineNode {
                path: path.clone(),
                label: node.id.to_string(),
                depth,
                mapped: node.map.is_some(),
                max_iterations: node.looped.as_ref().map(|looped| looped.max),
            });
            self.line_of.insert(path.clone(), line);
            let Some(inner) = inner_graph(node) else { continue };
            // The elements of a map would be too many lines, and a looped leaf is a graph of itself alone.
            if node.map.is_some() || inner.output == GraphOutput::Single {
                self.share_line(inner, &format!("{path}."), line);
            } else {
                self.add_graph(inner, &format!("{path}."), depth + 1);
            }
        }
    }

    fn share_line(&mut self, graph: &GraphPlan, prefix: &str, line: usize) {
        for node in &graph.nodes {
            let path = format!("{prefix}{}", node.id);
            if let Some(inner) = inner_graph(node) {
                self.share_line(inner, &format!("{path}."), line);
            }
            self.line_of.insert(path, line);
        }
    }
}

fn inner_graph(node: &NodePlan) -> Option<&GraphPlan> {
    match &node.kind {
        NodeKind::Graph(graph) => Some(graph),
        NodeKind::Workflow { plan, .. } => Some(&plan.graph),
        NodeKind::Agent(_)
        | NodeKind::Tool(_)
        | NodeKind::Value(_)
        | NodeKind::StandIn { .. }
        | NodeKind::Approval(_)
        | NodeKind::Wait(_)
        | NodeKind::Send(_)
        | NodeKind::Receive(_) => None,
    }
}

#[cfg(test)]
impl Outline {
    /// An outline made by hand: path, whether it is mapped, the most iterations.
    pub(super) fn made_of(name: &str, nodes: &[(&str, bool, Option<u32>)]) -> Self {
        let nodes: Vec<OutlineNode> = nodes
            .iter()
            .map(|(path, mapped, max_iterations)| OutlineNode {
                path: (*path).to_owned(),
                label: path.rsplit('.').next().unwrap_or_default().to_owned(),
                depth: path.matches('.').count(),
                mapped: *mapped,
                max_iterations: *max_iterations,
            })
            .collect();
        let line_of = nodes.iter().enumerate().map(|(line, node)| (node.path.clone(), line)).collect();
        Self { name: name.to_owned(), nodes, line_of }
    }

    /// Lets the node at `path` share the line of another one.
    pub(super) fn sharing(mut self, path: &str, with: &str) -> Self {
        let line = self.line_of[with];
        self.line_of.insert(path.to_owned(), line);
        self
    }
}
