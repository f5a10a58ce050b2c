//! Mermaid: a flowchart from the top down, inner graphs as subgraphs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use crate::plan::draw::{
    mark::{Mark, Marks},
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

/// The flowchart, with its nodes marked.
pub(super) fn render(graph: &GraphView, marks: &Marks) -> String {
    let mut text = String::from("flowchart TD\n");
    let mut names = Names::default();
    let mut painted = Painted { marks, of: BTreeMap::new() };
    write_graph(&mut text, graph, &mut names, &mut painted, ("", ""), 1).expect("writing to a string cannot fail");
    painted.write(&mut text).expect("writing to a string cannot fail");
    text
}

/// The marks, and the ids that were given to nodes with one.
struct Painted<'a> {
    marks: &'a Marks,
    of: BTreeMap<Mark, Vec<String>>,
}

impl Painted<'_> {
    fn write(&self, out: &mut String) -> fmt::Result {
        for mark in Mark::ALL {
            if let Some(ids) = self.of.get(&mark) {
                // No class is called as a word of the language.
                writeln!(out, "    classDef is_{0} {1}\n    class {2} is_{0}", mark.as_str(), mark.style(), ids.join(","))?;
            }
        }
        Ok(())
    }
}

/// `around` is what ids and what paths begin with.
fn write_graph(
    out: &mut String,
    graph: &GraphView,
    names: &mut Names,
    painted: &mut Painted<'_>,
    around: (&str, &str),
    depth: usize,
) -> fmt::Result {
    let indent = "    ".repeat(depth.min(20));
    let mut ids = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let id = names.unique(&format!("{}{}", around.0, node.id));
        let path = format!("{}{}", around.1, node.id);
        let mut label = format!("<b>{}</b>", escape(&node.id));
        for line in node.lines("≤") {
            write!(label, "<br/>{}", escape(&line))?;
        }
        let mark = if node.inner().is_some() { painted.marks.of(&path) } else { painted.marks.of_all_in(&path) };
        if let Some((mark, words)) = mark {
            write!(label, "<br/><i>{}</i>", escape(words))?;
            painted.of.entry(mark).or_default().push(id.clone());
        }
        if let Some(inner) = node.inner() {
            writeln!(out, "{indent}subgraph {id} [\"{label}\"]")?;
            write_graph(out, inner, names, painted, (&format!("{id}_"), &format!("{path}.")), depth + 1)?;
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
