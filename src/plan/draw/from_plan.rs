//! What a picture shows, taken from a plan.

use crate::plan::{
    EdgeKind, GraphOutput, GraphPlan, MessageSource, NodeKind, NodePlan, OnError, WaitNode,
    draw::view::{EdgeShape, EdgeView, GraphView, KindView, LoopView, MapView, NodeView, OnErrorView, RouteView},
};

/// The view of a graph and of the graphs in it; other workflows stay closed.
pub(super) fn graph_view(graph: &GraphPlan) -> GraphView {
    let nodes: Vec<NodeView> = graph.nodes.iter().map(node_view).collect();
    let mut edges = Vec::new();
    for (to, node) in graph.nodes.iter().enumerate() {
        for edge in &node.incoming {
            let kind = match &edge.kind {
                EdgeKind::Plain => EdgeShape::Plain,
                EdgeKind::Routed => routed(&nodes[edge.from], node.id.as_str()),
                EdgeKind::Conditional(condition) => EdgeShape::Conditional(condition.source().to_owned()),
                EdgeKind::OnError => EdgeShape::OnError,
            };
            edges.push(EdgeView { from: edge.from, to, kind });
        }
    }
    GraphView { nodes, edges }
}

/// The cases in which `source` chooses `target`.
fn routed(source: &NodeView, target: &str) -> EdgeShape {
    let chosen = |ids: &[String]| ids.iter().any(|id| id == target);
    let cases = source.route.iter().flat_map(|route| &route.cases).filter(|(_, ids)| chosen(ids));
    EdgeShape::Routed {
        cases: cases.map(|(case, _)| case.clone()).collect(),
        otherwise: source.route.as_ref().and_then(|route| route.default.as_deref()).is_some_and(chosen),
    }
}

fn node_view(node: &NodePlan) -> NodeView {
    let ids = |ids: &[crate::model::NodeId]| ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
    NodeView {
        description: node.description.clone(),
        map: node.map.as_ref().map(|map| MapView { over: map.over.source().to_owned(), name: map.name.clone() }),
        looped: node
            .looped
            .as_ref()
            .map(|looped| LoopView { until: looped.until.as_ref().map(|until| until.source().to_owned()), max: looped.max }),
        when: node.when.as_ref().map(|when| when.source().to_owned()),
        route: node.route.as_ref().map(|route| RouteView {
            on: route.on.source().to_owned(),
            cases: route.cases.iter().map(|(case, targets)| (case.clone(), ids(targets))).collect(),
            default: route.default.as_deref().map(ids),
        }),
        join_any: node.join == crate::plan::JoinMode::Any,
        on_error: match &node.on_error {
            OnError::Fail => None,
            OnError::Continue => Some(OnErrorView::Continue),
            OnError::Use(_) => Some(OnErrorView::Use),
            OnError::Goto(target) => Some(OnErrorView::Goto(target.as_str().to_owned())),
        },
        ..NodeView::new(node.id.as_str(), kind_view(&node.kind))
    }
}

fn kind_view(kind: &NodeKind) -> KindView {
    match kind {
        NodeKind::Agent(node) => KindView::Agent {
            agent: node.agent.name.as_str().to_owned(),
            model: node.model.as_ref().map(ToString::to_string),
            chosen: node.chosen_by.clone(),
        },
        NodeKind::Tool(node) => match node.of_memory() {
            Some((does, collection)) => KindView::Memory { does, collection: collection.to_owned() },
            None => KindView::Tool { tool: node.tool.as_str().to_owned() },
        },
        NodeKind::StandIn { of, .. } => kind_view(of),
        NodeKind::Value(_) => KindView::Value,
        NodeKind::Approval(node) => KindView::Wait { does: kind.word(), what: node.options.join(" | ") },
        NodeKind::Wait(node) => KindView::Wait {
            does: kind.word(),
            what: match &**node {
                WaitNode::For(duration) => format!("for {duration:?}"),
                WaitNode::Until(time) => format!("until {}", time.source()),
                WaitNode::Message { from, .. } => format!("for {}", source_view(from)),
            },
        },
        NodeKind::Send(node) => {
            KindView::Wait { does: kind.word(), what: format!("{} to {}", node.kind.source(), node.to.source()) }
        }
        NodeKind::Receive(node) => {
            KindView::Wait { does: kind.word(), what: format!("{} × {}", node.count, source_view(&node.from)) }
        }
        NodeKind::Workflow { plan, .. } => KindView::Workflow { name: plan.name.clone() },
        NodeKind::Graph(graph) => match (graph.output, graph.nodes.as_slice()) {
            // A looped node that was written without an inner graph is shown as it was written.
            (GraphOutput::Single, [only]) => kind_view(&only.kind),
            _ => KindView::Graph(graph_view(graph)),
        },
    }
}

fn source_view(from: &MessageSource) -> String {
    let kind = from.kind.as_ref().map_or("message", |kind| kind.source());
    format!("{kind} in {}", from.mailbox.source())
}
