//! The ways a run can take through a graph: which edges decide, and what they lead to whatever happens.

use crate::{
    manifest::{Join, OnErrorManifest},
    plan::{
        certain::taken_has_output,
        draft::GraphDraft,
        links::{Kind, Links},
    },
};

/// The edges of which one must be taken: the control edges if there are any, else all.
pub(super) fn deciding(links: &Links, index: usize) -> impl Iterator<Item = (usize, Kind)> + use<'_> {
    let edges = &links.incoming[index];
    let control = edges.iter().any(|edge| edge.kind.is_control());
    edges.iter().filter(move |edge| edge.kind.is_control() == control).map(|edge| (edge.from, edge.kind))
}

/// The ways that a run can take through a graph.
pub(super) struct Ways<'g, 'm> {
    pub(super) graph: &'g GraphDraft<'m>,
    pub(super) links: &'g Links,
}

impl Ways<'_, '_> {
    /// Whether some node that `runs` leads, whatever happens, to an edge that `arrives`: given the source, the target (none: the mere
    /// success of the source) and the kind. Looks at the first `until` nodes in order.
    pub(super) fn lead(
        &self,
        until: usize,
        arrives: impl Fn(usize, Option<usize>, Kind) -> bool,
        runs: impl Fn(usize) -> bool,
    ) -> bool {
        // Whether a node that has run leads there; filled backwards.
        let mut leads = vec![false; self.graph.nodes.len()];
        for from in self.links.order[..until].iter().rev().copied() {
            let goes_on = |to: usize, kind: Kind| {
                let starts = leads[to] && self.graph.nodes[to].when.is_none();
                arrives(from, Some(to), kind)
                    || (starts && deciding(self.links, to).any(|(source, own)| source == from && own == kind))
            };
            let plain = arrives(from, None, Kind::Plain) || self.links.outgoing[from].iter().any(|to| goes_on(*to, Kind::Plain));
            let routed = || self.route_leads(from, |to| goes_on(to, Kind::Routed));
            let went_well = plain || routed();
            leads[from] = match self.links.handlers[from] {
                Some(handler) => went_well && goes_on(handler, Kind::OnError),
                None => went_well,
            };
            if leads[from] && runs(from) {
                return true;
            }
        }
        false
    }

    /// Whether every choice of the route leads to a target that `leads`.
    pub(super) fn route_leads(&self, from: usize, leads: impl Fn(usize) -> bool) -> bool {
        let Some(choices) = &self.links.routes[from] else { return false };
        // Without a default another value is a failure; unless that ends the run, nothing may be chosen then.
        let fails = matches!(self.graph.nodes[from].on_error(), OnErrorManifest::Fail);
        let mut sets = choices.cases.iter().chain(&choices.default);
        (choices.default.is_some() || fails) && sets.all(|targets| targets.iter().any(|target| leads(*target)))
    }
}

/// Whether one of `sources` certainly has an output where `reader` (none: an output of the workflow) reads them.
pub(super) fn one_is_certain(graph: &GraphDraft<'_>, reader: Option<usize>, sources: &[usize]) -> bool {
    let (links, certain) = (graph.links(), graph.certain());
    if links.is_cyclic {
        return true;
    }
    let arrives =
        |from: usize, to: Option<usize>, _| to.is_none() && sources.contains(&from) && taken_has_output(&graph.nodes[from]);
    // A node that starts at its first edge knows only of that one.
    let joins_all = |reader: usize| graph.nodes[reader].written.join.as_ref().is_none_or(|join| join.value == Join::All);
    let started_by_one = |reader: usize| {
        let mut edges = deciding(links, reader);
        edges.all(|(from, kind)| sources.contains(&from) && kind != Kind::OnError && taken_has_output(&graph.nodes[from]))
    };
    match reader {
        None => Ways { graph, links }.lead(links.order.len(), arrives, |from| certain.always[from]),
        Some(reader) if started_by_one(reader) => true,
        Some(reader) => {
            let runs = |from: usize| certain.always[from] || certain.during[reader].contains(from);
            joins_all(reader) && Ways { graph, links }.lead(links.rank[reader], arrives, runs)
        }
    }
}

/// A set of node indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub(super) fn insert(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.0[index / 64] >> (index % 64) & 1 == 1
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }

    pub(super) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
    }
}
