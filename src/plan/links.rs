//! The edges: every reference is one, as are `needs`, `route`, `goto` and the edges of generated graphs. Finds unknown names and cycles.

use crate::{
    diagnostic::{Code, Diagnostic, Span, nearest},
    manifest::{OnErrorManifest, WorkflowManifest},
    plan::{
        compile::Compiler,
        draft::{CodeId, Codes, KindDraft, NodeDraft, Read, Role, Site, place_of},
        graph,
        resolve::WorkflowDraft,
        scope::{Scope, Target},
    },
};

/// The edges of a graph, all by index as written.
#[derive(Debug)]
pub(super) struct Links {
    /// By target; one edge per source, ascending.
    pub(super) incoming: Vec<Vec<Edge>>,
    /// By source; ascending.
    pub(super) outgoing: Vec<Vec<usize>>,
    /// Sources before targets, otherwise as written.
    pub(super) order: Vec<usize>,
    /// Where each node stands in `order`.
    pub(super) rank: Vec<usize>,
    /// Whether some nodes wait for each other, so that the order means nothing.
    pub(super) is_cyclic: bool,
    /// What each `route` chooses from.
    pub(super) routes: Vec<Option<Choices>>,
    /// The handler that each node's `goto` names.
    pub(super) handlers: Vec<Option<usize>>,
}

/// The targets of a `route`; unknown ones are left out.
#[derive(Debug)]
pub(super) struct Choices {
    /// By case, as written.
    pub(super) cases: Vec<Vec<usize>>,
    pub(super) default: Option<Vec<usize>>,
}

/// An edge as far as it is known before the plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) kind: Kind,
    /// What makes it an edge; of several reasons the one that decides its kind.
    pub(super) origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Conditional(CodeId),
    Routed,
    OnError,
}

impl Kind {
    pub(super) fn is_control(self) -> bool {
        self != Self::Plain
    }
}

/// Why there is an edge.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    Reads(Site),
    Needs(Span),
    Edge(Span),
    Routes(Span),
    Goto(Span),
}

/// An edge from an enclosing graph to the node whose inner graph needs it.
struct Lifted {
    /// Graphs outwards, from the one that encloses.
    up: usize,
    index: usize,
    origin: Origin,
}

/// What linking one graph reads and writes.
struct Linker<'c, 'a, 'w> {
    compiler: &'c mut Compiler<'a>,
    workflow: &'w WorkflowManifest,
    codes: &'w Codes,
}

/// Fills in `links` and `reads` of a graph and of all graphs in it.
pub(super) fn link(compiler: &mut Compiler<'_>, workflow: &WorkflowManifest, codes: &Codes, scope: &Scope<'_, '_>) {
    Linker { compiler, workflow, codes }.graph(scope);
}

/// What the outputs of a workflow read.
pub(super) fn output_reads(
    compiler: &mut Compiler<'_>,
    workflow: &WorkflowManifest,
    draft: &WorkflowDraft<'_>,
    scope: &Scope<'_, '_>,
) -> Vec<Read> {
    let mut codes = Vec::new();
    draft.outputs.iter().for_each(|(_, tree)| tree.codes(&mut codes));
    let mut linker = Linker { compiler, workflow, codes: &draft.codes };
    codes.into_iter().flat_map(|code| linker.reads(scope, None, Role::Output, code)).collect()
}

impl Linker<'_, '_, '_> {
    /// Resolves the references of one template; unknown ones are reported and left out.
    fn reads(&mut self, scope: &Scope<'_, '_>, node: Option<usize>, role: Role, code: CodeId) -> Vec<Read> {
        let mut reads = Vec::new();
        // Up to where a name that was reported reaches.
        let mut reported = 0;
        let source = self.codes.get(code);
        for (reference, written) in source.references().iter().enumerate() {
            let site = Site { code, reference };
            let unknown = match scope.find(self.workflow, node, role, &written.path) {
                Ok(target) => {
                    if target == Target::Text && written.path[0] == "secrets" && !source.is_interpolated(reference) {
                        let span = self.codes.span(&self.compiler.sources, site);
                        let problem = Diagnostic::error(Code::NAME_NOT_ALLOWED, span, "a secret cannot be worked with");
                        self.compiler.report(problem.hint(
                            "write it alone between braces, `{{ secrets.NAME }}`: templates never see its value, only the tool does",
                        ));
                    }
                    reads.push(Read { site, role, target });
                    continue;
                }
                Err(_) if written.range.start < reported => continue,
                Err(unknown) => unknown,
            };
            if let Some(id) = scope.hyphenated(&source.source()[written.range.start..]) {
                reported = written.range.start + id.len();
                let range = written.range.start..reported;
                let span = place_of(&self.compiler.sources, source.place, source.source(), range);
                self.compiler.report(
                    Diagnostic::error(Code::UNKNOWN_NAME, span, format!("`{id}` cannot be read by its bare name"))
                        .label("reads as a subtraction")
                        .hint(format!("an id with `-` is read as `nodes[\"{id}\"].output`")),
                );
                continue;
            }
            let span = self.codes.span(&self.compiler.sources, site);
            let problem = Diagnostic::error(unknown.code, span, unknown.message);
            self.compiler.report(match unknown.hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
        reads
    }

    fn graph(&mut self, scope: &Scope<'_, '_>) -> Vec<Lifted> {
        let graph = scope.graph;
        let mut lifted = Vec::new();
        let mut incoming: Vec<Vec<Edge>> = vec![Vec::new(); graph.nodes.len()];
        let mut routes = Vec::with_capacity(graph.nodes.len());
        let mut handlers = Vec::with_capacity(graph.nodes.len());
        for (index, node) in graph.nodes.iter().enumerate() {
            self.references(scope, index, node, &mut incoming[index], &mut lifted);
            self.inner(scope, index, node, &mut incoming[index], &mut lifted);
            self.needs(scope, index, node, &mut incoming[index], &mut lifted);
            routes.push(self.route(scope, index, node, &mut incoming));
            handlers.push(self.goto(scope, index, node, &mut incoming));
        }
        for (target, edges) in incoming.iter_mut().enumerate() {
            let all = std::mem::take(edges);
            *edges = self.merge(scope, target, all);
        }
        let pairs = incoming.iter().enumerate().flat_map(|(to, edges)| edges.iter().map(move |edge| (edge.from, to)));
        let order = graph::order(graph.nodes.len(), pairs);
        for cycle in &order.cycles {
            self.report_cycle(scope, cycle, &incoming);
        }
        let mut outgoing = vec![Vec::new(); graph.nodes.len()];
        for (to, edges) in incoming.iter().enumerate() {
            for edge in edges {
                outgoing[edge.from].push(to);
            }
        }
        let mut rank = vec![0; graph.nodes.len()];
        order.nodes.iter().enumerate().for_each(|(at, node)| rank[*node] = at);
        let is_cyclic = !order.cycles.is_empty();
        let links = Links { incoming, outgoing, order: order.nodes, rank, is_cyclic, routes, handlers };
        graph.links.set(links).expect("a graph is linked once");
        lifted
    }

    fn references(
        &mut self,
        scope: &Scope<'_, '_>,
        index: usize,
        node: &NodeDraft<'_>,
        edges: &mut Vec<Edge>,
        lifted: &mut Vec<Lifted>,
    ) {
        let mut reads = Vec::new();
        for (role, code) in node.codes() {
            match (role, &node.kind) {
                (Role::Until, KindDraft::Graph(inner)) => {
                    let inner = Scope { graph: inner, outer: Some((scope, index)) };
                    reads.extend(self.reads(&inner, None, role, code));
                }
                _ => reads.extend(self.reads(scope, Some(index), role, code)),
            }
        }
        for (edge, condition) in node.written.edges.iter().zip(&node.conditions) {
            let from = scope.graph.index.get(edge.from.value.as_str());
            if let (Some(from), Some(code)) = (from, condition) {
                reads.extend(self.reads(scope, Some(index), Role::Condition(*from), *code));
            }
        }
        for read in &reads {
            let (Target::Node { up, index: source } | Target::State { up, index: source }) = read.target else { continue };
            let origin = Origin::Reads(read.site);
            let in_iteration = read.role == Role::Until && node.inner().is_some();
            match up.checked_sub(usize::from(in_iteration)) {
                // `until` reads the inner graph.
                None => {}
                Some(0) if source == index && matches!(read.role, Role::Until | Role::Route) => {}
                Some(0) if source == index => self.report_self_read(scope, node, read.site),
                Some(0) => edges.push(Edge { from: source, kind: Kind::Plain, origin }),
                Some(up) => lifted.push(Lifted { up: up - 1, index: source, origin }),
            }
        }
        node.reads.set(reads).expect("a node is linked once");
    }

    fn inner(
        &mut self,
        scope: &Scope<'_, '_>,
        index: usize,
        node: &NodeDraft<'_>,
        edges: &mut Vec<Edge>,
        lifted: &mut Vec<Lifted>,
    ) {
        let Some(inner) = node.inner() else { return };
        for edge in self.graph(&Scope { graph: inner, outer: Some((scope, index)) }) {
            match edge.up {
                0 if edge.index == index => self.report_container_read(node, edge.origin),
                0 => edges.push(Edge { from: edge.index, kind: Kind::Plain, origin: edge.origin }),
                up => lifted.push(Lifted { up: up - 1, ..edge }),
            }
        }
    }

    fn needs(
        &mut self,
        scope: &Scope<'_, '_>,
        index: usize,
        node: &NodeDraft<'_>,
        edges: &mut Vec<Edge>,
        lifted: &mut Vec<Lifted>,
    ) {
        for need in &node.written.needs {
            let origin = Origin::Needs(need.span);
            match scope.find_node(&need.value) {
                Some((0, source)) if source == index => self.report_self_edge(node, need.span, "needs itself"),
                Some((0, source)) => edges.push(Edge { from: source, kind: Kind::Plain, origin }),
                Some((up, source)) => lifted.push(Lifted { up: up - 1, index: source, origin }),
                None => self.report_unknown(scope, &need.value, need.span),
            }
        }
        for (at, (edge, condition)) in node.written.edges.iter().zip(&node.conditions).enumerate() {
            let Some(source) = self.same_graph(scope, &edge.from.value, edge.from.span) else { continue };
            if source == index {
                self.report_self_edge(node, edge.from.span, "has an edge to itself");
                continue;
            }
            if let Some(first) = node.written.edges[..at].iter().find(|first| first.from.value == edge.from.value) {
                let message = format!("a second edge from `{}` to `{}`", edge.from.value, node.id.value);
                self.compiler.report(
                    Diagnostic::error(Code::DUPLICATE_KEY, edge.from.span, message)
                        .related(first.from.span, "the first one is here")
                        .hint("join their conditions with `or`"),
                );
                continue;
            }
            let kind = condition.map_or(Kind::Plain, Kind::Conditional);
            edges.push(Edge { from: source, kind, origin: Origin::Edge(edge.from.span) });
        }
    }

    fn route(
        &mut self,
        scope: &Scope<'_, '_>,
        index: usize,
        node: &NodeDraft<'_>,
        incoming: &mut [Vec<Edge>],
    ) -> Option<Choices> {
        let route = node.written.route.as_ref()?;
        let mut choose = |names: &Vec<crate::diagnostic::Spanned<String>>| {
            let mut targets = Vec::new();
            for name in names {
                let Some(target) = self.same_graph(scope, &name.value, name.span) else { continue };
                if target == index {
                    self.report_self_edge(node, name.span, "routes to itself");
                    continue;
                }
                targets.push(target);
                incoming[target].push(Edge { from: index, kind: Kind::Routed, origin: Origin::Routes(name.span) });
            }
            targets
        };
        let cases = route.cases.iter().map(|(_, names)| choose(names)).collect();
        let default = route.default.as_ref().map(&mut choose);
        Some(Choices { cases, default })
    }

    fn goto(&mut self, scope: &Scope<'_, '_>, index: usize, node: &NodeDraft<'_>, incoming: &mut [Vec<Edge>]) -> Option<usize> {
        let OnErrorManifest::Goto(name) = node.on_error() else { return None };
        let target = self.same_graph(scope, &name.value, name.span)?;
        if target == index {
            self.report_self_edge(node, name.span, "goes to itself");
            return None;
        }
        incoming[target].push(Edge { from: index, kind: Kind::OnError, origin: Origin::Goto(name.span) });
        Some(target)
    }

    /// The node of this very graph called `id`; anything else is reported.
    fn same_graph(&mut self, scope: &Scope<'_, '_>, id: &str, span: Span) -> Option<usize> {
        match scope.find_node(id) {
            Some((0, index)) => Some(index),
            Some(_) => {
                let message = format!("node `{id}` is in an enclosing graph");
                self.compiler.report(
                    Diagnostic::error(Code::UNKNOWN_NODE, span, message).hint("a node can only lead to nodes of its own graph"),
                );
                None
            }
            None => {
                self.report_unknown(scope, id, span);
                None
            }
        }
    }

    /// One edge per source, of the strongest kind.
    fn merge(&mut self, scope: &Scope<'_, '_>, target: usize, mut edges: Vec<Edge>) -> Vec<Edge> {
        edges.sort_by_key(|edge| edge.from);
        let mut merged: Vec<Edge> = Vec::with_capacity(edges.len());
        for edge in edges {
            let Some(last) = merged.last_mut().filter(|last| last.from == edge.from) else {
                merged.push(edge);
                continue;
            };
            if edge.kind == last.kind {
                continue;
            }
            if !last.kind.is_control() {
                *last = edge;
            } else if edge.kind.is_control() {
                let (source, target) = (&scope.graph.nodes[edge.from].id.value, &scope.graph.nodes[target].id.value);
                let first = self.place(last.origin);
                let span = self.place(edge.origin);
                self.compiler.report(
                    Diagnostic::error(
                        Code::KEY_COMBINATION,
                        span,
                        format!("`{source}` leads to `{target}` in two different ways"),
                    )
                    .related(first, "the other one is here")
                    .hint("put a node between them for one of the ways"),
                );
            }
        }
        merged
    }

    fn place(&self, origin: Origin) -> Span {
        match origin {
            Origin::Reads(site) => self.codes.span(&self.compiler.sources, site),
            Origin::Needs(span) | Origin::Edge(span) | Origin::Routes(span) | Origin::Goto(span) => span,
        }
    }

    fn report_unknown(&mut self, scope: &Scope<'_, '_>, id: &str, span: Span) {
        let problem = Diagnostic::error(Code::UNKNOWN_NODE, span, format!("unknown node `{id}`"));
        let hint = match scope.find_inside(id) {
            Some(path) => {
                let container = path.split('.').next().unwrap_or(&path);
                Some(format!("`{id}` is inside `{container}`: name `{container}`"))
            }
            None => nearest(id, scope.ids()).map(|near| format!("did you mean `{near}`?")),
        };
        self.compiler.report(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    fn report_self_edge(&mut self, node: &NodeDraft<'_>, span: Span, what: &str) {
        let message = format!("node `{}` {what}", node.id.value);
        self.compiler.report(
            Diagnostic::error(Code::CYCLE, span, message)
                .hint("repetition is written as `loop: { until: …, max: … }` on the node"),
        );
    }

    fn report_self_read(&mut self, scope: &Scope<'_, '_>, node: &NodeDraft<'_>, site: Site) {
        let id = &node.id.value;
        let in_loop = node.is_looped() || scope.outer.is_some_and(|(outer, container)| outer.graph.nodes[container].is_looped());
        let hint = if in_loop {
            format!("its output of the iteration before is `loop.previous.{id}`")
        } else {
            "repetition is written as `loop: { until: …, max: … }` on the node".to_owned()
        };
        let span = self.place(Origin::Reads(site));
        self.compiler.report(Diagnostic::error(Code::CYCLE, span, format!("node `{id}` reads its own output")).hint(hint));
    }

    fn report_container_read(&mut self, node: &NodeDraft<'_>, origin: Origin) {
        let id = &node.id.value;
        let hint = if node.is_looped() {
            "the outputs of the iteration before are `loop.previous.ID`"
        } else {
            "a node of the inner graph can be named directly"
        };
        let span = self.place(origin);
        self.compiler.report(
            Diagnostic::error(Code::CYCLE, span, format!("a node inside `{id}` waits for `{id}` itself"))
                .related(node.id.span, format!("`{id}` ends when all nodes in it have ended"))
                .hint(hint),
        );
    }

    fn report_cycle(&mut self, scope: &Scope<'_, '_>, cycle: &[usize], incoming: &[Vec<Edge>]) {
        let id = |index: usize| scope.graph.nodes[index].id.value.as_str();
        let path = cycle.iter().chain(cycle.first()).map(|index| format!("`{}`", id(*index))).collect::<Vec<_>>().join(" → ");
        let steps = cycle.iter().zip(cycle.iter().cycle().skip(1));
        let mut labels = steps.filter_map(|(from, to)| {
            let edge = incoming[*to].iter().find(|edge| edge.from == *from)?;
            let (from, to) = (id(*from), id(*to));
            let text = match edge.origin {
                Origin::Reads(_) => format!("`{to}` reads `{from}` here"),
                Origin::Needs(_) => format!("`{to}` needs `{from}`"),
                Origin::Edge(_) => format!("an edge leads from `{from}` to `{to}`"),
                Origin::Routes(_) => format!("`{from}` routes to `{to}`"),
                Origin::Goto(_) => format!("`{from}` goes to `{to}` when it fails"),
            };
            Some((self.place(edge.origin), text))
        });
        let Some((span, first)) = labels.next() else { return };
        let mut problem = Diagnostic::error(Code::CYCLE, span, format!("these nodes wait for each other: {path}")).label(first);
        for (span, text) in labels {
            problem = problem.related(span, text);
        }
        self.compiler
            .report(problem.hint("remove one of these edges; repetition is written as a node with `loop` and an inner graph"));
    }
}
