//! Drawing with characters: boxes from top to bottom, inner graphs as frames, lists where a picture would not fit.

use std::collections::{BTreeMap, VecDeque};

use crate::plan::draw::{
    canvas::Canvas,
    channel::{self, Net, Span},
    layers::{self, Item, Layers, Measure},
    list,
    place::{Extents, place},
    text::{Glyphs, width},
    view::{EdgeShape, GraphView, NodeView, implied_edges},
};

/// Graphs with more nodes are listed.
const MOST_NODES: usize = 200;
/// Graphs with a layer that would take more rows are listed.
const MOST_PARTS: usize = 6;
/// Graphs with more bends in their edges are listed.
const MOST_TRUNKS: usize = 600;
/// Spaces between the items of a row.
const GAP: usize = 2;
/// Text widths of boxes. From the fourth on they are taken only if no word has to be cut.
const CAPS: [usize; 8] = [34, 28, 24, 20, 17, 14, 12, 10];
const WORDS_WHOLE_BELOW: usize = 20;
/// The widest label of an edge.
const LABEL: usize = 24;

/// Draws the graph in lines of at most `columns`, but of at least 20.
pub(super) fn render(graph: &GraphView, columns: usize, unicode: bool) -> String {
    let glyphs = Glyphs { unicode };
    let columns = columns.max(20);
    let mut lines = Vec::new();
    let mut waiting = VecDeque::from([Section { path: String::new(), graph }]);
    let mut dashes = false;
    while let Some(section) = waiting.pop_front() {
        let indent = if section.path.is_empty() { 0 } else { 2 };
        if indent > 0 {
            lines.push(String::new());
            lines.push(glyphs.keep_end(&format!("{}:", section.path), columns));
        }
        let sketch = picture(section.graph, columns - indent, glyphs, &section.path).unwrap_or_else(|| Sketch {
            lines: list::lines(section.graph, columns - indent, glyphs),
            below: inner_sections(section.graph, &section.path),
            dashes: false,
        });
        lines.extend(sketch.lines.into_iter().map(|line| format!("{:indent$}{line}", "").trim_end().to_owned()));
        waiting.extend(sketch.below);
        dashes |= sketch.dashes;
    }
    if dashes {
        lines.push(String::new());
        let dash = glyphs.line(5, true);
        lines.extend(glyphs.wrap(&format!("{dash} taken only if a condition holds"), columns, 4));
    }
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// A graph to be drawn under a heading of its own.
struct Section<'a> {
    path: String,
    graph: &'a GraphView,
}

struct Sketch<'a> {
    lines: Vec<String>,
    /// Inner graphs that did not fit into their frames.
    below: Vec<Section<'a>>,
    /// Whether some line is dashed.
    dashes: bool,
}

fn inner_sections<'a>(graph: &'a GraphView, path: &str) -> Vec<Section<'a>> {
    let sections = graph.nodes.iter().filter_map(|node| Some(Section { path: join(path, &node.id), graph: node.inner()? }));
    sections.collect()
}

fn join(path: &str, id: &str) -> String {
    if path.is_empty() { id.to_owned() } else { format!("{path}.{id}") }
}

/// A node's texts, cleaned but not yet wrapped.
struct Content {
    title: String,
    lines: Vec<String>,
    /// The drawn inner graph.
    inner: Option<Vec<String>>,
}

/// A node's texts as they stand in its box.
struct Boxed {
    title: String,
    lines: Vec<String>,
    inner: Vec<String>,
    is_frame: bool,
    width: usize,
}

impl Content {
    fn boxed(&self, cap: usize, glyphs: Glyphs) -> Option<Boxed> {
        let inner = self.inner.clone().unwrap_or_default();
        let is_frame = self.inner.is_some();
        let inner_width = inner.iter().map(|line| width(line)).max().unwrap_or(0);
        let cap = if is_frame { inner_width.max(cap) } else { cap };
        let longest = self.lines.iter().flat_map(|line| line.split(' ')).chain([self.title.as_str()]).map(width).max();
        if !is_frame && cap < WORDS_WHOLE_BELOW && longest > Some(cap) {
            return None;
        }
        let title = glyphs.shorten(&self.title, cap);
        let lines: Vec<String> = self.lines.iter().flat_map(|line| glyphs.wrap(line, cap, 3)).collect();
        // A frame has its title in the border, with a space and a bit of the border on both sides.
        let title_width = width(&title) + if is_frame { 2 } else { 0 };
        let text_width = lines.iter().map(|line| width(line)).chain([title_width, inner_width]).max().unwrap_or(0);
        Some(Boxed { title, lines, inner, is_frame, width: text_width + 4 })
    }
}

impl Boxed {
    fn height(&self) -> usize {
        self.lines.len() + self.inner.len() + 2 + usize::from(!self.is_frame)
    }

    fn draw(&self, canvas: &mut Canvas, left: usize, top: usize, columns: usize, rows: usize) {
        canvas.border(left, top, columns, rows);
        let mut row = top + 1;
        if self.is_frame {
            canvas.text(left + 2, top, &format!(" {} ", self.title));
        } else {
            canvas.text(left + 2, row, &self.title);
            row += 1;
        }
        for line in self.lines.iter().chain(&self.inner) {
            canvas.text(left + 2, row, line);
            row += 1;
        }
    }
}

/// The graph as boxes and arrows; `None` when it does not fit.
fn picture<'a>(graph: &'a GraphView, columns: usize, glyphs: Glyphs, path: &str) -> Option<Sketch<'a>> {
    if graph.nodes.is_empty() || graph.nodes.len() > MOST_NODES || columns < 12 {
        return None;
    }
    let implied = implied_edges(graph);
    let drawn: Vec<usize> = (0..graph.edges.len()).filter(|&edge| !implied[edge]).collect();
    let (contents, below, inner_dashes) = contents(graph, &implied, columns, glyphs, path);
    let labels: Vec<String> = graph
        .edges
        .iter()
        .map(|edge| glyphs.shorten(&glyphs.clean(&edge.label().unwrap_or_default()), LABEL.min(columns / 3)))
        .collect();
    let label_room = |edge: usize| width(&labels[edge]) + 2;
    let measure = Measure {
        node: &|node, cap| contents[node].boxed(cap, glyphs).map(|boxed| boxed.width),
        label: &label_room,
        caps: &CAPS,
        split_cap: CAPS[2],
        most_parts: MOST_PARTS,
        trunk: 1,
        most_trunks: MOST_TRUNKS,
        all_routed: true,
        gap: GAP,
        limit: columns,
    };
    let arranged = layers::arrange(graph, &drawn, &measure)?;
    let layers = arranged.layers;
    let boxes: Vec<Boxed> =
        contents.iter().zip(&arranged.caps).map(|(content, &cap)| content.boxed(cap, glyphs)).collect::<Option<_>>()?;
    let mut nets: Vec<Vec<Net>> = (1..layers.rows.len()).map(|row| channel::nets(&layers, row - 1)).collect();
    let spans = spans(&layers, &boxes, &nets, columns, &label_room)?;
    let tracks: Vec<usize> = nets.iter_mut().map(|nets| channel::route(nets, &spans)).collect::<Option<_>>()?;
    let lines = Drawing { layers: &layers, boxes: &boxes, nets: &nets, tracks: &tracks, spans: &spans, labels: &labels, columns }
        .lines(glyphs);
    let dashes = inner_dashes || drawn.iter().any(|&edge| graph.is_dashed(&graph.edges[edge]));
    lines.iter().all(|line| width(line) <= columns).then_some(Sketch { lines, below, dashes })
}

/// The texts of all nodes, with inner graphs drawn where they fit; the others are to be drawn below.
fn contents<'a>(
    graph: &'a GraphView,
    implied: &[bool],
    columns: usize,
    glyphs: Glyphs,
    path: &str,
) -> (Vec<Content>, Vec<Section<'a>>, bool) {
    let mut below = Vec::new();
    let mut dashes = false;
    let mut also: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (edge, _) in graph.edges.iter().zip(implied).filter(|&(_, &implied)| implied) {
        also.entry(edge.to).or_default().push(&graph.nodes[edge.from].id);
    }
    let contents = graph.nodes.iter().enumerate().map(|(index, node)| {
        let mut lines: Vec<String> = node.lines(glyphs.at_most()).iter().map(|line| glyphs.clean(line)).collect();
        if let Some(sources) = also.get(&index) {
            lines.push(glyphs.clean(&format!("also needs {}", sources.join(", "))));
        }
        let inner = node.inner().and_then(|inner| {
            let path = join(path, &node.id);
            let sketch = (columns >= 24)
                .then(|| side_by_side(inner, columns - 4, glyphs).or_else(|| picture(inner, columns - 4, glyphs, &path)))
                .flatten();
            let Some(sketch) = sketch else {
                lines.push("(its nodes stand below)".to_owned());
                below.push(Section { path, graph: inner });
                return None;
            };
            below.extend(sketch.below);
            dashes |= sketch.dashes;
            Some(sketch.lines)
        });
        Content { title: glyphs.clean(&node.id), lines, inner }
    });
    (contents.collect(), below, dashes)
}

/// A chain of a few nodes from left to right; `None` when it is no such chain or does not fit.
fn side_by_side(graph: &GraphView, columns: usize, glyphs: Glyphs) -> Option<Sketch<'_>> {
    const ARROW: usize = 4;
    let implied = implied_edges(graph);
    let drawn = || graph.edges.iter().zip(&implied).filter(|&(_, &implied)| !implied).map(|(edge, _)| edge);
    let is_chain = drawn().all(|edge| edge.to == edge.from + 1 && matches!(edge.kind, EdgeShape::Plain))
        && drawn().count() + 1 == graph.nodes.len()
        && !implied.contains(&true);
    if !is_chain || graph.nodes.len() < 2 || graph.nodes.iter().any(|node| node.inner().is_some()) {
        return None;
    }
    let text = |node: &NodeView| Content {
        title: glyphs.clean(&node.id),
        lines: node.lines(glyphs.at_most()).iter().map(|line| glyphs.clean(line)).collect(),
        inner: None,
    };
    let boxes: Vec<Boxed> = CAPS.iter().find_map(|&cap| {
        let boxes: Vec<Boxed> = graph.nodes.iter().map(|node| text(node).boxed(cap, glyphs)).collect::<Option<_>>()?;
        let total = boxes.iter().map(|boxed| boxed.width).sum::<usize>() + ARROW * (boxes.len() - 1);
        (total <= columns).then_some(boxes)
    })?;
    let height = boxes.iter().map(Boxed::height).max().unwrap_or(0);
    let mut canvas = Canvas::default();
    let mut left = 0;
    for (index, boxed) in boxes.iter().enumerate() {
        boxed.draw(&mut canvas, left, 0, boxed.width, height);
        left += boxed.width;
        if index + 1 < boxes.len() {
            let row = height / 2;
            canvas.horizontal(index, row, left - 1, left + ARROW - 1, graph.nodes[index + 1].when.is_some());
            canvas.text(left + ARROW - 1, row, if glyphs.unicode { "▶" } else { ">" });
            left += ARROW;
        }
    }
    let dashes = graph.nodes.iter().any(|node| node.when.is_some());
    Some(Sketch { lines: canvas.lines(glyphs), below: Vec::new(), dashes })
}

/// Where all items stand; `None` when a row became too wide because of the lines that meet its items.
fn spans(
    layers: &Layers,
    boxes: &[Boxed],
    nets: &[Vec<Net>],
    columns: usize,
    label_room: &dyn Fn(usize) -> usize,
) -> Option<Vec<Span>> {
    let mut meeting: BTreeMap<(bool, usize), usize> = BTreeMap::new();
    for net in nets.iter().flatten() {
        net.sources.iter().for_each(|end| *meeting.entry((true, end.item)).or_default() += 1);
        net.targets.iter().for_each(|end| *meeting.entry((false, end.item)).or_default() += 1);
    }
    let most = |item: usize| [true, false].iter().filter_map(|&side| meeting.get(&(side, item))).max().copied().unwrap_or(0);
    let widths: Vec<usize> = layers
        .items
        .iter()
        .enumerate()
        .map(|(item, kind)| match kind {
            Item::Trunk => (2 * most(item)).saturating_sub(1).max(1),
            Item::Node(node) => boxes[*node].width.max(2 * most(item) + 3),
        })
        .collect();
    let rooms = layers::rooms_for_labels(layers, &widths, label_room);
    let fits = layers.rows.iter().all(|row| {
        row.iter().map(|&item| widths[item] + rooms[item]).sum::<usize>() + GAP * row.len().saturating_sub(1) <= columns
    });
    let lefts = fits.then(|| place(layers, &Extents { widths: &widths, labels: &rooms, gap: GAP, limit: columns }))?;
    let spans = lefts.iter().zip(&widths).zip(&layers.items).map(|((&left, &width), &kind)| Span { left, width, kind });
    Some(spans.collect())
}

/// Everything that is known once the picture only needs to be drawn.
struct Drawing<'a> {
    layers: &'a Layers,
    boxes: &'a [Boxed],
    nets: &'a [Vec<Net>],
    tracks: &'a [usize],
    spans: &'a [Span],
    labels: &'a [String],
    columns: usize,
}

impl Drawing<'_> {
    fn lines(&self, glyphs: Glyphs) -> Vec<String> {
        let mut canvas = Canvas::default();
        let mut top = 0;
        let mut owner = 0;
        for (row, items) in self.layers.rows.iter().enumerate() {
            let height = items.iter().map(|&item| self.height(item)).max().unwrap_or(0);
            for &item in items {
                if let Item::Node(node) = self.layers.items[item] {
                    let boxed = &self.boxes[node];
                    boxed.draw(&mut canvas, self.spans[item].left, top, self.spans[item].width, boxed.height());
                } else {
                    self.draw_trunk(&mut canvas, owner, item, row, (top, top + height - 1));
                    owner += 1;
                }
            }
            let Some(nets) = self.nets.get(row) else { break };
            let above_labels = usize::from(nets.iter().any(|net| net.sources.iter().any(|end| end.labelled.is_some())));
            // A dashed line needs a row to be seen as such.
            let has_more = |end: &channel::End| end.labelled.is_some() || end.dashed;
            let below_labels = usize::from(nets.iter().any(|net| net.targets.iter().any(has_more)));
            let gap = Gap {
                row_top: top,
                row_bottom: top + height - 1,
                first_track: top + height + above_labels,
                next_top: top + height + above_labels + self.tracks[row] + below_labels + 1,
            };
            for net in nets {
                self.draw_net(&mut canvas, owner, net, &gap, glyphs);
                owner += 1;
            }
            for net in nets {
                net.sources.iter().for_each(|end| self.draw_label(&mut canvas, end, gap.row_bottom + 1, glyphs));
                net.targets.iter().for_each(|end| self.draw_label(&mut canvas, end, gap.next_top - 2, glyphs));
            }
            top = gap.next_top;
        }
        canvas.lines(glyphs)
    }

    fn height(&self, item: usize) -> usize {
        match self.layers.items[item] {
            Item::Node(node) => self.boxes[node].height(),
            Item::Trunk => 1,
        }
    }

    /// Joins the lines that reach a trunk from above with those that leave it below.
    fn draw_trunk(&self, canvas: &mut Canvas, owner: usize, item: usize, row: usize, (top, bottom): (usize, usize)) {
        let ends = |nets: &[Net], above: bool| -> Vec<(usize, bool)> {
            let side = |net: &Net| if above { net.targets.clone() } else { net.sources.clone() };
            nets.iter().flat_map(side).filter(|end| end.item == item).map(|end| (end.column, end.dashed)).collect()
        };
        let above = row.checked_sub(1).and_then(|row| self.nets.get(row)).map(|nets| ends(nets, true)).unwrap_or_default();
        let below = self.nets.get(row).map(|nets| ends(nets, false)).unwrap_or_default();
        let columns = || above.iter().chain(&below).map(|&(column, _)| column);
        let (left, right) = (columns().min().unwrap_or(0), columns().max().unwrap_or(0));
        let dashed = above.iter().chain(&below).all(|&(_, dashed)| dashed);
        let middle = if left == right { bottom } else { top + (bottom - top) / 2 };
        for (column, dashed) in above {
            canvas.vertical(owner, column, top.saturating_sub(1), middle, dashed);
        }
        canvas.horizontal(owner, middle, left, right, dashed);
        for (column, dashed) in below {
            canvas.vertical(owner, column, middle, bottom, dashed);
        }
    }

    fn draw_net(&self, canvas: &mut Canvas, owner: usize, net: &Net, gap: &Gap, glyphs: Glyphs) {
        let is_node = |item: usize| matches!(self.layers.items[item], Item::Node(_));
        let middle = net.track.map_or(gap.next_top - 1, |track| gap.first_track + track);
        for end in &net.sources {
            let from = if is_node(end.item) { gap.row_top + self.height(end.item) - 1 } else { gap.row_bottom };
            canvas.vertical(owner, end.column, from, middle, end.dashed);
        }
        if net.track.is_some() {
            let (left, right) = net.span();
            canvas.horizontal(owner, middle, left, right, net.is_dashed());
        }
        for end in &net.targets {
            canvas.vertical(owner, end.column, middle, gap.next_top - 1, end.dashed);
            if is_node(end.item) {
                canvas.text(end.column, gap.next_top - 1, &glyphs.head().to_string());
            }
        }
    }

    /// Writes the label beside its line: to the right, or else to the left, or else as much of it as there is room for.
    fn draw_label(&self, canvas: &mut Canvas, end: &channel::End, row: usize, glyphs: Glyphs) {
        let Some(edge) = end.labelled else { return };
        let label = &self.labels[edge];
        let columns = width(label);
        let fits_right = |canvas: &Canvas, columns: usize| {
            end.column + 2 + columns <= self.columns && canvas.is_free(end.column + 1, row, columns + 2)
        };
        if fits_right(canvas, columns) {
            canvas.text(end.column + 2, row, label);
        } else if let Some(left) = end.column.checked_sub(columns + 1)
            && canvas.is_free(left.saturating_sub(1), row, columns + 1)
        {
            canvas.text(left, row, label);
        } else if let Some(room) = (1..columns).rev().find(|&room| fits_right(canvas, room)) {
            canvas.text(end.column + 2, row, &glyphs.shorten(label, room));
        }
    }
}

/// The rows around the space between two rows of boxes.
struct Gap {
    row_top: usize,
    row_bottom: usize,
    first_track: usize,
    /// Where the boxes below start; the arrow heads stand just above.
    next_top: usize,
}
