//! Pictures of a plan: for a terminal, for Mermaid and Graphviz, as SVG, and as JSON for programs.
//!
//! `from_plan` takes from a plan what pictures show (`view`). `layers` and `place` lay a graph out for `ascii` and `svg`; the other
//! formats leave that to their readers. The same plan gives the same text, always.

mod ascii;
mod canvas;
mod channel;
mod dot;
mod from_plan;
mod json;
mod layers;
mod list;
mod mark;
mod mermaid;
mod place;
mod share;
mod svg;
mod text;
mod view;

#[cfg(test)]
mod tests;

use crate::plan::{Plan, draw::view::GraphView};

pub use mark::{Mark, Marks};
pub use share::{NodeShare, Share, Shares};

/// How a plan is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawFormat {
    /// Boxes and arrows in text.
    Ascii {
        /// The widest line, in columns; less than 20 counts as 20.
        width: usize,
        /// Whether lines are drawn with box-drawing characters; otherwise all is ASCII.
        unicode: bool,
    },
    /// A Mermaid flowchart.
    Mermaid,
    /// A Graphviz digraph.
    Dot,
    /// A picture without scripts or references to anything outside.
    Svg,
    /// Nodes and edges for programs.
    Json,
}

/// Draws the outermost graph of `plan` and all inner graphs; other workflows that it runs are shown as one node each.
///
/// Ends with a line feed. Text of the author is cleaned of control characters and escaped as the format wants it. In text and SVG,
/// an edge that says nothing a path of other edges does not say is told in words (`also needs a`); the other formats have all edges.
#[must_use]
pub fn draw(plan: &Plan, format: DrawFormat) -> String {
    draw_view(&plan.name, plan.description.as_deref(), &from_plan::graph_view(&plan.graph), format)
}

/// Draws `plan` as SVG that shows how far something holds of its nodes and edges.
#[must_use]
pub fn draw_shares(plan: &Plan, shares: &Shares) -> String {
    svg::render(&plan.name, plan.description.as_deref(), &from_plan::graph_view(&plan.graph), Some(shares))
}

/// Draws `plan` as a Mermaid flowchart whose nodes are marked.
#[must_use]
pub fn draw_marked(plan: &Plan, marks: &Marks) -> String {
    mermaid::render(&from_plan::graph_view(&plan.graph), marks)
}

fn draw_view(name: &str, description: Option<&str>, graph: &GraphView, format: DrawFormat) -> String {
    match format {
        DrawFormat::Ascii { width, unicode } => ascii::render(graph, width, unicode),
        DrawFormat::Mermaid => mermaid::render(graph, &Marks::default()),
        DrawFormat::Dot => dot::render(name, graph),
        DrawFormat::Svg => svg::render(name, description, graph, None),
        DrawFormat::Json => json::render(name, description, graph),
    }
}
