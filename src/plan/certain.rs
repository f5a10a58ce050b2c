//! Which outputs are certain to be there when a node runs. Everything else must be read with a guard.
//!
//! Computed over each graph in topological order, from the rules of execution: `join: all` starts a node when all its edges are
//! decided, none of its sources failed unhandled, and one edge (one of the control edges, if it has any) is taken.

use std::collections::BTreeSet;

use crate::{
    manifest::{Join, OnErrorManifest},
    plan::{
        draft::{CodeId, Codes, KindDraft, NodeDraft, Role, TreeDraft},
        links::{Kind, Links},
        scope::{Scope, Target},
        ways::{Bits, Ways, deciding},
    },
    template::Expression,
};

/// What is certain in one graph. All by index as written.
#[derive(Debug)]
pub(super) struct Certain {
    /// Outputs that are there when the node's `when` is evaluated.
    pub(super) before: Vec<Bits>,
    /// Outputs that are there while the node runs.
    pub(super) during: Vec<Bits>,
    /// Outputs that are there when the graph has ended well.
    pub(super) end: Bits,
    /// Nodes that run whenever the graph does.
    pub(super) always: Vec<bool>,
    /// Nodes that can never run, and nodes that only follow such nodes.
    pub(super) never: Vec<bool>,
}

/// What an expression is when it never changes.
pub(super) fn constant(codes: &Codes, code: Option<CodeId>) -> Option<bool> {
    let expression = codes.expression(code?)?;
    if !expression.references().is_empty() {
        return None;
    }
    expression.is_true(&crate::template::Scope::new()).ok()
}

/// Whether there is nothing in the node that could fail.
fn cannot_fail(node: &NodeDraft<'_>) -> bool {
    matches!(node.kind, KindDraft::Value(TreeDraft::Literal(_))) && node.codes().is_empty()
}

/// Whether a failure of the node leaves an output, or ends the run.
fn failure_keeps_output(node: &NodeDraft<'_>) -> bool {
    matches!(node.on_error(), OnErrorManifest::Fail | OnErrorManifest::Use(_))
}

/// Whether, when its plain, routed or conditional edge is taken, the node has an output.
pub(super) fn taken_has_output(node: &NodeDraft<'_>) -> bool {
    !matches!(node.on_error(), OnErrorManifest::Continue)
}

/// Fills in `certain` of a graph and of all graphs in it.
pub(super) fn fill(codes: &Codes, scope: &Scope<'_, '_>) {
    let graph = scope.graph;
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Some(inner) = node.inner() {
            fill(codes, &Scope { graph: inner, outer: Some((scope, index)) });
        }
    }
    let count = graph.nodes.len();
    let expression = |node: &NodeDraft<'_>| node.when.and_then(|code| codes.expression(code));
    let parts = graph.nodes.iter().map(|node| expression(node).map(Expression::conjuncts).unwrap_or_default()).collect();
    let mut work = Work {
        codes,
        scope,
        links: graph.links(),
        always: vec![false; count],
        never: vec![false; count],
        before: vec![Bits::new(count); count],
        during: vec![Bits::new(count); count],
        parts,
        true_parts: vec![BTreeSet::new(); count],
    };
    for index in graph.links().order.clone() {
        work.node(index);
    }
    let mut end = Bits::new(count);
    for (index, node) in graph.nodes.iter().enumerate().filter(|(index, _)| work.always[*index]) {
        end.add(&work.during[index]);
        if failure_keeps_output(node) {
            end.insert(index);
        }
    }
    let Work { before, during, always, never, .. } = work;
    graph.certain.set(Certain { before, during, end, always, never }).expect("each graph is filled once");
}

struct Work<'w, 's, 'm> {
    codes: &'w Codes,
    scope: &'w Scope<'s, 'm>,
    links: &'w Links,
    always: Vec<bool>,
    never: Vec<bool>,
    before: Vec<Bits>,
    during: Vec<Bits>,
    /// The parts, joined by `and`, of each node's `when`.
    parts: Vec<Vec<&'w str>>,
    /// The parts of conditions that hold whenever the node runs.
    true_parts: Vec<BTreeSet<&'w str>>,
}

impl<'w> Work<'w, '_, '_> {
    fn node(&mut self, index: usize) {
        let node = &self.scope.graph.nodes[index];
        let when = constant(self.codes, node.when);
        let possible: Vec<(usize, Kind)> = self.deciding(index).filter(|(from, kind)| self.can_be_taken(*from, *kind)).collect();
        let has_edges = !self.links.incoming[index].is_empty();
        self.never[index] = when == Some(false) || (has_edges && possible.is_empty());
        let unconditional = node.when.is_none() || when == Some(true);
        self.always[index] = !self.never[index] && unconditional && self.is_open(index);
        let mut before = self.certain_before(index, &possible);
        let mut truths = self.truths(index, &possible, &before);
        self.add_implied(index, &truths, &mut before);
        let mut during = before.clone();
        if node.when.is_some() {
            self.add_tested(index, &mut during);
            if self.joins_all(index) {
                truths.extend(&self.parts[index]);
            }
            self.add_implied(index, &truths, &mut during);
        }
        self.true_parts[index] = truths;
        self.before[index] = before;
        self.during[index] = during;
    }

    fn deciding(&self, index: usize) -> impl Iterator<Item = (usize, Kind)> + use<'_> {
        deciding(self.links, index)
    }

    fn can_be_taken(&self, from: usize, kind: Kind) -> bool {
        let impossible = match kind {
            Kind::Conditional(code) => constant(self.codes, Some(code)) == Some(false),
            Kind::OnError => cannot_fail(&self.scope.graph.nodes[from]),
            Kind::Plain | Kind::Routed => false,
        };
        !self.never[from] && !impossible
    }

    /// Whether the node runs in every run of the graph, its own `when` aside.
    fn is_open(&self, index: usize) -> bool {
        let edges: Vec<(usize, Kind)> = self.deciding(index).collect();
        if self.links.incoming[index].is_empty() {
            return true;
        }
        if edges.iter().any(|(from, kind)| self.always[*from] && self.surely_taken(*from, *kind, index)) {
            return true;
        }
        // A single edge from a node that may not run, or that may not be taken, decides it.
        edges.len() > 1 && self.is_covered(index)
    }

    /// Whether the edge is taken whenever its source has run and the run goes on.
    fn surely_taken(&self, from: usize, kind: Kind, to: usize) -> bool {
        let handled = !matches!(self.scope.graph.nodes[from].on_error(), OnErrorManifest::Goto(_));
        match kind {
            Kind::Plain => handled,
            Kind::Conditional(code) => handled && constant(self.codes, Some(code)) == Some(true),
            Kind::Routed => {
                let ways = Ways { graph: self.scope.graph, links: self.links };
                handled && ways.route_leads(from, |target| target == to)
            }
            Kind::OnError => false,
        }
    }

    /// Whether every way through the graph leads to the node: some node that always runs cannot run without it.
    fn is_covered(&self, index: usize) -> bool {
        let decided: Vec<(usize, Kind)> = self.deciding(index).collect();
        let until = self.links.rank[index];
        Ways { graph: self.scope.graph, links: self.links }.lead(
            until,
            |from, to, kind| to == Some(index) && decided.contains(&(from, kind)),
            |from| self.always[from],
        )
    }

    fn certain_before(&self, index: usize, possible: &[(usize, Kind)]) -> Bits {
        let graph = self.scope.graph;
        let mut certain = Bits::new(graph.nodes.len());
        let mut common: Option<Bits> = None;
        for (from, kind) in possible {
            let mut given = self.during[*from].clone();
            if *kind != Kind::OnError && taken_has_output(&graph.nodes[*from]) {
                given.insert(*from);
            }
            match &mut common {
                Some(common) => common.keep(&given),
                None => common = Some(given),
            }
        }
        if let Some(common) = common {
            certain.add(&common);
        }
        if !self.joins_all(index) {
            return certain;
        }
        for edge in &self.links.incoming[index] {
            if self.always[edge.from] {
                certain.add(&self.during[edge.from]);
                if failure_keeps_output(&graph.nodes[edge.from]) {
                    certain.insert(edge.from);
                }
            }
        }
        certain
    }

    /// Adds the sources that run because something certain has gone well and their conditions hold: all sources have ended before the
    /// node starts.
    fn add_implied(&self, index: usize, truths: &BTreeSet<&str>, certain: &mut Bits) {
        let graph = self.scope.graph;
        let sources = &self.links.incoming[index];
        if !self.joins_all(index) || sources.iter().all(|edge| certain.contains(edge.from)) {
            return;
        }
        let mut runs = self.always.clone();
        for at in self.links.order[..self.links.rank[index]].iter().copied() {
            let has_output = certain.contains(at);
            let leads = |(from, kind): (usize, Kind)| match kind {
                Kind::Plain if certain.contains(from) => true,
                Kind::Plain | Kind::Routed | Kind::Conditional(_) | Kind::OnError => {
                    runs[from] && self.surely_taken(from, kind, at)
                }
            };
            let holds = || {
                let asks_nothing = graph.nodes[at].when.is_none();
                asks_nothing
                    || (self.joins_all(at) && !truths.is_empty() && self.parts[at].iter().all(|part| truths.contains(part)))
            };
            let starts = || self.links.incoming[at].is_empty() || self.deciding(at).any(leads);
            runs[at] = runs[at] || has_output || (!self.never[at] && holds() && starts());
        }
        for edge in sources.iter().filter(|edge| runs[edge.from]) {
            certain.add(&self.during[edge.from]);
            if failure_keeps_output(&graph.nodes[edge.from]) {
                certain.insert(edge.from);
            }
        }
    }

    /// The parts of conditions that are known to hold before the node's own `when`: those that hold along every edge that may start
    /// it, and those of nodes that have certainly run.
    ///
    /// A condition gives the same wherever it stands, since outputs never change; but a node that starts at its first edge may ask
    /// before an output is there, so its conditions tell nothing.
    fn truths(&self, index: usize, possible: &[(usize, Kind)], certain: &Bits) -> BTreeSet<&'w str> {
        let mut edges = possible.iter().map(|(from, _)| &self.true_parts[*from]);
        let first = edges.next().cloned().unwrap_or_default();
        let mut truths = edges.fold(first, |common, other| common.intersection(other).copied().collect());
        for edge in self.links.incoming[index].iter().filter(|edge| certain.contains(edge.from)) {
            truths.extend(&self.true_parts[edge.from]);
        }
        truths
    }

    fn joins_all(&self, index: usize) -> bool {
        self.scope.graph.nodes[index].written.join.as_ref().is_none_or(|join| join.value == Join::All)
    }

    /// Adds what the node's own `when` tests: when it holds, that is there.
    fn add_tested(&self, index: usize, certain: &mut Bits) {
        let node = &self.scope.graph.nodes[index];
        for path in tested(self.codes, node) {
            let source = match path.first().map(String::as_str) {
                Some("nodes") => path.get(1).and_then(|id| self.scope.graph.index.get(id.as_str())),
                Some(id) => self.scope.graph.index.get(id),
                None => None,
            };
            if let Some(source) = source.copied().filter(|source| self.links.rank[*source] < self.links.rank[index]) {
                certain.insert(source);
                certain.add(&self.during[source]);
            }
        }
    }
}

/// The paths that are there when the node's `when` holds.
pub(super) fn tested(codes: &Codes, node: &NodeDraft<'_>) -> Vec<Vec<String>> {
    node.when.and_then(|code| codes.expression(code)).map(crate::template::Expression::present_when_true).unwrap_or_default()
}

/// Whether the output of the node that `target` means is certain where `role` of `node` reads it.
pub(super) fn is_certain(scope: &Scope<'_, '_>, node: Option<usize>, role: Role, target: Target) -> bool {
    let (Target::Node { up, index } | Target::State { up, index }) = target else { return true };
    // A node that waits for itself, in a circle or directly, has been reported.
    let waits_for_itself = up == 0 && node == Some(index) && !matches!(role, Role::Until | Role::Route);
    if waits_for_itself || scope.at(up).graph.links().is_cyclic {
        return true;
    }
    let certain = scope.graph.certain();
    let Some(own) = node else {
        // The outputs of a workflow, and `until` over an inner graph.
        return match (up, scope.outer) {
            (0, _) => certain.end.contains(index),
            (_, Some((outer, container))) => during(outer, container, up - 1, index),
            (_, None) => true,
        };
    };
    if certain.never[own] {
        return true;
    }
    if up > 0 {
        return during(scope, own, up, index);
    }
    match role {
        Role::When => certain.before[own].contains(index),
        Role::Condition(from) => {
            let source = &scope.graph.nodes[from];
            (from == index && taken_has_output(source))
                || certain.during[from].contains(index)
                || certain.before[own].contains(index)
        }
        // Both are looked at when there is an output.
        Role::Route | Role::Until if index == own => true,
        Role::Body | Role::Map | Role::Until | Role::Route | Role::Use | Role::Output => certain.during[own].contains(index),
    }
}

/// Whether a node `up` graphs outwards is certain while the node `own` runs.
fn during(scope: &Scope<'_, '_>, own: usize, up: usize, index: usize) -> bool {
    if up == 0 {
        let certain = scope.graph.certain();
        return certain.never[own] || certain.during[own].contains(index);
    }
    match scope.outer {
        Some((outer, container)) => during(outer, container, up - 1, index),
        None => true,
    }
}
