//! The space between two rows of a text drawing: which links share lines (nets), where they meet the boxes, on which track they run.
//!
//! Lines of one net join; lines of two nets only cross. A net is drawn only where every source is linked with every target, so that
//! a picture never shows an edge that is not there.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::draw::layers::{Item, Layers, Link};

/// Where a net meets an item.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) item: usize,
    pub(super) column: usize,
    pub(super) dashed: bool,
    /// The edge whose label stands beside this end.
    pub(super) labelled: Option<usize>,
}

/// Links that share lines.
#[derive(Debug, Clone)]
pub(super) struct Net {
    pub(super) sources: Vec<End>,
    pub(super) targets: Vec<End>,
    /// The row, from the top of the space between, of its horizontal line; `None` when it is straight.
    pub(super) track: Option<usize>,
}

impl Net {
    pub(super) fn is_dashed(&self) -> bool {
        self.ends().all(|end| end.dashed)
    }

    fn ends(&self) -> impl Iterator<Item = &End> {
        self.sources.iter().chain(&self.targets)
    }

    /// The columns from the first end to the last.
    pub(super) fn span(&self) -> (usize, usize) {
        let columns = || self.ends().map(|end| end.column);
        (columns().min().unwrap_or(0), columns().max().unwrap_or(0))
    }

    fn is_straight(&self) -> bool {
        let (left, right) = self.span();
        left == right
    }
}

/// The nets between row `row` and the next.
pub(super) fn nets(layers: &Layers, row: usize) -> Vec<Net> {
    let below: BTreeSet<usize> = layers.rows[row + 1].iter().copied().collect();
    let links: Vec<&Link> = layers.links.iter().filter(|link| below.contains(&link.to)).collect();
    let by_target = group(&links, |link| link.to, |link| link.from);
    let by_source = group(&links, |link| link.from, |link| link.to);
    // A trunk that several nets meet has to be split within its row, which is hard to follow; then the fewer nets the better.
    let cost = |groups: &[Vec<&Link>]| {
        let mut meeting: BTreeSet<(bool, usize, usize)> = BTreeSet::new();
        for (group, links) in groups.iter().enumerate() {
            meeting.extend(links.iter().flat_map(|link| [(false, link.from, group), (true, link.to, group)]));
        }
        let trunks = meeting.iter().filter(|(_, item, _)| layers.items[*item] == Item::Trunk).count();
        (trunks, groups.len())
    };
    let groups = if cost(&by_source) < cost(&by_target) { by_source } else { by_target };
    let mut nets: Vec<Net> = groups.into_iter().map(|links| net(&links)).collect();
    let position = |item: usize| layers.rows[row + 1].iter().position(|&other| other == item);
    nets.sort_by_cached_key(|net| net.targets.iter().map(|end| position(end.item)).min());
    nets
}

/// For each other end: which, whether dashed, and whose label.
type Signature = Vec<(usize, bool, Option<usize>)>;

/// Groups the links so that the links of all `key`s of a group lead to the same set of `other`s.
///
/// Where such a set has several members, the links of a group to each have the same style and no label or the same.
fn group<'a>(links: &[&'a Link], key: impl Fn(&Link) -> usize, other: impl Fn(&Link) -> usize) -> Vec<Vec<&'a Link>> {
    let mut stars: BTreeMap<usize, Vec<&Link>> = BTreeMap::new();
    for &link in links {
        stars.entry(key(link)).or_default().push(link);
    }
    let mut groups: BTreeMap<Signature, Vec<&Link>> = BTreeMap::new();
    for star in stars.into_values() {
        let alone = star.len() == 1;
        let mut signature: Signature = star
            .iter()
            .map(|link| if alone { (other(link), false, None) } else { (other(link), link.dashed, link.labelled) })
            .collect();
        signature.sort_unstable();
        groups.entry(signature).or_default().extend(star);
    }
    groups.into_values().collect()
}

fn net(links: &[&Link]) -> Net {
    let end = |item: usize, side: &dyn Fn(&Link) -> usize, labelled: bool| {
        let mine = || links.iter().filter(|link| side(link) == item);
        End {
            item,
            column: 0,
            dashed: mine().all(|link| link.dashed),
            labelled: if labelled { mine().find_map(|link| link.labelled) } else { None },
        }
    };
    let sources: BTreeSet<usize> = links.iter().map(|link| link.from).collect();
    let targets: BTreeSet<usize> = links.iter().map(|link| link.to).collect();
    let at_sources = targets.len() == 1 && sources.len() > 1;
    Net {
        targets: targets.iter().map(|&item| end(item, &|link| link.to, !at_sources)).collect(),
        sources: sources.iter().map(|&item| end(item, &|link| link.from, at_sources)).collect(),
        track: None,
    }
}

/// Where an item stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) left: usize,
    pub(super) width: usize,
    pub(super) kind: Item,
}

impl Span {
    fn centre(self) -> usize {
        self.left + self.width / 2
    }

    /// The columns where a line may meet it: not at the corners of a box.
    fn admits(self, column: usize) -> bool {
        match self.kind {
            Item::Trunk => column >= self.left && column < self.left + self.width,
            Item::Node(_) => column > self.left && column + 1 < self.left + self.width,
        }
    }

    /// The column of line `index` of `count`, spread over the width.
    fn port(self, index: usize, count: usize) -> usize {
        match self.kind {
            Item::Trunk | Item::Node(_) if count == 1 => self.centre(),
            Item::Trunk => self.left + (self.width - 1) * index / (count - 1),
            Item::Node(_) => self.left + 1 + (self.width - 2) * (2 * index + 1) / (2 * count),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

/// Gives every end a column and every net that is not straight a track. Returns how many tracks there are.
///
/// `None` when two nets cannot be kept apart.
pub(super) fn route(nets: &mut [Net], spans: &[Span]) -> Option<usize> {
    set_ports(nets, spans, Side::Source);
    set_ports(nets, spans, Side::Target);
    straighten(nets, spans);
    for _ in 0..16 {
        match tracks(nets) {
            Ok(count) => return Some(count),
            Err(column) => {
                if !dodge(nets, spans, column) {
                    return None;
                }
            }
        }
    }
    None
}

/// The ends of one side, as (net, index of the end).
fn ends(nets: &[Net], side: Side) -> Vec<(usize, usize)> {
    nets.iter().enumerate().flat_map(|(net, it)| (0..side_of(it, side).len()).map(move |end| (net, end))).collect()
}

fn side_of(net: &Net, side: Side) -> &[End] {
    match side {
        Side::Source => &net.sources,
        Side::Target => &net.targets,
    }
}

fn end_mut(nets: &mut [Net], side: Side, (net, end): (usize, usize)) -> &mut End {
    match side {
        Side::Source => &mut nets[net].sources[end],
        Side::Target => &mut nets[net].targets[end],
    }
}

/// Spreads the ends at each item over its width, in the order of where they lead.
fn set_ports(nets: &mut [Net], spans: &[Span], side: Side) {
    let mut by_item: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for at in ends(nets, side) {
        by_item.entry(side_of(&nets[at.0], side)[at.1].item).or_default().push(at);
    }
    for (item, mut at) in by_item {
        at.sort_by_cached_key(|&(net, _)| {
            let far = side_of(&nets[net], if side == Side::Source { Side::Target } else { Side::Source });
            far.iter().map(|end| spans[end.item].centre()).sum::<usize>() / far.len().max(1)
        });
        let (span, count) = (spans[item], at.len());
        for (index, at) in at.into_iter().enumerate() {
            end_mut(nets, side, at).column = span.port(index, count);
        }
    }
}

/// Moves ends a little where that makes a line straight.
fn straighten(nets: &mut [Net], spans: &[Span]) {
    for net in 0..nets.len() {
        for target in 0..nets[net].targets.len() {
            let to = nets[net].targets[target].clone();
            let Some((source, from)) =
                nets[net].sources.iter().cloned().enumerate().min_by_key(|(_, from)| from.column.abs_diff(to.column))
            else {
                continue;
            };
            let alone = nets[net].sources.len() == 1 && nets[net].targets.len() == 1;
            if from.column == to.column || (!alone && from.column.abs_diff(to.column) > 3) {
                continue;
            }
            let both = [from.column, to.column];
            let (low, high) = (both[0].min(both[1]), both[0].max(both[1]));
            let mut wanted = vec![from.column, to.column];
            if alone {
                wanted.extend(low..high);
            }
            // The end at the narrower item stays where it is, if it can.
            if spans[to.item].width < spans[from.item].width {
                wanted.swap(0, 1);
            }
            let fixed = nets[net].sources.len() > 1;
            let fits = |column: usize| {
                let (above, below) = (spans[from.item].admits(column), spans[to.item].admits(column));
                (column == from.column || (above && !fixed && may_stand(nets, spans, Side::Source, (net, source), column)))
                    && (column == to.column || (below && may_stand(nets, spans, Side::Target, (net, target), column)))
            };
            if let Some(&column) = wanted.iter().find(|&&column| fits(column)) {
                end_mut(nets, Side::Source, (net, source)).column = column;
                end_mut(nets, Side::Target, (net, target)).column = column;
            }
        }
    }
}

/// Whether an end may be moved there: on its item, keeping its place between and a distance from the other ends at that item.
fn may_stand(nets: &[Net], spans: &[Span], side: Side, at: (usize, usize), column: usize) -> bool {
    let end = &side_of(&nets[at.0], side)[at.1];
    // A trunk is a line with free space on both sides: its end may stand a column beside it.
    let beside = spans[end.item].kind == Item::Trunk && column.abs_diff(end.column) == 1;
    (spans[end.item].admits(column) || beside)
        && ends(nets, side).into_iter().filter(|&other| other != at).all(|(net, index)| {
            let other = &side_of(&nets[net], side)[index];
            other.item != end.item
                || (other.column.abs_diff(column) >= 2 && (other.column < end.column) == (other.column < column))
        })
}

/// Finds tracks from the top down. `Err` is a column where an end of one net would have to be both above and below another's.
fn tracks(nets: &mut [Net]) -> Result<usize, usize> {
    let bent: Vec<usize> = (0..nets.len()).filter(|&net| !nets[net].is_straight()).collect();
    // The line down from a source must end before a line down to a target begins in the same column.
    let conflict = |above: usize, below: usize| {
        let targets: BTreeSet<usize> = nets[below].targets.iter().map(|end| end.column).collect();
        nets[above].sources.iter().map(|end| end.column).find(|column| above != below && targets.contains(column))
    };
    let mut left = bent.clone();
    let mut placed: Vec<(usize, usize)> = Vec::new();
    while !left.is_empty() {
        let free: Vec<usize> =
            left.iter().copied().filter(|&net| left.iter().all(|&other| conflict(other, net).is_none())).collect();
        let Some(&next) = free.iter().min_by_key(|&&net| {
            let (mut first, mut last) = (0, 0);
            for &other in left.iter().filter(|&&other| other != net) {
                first += crossed(&nets[net], &nets[other]);
                last += crossed(&nets[other], &nets[net]);
            }
            (1_000 + first).saturating_sub(last)
        }) else {
            let stuck = left.iter().flat_map(|&a| left.iter().map(move |&b| (a, b))).find_map(|(a, b)| conflict(a, b));
            return Err(stuck.unwrap_or(0));
        };
        let (low, high) = nets[next].span();
        let below = placed.iter().filter(|&&(net, _)| conflict(net, next).is_some()).map(|&(_, track)| track + 1).max();
        let mut track = below.unwrap_or(0);
        while placed.iter().any(|&(net, at)| {
            let (other_low, other_high) = nets[net].span();
            at == track && other_low <= high + 1 && low <= other_high + 1
        }) {
            track += 1;
        }
        placed.push((next, track));
        left.retain(|&net| net != next);
    }
    for &(net, track) in &placed {
        nets[net].track = Some(track);
    }
    Ok(placed.iter().map(|&(_, track)| track + 1).max().unwrap_or(0))
}

/// How often lines cross when `upper` runs above `lower`.
fn crossed(upper: &Net, lower: &Net) -> usize {
    let inside = |(low, high): (usize, usize), column: usize| low < column && column < high;
    upper.targets.iter().filter(|end| inside(lower.span(), end.column)).count()
        + lower.sources.iter().filter(|end| inside(upper.span(), end.column)).count()
}

/// Moves an end out of a column where two nets are in each other's way.
fn dodge(nets: &mut [Net], spans: &[Span], column: usize) -> bool {
    for side in [Side::Target, Side::Source] {
        let stuck: Vec<(usize, usize)> = ends(nets, side)
            .into_iter()
            .filter(|&(net, end)| !nets[net].is_straight() && side_of(&nets[net], side)[end].column == column)
            .collect();
        for at in stuck {
            for to in [column + 1, column.wrapping_sub(1), column + 2, column.wrapping_sub(2)] {
                let others = [Side::Source, Side::Target];
                let free = others
                    .iter()
                    .all(|&other| ends(nets, other).into_iter().all(|(net, end)| side_of(&nets[net], other)[end].column != to));
                if free && may_stand(nets, spans, side, at, to) {
                    end_mut(nets, side, at).column = to;
                    return true;
                }
            }
        }
    }
    false
}
