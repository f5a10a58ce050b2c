//! Which node of which file something in a run is about.

use std::{path::PathBuf, sync::Arc};

use crate::{
    diagnostic::Sources,
    model::NodePath,
    plan::{GraphOutput, GraphPlan, NodeKind, NodePlan, Plan, normal},
};

/// A node of a plan, and where it is written.
#[derive(Debug)]
pub(super) struct Site<'p> {
    /// The file of its workflow.
    pub(super) file: PathBuf,
    /// The graph it is in.
    pub(super) graph: &'p GraphPlan,
    pub(super) node: &'p NodePlan,
    /// Its path in its workflow.
    pub(super) local: String,
    /// Whether it is one iteration of a looped node that was written without an inner graph: what is written is the loop.
    pub(super) is_iteration: bool,
}

/// The file of a workflow among the files of the outermost one, as it is compared.
pub(super) fn file_of(sources: &Sources, plan: &Plan) -> PathBuf {
    normal(&sources.get(plan.file).path)
}

/// The graph of one iteration of a looped node that was written without an inner graph.
pub(super) fn is_iteration(graph: &GraphPlan) -> bool {
    graph.output == GraphOutput::Single
}

/// The node at `path` in a run of `plan`.
pub(super) fn site<'p>(plan: &'p Plan, path: &NodePath) -> Option<Site<'p>> {
    let path = path.without_instances();
    let mut graph: &Arc<GraphPlan> = &plan.graph;
    let (mut file, mut local) = (file_of(&plan.sources, plan), String::new());
    let mut segments = path.split('.').peekable();
    while let Some(segment) = segments.next() {
        let node = &graph.nodes[*graph.index.get(segment)?];
        let is_iteration = is_iteration(graph);
        if !is_iteration {
            local = join(&local, segment);
        }
        if segments.peek().is_none() {
            return Some(Site { file, graph, node, local, is_iteration });
        }
        if let NodeKind::Workflow { plan: inner, .. } = &node.kind {
            (file, local) = (file_of(&plan.sources, inner), String::new());
        }
        graph = node.inside()?;
    }
    None
}

/// The path of a node in the one at `outer`; `outer` is empty for the outermost graph.
pub(super) fn join(outer: &str, node: &str) -> String {
    if outer.is_empty() { node.to_owned() } else { format!("{outer}.{node}") }
}

/// Whether the path is that of an element of a map, and not of something in one.
pub(super) fn is_element(path: &NodePath) -> bool {
    path.as_str().ends_with(']')
}
