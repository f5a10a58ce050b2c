//! A plan with mocked nodes: the same graph, edges and conditions, in which something stands in for the work of some nodes.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    diagnostic::nearest,
    error::{Error, ErrorKind, Result},
    model::Value,
    plan::{GraphOutput, GraphPlan, NodeKind, NodePlan, Plan},
};

/// What is mocked of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Rehearsed {
    /// The node as a whole: a mapped one begins no instance, a container nothing inside it. Of a looped node that has no inner graph of
    /// its own, each iteration.
    Whole,
    /// Each instance of a mapped node.
    Each,
    /// What people say to a node that asks them.
    Answer(RehearsedAnswer),
}

/// What people say to an approval.
#[derive(Debug, Clone, PartialEq)]
pub enum RehearsedAnswer {
    /// They take an option.
    Chosen {
        /// Which; `reject` lets the node fail.
        option: String,
        /// What they say with it.
        comment: Option<String>,
        /// What they fill in; made up when absent.
        form: Option<Value>,
    },
    /// Nobody answers: the time to answer runs out.
    Silence,
}

impl Plan {
    /// The same plan, in which something stands in for the nodes that `mocks` names by their paths without instances, e.g.
    /// `improve.draft`.
    ///
    /// # Errors
    /// `Invalid` when there is no such node, or when it is none of which this can be mocked.
    pub fn rehearse(&self, mocks: &BTreeMap<String, Rehearsed>) -> Result<Self> {
        let known = self.node_paths();
        if let Some(unknown) = mocks.keys().find(|path| !known.contains(path)) {
            let error = Error::new(ErrorKind::Invalid, format!("workflow `{}` has no node `{unknown}`", self.name));
            return Err(match nearest(unknown, known.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        let graph = rehearsed_graph(&self.graph, "", mocks)?.unwrap_or_else(|| Arc::clone(&self.graph));
        Ok(Self { graph, ..self.clone() })
    }
}

/// The graph with what is mocked in it; `None` when that is nothing.
fn rehearsed_graph(graph: &GraphPlan, prefix: &str, mocks: &BTreeMap<String, Rehearsed>) -> Result<Option<Arc<GraphPlan>>> {
    let inside = |path: &String| path.starts_with(prefix);
    if !mocks.keys().any(inside) {
        return Ok(None);
    }
    let node = |node: &NodePlan| rehearsed_node(node, &format!("{prefix}{}", node.id), mocks);
    let nodes = graph.nodes.iter().map(node).collect::<Result<_>>()?;
    Ok(Some(Arc::new(GraphPlan { nodes, index: graph.index.clone(), output: graph.output })))
}

fn rehearsed_node(node: &NodePlan, path: &str, mocks: &BTreeMap<String, Rehearsed>) -> Result<NodePlan> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::Invalid, format!("node `{path}` {why}")));
    let mut node = node.clone();
    match (mocks.get(path), &mut node.kind) {
        (None, NodeKind::Graph(graph)) => {
            if let Some(rehearsed) = rehearsed_graph(graph, &format!("{path}."), mocks)? {
                *graph = rehearsed;
            }
        }
        (None, NodeKind::Workflow { plan, .. }) => {
            if let Some(graph) = rehearsed_graph(&plan.graph, &format!("{path}."), mocks)? {
                *plan = Arc::new(Plan { graph, ..Plan::clone(plan) });
            }
        }
        (None, _) => {}
        (Some(Rehearsed::Answer(answer)), NodeKind::Approval(approval)) => match answer {
            RehearsedAnswer::Chosen { option, .. } if !approval.options.contains(option) => {
                let options: Vec<_> = approval.options.iter().map(|option| format!("`{option}`")).collect();
                return refuse(&format!("has no option `{option}`, only {}", options.join(", ")));
            }
            _ => approval.rehearsed = Some(answer.clone()),
        },
        (Some(Rehearsed::Answer(_)), _) => return refuse("asks nobody: it is no approval"),
        (Some(Rehearsed::Each), _) if node.map.is_none() => return refuse("is not mapped: it has no instances"),
        (Some(Rehearsed::Each), kind) => stand_in(kind, true),
        // The graph that `compile` made around a looped node is no node of the author's.
        (Some(Rehearsed::Whole), NodeKind::Graph(graph)) if graph.output == GraphOutput::Single && node.map.is_none() => {
            let mut inner = GraphPlan::clone(graph);
            inner.nodes.iter_mut().for_each(|node| stand_in(&mut node.kind, true));
            *graph = Arc::new(inner);
        }
        (Some(Rehearsed::Whole), kind) => {
            stand_in(kind, node.map.is_none());
            node.map = None;
            node.looped = None;
        }
    }
    Ok(node)
}

/// Lets something stand in for what a node does.
fn stand_in(kind: &mut NodeKind, is_given: bool) {
    *kind = NodeKind::StandIn { of: Box::new(kind.clone()), is_given };
}
