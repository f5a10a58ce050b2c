//! Draws random graphs: the same seed gives the same graph.
//!
//! What a run comes to must not depend on its timing, or nothing could be said of it in advance. So a node that starts at its first
//! edge reads nothing but constants for its number, and no inner graph has two nodes that may end it.

use std::ops::RangeInclusive;

use fastrand::Rng;

use super::{
    script::{Failure, Fallback, MODELS, Script},
    spec::{Edge, Graph, Kind, Looped, Mapped, Node, OnError, Over, Read, Route, Take, What, When, edges_to},
};

/// How deep graphs stand in each other.
const DEPTH: usize = 2;

/// A random graph of so many nodes, inner ones included.
pub(crate) fn graph(seed: u64, nodes: RangeInclusive<usize>) -> Graph {
    let mut rng = Rng::with_seed(seed);
    let left = rng.usize(nodes);
    let mut builder = Builder { rng, next: 0, left, levels: Vec::new() };
    let wide = builder.rng.usize(1..=left);
    let can_end = usize::from(builder.rng.u8(..10) < 3) * builder.rng.usize(1..=2);
    let nodes = builder.frame(wide, Inside::default(), can_end);
    let rng = &mut builder.rng;
    let bound = |rng: &mut Rng, one_in: u8, most: u64| (rng.u8(..one_in) == 0).then(|| rng.u64(1..=most));
    Graph {
        nodes,
        input: rng.i64(0..10),
        concurrency: rng.u32(1..=8),
        max_nodes: bound(rng, 8, 60),
        max_iterations: bound(rng, 10, 20),
        max_tokens: bound(rng, 8, 60),
    }
}

struct Builder {
    rng: Rng,
    next: usize,
    left: usize,
    /// The graphs being drawn, outermost first.
    levels: Vec<Level>,
}

/// A graph being drawn.
struct Level {
    nodes: Vec<Node>,
    /// Whether the node that is being drawn starts at its first edge, so that its siblings may not have ended.
    is_unsettled: bool,
}

/// What there is around a node.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
struct Inside {
    map: bool,
    looped: bool,
    /// Whether something around it runs out of time.
    timed: bool,
    /// Whether the very graph of the node is an iteration.
    of_iteration: bool,
}

impl Builder {
    fn one_in(&mut self, count: u8) -> bool {
        self.rng.u8(..count) == 0
    }

    /// Up to `count` nodes of one graph, `can_end` of which may end it by failing.
    fn frame(&mut self, count: usize, inside: Inside, can_end: usize) -> Vec<Node> {
        self.levels.push(Level { nodes: Vec::new(), is_unsettled: false });
        for _ in 0..count {
            if self.left == 0 {
                break;
            }
            let node = self.node(inside);
            self.levels.last_mut().unwrap().nodes.push(node);
        }
        let mut nodes = self.levels.pop().unwrap().nodes;
        let is_outermost = self.levels.is_empty();
        self.lead(&mut nodes, can_end, is_outermost);
        nodes
    }

    fn siblings(&self) -> &[Node] {
        &self.levels.last().unwrap().nodes
    }

    fn node(&mut self, inside: Inside) -> Node {
        self.left -= 1;
        self.next += 1;
        let id = format!("n{}", self.next);
        let before = self.siblings().len();
        let joins_any = before > 1 && self.one_in(8);
        let map = self.one_in(6).then(|| self.map(joins_any));
        let is_looped = self.one_in(8);
        let max = self.rng.u32(1..=3);
        let inside = Inside {
            map: inside.map || map.is_some(),
            looped: inside.looped || is_looped,
            timed: inside.timed,
            of_iteration: is_looped || (inside.of_iteration && map.is_none()),
        };
        let mut node = Node {
            id,
            kind: Kind::Sum,
            reads: Vec::new(),
            mentions: Vec::new(),
            needs: Vec::new(),
            conditions: Vec::new(),
            when: None,
            joins_any,
            map,
            looped: is_looped.then_some(Looped { max, until: None }),
            route: None,
            on_error: OnError::Fail,
            max_attempts: None,
            runs_out_of_time: false,
        };
        self.levels.last_mut().unwrap().is_unsettled = joins_any;
        self.kind(&mut node, inside);
        self.sources(&mut node, before);
        self.levels.last_mut().unwrap().is_unsettled = false;
        if let Some(looped) = &mut node.looped
            && self.rng.bool()
        {
            let numbers: Vec<_> = match &node.kind {
                Kind::Graph(inner) => (0..inner.len()).filter(|at| is_single_number(&inner[*at])).collect(),
                Kind::Sum | Kind::Broken | Kind::Agent(_) => vec![0],
            };
            looped.until = self.rng.choice(numbers).map(|at| (at, self.rng.i64(0..20)));
        }
        node
    }

    fn map(&mut self, joins_any: bool) -> Mapped {
        let lists: Vec<_> = (0..self.siblings().len())
            .filter(|at| self.siblings()[*at].map.is_some() && self.siblings()[*at].is_number())
            .collect();
        let over = match self.rng.choice(lists) {
            Some(at) if !joins_any && self.rng.bool() => Over::Sibling(at),
            _ => Over::Count(self.rng.usize(0..=4)),
        };
        Mapped { over, width: self.rng.bool().then(|| self.rng.u32(1..=3)) }
    }

    fn kind(&mut self, node: &mut Node, inside: Inside) {
        let is_deep = self.levels.len() > DEPTH;
        node.kind = match self.rng.u8(..20) {
            0..8 => Kind::Sum,
            8 => Kind::Broken,
            9..12 if !is_deep && self.left > 0 => {
                let count = self.rng.usize(1..=4);
                node.runs_out_of_time = self.one_in(8);
                let can_end = usize::from(!node.runs_out_of_time && self.one_in(3));
                let timed = inside.timed || node.runs_out_of_time;
                let inner_inside = Inside { of_iteration: node.looped.is_some(), timed, ..inside };
                let mut inner = self.frame(count, inner_inside, can_end);
                if node.runs_out_of_time {
                    inner.push(hanging(format!("{}x", node.id)));
                }
                Kind::Graph(inner)
            }
            _ => {
                node.runs_out_of_time = node.looped.is_none() && self.one_in(25);
                let mut script = self.script(node.runs_out_of_time, node.map.is_some() && node.looped.is_none(), inside);
                if self.one_in(2) {
                    let agent = script.agent;
                    script.fallback = (0..self.rng.usize(1..MODELS.len())).map(|_| self.fallback(agent, inside)).collect();
                }
                Kind::Agent(script)
            }
        };
        if matches!(node.kind, Kind::Sum | Kind::Agent(_)) {
            for _ in 0..self.rng.usize(0..=3) {
                self.read(node, inside);
            }
        }
        if self.one_in(3) || (matches!(node.kind, Kind::Graph(_)) && self.rng.bool()) {
            node.max_attempts = Some(self.rng.u32(1..=4));
        }
    }

    fn script(&mut self, hangs: bool, is_mapped: bool, inside: Inside) -> Script {
        let agent = if !hangs && self.one_in(4) { "b" } else { "a" };
        let mut failures = Vec::new();
        if hangs {
            failures = vec![Failure::Hangs; 8];
        } else if self.one_in(3) {
            failures = (0..self.rng.usize(1..=4)).map(|_| self.failure(agent, inside)).collect();
        }
        Script {
            agent,
            bad_answers: if !hangs && self.one_in(5) { self.rng.u32(1..=2) } else { 0 },
            failures,
            fallback: Vec::new(),
            only_first_round: !hangs && self.one_in(3),
            only_element: (is_mapped && !hangs && self.one_in(3)).then(|| self.rng.usize(0..3)),
        }
    }

    fn fallback(&mut self, agent: &str, inside: Inside) -> Fallback {
        let failures = (0..self.rng.usize(0..=8)).map(|_| self.rng.bool().then(|| self.failure(agent, inside))).collect();
        Fallback { failures, is_larger: self.one_in(3), has_other_key: self.one_in(3) }
    }

    fn failure(&mut self, agent: &str, inside: Inside) -> Failure {
        use Failure::{
            Busy, Hangs, KeyRefused, Malformed, Nonsense, Refused, Rejected, Spent, Throttled, ThrottledForLong, TooLong,
            Truncated, Unknown,
        };
        let kinds = [
            Busy,
            Busy,
            Busy,
            Throttled,
            ThrottledForLong,
            Truncated,
            Malformed,
            Rejected,
            Refused,
            TooLong,
            KeyRefused,
            Unknown,
            Spent,
            Nonsense,
            Hangs,
        ];
        let kind = kinds[self.rng.usize(..kinds.len())];
        match kind {
            // Where time is short, it depends on the timing whether something is tried again.
            _ if inside.timed && kind.kind().is_temporary() => Rejected,
            // Those that wait for a place of their agent must not run out of time.
            Hangs if agent == "b" => Busy,
            _ => kind,
        }
    }

    /// Adds something that the node reads.
    fn read(&mut self, node: &mut Node, inside: Inside) {
        let self_looped = node.looped.is_some();
        let (what, text) = match self.rng.u8(..10) {
            0 if inside.map => (What::Item, "(item | default(0, true))".to_owned()),
            1 if inside.map => (What::Index, "index".to_owned()),
            2 if inside.looped => (What::Iteration, "loop.iteration".to_owned()),
            3 if inside.of_iteration => {
                let (at, id) = if self_looped {
                    (0, node.id.clone())
                } else {
                    let numbers: Vec<_> =
                        (0..self.siblings().len()).filter(|at| is_single_number(&self.siblings()[*at])).collect();
                    let Some(at) = self.rng.choice(numbers) else { return };
                    (at, self.siblings()[at].id.clone())
                };
                (What::Previous { at }, format!("(loop.previous.{id} | default(0, true))"))
            }
            _ => {
                let up = self.rng.usize(..self.levels.len());
                let level = &self.levels[self.levels.len() - 1 - up];
                let Some(at) = self.rng.choice(0..level.nodes.len()) else { return };
                let is_unsettled = level.is_unsettled;
                let Some((take, text)) = take(&level.nodes[at]) else { return };
                let read = Read { what: What::Node { up, at, take }, text };
                match (is_unsettled, &node.kind) {
                    (false, _) => node.reads.push(read),
                    (true, Kind::Agent(_)) => node.mentions.push(read),
                    (true, _) => {}
                }
                return;
            }
        };
        node.reads.push(Read { what, text });
    }

    /// Adds what the node waits for, and its condition.
    fn sources(&mut self, node: &mut Node, before: usize) {
        if before > 0 {
            let least = if node.joins_any { 2 } else { usize::from(self.one_in(4)) };
            for _ in 0..least {
                node.needs.push(self.rng.usize(..before));
            }
            node.needs.sort_unstable();
            node.needs.dedup();
        }
        if self.one_in(5) {
            let sibling = self.rng.choice(0..before).and_then(|at| Some((at, take(&self.siblings()[at])?)));
            node.when = Some(match sibling {
                Some((at, (take, text))) if !node.joins_any && self.rng.bool() => {
                    When::IsEven(Read { what: What::Node { up: 0, at, take }, text })
                }
                _ => When::InputAbove(self.rng.i64(0..10)),
            });
        }
    }

    /// Adds edges that decide, and what failures mean.
    fn lead(&mut self, nodes: &mut [Node], mut can_end: usize, is_outermost: bool) {
        for at in 0..nodes.len() {
            let control =
                |nodes: &[Node], to: usize| edges_to(nodes, to).iter().any(|(from, edge)| *from == at && *edge != Edge::Plain);
            let free: Vec<_> = (at + 1..nodes.len()).filter(|to| !control(nodes, *to)).collect();
            if is_outermost
                && self.one_in(6)
                && nodes[at].route.is_none()
                && let Some(to) = self.rng.choice(free.clone())
            {
                let above = self.rng.i64(0..10);
                nodes[to].conditions.push((at, above));
            }
            let free: Vec<_> = (at + 1..nodes.len()).filter(|to| !control(nodes, *to)).collect();
            let is_plain = is_single_number(&nodes[at]) && nodes[at].looped.is_none() && !matches!(nodes[at].kind, Kind::Broken);
            let script_fails = matches!(&nodes[at].kind, Kind::Agent(script) if !script.failures.is_empty());
            if is_plain && !script_fails && !free.is_empty() && self.one_in(6) {
                nodes[at].route = Some(self.route(&free));
            }
            if !may_fail(&nodes[at]) {
                continue;
            }
            let free: Vec<_> = (at + 1..nodes.len()).filter(|to| !control(nodes, *to)).collect();
            nodes[at].on_error = match self.rng.u8(..6) {
                0 | 1 if can_end > 0 => {
                    can_end -= 1;
                    OnError::Fail
                }
                2 | 3 if nodes[at].is_number() => OnError::Use(self.rng.i64(0..50)),
                4 if !free.is_empty() && nodes[at].route.is_none() && !matches!(nodes[at].kind, Kind::Sum) => {
                    OnError::Goto(free[self.rng.usize(..free.len())])
                }
                _ => OnError::Continue,
            };
        }
    }

    fn route(&mut self, targets: &[usize]) -> Route {
        let modulus = self.rng.i64(2..=3);
        let mut cases: Vec<(i64, Vec<usize>)> = Vec::new();
        for value in 0..modulus {
            if value == 0 || self.rng.u8(..4) > 0 {
                let mut to: Vec<_> = (0..self.rng.usize(1..=2)).map(|_| targets[self.rng.usize(..targets.len())]).collect();
                to.dedup();
                cases.push((value, to));
            }
        }
        let is_whole = (0..modulus).all(|value| cases.iter().any(|(case, _)| *case == value));
        let default = (!is_whole && self.rng.bool()).then(|| vec![targets[self.rng.usize(..targets.len())]]);
        Route { modulus, cases, default }
    }
}

/// Whether the output of the node is one number.
fn is_single_number(node: &Node) -> bool {
    node.is_number() && node.map.is_none()
}

/// Whether the node can fail for good.
fn may_fail(node: &Node) -> bool {
    !node.leads_everywhere()
        || node.runs_out_of_time
        || match &node.kind {
            Kind::Sum => false,
            Kind::Broken => true,
            Kind::Agent(script) => !script.failures.is_empty(),
            Kind::Graph(inner) => inner.iter().any(|node| may_fail(node) && matches!(node.on_error, OnError::Fail)),
        }
}

/// A number in the output of a node, if it has one.
fn take(node: &Node) -> Option<(Take, String)> {
    let id = &node.id;
    Some(match (&node.map, node.is_number()) {
        (None, true) => (Take::Whole, format!("({id} | default(0, true))")),
        (Some(_), true) => (Take::SumOfList, format!("({id} | default([], true) | select | sum)")),
        (Some(_), false) => (Take::LengthOfList, format!("({id} | default([], true) | length)")),
        (None, false) => {
            let child = node.inner().iter().find(|child| is_single_number(child))?;
            (Take::Field(child.id.clone()), format!("({id}.{} | default(0, true))", child.id))
        }
    })
}

/// An agent that never answers.
fn hanging(id: String) -> Node {
    let script = Script {
        agent: "a",
        bad_answers: 0,
        failures: vec![Failure::Hangs; 8],
        fallback: Vec::new(),
        only_first_round: false,
        only_element: None,
    };
    Node {
        id,
        kind: Kind::Agent(script),
        reads: Vec::new(),
        mentions: Vec::new(),
        needs: Vec::new(),
        conditions: Vec::new(),
        when: None,
        joins_any: false,
        map: None,
        looped: None,
        route: None,
        on_error: OnError::Fail,
        max_attempts: None,
        runs_out_of_time: false,
    }
}
