//! The naive reference: goes through a graph node by node, in the order written, as a person would with a pencil. It knows nothing
//! of logs, queues, places or time.

use std::collections::{BTreeMap, BTreeSet};

use agentflow::{
    error::ErrorKind,
    model::{NodeStatus, Value},
};
use serde_json::json;

use super::{
    expected::{
        Expected, Happens, Instance, Origin, attempt_failed, attempt_started, ended, fallback_taken, iteration_started,
        model_responded, name,
    },
    scope::{Round, Scope, number_of},
    script::{Failure, MODELS, Script},
    spec::{Edge, Graph, Kind, MODULUS, Node, OnError, Over, Route, When, edges_to},
};

/// Answers that do not follow the schema before an attempt is given up.
const MOST_ANSWERS: u32 = 3;
/// Attempts of agents unless the node says otherwise.
const ATTEMPTS: u32 = 4;

/// Works out what a run of `graph` comes to if no budget is in its way.
pub(crate) fn work_out(graph: &Graph) -> Expected {
    let mut pencil = Pencil { input: graph.input, expected: Expected::default() };
    let whole = pencil.expected.mark();
    let outer = Scope { outer: None, outputs: &[], item: None, round: None };
    let opened = Opened { prefix: String::new(), by: None };
    let (ends, failed) = pencil.frame(&graph.nodes, &opened, &outer, true, None);
    let mut expected = pencil.expected;
    expected.end = Some(if failed.is_empty() {
        let is_last =
            |at: usize| (at + 1..graph.nodes.len()).all(|to| edges_to(&graph.nodes, to).iter().all(|(from, _)| *from != at));
        let last = ends.into_iter().enumerate().filter(|(at, _)| is_last(*at));
        Ok(last.map(|(at, end)| (graph.nodes[at].id.clone(), end.output)).collect::<BTreeMap<_, _>>())
    } else {
        expected.soften_since(whole);
        Err(failed.into_iter().map(|why| name(why.kind)).collect::<BTreeSet<_>>())
    });
    expected
}

struct Pencil {
    input: i64,
    expected: Expected,
}

/// How a node ended, for those that come after it.
#[derive(Debug, Clone)]
struct End {
    /// `Pending` when it never ends, because its graph does before.
    status: NodeStatus,
    output: Value,
    went_through: bool,
    routed_to: Vec<usize>,
}

impl End {
    fn without_output(status: NodeStatus) -> Self {
        Self { status, output: Value::Null, went_through: false, routed_to: Vec::new() }
    }
}

/// Why something failed.
#[derive(Debug, Clone, Copy)]
struct Why {
    kind: ErrorKind,
    /// Whether the server asks for a wait that is too long, also for what the call is a part of.
    asks_for_too_much_time: bool,
}

impl From<ErrorKind> for Why {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, asks_for_too_much_time: false }
    }
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Self {
        Self { kind: failure.kind(), asks_for_too_much_time: failure == Failure::ThrottledForLong }
    }
}

/// A graph that was opened: how the paths in it begin, and the event and the instance that opened it.
struct Opened {
    prefix: String,
    by: Option<(String, String)>,
}

impl Pencil {
    /// Goes through one graph. Returns how its nodes ended, and the failures that end the graph.
    fn frame(
        &mut self,
        nodes: &[Node],
        opened: &Opened,
        outer: &Scope<'_>,
        is_outermost: bool,
        round: Option<&Round>,
    ) -> (Vec<End>, Vec<Why>) {
        let mark = self.expected.mark();
        let mut ends: Vec<End> = Vec::new();
        let mut failed = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let path = format!("{}{}", opened.prefix, node.id);
            let outputs: Vec<_> = ends.iter().map(|end| end.output.clone()).collect();
            let scope = Scope { outer: (!is_outermost).then_some(outer), outputs: &outputs, item: None, round };
            let edges = edges_to(nodes, at);
            let (starts, deciders) = self.starts(node, at, &edges, &ends);
            self.expected.origins.insert(
                path.clone(),
                Origin {
                    after: deciders.iter().map(|from| format!("{}{}", opened.prefix, nodes[*from].id)).collect(),
                    one_is_enough: node.joins_any && starts == Some(true),
                    opened_by: opened.by.clone(),
                },
            );
            let end = match starts {
                None => self.never(&path),
                Some(false) => self.skip(&path),
                Some(true) if !self.holds(node.when.as_ref(), &scope) => self.skip(&path),
                Some(true) => self.node(node, &path, &scope, &mut failed),
            };
            ends.push(end);
        }
        if !failed.is_empty() {
            self.expected.soften_since(mark);
        }
        (ends, failed)
    }

    /// Whether the edges start the node (`None`: that is never decided), and the sources that decide it.
    fn starts(&self, node: &Node, at: usize, edges: &[(usize, Edge)], ends: &[End]) -> (Option<bool>, Vec<usize>) {
        let sources: Vec<_> = edges.iter().map(|(from, _)| *from).collect();
        if edges.is_empty() {
            return (Some(true), sources);
        }
        let has_control = edges.iter().any(|(_, edge)| *edge != Edge::Plain);
        let counts = edges.iter().filter(|(_, edge)| !has_control || *edge != Edge::Plain);
        let is_taken = |from: usize, edge: Edge| match edge {
            Edge::Plain => ends[from].went_through,
            Edge::Routed => ends[from].went_through && ends[from].routed_to.contains(&at),
            Edge::Above(above) => ends[from].went_through && self.input > above,
            Edge::OnError => ends[from].status == NodeStatus::Failed && !ends[from].went_through,
        };
        let taken: Vec<_> = counts.filter(|(from, edge)| is_taken(*from, *edge)).map(|(from, _)| *from).collect();
        let never = sources.iter().any(|from| ends[*from].status == NodeStatus::Pending);
        match (node.joins_any, taken.is_empty()) {
            (true, false) => (Some(true), taken),
            (_, _) if never => (None, sources),
            (_, is_empty) => (Some(!is_empty), sources),
        }
    }

    fn never(&mut self, path: &str) -> End {
        self.instance(path, NodeStatus::Cancelled, &Value::Null, 0, false);
        End::without_output(NodeStatus::Pending)
    }

    fn skip(&mut self, path: &str) -> End {
        self.expected.happens(ended(path, NodeStatus::Skipped));
        self.instance(path, NodeStatus::Skipped, &Value::Null, 0, false);
        End::without_output(NodeStatus::Skipped)
    }

    fn instance(&mut self, path: &str, status: NodeStatus, output: &Value, attempt: u32, has_started: bool) {
        let (path, output) = (path.to_owned(), output.clone());
        self.expected.instances.push(Instance { path, status, output, attempt, has_started, happens: Happens::Surely });
    }

    /// Runs a node whose edges and condition allow it.
    fn node(&mut self, node: &Node, path: &str, scope: &Scope<'_>, failed: &mut Vec<Why>) -> End {
        let (attempt, outcome) = match &node.map {
            Some(map) => (1, self.elements(node, &map.over, map.width, path, scope)),
            None => self.attempts(node, path, scope),
        };
        let outcome = outcome.and_then(|output| match &node.route {
            Some(route) => Ok((chosen(route, &output)?, output)),
            None => Ok((Vec::new(), output)),
        });
        match outcome {
            Ok((routed_to, output)) => {
                self.expected.happens(ended(path, NodeStatus::Succeeded));
                self.instance(path, NodeStatus::Succeeded, &output, attempt, true);
                End { status: NodeStatus::Succeeded, output, went_through: true, routed_to }
            }
            Err(why) => {
                // Elements have had the benefit of `continue` and `use` one by one.
                let handled = if node.map.is_some() { None } else { handled(&node.on_error) };
                let output = self.fail(path, handled.as_ref(), attempt);
                if matches!(node.on_error, OnError::Goto(_)) {
                    self.expected.caught.insert(path.to_owned());
                } else if handled.is_none() {
                    failed.push(why);
                    return End::without_output(NodeStatus::Pending);
                }
                End { status: NodeStatus::Failed, output, went_through: handled.is_some(), routed_to: Vec::new() }
            }
        }
    }

    fn fail(&mut self, path: &str, handled: Option<&Value>, attempt: u32) -> Value {
        let output = handled.cloned().unwrap_or_default();
        self.expected.happens(ended(path, NodeStatus::Failed));
        self.instance(path, NodeStatus::Failed, &output, attempt, attempt > 0);
        output
    }

    /// Runs a node once for each element.
    fn elements(&mut self, node: &Node, over: &Over, width: Option<u32>, path: &str, scope: &Scope<'_>) -> Result<Value, Why> {
        let items: Vec<Value> = match over {
            Over::Count(count) => (1..=*count).map(|item| json!(item)).collect(),
            Over::Sibling(at) => scope.outputs[*at].as_array().cloned().unwrap_or_default(),
        };
        self.expected.happens(attempt_started(path, 1));
        if let Some(width) = width {
            self.expected.widths.insert(path.to_owned(), width);
        }
        let mark = self.expected.mark();
        let mut failure = None;
        let mut outputs = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let element = format!("{path}[{index}]");
            let opened_by = Some((attempt_started(path, 1), path.to_owned()));
            self.expected.origins.insert(element.clone(), Origin { opened_by, ..Origin::default() });
            let scope = Scope { item: Some((index, item)), ..*scope };
            let (attempt, outcome) = self.attempts(node, &element, &scope);
            match outcome {
                Ok(output) => {
                    self.expected.happens(ended(&element, NodeStatus::Succeeded));
                    self.instance(&element, NodeStatus::Succeeded, &output, attempt, true);
                    outputs.push(output);
                }
                Err(why) => {
                    let handled = handled(&node.on_error);
                    outputs.push(self.fail(&element, handled.as_ref(), attempt));
                    if handled.is_none() {
                        failure.get_or_insert(why);
                    }
                }
            }
        }
        match failure {
            Some(why) => {
                self.expected.soften_since(mark);
                Err(why)
            }
            None => Ok(Value::Array(outputs)),
        }
    }

    /// All attempts of one instance: the number of the last one, and what it came to.
    fn attempts(&mut self, node: &Node, path: &str, scope: &Scope<'_>) -> (u32, Result<Value, Why>) {
        if node.looped.is_none() && node.is_number() {
            return self.number(node, path, scope);
        }
        // Each iteration of a node without an inner graph is tried again by itself.
        let most = if node.is_number() { 1 } else { node.max_attempts.unwrap_or(1) };
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.expected.happens(attempt_started(path, attempt));
            let mark = self.expected.mark();
            let outcome = self.inside(node, path, attempt, scope);
            if node.runs_out_of_time {
                self.expected.soften_since(mark);
                return (attempt, Err(ErrorKind::Timeout.into()));
            }
            match outcome {
                Err(why) if is_tried_again(why, attempt, most) => self.expected.happens(attempt_failed(path, attempt)),
                outcome => return (attempt, outcome),
            }
        }
    }

    /// One attempt of a container: its inner graph, as often as the loop says.
    fn inside(&mut self, node: &Node, path: &str, attempt: u32, scope: &Scope<'_>) -> Result<Value, Why> {
        let again = if attempt > 1 { format!("!{attempt}") } else { String::new() };
        let opened_by = Some((attempt_started(path, attempt), path.to_owned()));
        let Some(looped) = &node.looped else {
            let opened = Opened { prefix: format!("{path}{again}."), by: opened_by };
            let (ends, failed) = self.frame(node.inner(), &opened, scope, false, None);
            return failed.first().map_or_else(|| Ok(map_of(node.inner(), ends)), |why| Err(*why));
        };
        self.expected.loops.insert(path.to_owned());
        let mut round = Round { number: 0, previous: Vec::new() };
        loop {
            round.number += 1;
            self.expected.iterations.push(Happens::Surely);
            let by = if round.number == 1 {
                opened_by.clone()
            } else {
                let event = iteration_started(path, attempt, round.number);
                self.expected.happens(event.clone());
                Some((event, path.to_owned()))
            };
            let opened = Opened { prefix: format!("{path}{again}@{}.", round.number), by };
            let (output, numbers) = if node.is_number() {
                let output = self.only(node, &opened, scope, &round)?;
                (output.clone(), vec![output])
            } else {
                let (ends, failed) = self.frame(node.inner(), &opened, scope, false, Some(&round));
                if let Some(why) = failed.first() {
                    return Err(*why);
                }
                let numbers: Vec<_> = ends.iter().map(|end| end.output.clone()).collect();
                (map_of(node.inner(), ends), numbers)
            };
            let is_done = looped.until.is_some_and(|(at, above)| numbers[at].as_i64().unwrap_or(0) > above);
            if is_done || round.number == looped.max || node.runs_out_of_time {
                return Ok(output);
            }
            round.previous = numbers;
        }
    }

    /// One iteration of a node without an inner graph.
    fn only(&mut self, node: &Node, opened: &Opened, scope: &Scope<'_>, round: &Round) -> Result<Value, Why> {
        let path = format!("{}{}", opened.prefix, node.id);
        self.expected.origins.insert(path.clone(), Origin { opened_by: opened.by.clone(), ..Origin::default() });
        let mark = self.expected.mark();
        let (attempt, outcome) = self.number(node, &path, &Scope { round: Some(round), ..*scope });
        match outcome {
            Ok(output) => {
                self.expected.happens(ended(&path, NodeStatus::Succeeded));
                self.instance(&path, NodeStatus::Succeeded, &output, attempt, true);
                Ok(output)
            }
            Err(why) => {
                self.fail(&path, None, attempt);
                self.expected.soften_since(mark);
                Err(why)
            }
        }
    }

    /// A node that gives a number.
    fn number(&mut self, node: &Node, path: &str, scope: &Scope<'_>) -> (u32, Result<Value, Why>) {
        let sum = (node.reads.iter().map(|read| number_of(read, scope)).sum::<i64>() + 1) % MODULUS;
        match &node.kind {
            Kind::Sum => (0, Ok(json!(sum))),
            Kind::Broken => (0, Err(ErrorKind::Template.into())),
            Kind::Agent(_) if node.runs_out_of_time => {
                self.expected.happens(attempt_started(path, 1));
                (1, Err(ErrorKind::Timeout.into()))
            }
            Kind::Agent(script) => {
                let (attempt, outcome) = self.ask(script, node.max_attempts.unwrap_or(ATTEMPTS), path);
                (attempt, outcome.map(|()| json!(sum + 1)))
            }
            Kind::Graph(_) => unreachable!("an inner graph gives no number"),
        }
    }

    /// All attempts of an agent, of which each model of its chain has `most`. What was answered in one is not asked again in the
    /// next, unless it was no use.
    fn ask(&mut self, script: &Script, most: u32, path: &str) -> (u32, Result<(), Why>) {
        let mut answered = 0;
        let mut attempt = 0;
        let (mut target, mut tries) = (0, 0);
        loop {
            attempt += 1;
            tries += 1;
            self.expected.happens(attempt_started(path, attempt));
            let failure = script.failure(path, attempt, target);
            let answers = match failure {
                Some(Failure::Nonsense) => MOST_ANSWERS,
                Some(Failure::Refused) | None => script.bad_answers + 1,
                Some(_) => script.bad_answers,
            };
            for ordinal in answered..answers {
                self.expected.happens(model_responded(path, attempt, ordinal));
                self.expected.answers.push(Happens::Surely);
            }
            answered = if failure == Some(Failure::Nonsense) { 0 } else { answered.max(answers) };
            match failure {
                None => return (attempt, Ok(())),
                Some(failure) if is_tried_again(failure.into(), tries, most) => {
                    self.expected.happens(attempt_failed(path, attempt));
                }
                Some(failure) => {
                    let Some(next) = next_model(script, target, failure.kind()) else {
                        return (attempt, Err(failure.into()));
                    };
                    let [from, to] = [target, next].map(|number| format!("openai/{}", MODELS[number]));
                    self.expected.happens(fallback_taken(path, attempt, &from, &to));
                    (target, tries) = (next, 0);
                }
            }
        }
    }

    fn holds(&self, when: Option<&When>, scope: &Scope<'_>) -> bool {
        match when {
            None => true,
            Some(When::InputAbove(above)) => self.input > *above,
            Some(When::IsEven(read)) => number_of(read, scope) % 2 == 0,
        }
    }
}

/// The table of docs/semantics.md.
fn is_tried_again(why: Why, attempt: u32, most: u32) -> bool {
    let may_pass = match why.kind {
        ErrorKind::Transient | ErrorKind::Throttle | ErrorKind::Truncated | ErrorKind::Timeout | ErrorKind::Schema => true,
        ErrorKind::Malformed => attempt == 1,
        _ => false,
    };
    may_pass && !why.asks_for_too_much_time && attempt < most
}

/// The number of the model that is asked after number `target` of the chain has failed for good, by "Fallback" of docs/semantics.md.
fn next_model(script: &Script, target: usize, kind: ErrorKind) -> Option<usize> {
    (target + 1..=script.fallback.len()).find(|next| {
        let fallback = &script.fallback[next - 1];
        match kind {
            ErrorKind::Request | ErrorKind::Refused => false,
            ErrorKind::ContextLength => fallback.is_larger,
            ErrorKind::Auth => fallback.has_other_key,
            _ => true,
        }
    })
}

fn handled(on_error: &OnError) -> Option<Value> {
    match on_error {
        OnError::Continue => Some(Value::Null),
        OnError::Use(number) => Some(json!(number)),
        OnError::Fail | OnError::Goto(_) => None,
    }
}

/// The nodes that a route chooses.
fn chosen(route: &Route, output: &Value) -> Result<Vec<usize>, Why> {
    let value = output.as_i64().unwrap() % route.modulus;
    let case = route.cases.iter().find(|(case, _)| *case == value).map(|(_, to)| to);
    case.or(route.default.as_ref()).cloned().ok_or(ErrorKind::Template.into())
}

fn map_of(nodes: &[Node], ends: Vec<End>) -> Value {
    nodes.iter().zip(ends).map(|(node, end)| (node.id.clone(), end.output)).collect::<serde_json::Map<_, _>>().into()
}
