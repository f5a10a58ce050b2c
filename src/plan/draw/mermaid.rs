//! Mermaid: a flowchart from the top down, inner graphs as subgraphs.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use crate::plan::draw::{
    text::Glyphs,
    view::{GraphView, KindView},
};

/// Words that mean something else in a flowchart when they stand where an id does.
const RESERVED: [&str; 19] = [
    "end",
    "graph",
    "flowchart",
    "subgraph",
    "direction",
    "style",
    "default",
    "linkstyle",
    "interpolate",
    "classdef",
    "class",
    "click",
    "href",
    "call",
    "tb",
    "td",
    "bt",
    "rl",
    "lr",
];

/// The flowchart.
pub(super) fn render(graph: &GraphView) -> String {
    let mut text = String::from("flowchart TD\n");
    let mut names = Names::default();
    write_graph(&mut text, graph, &mut names, "", 1).expect("writing to a string cannot fail");
    text
}

fn write_graph(out: &mut String, graph: &GraphView, names: &mut Names, prefix: &str, depth: usize) -> fmt::Result {
    let indent = "    ".repeat(depth.min(20));
    let mut ids = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let id = names.unique(&format!("{prefix}{}", node.id));
        let mut label = format!("<b>{}</b>", escape(&node.id));
        for line in node.lines("≤") {
            write!(label, "<br/>{}", escape(&line))?;
        }
        if let Some(inner) = node.inner() {
            writeln!(out, "{indent}subgraph {id} [\"{label}\"]")?;
            write_graph(out, inner, names, &format!("{id}_"), depth + 1)?;
            writeln!(out, "{indent}end")?;
        } else {
            let (open, close) = match node.kind {
                _ if node.route.is_some() => ("{{", "}}"),
                KindView::Agent { .. } => ("[", "]"),
                KindView::Tool { .. } => ("[/", "/]"),
                KindView::Memory { .. } => ("[(", ")]"),
                KindView::Value => ("([", "])"),
                KindView::Wait { .. } => ("[\\", "/]"),
                KindView::Workflow { .. } | KindView::Graph(_) => ("[[", "]]"),
            };
            writeln!(out, "{indent}{id}{open}\"{label}\"{close}")?;
        }
        ids.push(id);
    }
    for edge in &graph.edges {
        let arrow = if graph.is_dashed(edge) { "-.->" } else { "-->" };
        let label = edge.label().map(|label| format!("|\"{}\"|", escape(&label))).unwrap_or_default();
        writeln!(out, "{indent}{} {arrow}{label} {}", ids[edge.from], ids[edge.to])?;
    }
    Ok(())
}

/// Ids given so far; they look like the node's own as far as the language allows.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    fn unique(&mut self, id: &str) -> String {
        let mut name: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name = format!("n_{name}");
        }
        let mut candidate = name.clone();
        let mut number = 2;
        while !self.taken.insert(candidate.clone()) {
            candidate = format!("{name}_{number}");
            number += 1;
        }
        candidate
    }
}

/// Text for a quoted label: everything that means something to Mermaid, Markdown or HTML as a numbered character.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in (Glyphs { unicode: true }).clean(text).chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' | '*' | '~' | '|' | '[' | ']' | '{' | '}' | '$' => {
                write!(escaped, "#{};", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => escaped.push(c),
        }
    }
    escaped
}
