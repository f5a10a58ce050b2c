//! SVG: one self-contained picture without scripts, legible on light and on dark ground.

use std::fmt::{self, Write as _};

use crate::plan::draw::{
    layers::{self, Item, Layers, Link, Measure},
    place::{Extents, place},
    share::{NodeShare, Share, Shares, Within},
    text::{Glyphs, width},
    view::{GraphView, KindView, NodeView, implied_edges},
};

// All in pixels.
const CHAR: usize = 8;
const LINE: usize = 18;
const PADDING: usize = 12;
const GAP: usize = 28;
const ROW_GAP: usize = 48;
const MARGIN: usize = 16;
/// A row of boxes gets no wider, if it can be split.
const ROW_WIDTH: usize = 1_800;
/// Text widths of boxes and labels, in characters.
const TEXT: usize = 40;
const LABEL: usize = 36;

/// The picture of the graph, titled with the workflow's name; with how far something holds of its parts, if that is told.
pub(super) fn render(name: &str, description: Option<&str>, graph: &GraphView, shares: Option<&Shares>) -> String {
    let picture = lay_out(graph, shares.map(Within::all).as_ref());
    let (wide, high) = (picture.width + 2 * MARGIN, picture.height + 2 * MARGIN);
    let mut out = String::new();
    let style = if shares.is_some() { MARKED } else { "" };
    write_all(&mut out, (name, description), (wide, high), &picture, style).expect("writing to a string cannot fail");
    out
}

fn write_all(
    out: &mut String,
    (name, description): (&str, Option<&str>),
    (wide, high): (usize, usize),
    picture: &Picture,
    style: &str,
) -> fmt::Result {
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" role=\"img\">"
    )?;
    writeln!(out, "<title>{}</title>", escape(name))?;
    if let Some(description) = description {
        writeln!(out, "<desc>{}</desc>", escape(description))?;
    }
    writeln!(out, "<style>\n{STYLE}{style}</style>")?;
    picture.write(out, MARGIN, MARGIN)?;
    writeln!(out, "</svg>")
}

/// Boxes and labels have a ground of their own; lines and arrow heads are of a grey that shows on white and on black.
const STYLE: &str = concat!(
    "text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #57606a }\n",
    "text.id { font-weight: bold; fill: #1f2328 }\n",
    "text.label { font-size: 12px; text-anchor: middle; fill: #1f2328 }\n",
    "rect { fill: #ffffff; stroke: #8c959f; stroke-width: 1.5 }\n",
    "rect.agent { fill: #eaf2fd; stroke: #3f78c4 }\n",
    "rect.tool { fill: #fdf3e3; stroke: #b07a1f }\n",
    "rect.value { fill: #eef6ee; stroke: #4c8f5a }\n",
    "rect.workflow { fill: #fdf3e4; stroke: #b5802f }\n",
    "rect.frame { fill: #f6f8fa; stroke: #8c959f }\n",
    "rect.label { fill: #ffffff; stroke: #8c959f; stroke-width: 1 }\n",
    "path.edge { fill: none; stroke: #808892; stroke-width: 1.6 }\n",
    "path.dashed { stroke-dasharray: 5 4 }\n",
    "path.head { fill: #808892 }\n",
);

/// What is marked shows by its line as well as by its colour.
const MARKED: &str = concat!(
    "rect.all { stroke: #1a7f37; stroke-width: 2.5 }\n",
    "rect.some { stroke: #9a6700; stroke-width: 2.5; stroke-dasharray: 10 3 }\n",
    "rect.none { fill: #fff0ee; stroke: #cf222e; stroke-width: 2.5; stroke-dasharray: 5 4 }\n",
    "path.edge.all { stroke: #1a7f37; stroke-width: 2 }\n",
    "path.edge.some { stroke: #9a6700; stroke-width: 2 }\n",
    "path.edge.none { stroke: #cf222e; stroke-width: 2; stroke-dasharray: 2 4 }\n",
    "path.head.all { fill: #1a7f37 }\n",
    "path.head.some { fill: #9a6700 }\n",
    "path.head.none { fill: #cf222e }\n",
    "text.note { font-weight: bold }\n",
    "text.note.all { fill: #116329 }\n",
    "text.note.some { fill: #7d4e00 }\n",
    "text.note.none { fill: #a40e26 }\n",
);

/// A laid out graph; places are relative to its upper left corner.
struct Picture {
    width: usize,
    height: usize,
    boxes: Vec<Shape>,
    edges: Vec<Edge>,
    labels: Vec<Label>,
}

struct Shape {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    class: &'static str,
    id: String,
    lines: Vec<String>,
    tooltip: Option<String>,
    inner: Option<Picture>,
    note: Option<NodeShare>,
}

struct Edge {
    from: (usize, usize),
    to: (usize, usize),
    dashed: bool,
    has_head: bool,
    mark: Option<Share>,
}

struct Label {
    /// The middle of its left edge.
    at: (usize, usize),
    text: String,
}

fn lay_out(graph: &GraphView, marks: Option<&Within<'_>>) -> Picture {
    let implied = implied_edges(graph);
    let drawn: Vec<usize> = (0..graph.edges.len()).filter(|&edge| !implied[edge]).collect();
    let mut shapes: Vec<Shape> = graph.nodes.iter().map(|node| shape(node, marks)).collect();
    for (edge, _) in graph.edges.iter().zip(&implied).filter(|&(_, &implied)| implied) {
        let id = &graph.nodes[edge.from].id;
        let lines = &mut shapes[edge.to].lines;
        match lines.last_mut().filter(|line| line.starts_with("also needs ")) {
            Some(line) => write!(line, ", {id}").expect("writing to a string cannot fail"),
            None => lines.push(format!("also needs {id}")),
        }
    }
    shapes.iter_mut().for_each(Shape::measure);
    let labels: Vec<String> = graph.edges.iter().map(|edge| fit(&edge.label().unwrap_or_default(), LABEL)).collect();
    let label_room = |edge: usize| label_width(&labels[edge]) / 2;
    let arrange = |limit: usize| {
        let measure = Measure {
            node: &|node, _| Some(shapes[node].width),
            label: &label_room,
            caps: &[TEXT],
            split_cap: TEXT,
            most_parts: usize::MAX,
            trunk: 2,
            most_trunks: 4_000,
            all_routed: false,
            gap: GAP,
            limit,
        };
        layers::arrange(graph, &drawn, &measure)
    };
    let layers = arrange(ROW_WIDTH).or_else(|| arrange(usize::MAX / 2)).expect("rows of any width fit").layers;
    let widths: Vec<usize> =
        layers.items.iter().map(|item| if let Item::Node(node) = item { shapes[*node].width } else { 2 }).collect();
    let rooms = layers::rooms_for_labels(&layers, &widths, &label_room);
    let row_width = |row: &Vec<usize>| row.iter().map(|&item| widths[item] + rooms[item] + GAP).sum::<usize>();
    let limit = layers.rows.iter().map(row_width).max().unwrap_or(0);
    let lefts = place(&layers, &Extents { widths: &widths, labels: &rooms, gap: GAP, limit });
    let rows = stack(&layers, &mut shapes, &lefts);
    let column = |item: usize| lefts[item] + widths[item] / 2;
    let mut row_of = vec![0; layers.items.len()];
    for (at, row) in rows.iter().enumerate() {
        row.items.iter().for_each(|&item| row_of[item] = at);
    }
    let mut is_solid = vec![false; layers.items.len()];
    layers.links.iter().filter(|link| !link.dashed).for_each(|link| is_solid[link.from] = true);
    let reach = |link: &Link| {
        let top = match layers.items[link.from] {
            Item::Node(node) => shapes[node].top + shapes[node].height,
            Item::Trunk => rows[row_of[link.from]].bottom,
        };
        ((column(link.from), top), (column(link.to), rows[row_of[link.to]].top))
    };
    let mark_of = |edges: &[usize]| {
        let ends = edges.iter().map(|&edge| (&graph.nodes[graph.edges[edge].from].id, &graph.nodes[graph.edges[edge].to].id));
        Share::of(ends.filter_map(|(from, to)| marks?.edge(from, to)))
    };
    let mut edges = Vec::new();
    let mut placed = Vec::new();
    for link in &layers.links {
        let (from, to) = reach(link);
        let has_head = matches!(layers.items[link.to], Item::Node(_));
        edges.push(Edge { from, to, dashed: link.dashed, has_head, mark: mark_of(&link.edges) });
        if let Some(edge) = link.labelled {
            placed
                .push(Label { at: (to.0.saturating_sub(label_width(&labels[edge]) / 2), to.1 - 19), text: labels[edge].clone() });
        }
    }
    for row in &rows {
        for &item in row.items.iter().filter(|&&item| layers.items[item] == Item::Trunk) {
            let dashed = !is_solid[item];
            let passing: Vec<usize> =
                layers.links.iter().filter(|link| link.to == item).flat_map(|link| &link.edges).copied().collect();
            let (from, to) = ((column(item), row.top), (column(item), row.bottom));
            edges.push(Edge { from, to, dashed, has_head: false, mark: mark_of(&passing) });
        }
    }
    for &index in &layers.direct {
        let edge = &graph.edges[index];
        let (from, to) = (&shapes[edge.from], &shapes[edge.to]);
        let ends = ((from.left + from.width / 2, from.top + from.height), (to.left + to.width / 2, to.top));
        edges.push(Edge { from: ends.0, to: ends.1, dashed: graph.is_dashed(edge), has_head: true, mark: mark_of(&[index]) });
    }
    let right = shapes.iter().map(|shape| shape.left + shape.width);
    let right = right.chain(placed.iter().map(|label| label.at.0 + label_width(&label.text)));
    Picture {
        width: right.chain(lefts.iter().map(|left| left + 2)).max().unwrap_or(0),
        height: rows.last().map_or(0, |row| row.bottom),
        boxes: shapes,
        edges,
        labels: placed,
    }
}

/// A row with its upper and lower edge.
struct Row<'a> {
    items: &'a [usize],
    top: usize,
    bottom: usize,
}

/// Puts the rows below each other, and the shapes in their places.
fn stack<'a>(layers: &'a Layers, shapes: &mut [Shape], lefts: &[usize]) -> Vec<Row<'a>> {
    let mut rows = Vec::with_capacity(layers.rows.len());
    let mut top = 0;
    for items in &layers.rows {
        let nodes = || items.iter().filter(|&&item| matches!(layers.items[item], Item::Node(_)));
        let height = nodes().map(|&node| shapes[node].height).max().unwrap_or(0);
        for &node in nodes() {
            (shapes[node].left, shapes[node].top) = (lefts[node], top);
        }
        rows.push(Row { items, top, bottom: top + height });
        top += height + ROW_GAP;
    }
    rows
}

fn shape(node: &NodeView, marks: Option<&Within<'_>>) -> Shape {
    let class = match node.kind {
        KindView::Agent { .. } => "agent",
        KindView::Tool { .. } | KindView::Memory { .. } => "tool",
        KindView::Value | KindView::Wait { .. } => "value",
        KindView::Workflow { .. } => "workflow",
        KindView::Graph(_) => "frame",
    };
    Shape {
        left: 0,
        top: 0,
        width: 0,
        height: 0,
        class,
        id: fit(&node.id, TEXT),
        lines: node.lines("≤"),
        tooltip: node.description.clone(),
        inner: node.inner().map(|inner| lay_out(inner, marks.map(|marks| marks.inside(&node.id)).as_ref())),
        note: marks.and_then(|marks| marks.node(&node.id)).cloned(),
    }
}

impl Shape {
    /// Wraps the texts and takes the size they need.
    fn measure(&mut self) {
        let glyphs = Glyphs { unicode: true };
        self.lines = self.lines.iter().flat_map(|line| glyphs.wrap(&glyphs.clean(line), TEXT, 3)).collect();
        let note = self.note.iter().map(|note| width(&note.note));
        let text = self.lines.iter().map(|line| width(line)).chain([width(&self.id)]).chain(note).max().unwrap_or(0);
        let (inner_width, inner_height) = self.inner.as_ref().map_or((0, 0), |inner| (inner.width, inner.height + 2 * PADDING));
        self.width = (text * CHAR).max(inner_width) + 2 * PADDING;
        let lines = self.lines.len() + 1 + usize::from(self.note.is_some());
        self.height = lines * LINE + inner_height + 2 * PADDING - LINE / 3;
    }

    fn write(&self, out: &mut String, left: usize, top: usize) -> fmt::Result {
        let (left, top) = (left + self.left, top + self.top);
        writeln!(out, "<g>")?;
        if let Some(tooltip) = &self.tooltip {
            writeln!(out, "<title>{}</title>", escape(tooltip))?;
        }
        let mark = self.note.as_ref().map(|note| format!(" {}", note.share.class())).unwrap_or_default();
        writeln!(
            out,
            "<rect class=\"{}{mark}\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
            self.class, self.width, self.height
        )?;
        let mut baseline = top + PADDING + 11;
        writeln!(out, "<text class=\"id\" x=\"{}\" y=\"{baseline}\">{}</text>", left + PADDING, escape(&self.id))?;
        for line in &self.lines {
            baseline += LINE;
            writeln!(out, "<text x=\"{}\" y=\"{baseline}\">{}</text>", left + PADDING, escape(line))?;
        }
        if let Some(NodeShare { note, .. }) = &self.note {
            baseline += LINE;
            let at = left + PADDING;
            writeln!(out, "<text class=\"note{mark}\" x=\"{at}\" y=\"{baseline}\">{}</text>", escape(note))?;
        }
        if let Some(inner) = &self.inner {
            inner.write(out, left + (self.width - inner.width) / 2, baseline + PADDING + 6)?;
        }
        writeln!(out, "</g>")
    }
}

impl Picture {
    fn write(&self, out: &mut String, left: usize, top: usize) -> fmt::Result {
        for shape in &self.boxes {
            shape.write(out, left, top)?;
        }
        for edge in &self.edges {
            edge.write(out, left, top)?;
        }
        for label in &self.labels {
            let (x, y) = (label.at.0 + left, label.at.1 + top);
            writeln!(
                out,
                "<rect class=\"label\" x=\"{x}\" y=\"{}\" width=\"{}\" height=\"18\" rx=\"9\"/>",
                y - 9,
                label_width(&label.text)
            )?;
            writeln!(
                out,
                "<text class=\"label\" x=\"{}\" y=\"{}\">{}</text>",
                x + label_width(&label.text) / 2,
                y + 4,
                escape(&label.text)
            )?;
        }
        Ok(())
    }
}

impl Edge {
    fn write(&self, out: &mut String, left: usize, top: usize) -> fmt::Result {
        let ((x0, y0), (x1, y1)) = ((self.from.0 + left, self.from.1 + top), (self.to.0 + left, self.to.1 + top));
        let end = if self.has_head { y1.saturating_sub(6) } else { y1 };
        let middle = usize::midpoint(y0, end);
        let mark = self.mark.map(|mark| format!(" {}", mark.class())).unwrap_or_default();
        let class = if self.dashed { format!("edge dashed{mark}") } else { format!("edge{mark}") };
        if x0 == x1 {
            writeln!(out, "<path class=\"{class}\" d=\"M{x0} {y0}V{end}\"/>")?;
        } else {
            writeln!(out, "<path class=\"{class}\" d=\"M{x0} {y0}C{x0} {middle} {x1} {middle} {x1} {end}\"/>")?;
        }
        if self.has_head {
            writeln!(out, "<path class=\"head{mark}\" d=\"M{} {}h10l-5 8z\"/>", x1.saturating_sub(5), y1.saturating_sub(8))?;
        }
        Ok(())
    }
}

fn label_width(text: &str) -> usize {
    // The font of labels is a bit smaller.
    width(text) * (CHAR - 1) + 18
}

fn fit(text: &str, columns: usize) -> String {
    let glyphs = Glyphs { unicode: true };
    glyphs.shorten(&glyphs.clean(text), columns)
}

/// Text for XML, without characters that XML does not have.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in (Glyphs { unicode: true }).clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}
