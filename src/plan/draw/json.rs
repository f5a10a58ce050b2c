//! The graph for programs: nodes and edges with everything a picture shows, inner graphs nested.

use serde_json::{Map, Value, json};

use crate::plan::draw::view::{EdgeShape, EdgeView, GraphView, KindView, NodeView, OnErrorView};

/// One object, indented: `workflow`, `description`, `nodes` in topological order, `edges` by target.
pub(super) fn render(name: &str, description: Option<&str>, graph: &GraphView) -> String {
    let mut object = Map::new();
    object.insert("workflow".to_owned(), json!(name));
    if let Some(description) = description {
        object.insert("description".to_owned(), json!(description));
    }
    add_graph(&mut object, graph);
    let mut text = serde_json::to_string_pretty(&Value::Object(object)).expect("a JSON value can be written");
    text.push('\n');
    text
}

fn add_graph(object: &mut Map<String, Value>, graph: &GraphView) {
    object.insert("nodes".to_owned(), graph.nodes.iter().map(node).collect());
    object.insert("edges".to_owned(), graph.edges.iter().map(|it| edge(graph, it)).collect());
}

fn node(node: &NodeView) -> Value {
    let mut object = Map::new();
    let mut add = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    add("node", json!(node.id));
    match &node.kind {
        KindView::Agent { agent, model, chosen } => {
            add("kind", json!("agent"));
            add("agent", json!(agent));
            if let Some(model) = model {
                add("model", json!(model));
            }
            if let Some(why) = chosen {
                add("chosen", json!(why));
            }
        }
        KindView::Tool { tool } => {
            add("kind", json!("tool"));
            add("tool", json!(tool));
        }
        KindView::Memory { does, collection } => {
            add("kind", json!(does));
            add("collection", json!(collection));
        }
        KindView::Value => add("kind", json!("value")),
        KindView::Wait { does, what } => {
            add("kind", json!(does));
            add("what", json!(what));
        }
        KindView::Workflow { name } => {
            add("kind", json!("workflow"));
            add("workflow", json!(name));
        }
        KindView::Graph(_) => add("kind", json!("nodes")),
    }
    if let Some(description) = &node.description {
        add("description", json!(description));
    }
    if let Some(when) = &node.when {
        add("when", json!(when));
    }
    if node.join_any {
        add("join", json!("any"));
    }
    if let Some(map) = &node.map {
        add("map", json!({ "over": map.over, "as": map.name }));
    }
    if let Some(looped) = &node.looped {
        add("loop", json!({ "until": looped.until, "max": looped.max }));
    }
    if let Some(route) = &node.route {
        let cases: Map<String, Value> = route.cases.iter().map(|(case, ids)| (case.clone(), json!(ids))).collect();
        add("route", json!({ "on": route.on, "cases": cases, "default": route.default }));
    }
    match &node.on_error {
        Some(OnErrorView::Continue) => add("on_error", json!("continue")),
        Some(OnErrorView::Use) => add("on_error", json!("use")),
        Some(OnErrorView::Goto(target)) => add("on_error", json!({ "goto": target })),
        None => {}
    }
    if let KindView::Graph(inner) = &node.kind {
        add_graph(&mut object, inner);
    }
    Value::Object(object)
}

fn edge(graph: &GraphView, edge: &EdgeView) -> Value {
    let (from, to) = (&graph.nodes[edge.from].id, &graph.nodes[edge.to].id);
    match &edge.kind {
        EdgeShape::Plain => json!({ "from": from, "to": to, "kind": "plain" }),
        EdgeShape::Routed { cases, otherwise } => {
            json!({ "from": from, "to": to, "kind": "routed", "cases": cases, "default": otherwise })
        }
        EdgeShape::Conditional(condition) => json!({ "from": from, "to": to, "kind": "conditional", "condition": condition }),
        EdgeShape::OnError => json!({ "from": from, "to": to, "kind": "on_error" }),
    }
}
