//! The points of a workflow: from its plan what there is, from its manifest where it is written.

use super::{
    point::{Count, Point, Spot, What},
    site::{is_iteration, join},
};
use crate::{
    diagnostic::{Diagnostic, SourceFile, Sources, Span, Spanned},
    manifest::{Entries, NodeKindManifest, NodeManifest, OnErrorManifest, WorkflowManifest, read_workflow_text},
    plan::{EdgeKind, EdgePlan, GraphPlan, JoinMode, NodeKind, NodePlan, OnError, Plan, WaitNode},
    template::Expression,
};

/// The points of the workflow that `plan` is of and that is written in `source`, without those of other workflows that it runs.
pub(super) fn points(plan: &Plan, source: &SourceFile) -> Vec<Point> {
    let (mut sources, mut problems): (_, Vec<Diagnostic>) = (Sources::default(), Vec::new());
    let written = read_workflow_text(&source.path, source.text.clone(), &mut sources, &mut problems);
    let mut survey = Survey { sources: &sources, points: Vec::new() };
    survey.graph(&plan.graph, written.as_ref().map(|WorkflowManifest { nodes, .. }| nodes), "");
    survey.points
}

struct Survey<'s> {
    sources: &'s Sources,
    points: Vec<Point>,
}

/// A node as it is planned and written.
struct Node<'a> {
    path: String,
    key: Span,
    plan: &'a NodePlan,
    written: Option<&'a NodeManifest>,
}

impl Survey<'_> {
    fn graph(&mut self, graph: &GraphPlan, written: Option<&Entries<NodeManifest>>, outer: &str) {
        let find = |id: &str| written.into_iter().flatten().find(|(key, _)| key.value == id);
        let nodes = graph.nodes.iter().map(|plan| {
            let found = find(plan.id.as_str());
            let key = found.map_or(Span::new(crate::diagnostic::FileId(0), 0..0), |(key, _)| key.span);
            Node { path: join(outer, plan.id.as_str()), key, plan, written: found.map(|(_, written)| written) }
        });
        let nodes: Vec<Node<'_>> = nodes.collect();
        for node in &nodes {
            self.add(node, What::Ran, node.key, "");
            self.edges(node, &nodes);
            self.conditions(node, graph);
            self.route(node);
            self.errors(node);
            self.work(node);
            if let NodeKind::Graph(inner) = &node.plan.kind
                && !is_iteration(inner)
            {
                let written = match node.written.map(|written| &written.kind) {
                    Some(NodeKindManifest::Nodes(nodes)) => Some(nodes),
                    _ => None,
                };
                self.graph(inner, written, &node.path);
            }
        }
    }

    fn add(&mut self, node: &Node<'_>, what: What, at: Span, subject: impl Into<String>) {
        let position = self.sources.iter().next().map(|_| self.sources.position(at));
        let spot = position.map(|position| Spot { line: position.line, column: position.column }).unwrap_or_default();
        self.points.push(Point { node: node.path.clone(), what, spot, subject: subject.into(), hits: 0, skips: 0 });
    }

    fn edges(&mut self, node: &Node<'_>, nodes: &[Node<'_>]) {
        let any = node.plan.join == JoinMode::Any && node.plan.incoming.len() > 1;
        for edge in &node.plan.incoming {
            let source = &nodes[edge.from];
            let at = edge_span(edge, source, node);
            let from = source.plan.id.to_string();
            self.add(node, What::EdgeFrom(from.clone()), at, "");
            if let EdgeKind::Conditional(condition) = &edge.kind {
                for value in values(condition) {
                    self.add(node, What::EdgeCondition(from.clone(), value), at, condition.source());
                }
            }
            if any {
                self.add(node, What::FirstFrom(from), at, "");
            }
        }
    }

    fn conditions(&mut self, node: &Node<'_>, graph: &GraphPlan) {
        if let Some(when) = &node.plan.when {
            let at = span_or(node.written.and_then(|written| written.when.as_ref()), node.key);
            for value in values(when) {
                self.add(node, What::When(value), at, when.source());
            }
        }
        if let Some(map) = &node.plan.map {
            let at = span_or(node.written.and_then(|written| written.map.as_ref()), node.key);
            for count in counts(&map.over, graph) {
                self.add(node, What::Mapped(count), at, map.over.source());
            }
        }
        let Some(looped) = &node.plan.looped else { return };
        let written = node.written.and_then(|written| written.looped.as_ref());
        let bound = span_or(written.and_then(|looped| looped.max.as_ref()), node.key);
        if let Some(until) = &looped.until {
            let at = span_or(written.and_then(|looped| looped.until.as_ref()), node.key);
            for value in values(until) {
                self.add(node, What::Until(value), at, until.source());
            }
        }
        if looped.max > 1 {
            self.add(node, What::WentRound, bound, "");
        }
        if let Some(until) = looped.until.as_ref().filter(|until| values(until).contains(&false)) {
            self.add(node, What::ReachedBound, bound, until.source());
        }
    }

    fn route(&mut self, node: &Node<'_>) {
        let Some(route) = &node.plan.route else { return };
        let written = node.written.and_then(|written| written.route.as_ref());
        for case in route.cases.keys() {
            let key = written.and_then(|route| route.cases.iter().map(|(key, _)| key).find(|key| key.value == *case));
            let at = span_or(key, node.key);
            self.add(node, What::Case(case.clone()), at, route.on.source());
        }
        if route.default.is_some() {
            let named = written.and_then(|route| route.default.as_ref()?.first());
            let at = named.map(|name| name.span).or(written.map(|route| route.span)).unwrap_or(node.key);
            self.add(node, What::Default, at, route.on.source());
        }
    }

    fn errors(&mut self, node: &Node<'_>) {
        let at = span_or(node.written.and_then(|written| written.on_error.as_ref()), node.key);
        match &node.plan.on_error {
            OnError::Fail => {}
            OnError::Continue => self.add(node, What::Continued, at, ""),
            OnError::Use(_) => self.add(node, What::Replaced, at, ""),
            OnError::Goto(target) => self.add(node, What::WentTo(target.to_string()), at, ""),
        }
        let written = node.written.and_then(|written| written.retry.as_ref());
        if let Some(written) = written.filter(|_| doing(node.plan).retry.max_attempts > 1) {
            let at = span_or(written.max_attempts.as_ref(), node.key);
            self.add(node, What::Retried, at, "");
        }
    }

    /// What there is to take of what the node does.
    fn work(&mut self, node: &Node<'_>) {
        match doing(node.plan).kind.written() {
            NodeKind::Agent(agent) => {
                let written = match node.written.map(|written| &written.kind) {
                    Some(NodeKindManifest::Agent { fallback: Some(chain), .. }) => chain.as_slice(),
                    _ => &[],
                };
                for fallback in &agent.fallback {
                    let model = fallback.model.to_string();
                    let at = written.iter().map(|fallback| &fallback.model).find(|written| written.value == model);
                    self.add(node, What::FellBackTo(model), span_or(at, node.key), "");
                }
            }
            NodeKind::Approval(approval) => {
                let written = match node.written.map(|written| &written.kind) {
                    Some(NodeKindManifest::Approval(written)) => Some(written),
                    _ => None,
                };
                for option in &approval.options {
                    let at = written.and_then(|written| written.options.iter().find(|written| written.value == *option));
                    self.add(node, What::Chose(option.clone()), span_or(at, node.key), "");
                }
                if approval.timeout.is_some() {
                    let at = written.and_then(|written| written.timeout.as_ref());
                    self.add(node, What::Unanswered, at.map_or(node.key, |timeout| timeout.span), "");
                }
            }
            NodeKind::Receive(receive) if receive.takes_fewer => self.add(node, What::CameShort, node.key, ""),
            NodeKind::Wait(wait) if matches!(**wait, WaitNode::Message { goes_on: true, .. }) => {
                self.add(node, What::CameShort, node.key, "");
            }
            NodeKind::Tool(_)
            | NodeKind::Value(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_)
            | NodeKind::StandIn { .. } => {}
        }
    }
}

/// What the node does in each iteration, when it is a loop that was written without an inner graph; itself otherwise.
pub(super) fn doing(node: &NodePlan) -> &NodePlan {
    match &node.kind {
        NodeKind::Graph(inner) if is_iteration(inner) => inner.nodes.first().unwrap_or(node),
        _ => node,
    }
}

/// The values that a condition can have.
fn values(condition: &Expression) -> Vec<bool> {
    match condition.constant().and_then(|value| value.as_bool()) {
        Some(value) => vec![value],
        None => vec![true, false],
    }
}

/// How many elements a list can have: all, unless it is a field of a node's output whose schema says otherwise.
fn counts(over: &Expression, graph: &GraphPlan) -> Vec<Count> {
    let bound = |key: &str| -> Option<u64> {
        let path = &over.references().first().filter(|first| first.path.join(".") == over.source().trim())?.path;
        let (node, fields) = path.split_first()?;
        let schema = graph.nodes[*graph.index.get(node.as_str())?].output_schema.as_deref()?;
        fields.iter().try_fold(schema, |schema, field| schema.get("properties")?.get(field))?.get(key)?.as_u64()
    };
    let (least, most) = (bound("minItems").unwrap_or(0), bound("maxItems").unwrap_or(u64::MAX));
    let fits = |count: &Count| match count {
        Count::None => least == 0,
        Count::One => least <= 1 && most >= 1,
        Count::Many => most > 1,
    };
    [Count::None, Count::One, Count::Many].into_iter().filter(fits).collect()
}

/// Where an edge is written, as far as it is written in a place of its own: what only reads another node has none.
fn edge_span(edge: &EdgePlan, source: &Node<'_>, target: &Node<'_>) -> Span {
    let (from, to) = (source.plan.id.as_str(), target.plan.id.as_str());
    let named = |names: &[Spanned<String>], id: &str| names.iter().find(|name| name.value == id).map(|name| name.span);
    let found = match &edge.kind {
        EdgeKind::Plain => target.written.and_then(|written| named(&written.needs, from)),
        EdgeKind::Routed => source.written.and_then(|written| written.route.as_ref()).and_then(|route| {
            let mut chosen = route.cases.iter().map(|(_, names)| names).chain(&route.default);
            chosen.find_map(|names| named(names, to))
        }),
        EdgeKind::OnError => source.written.and_then(|written| match &written.on_error {
            Some(on_error) if matches!(on_error.value, OnErrorManifest::Goto(_)) => Some(on_error.span),
            _ => None,
        }),
        EdgeKind::Conditional(_) => None,
    };
    let edges = || target.written.into_iter().flat_map(|written| &written.edges);
    found.or_else(|| edges().find(|edge| edge.from.value == from).map(|edge| edge.from.span)).unwrap_or(target.key)
}

fn span_or<T>(written: Option<&Spanned<T>>, otherwise: Span) -> Span {
    written.map_or(otherwise, |written| written.span)
}
