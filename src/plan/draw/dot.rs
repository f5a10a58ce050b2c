//! Graphviz DOT: inner graphs as clusters.

use std::fmt::{self, Write as _};

use crate::plan::draw::{
    text::Glyphs,
    view::{GraphView, KindView, NodeView},
};

/// The digraph, named after the workflow.
pub(super) fn render(name: &str, graph: &GraphView) -> String {
    let mut out = String::new();
    write_all(&mut out, name, graph).expect("writing to a string cannot fail");
    out
}

fn write_all(out: &mut String, name: &str, graph: &GraphView) -> fmt::Result {
    writeln!(out, "digraph {} {{", quoted(&[name.to_owned()]))?;
    writeln!(out, "    compound=true; rankdir=TB; fontname=\"sans-serif\";")?;
    writeln!(out, "    node [shape=box, style=\"rounded,filled\", fillcolor=\"#f6f8fa\", fontname=\"sans-serif\"];")?;
    writeln!(out, "    edge [fontname=\"sans-serif\", fontsize=11];")?;
    write_graph(out, graph, "", 1)?;
    writeln!(out, "}}")
}

fn write_graph(out: &mut String, graph: &GraphView, path: &str, depth: usize) -> fmt::Result {
    let indent = "    ".repeat(depth.min(20));
    for node in &graph.nodes {
        let id = format!("{path}{}", node.id);
        let label: Vec<String> = std::iter::once(node.id.clone()).chain(node.lines("≤")).collect();
        if let Some(inner) = node.inner() {
            writeln!(out, "{indent}subgraph {} {{", quoted(&[cluster(&id)]))?;
            writeln!(out, "{indent}    label={}; style=rounded; color=\"#8c959f\";", quoted(&label))?;
            write_graph(out, inner, &format!("{id}."), depth + 1)?;
            writeln!(out, "{indent}}}")?;
            continue;
        }
        let shape = match node.kind {
            _ if node.route.is_some() => ", shape=hexagon",
            KindView::Value => ", shape=ellipse",
            KindView::Wait { .. } => ", shape=trapezium",
            KindView::Workflow { .. } => ", shape=component",
            KindView::Tool { .. } => ", shape=cds",
            KindView::Memory { .. } => ", shape=cylinder",
            KindView::Agent { .. } | KindView::Graph(_) => "",
        };
        let tooltip = node.description.iter().map(|text| format!(", tooltip={}", quoted(std::slice::from_ref(text))));
        writeln!(out, "{indent}{} [label={}{shape}{}];", quoted(&[id]), quoted(&label), tooltip.collect::<String>())?;
    }
    for edge in &graph.edges {
        let (from, to) = (&graph.nodes[edge.from], &graph.nodes[edge.to]);
        let mut attributes = Vec::new();
        if let Some(label) = edge.label() {
            attributes.push(format!("label={}", quoted(&[label])));
        }
        if graph.is_dashed(edge) {
            attributes.push("style=dashed".to_owned());
        }
        // An edge of an inner graph ends at one of its nodes and is cut at the border of the cluster.
        if from.inner().is_some() {
            attributes.push(format!("ltail={}", quoted(&[cluster(&format!("{path}{}", from.id))])));
        }
        if to.inner().is_some() {
            attributes.push(format!("lhead={}", quoted(&[cluster(&format!("{path}{}", to.id))])));
        }
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let (tail, head) = (anchor(from, path, false), anchor(to, path, true));
        writeln!(out, "{indent}{} -> {}{attributes};", quoted(&[tail]), quoted(&[head]))?;
    }
    Ok(())
}

fn cluster(id: &str) -> String {
    format!("cluster_{id}")
}

/// The node that stands for `node` in an edge: itself, or the first or last of its inner graph.
fn anchor(node: &NodeView, path: &str, first: bool) -> String {
    let (mut id, mut node) = (format!("{path}{}", node.id), node);
    while let Some(inner) = node.inner() {
        let Some(next) = (if first { inner.nodes.first() } else { inner.nodes.last() }) else { break };
        (id, node) = (format!("{id}.{}", next.id), next);
    }
    id
}

/// A quoted string of lines. Backslashes are doubled so that none of Graphviz' escapes is left, `&` cannot start an entity.
fn quoted(lines: &[String]) -> String {
    let clean = |line: &String| {
        let line = (Glyphs { unicode: true }).clean(line);
        line.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
    };
    format!("\"{}\"", lines.iter().map(clean).collect::<Vec<_>>().join("\\n"))
}
