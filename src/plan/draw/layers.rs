//! Layered layout, first half: nodes in rows so that every edge points down, long edges as trunks, rows that fit, few crossings.
//!
//! After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981), with longest-path
//! layers and barycentre ordering. Unlike there, long edges that share a source (or else a target) share their bends: a trunk.

use std::collections::BTreeMap;

use crate::plan::draw::view::{EdgeView, GraphView};

/// What stands in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// The node of this index.
    Node(usize),
    /// Where long edges pass.
    Trunk,
}

/// A piece of one or more edges between items of neighbouring rows.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether all its edges are.
    pub(super) dashed: bool,
    /// The edge whose label stands here.
    pub(super) labelled: Option<usize>,
    /// Its edges.
    pub(super) edges: Vec<usize>,
}

/// Rows of items, from the top. Items 0 to n-1 are the nodes.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    pub(super) items: Vec<Item>,
    pub(super) rows: Vec<Vec<usize>>,
    pub(super) links: Vec<Link>,
    /// Long edges that were given no trunk because there would be too many.
    pub(super) direct: Vec<usize>,
}

/// How wide things are, in any unit.
pub(super) struct Measure<'a> {
    /// The width of a node whose text may be so wide; `None` where that would cut words: that text width is not chosen.
    pub(super) node: &'a dyn Fn(usize, usize) -> Option<usize>,
    /// The width of an edge's label with its distance from the line.
    pub(super) label: &'a dyn Fn(usize) -> usize,
    /// Text widths to try, the widest first, which must give a width for every node.
    pub(super) caps: &'a [usize],
    /// The text width in rows that are split.
    pub(super) split_cap: usize,
    /// The most parts a row is split into.
    pub(super) most_parts: usize,
    pub(super) trunk: usize,
    /// The most trunks; long edges beyond that are `direct`.
    pub(super) most_trunks: usize,
    /// Whether such edges are a reason to give up.
    pub(super) all_routed: bool,
    pub(super) gap: usize,
    /// No row may be wider.
    pub(super) limit: usize,
}

/// Rows that fit, and the text width chosen for each node.
pub(super) struct Arranged {
    pub(super) layers: Layers,
    pub(super) caps: Vec<usize>,
}

/// Puts the nodes in rows. A row too wide gets narrower texts, or else is split.
///
/// `None` when there is no way to fit the width.
pub(super) fn arrange(graph: &GraphView, drawn: &[usize], measure: &Measure<'_>) -> Option<Arranged> {
    let mut ranks = longest_paths(graph);
    let mut caps = vec![measure.caps[0]; graph.nodes.len()];
    for _ in 0..8 {
        let mut layers = build(graph, drawn, &ranks, measure.most_trunks);
        if !layers.direct.is_empty() && measure.all_routed {
            return None;
        }
        order(&mut layers);
        let rooms = label_rooms(&layers, &caps, measure);
        let too_wide = |row: usize, caps: &[usize]| row_width(&layers, row, caps, &rooms, measure) > measure.limit;
        let wide: Vec<usize> = (0..layers.rows.len()).filter(|&row| too_wide(row, &caps)).collect();
        if wide.is_empty() {
            return Some(Arranged { layers, caps });
        }
        let mut split = Vec::new();
        for &row in &wide {
            let nodes: Vec<usize> = layers.rows[row].iter().copied().filter(|&item| item < graph.nodes.len()).collect();
            let fitting = measure.caps.iter().find(|&&cap| {
                let mut tried = caps.clone();
                for &node in &nodes {
                    tried[node] = cap;
                }
                nodes.iter().all(|&node| (measure.node)(node, cap).is_some()) && !too_wide(row, &tried)
            });
            match fitting {
                Some(&cap) => nodes.iter().for_each(|&node| caps[node] = cap),
                None if nodes.len() > 1 => {
                    for &node in &nodes {
                        caps[node] = caps[node].min(measure.split_cap);
                    }
                    split.push(row);
                }
                None => return None,
            }
        }
        split_rows(&layers, &split, &mut ranks, &caps, measure)?;
    }
    None
}

/// The length of the longest path to each node.
pub(super) fn longest_paths(graph: &GraphView) -> Vec<usize> {
    let mut incoming: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        incoming[edge.to].push(edge.from);
    }
    let mut ranks: Vec<usize> = Vec::with_capacity(incoming.len());
    for sources in incoming {
        ranks.push(sources.iter().map(|&source| ranks[source] + 1).max().unwrap_or(0));
    }
    ranks
}

fn item_width(layers: &Layers, item: usize, caps: &[usize], measure: &Measure<'_>) -> usize {
    match layers.items[item] {
        Item::Trunk => measure.trunk,
        Item::Node(node) => {
            (measure.node)(node, caps[node]).or_else(|| (measure.node)(node, measure.caps[0])).unwrap_or(measure.limit)
        }
    }
}

fn row_width(layers: &Layers, row: usize, caps: &[usize], rooms: &[usize], measure: &Measure<'_>) -> usize {
    let items = &layers.rows[row];
    let widths: usize = items.iter().map(|&item| item_width(layers, item, caps, measure) + rooms[item]).sum();
    widths + measure.gap * items.len().saturating_sub(1)
}

fn label_rooms(layers: &Layers, caps: &[usize], measure: &Measure<'_>) -> Vec<usize> {
    let widths: Vec<usize> = (0..layers.items.len()).map(|item| item_width(layers, item, caps, measure)).collect();
    rooms_for_labels(layers, &widths, measure.label)
}

/// How far the label of a link reaches beyond the right edge of the item it stands at, if the link ends at the item's centre.
pub(super) fn rooms_for_labels(layers: &Layers, widths: &[usize], label: &dyn Fn(usize) -> usize) -> Vec<usize> {
    let mut rooms = vec![0; layers.items.len()];
    let (above, below) = neighbours(layers);
    for link in &layers.links {
        if let Some(edge) = link.labelled {
            // Where lines come together, the label stands at the source.
            let joins = above[link.to].len() > 1 && below[link.from].len() == 1;
            let item = if joins { link.from } else { link.to };
            let half = widths[item] - widths[item] / 2;
            rooms[item] = label(edge).saturating_sub(half).max(rooms[item]);
        }
    }
    rooms
}

/// Moves the nodes of these rows apart into as few rows as fit, and all rows below down; `None` when there would be too many.
fn split_rows(layers: &Layers, split: &[usize], ranks: &mut [usize], caps: &[usize], measure: &Measure<'_>) -> Option<()> {
    let mut shift = 0;
    for (row, items) in layers.rows.iter().enumerate() {
        let nodes: Vec<usize> = items.iter().copied().filter(|&item| item < ranks.len()).collect();
        if !split.contains(&row) {
            for &node in &nodes {
                ranks[node] += shift;
            }
            continue;
        }
        // Room for the trunks that pass already, and for those of the edges from the first part and to the last.
        let trunks = (items.len() - nodes.len() + 2) * (measure.trunk + measure.gap);
        let room = measure.limit.saturating_sub(trunks).max(1);
        let total: usize = nodes.iter().map(|&node| item_width(layers, node, caps, measure) + measure.gap).sum();
        let parts = total.div_ceil(room).clamp(2, nodes.len());
        if parts > measure.most_parts {
            return None;
        }
        for (at, &node) in nodes.iter().enumerate() {
            ranks[node] += shift + at * parts / nodes.len();
        }
        shift += parts - 1;
    }
    Some(())
}

/// Rows and links by rank, with trunks for the edges over more than one row.
fn build(graph: &GraphView, drawn: &[usize], ranks: &[usize], most_trunks: usize) -> Layers {
    let count = graph.nodes.len();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)];
    (0..count).for_each(|node| rows[ranks[node]].push(node));
    let is_long = |edge: &EdgeView| ranks[edge.to] - ranks[edge.from] > 1;
    let (mut long_out, mut long_in) = (vec![0_usize; count], vec![0_usize; count]);
    for edge in drawn.iter().map(|&edge| &graph.edges[edge]).filter(|edge| is_long(edge)) {
        long_out[edge.from] += 1;
        long_in[edge.to] += 1;
    }
    let mut layers = Layers { items: (0..count).map(Item::Node).collect(), rows, links: Vec::new(), direct: Vec::new() };
    let mut trunks: BTreeMap<(bool, usize, usize), usize> = BTreeMap::new();
    let mut links: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for &index in drawn {
        let edge = &graph.edges[index];
        let (first, last) = (ranks[edge.from], ranks[edge.to]);
        let by_source = long_out[edge.from] >= long_in[edge.to];
        if last - first > 1 && layers.items.len() + (last - first) > count + most_trunks {
            layers.direct.push(index);
            continue;
        }
        let mut stops = vec![edge.from];
        for rank in first + 1..last {
            let key = (by_source, if by_source { edge.from } else { edge.to }, rank);
            stops.push(*trunks.entry(key).or_insert_with(|| {
                layers.items.push(Item::Trunk);
                layers.rows[rank].push(layers.items.len() - 1);
                layers.items.len() - 1
            }));
        }
        stops.push(edge.to);
        let label_at = if by_source { stops.len() - 2 } else { 0 };
        for (at, pair) in stops.windows(2).enumerate() {
            let labelled = (at == label_at && edge.label().is_some()).then_some(index);
            let dashed = graph.is_dashed(edge);
            let link = *links.entry((pair[0], pair[1])).or_insert_with(|| {
                layers.links.push(Link { from: pair[0], to: pair[1], dashed: true, labelled: None, edges: Vec::new() });
                layers.links.len() - 1
            });
            layers.links[link].dashed &= dashed;
            layers.links[link].edges.push(index);
            layers.links[link].labelled = layers.links[link].labelled.or(labelled);
        }
    }
    layers
}

/// Orders each row for few crossings: barycentre sweeps down and up, then swaps of neighbours; the best of all is kept.
fn order(layers: &mut Layers) {
    const SWEEPS: usize = 12;
    let (above, below) = neighbours(layers);
    let mut position = positions(layers);
    let mut best = (crossings(layers, &above, &position), layers.rows.clone());
    let last = layers.rows.len();
    for sweep in 0..SWEEPS {
        if best.0 == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        let towards = if down { &above } else { &below };
        for step in 1..last {
            let row = &mut layers.rows[if down { step } else { last - 1 - step }];
            row.sort_by_cached_key(|&item| mean(&towards[item], &position).unwrap_or(position[item] * SCALE));
            row.iter().enumerate().for_each(|(at, &item)| position[item] = at);
        }
        if layers.links.len() <= 2_000 {
            swap_neighbours(layers, &above, &below, &mut position);
        }
        let found = crossings(layers, &above, &position);
        if found < best.0 {
            best = (found, layers.rows.clone());
        }
    }
    layers.rows = best.1;
}

const SCALE: usize = 1_024;

fn mean(items: &[usize], position: &[usize]) -> Option<usize> {
    (!items.is_empty()).then(|| items.iter().map(|&item| position[item] * SCALE).sum::<usize>() / items.len())
}

fn positions(layers: &Layers) -> Vec<usize> {
    let mut position = vec![0; layers.items.len()];
    for row in &layers.rows {
        row.iter().enumerate().for_each(|(at, &item)| position[item] = at);
    }
    position
}

/// The items above and below each item that it is linked with.
pub(super) fn neighbours(layers: &Layers) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let (mut above, mut below) = (vec![Vec::new(); layers.items.len()], vec![Vec::new(); layers.items.len()]);
    for link in &layers.links {
        above[link.to].push(link.from);
        below[link.from].push(link.to);
    }
    (above, below)
}

/// How many pairs of links cross: inversions between neighbouring rows, counted with a Fenwick tree.
fn crossings(layers: &Layers, above: &[Vec<usize>], position: &[usize]) -> usize {
    let mut found = 0;
    for pair in layers.rows.windows(2) {
        let mut tree = vec![0_usize; pair[0].len() + 1];
        let mut seen = 0;
        for &item in &pair[1] {
            for &source in &above[item] {
                let mut at = position[source] + 1;
                let mut not_right = 0;
                while at > 0 {
                    not_right += tree[at];
                    at &= at - 1;
                }
                found += seen - not_right;
            }
            for &source in &above[item] {
                let mut at = position[source] + 1;
                while at < tree.len() {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
                seen += 1;
            }
        }
    }
    found
}

/// Swaps neighbours in a row as long as that takes crossings away.
fn swap_neighbours(layers: &mut Layers, above: &[Vec<usize>], below: &[Vec<usize>], position: &mut [usize]) {
    for _ in 0..4 {
        let mut swapped = false;
        for row in &mut layers.rows {
            for at in 1..row.len() {
                let (left, right) = (row[at - 1], row[at]);
                let crossed = |left: usize, right: usize| -> usize {
                    [above, below]
                        .iter()
                        .flat_map(|side| {
                            side[left].iter().map(|&a| side[right].iter().filter(|&&b| position[b] < position[a]).count())
                        })
                        .sum()
                };
                if crossed(right, left) < crossed(left, right) {
                    row.swap(at - 1, at);
                    (position[left], position[right]) = (at, at - 1);
                    swapped = true;
                }
            }
        }
        if !swapped {
            break;
        }
    }
}
