//! What a random graph is made of, and the workflow file that says the same.

use agentflow::model::Value;
use serde_json::{Map, json};

use super::script::{MODELS, Script};

/// What all numbers stay below.
pub(crate) const MODULUS: i64 = 997;
/// How long a node that has a time limit may take, in seconds; calls that hang take far longer.
pub(crate) const NODE_TIMEOUT: u64 = 3;

/// A workflow.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// In topological order.
    pub(crate) nodes: Vec<Node>,
    /// The value of `inputs.n`.
    pub(crate) input: i64,
    pub(crate) concurrency: u32,
    pub(crate) max_nodes: Option<u64>,
    pub(crate) max_iterations: Option<u64>,
    pub(crate) max_tokens: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// What its number is the sum of, plus one.
    pub(crate) reads: Vec<Read>,
    /// What its prompt names besides; no answer depends on it.
    pub(crate) mentions: Vec<Read>,
    /// Siblings that it waits for without reading them.
    pub(crate) needs: Vec<usize>,
    /// Siblings with an edge to it that is taken when `inputs.n` is above the number.
    pub(crate) conditions: Vec<(usize, i64)>,
    pub(crate) when: Option<When>,
    pub(crate) joins_any: bool,
    pub(crate) map: Option<Mapped>,
    pub(crate) looped: Option<Looped>,
    pub(crate) route: Option<Route>,
    pub(crate) on_error: OnError,
    pub(crate) max_attempts: Option<u32>,
    /// Whether it has a time limit, which it never keeps.
    pub(crate) runs_out_of_time: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Computes its number.
    Sum,
    /// Divides by zero.
    Broken,
    /// Asks a model for its number.
    Agent(Script),
    /// Runs an inner graph.
    Graph(Vec<Node>),
}

/// A number that a template reads.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) what: What,
    pub(crate) text: String,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Node `at` of the graph `up` levels outside.
    Node {
        up: usize,
        at: usize,
        take: Take,
    },
    Item,
    Index,
    Iteration,
    /// Node `at` in the iteration before.
    Previous {
        at: usize,
    },
}

/// Which number of an output.
#[derive(Debug, Clone)]
pub(crate) enum Take {
    Whole,
    SumOfList,
    LengthOfList,
    Field(String),
}

#[derive(Debug, Clone)]
pub(crate) enum When {
    InputAbove(i64),
    IsEven(Read),
}

#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    pub(crate) over: Over,
    pub(crate) width: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) enum Over {
    /// The numbers from 1 on, so many.
    Count(usize),
    /// The list that a sibling gives.
    Sibling(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Looped {
    pub(crate) max: u32,
    /// Ends when this inner node's number (its own, without an inner graph) is above that.
    pub(crate) until: Option<(usize, i64)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) modulus: i64,
    pub(crate) cases: Vec<(i64, Vec<usize>)>,
    pub(crate) default: Option<Vec<usize>>,
}

#[derive(Debug, Clone)]
pub(crate) enum OnError {
    Fail,
    Continue,
    Use(i64),
    Goto(usize),
}

/// When an edge is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edge {
    Plain,
    Routed,
    Above(i64),
    OnError,
}

impl Node {
    /// Whether its `route`, if it has one, leads somewhere for every value.
    pub(crate) fn leads_everywhere(&self) -> bool {
        let is_whole = |route: &Route| (0..route.modulus).all(|value| route.cases.iter().any(|(case, _)| *case == value));
        self.route.as_ref().is_none_or(|route| route.default.is_some() || is_whole(route))
    }

    /// Whether one instance of it gives a number.
    pub(crate) fn is_number(&self) -> bool {
        !matches!(self.kind, Kind::Graph(_))
    }

    pub(crate) fn inner(&self) -> &[Node] {
        match &self.kind {
            Kind::Graph(nodes) => nodes,
            Kind::Sum | Kind::Broken | Kind::Agent(_) => &[],
        }
    }

    /// The siblings of the graph `up` levels outside that it or anything in it reads.
    fn read_at(&self, up: usize, found: &mut Vec<usize>) {
        let when = match &self.when {
            Some(When::IsEven(read)) => Some(read),
            Some(When::InputAbove(_)) | None => None,
        };
        for read in self.reads.iter().chain(&self.mentions).chain(when) {
            if let What::Node { up: level, at, .. } = read.what
                && level == up
            {
                found.push(at);
            }
        }
        if up == 0 {
            found.extend_from_slice(&self.needs);
            if let Some(Mapped { over: Over::Sibling(at), .. }) = self.map {
                found.push(at);
            }
        }
        for node in self.inner() {
            node.read_at(up + 1, found);
        }
    }
}

/// The edges to node `at` of `nodes`, one per source.
pub(crate) fn edges_to(nodes: &[Node], at: usize) -> Vec<(usize, Edge)> {
    let mut plain = Vec::new();
    nodes[at].read_at(0, &mut plain);
    plain.sort_unstable();
    plain.dedup();
    let mut edges: Vec<_> = plain.into_iter().map(|from| (from, Edge::Plain)).collect();
    for (from, node) in nodes[..at].iter().enumerate() {
        let routes = node.route.iter().flat_map(|route| route.cases.iter().map(|(_, to)| to).chain(&route.default)).flatten();
        let mut control = Vec::new();
        control.extend(routes.filter(|to| **to == at).map(|_| Edge::Routed));
        control.extend(matches!(node.on_error, OnError::Goto(to) if to == at).then_some(Edge::OnError));
        control.extend(nodes[at].conditions.iter().filter(|(source, _)| *source == from).map(|(_, above)| Edge::Above(*above)));
        if let Some(control) = control.first() {
            edges.retain(|(source, _)| *source != from);
            edges.push((from, *control));
        }
    }
    edges
}

impl Graph {
    /// The workflow file. Edges with conditions exist in the interchange form only, so all graphs are written in it.
    pub(crate) fn text(&self) -> String {
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|node| json!({"node_id": node.id, "node_type": node.kind_name(), "config": config(node, &self.nodes)}))
            .collect();
        let edges: Vec<_> = self
            .nodes
            .iter()
            .flat_map(|node| node.conditions.iter().map(move |(from, above)| (node, *from, above)))
            .map(|(node, from, above)| {
                json!({"from_node": self.nodes[from].id, "to_node": node.id, "condition": format!("inputs.n > {above}")})
            })
            .collect();
        let mut limits = json!({"concurrency": self.concurrency});
        for (name, limit) in [("nodes", self.max_nodes), ("iterations", self.max_iterations), ("max_tokens", self.max_tokens)] {
            if let Some(limit) = limit {
                limits[name] = json!(limit);
            }
        }
        let agents = json!({"a": {"model": "openai/m", "timeout": "20s"}, "b": {"model": "openai/m", "max_concurrent": 2}});
        json!({"inputs": {"n": "integer"}, "limits": limits, "agents": agents, "nodes": nodes, "edges": edges}).to_string()
    }
}

impl Node {
    fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Sum | Kind::Broken => "value",
            Kind::Agent(_) => "agent",
            Kind::Graph(_) => "nodes",
        }
    }
}

fn config(node: &Node, siblings: &[Node]) -> Value {
    let id = |at: &usize| siblings[*at].id.clone();
    let ids = |at: &[usize]| at.iter().map(id).collect::<Vec<_>>();
    let mut keys = Map::new();
    let mut set = |key: &str, value: Value| keys.insert(key.to_owned(), value);
    match &node.kind {
        Kind::Sum => set("value", json!(format!("{{{{ {} }}}}", sum(&node.reads)))),
        Kind::Broken => set("value", json!("{{ 1 // (inputs.n - inputs.n) }}")),
        Kind::Agent(script) => {
            set("agent", json!(script.agent));
            set("output", json!("integer"));
            if !script.fallback.is_empty() {
                set("fallback", chain(script));
            }
            let mentions: Vec<_> = node.mentions.iter().map(|read| format!(" not {{{{ {} }}}}", read.text)).collect();
            set("prompt", json!(format!("{{{{ {} }}}}{}", sum(&node.reads), mentions.concat())))
        }
        Kind::Graph(inner) => {
            let inner_nodes = inner.iter().map(|node| (node.id.clone(), config(node, inner))).collect();
            set("nodes", Value::Object(inner_nodes))
        }
    };
    if !node.needs.is_empty() {
        set("needs", json!(ids(&node.needs)));
    }
    match &node.when {
        Some(When::InputAbove(above)) => _ = set("when", json!(format!("inputs.n > {above}"))),
        Some(When::IsEven(read)) => _ = set("when", json!(format!("{} % 2 == 0", read.text))),
        None => {}
    }
    if node.joins_any {
        set("join", json!("any"));
    }
    if let Some(map) = &node.map {
        let over = match map.over {
            Over::Count(count) => json!((1..=count).collect::<Vec<_>>()).to_string(),
            Over::Sibling(at) => format!("{} | default([], true)", siblings[at].id),
        };
        set("map", json!(over));
        if let Some(width) = map.width {
            set("concurrency", json!(width));
        }
    }
    if let Some(looped) = &node.looped {
        let mut keys = json!({"max": looped.max});
        if let Some((at, above)) = looped.until {
            let id = node.inner().get(at).map_or(&node.id, |inner| &inner.id);
            keys["until"] = json!(format!("({id} | default(0, true)) > {above}"));
        }
        set("loop", keys);
    }
    if let Some(route) = &node.route {
        let cases: Map<_, _> = route.cases.iter().map(|(value, to)| (value.to_string(), json!(ids(to)))).collect();
        let mut keys = json!({"on": format!("{} % {}", node.id, route.modulus), "cases": cases});
        if let Some(default) = &route.default {
            keys["default"] = json!(ids(default));
        }
        set("route", keys);
    }
    match &node.on_error {
        OnError::Fail => {}
        OnError::Continue => _ = set("on_error", json!("continue")),
        OnError::Use(number) => _ = set("on_error", json!({"use": number})),
        OnError::Goto(to) => _ = set("on_error", json!({"goto": id(to)})),
    }
    if let Some(max_attempts) = node.max_attempts {
        set("retry", json!({"max_attempts": max_attempts, "initial": "200ms"}));
    }
    if node.runs_out_of_time {
        set("timeout", json!(format!("{NODE_TIMEOUT}s")));
    }
    Value::Object(keys)
}

/// The models that an agent falls back to, as short as the format allows.
fn chain(script: &Script) -> Value {
    let models = MODELS[1..].iter().zip(&script.fallback).map(|(model, fallback)| {
        let name = format!("openai/{model}");
        let reasons = [("context_length", fallback.is_larger), ("auth", fallback.has_other_key)];
        let also_after: Vec<_> = reasons.iter().filter(|(_, is_one)| *is_one).map(|(reason, _)| *reason).collect();
        if also_after.is_empty() { json!(name) } else { json!({"model": name, "also_after": also_after}) }
    });
    models.collect()
}

fn sum(reads: &[Read]) -> String {
    let parts: Vec<_> = reads.iter().map(|read| format!("{} + ", read.text)).collect();
    format!("({}1) % {MODULUS}", parts.concat())
}
