//! What a plan may do and cost before it is run: the least, the expected and the most, from loops, maps, conditions and retries.
//!
//! Pure arithmetic over a [`Plan`]. What cannot be known is said to be unknown, never taken as nothing.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::Serialize;

use crate::{
    agent::MAX_REPAIRS,
    model::{ModelRef, Price, ToolName, Usage, Value},
    plan::{AgentNode, EdgeKind, GraphOutput, GraphPlan, MapPlan, NodeKind, NodePlan, Plan, WaitNode},
    template::{Scope, Shared},
};

/// The elements of a list whose length is not known, for what is expected.
const USUAL_ELEMENTS: f64 = 3.0;
/// The tokens of an answer whose length is not bounded, for what is expected.
const USUAL_ANSWER: u32 = 600;
/// The tokens that a value put into a prompt has, for what is expected.
const USUAL_VALUE: u64 = 300;
/// How many characters are about one token.
const CHARACTERS_PER_TOKEN: u64 = 4;

/// Least, expected and most of something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calls {
    /// When conditions fail, lists are empty and loops end at once; nothing fails.
    pub least: u64,
    /// When conditions hold, routes are equally likely, lists have three elements and loops end half-way; nothing fails.
    pub expected: f64,
    /// When every loop and every retry is used up.
    pub most: u64,
}

/// Least, expected and most money, in USD, of the models with a known price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Costs {
    /// Only what is surely sent.
    pub least: f64,
    /// With answers of a usual length.
    pub expected: f64,
    /// The budget of the workflow, which ends the run; `None` when nothing bounds it.
    pub most: Option<f64>,
}

/// What one node may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeEstimate {
    /// Its path in the plan.
    pub node: String,
    /// `agent`, `tool`, `value`, `workflow` or `nodes`.
    pub kind: &'static str,
    /// The tool it calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolName>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Why it is that agent, when the node asks for a capability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen_by: Option<String>,
    /// The model, `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The models that stand in when that one fails.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// The nodes it waits for.
    pub after: Vec<String>,
    /// Conditions, loops and maps, in words.
    pub notes: Vec<String>,
    /// Model calls.
    pub calls: Calls,
}

/// What a plan may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// The workflow's name.
    pub workflow: String,
    /// The nodes, each after those it waits for.
    pub nodes: Vec<NodeEstimate>,
    /// All model calls.
    pub calls: Calls,
    /// All money.
    pub cost_usd: Costs,
    /// Models whose price is not known; their calls are not in the cost.
    pub unpriced: Vec<String>,
}

/// Estimates `plan` with the inputs as far as they are known. `price` tells what a model charges, and nothing for a simulated one.
#[must_use]
pub fn estimate(plan: &Plan, inputs: &IndexMap<String, Value>, price: &dyn Fn(&ModelRef) -> Option<Price>) -> Estimate {
    let mut estimator =
        Estimator { price, plan, nodes: Vec::new(), costs: Costs::default(), unpriced: BTreeSet::new(), largest: 0 };
    let mut scope = Scope::new();
    scope.set("inputs", inputs_of(plan, inputs));
    estimator.graph(&plan.graph, "", Times { least: 1, expected: 1.0, most: 1 }, Some(&scope));
    let sum = |part: fn(&Calls) -> u64| estimator.nodes.iter().map(|node| part(&node.calls)).fold(0, u64::saturating_add);
    let most_instances = plan.limits.nodes.saturating_mul(estimator.largest);
    let calls = Calls {
        least: sum(|calls| calls.least),
        expected: estimator.nodes.iter().map(|node| node.calls.expected).sum(),
        most: sum(|calls| calls.most).min(most_instances),
    };
    Estimate {
        workflow: plan.name.clone(),
        nodes: estimator.nodes,
        calls,
        cost_usd: Costs { most: plan.limits.max_cost_usd, ..estimator.costs },
        unpriced: estimator.unpriced.into_iter().collect(),
    }
}

fn inputs_of(plan: &Plan, given: &IndexMap<String, Value>) -> Shared {
    let values = plan.inputs.iter().filter_map(|(name, input)| {
        let value = given.get(name).or(input.default.as_ref())?;
        Some((name.clone(), Shared::new(value)))
    });
    Shared::object(values.collect())
}

/// How often something happens.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Times {
    least: u64,
    expected: f64,
    most: u64,
}

impl Times {
    fn of(self, inner: Self) -> Self {
        Self {
            least: self.least.saturating_mul(inner.least),
            expected: self.expected * inner.expected,
            most: self.most.saturating_mul(inner.most),
        }
    }
}

struct Estimator<'a> {
    price: &'a dyn Fn(&ModelRef) -> Option<Price>,
    plan: &'a Plan,
    nodes: Vec<NodeEstimate>,
    costs: Costs,
    unpriced: BTreeSet<String>,
    /// The most calls of one node instance.
    largest: u64,
}

impl Estimator<'_> {
    /// Adds the nodes of a graph that is run `times`. `scope` has the inputs where they are known.
    fn graph(&mut self, graph: &GraphPlan, prefix: &str, times: Times, scope: Option<&Scope>) {
        let mut reached: Vec<Times> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let reach = reach(graph, node, &reached);
            reached.push(reach);
            let instances = times.of(reach).of(self.map_times(node.map.as_ref(), scope)).of(loop_times(node));
            let path = format!("{prefix}{}", node.id);
            self.node(graph, node, &path, instances, scope);
        }
    }

    fn node(&mut self, graph: &GraphPlan, node: &NodePlan, path: &str, instances: Times, scope: Option<&Scope>) {
        let uncalled = Calls { least: 0, expected: 0.0, most: 0 };
        let mut entry = NodeEstimate {
            node: path.to_owned(),
            kind: node.kind.word(),
            tool: None,
            agent: None,
            chosen_by: None,
            model: None,
            fallback: Vec::new(),
            after: node.incoming.iter().map(|edge| graph.nodes[edge.from].id.to_string()).collect(),
            notes: notes(node),
            calls: uncalled,
        };
        // Every attempt of a container runs what is in it again.
        let attempts = Times { least: 1, expected: 1.0, most: u64::from(node.retry.max_attempts) };
        match &node.kind {
            NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_) => {
                self.nodes.push(entry);
            }
            NodeKind::Tool(tool) => {
                entry.tool = Some(tool.tool.clone());
                self.nodes.push(entry);
            }
            NodeKind::Agent(agent) => {
                self.agent(agent, node, instances, &mut entry);
                self.nodes.push(entry);
            }
            // A graph that `compile` made around a looped node is that node.
            NodeKind::Graph(inner) if inner.output == GraphOutput::Single && inner.nodes.len() == 1 => {
                entry.notes.extend(notes(&inner.nodes[0]));
                entry.kind = inner.nodes[0].kind.word();
                match &inner.nodes[0].kind {
                    NodeKind::Agent(agent) => {
                        self.agent(agent, &inner.nodes[0], instances.of(attempts), &mut entry);
                        self.nodes.push(entry);
                    }
                    NodeKind::Value(_)
                    | NodeKind::StandIn { .. }
                    | NodeKind::Approval(_)
                    | NodeKind::Wait(_)
                    | NodeKind::Send(_)
                    | NodeKind::Receive(_) => {
                        self.nodes.push(entry);
                    }
                    NodeKind::Tool(tool) => {
                        entry.tool = Some(tool.tool.clone());
                        self.nodes.push(entry);
                    }
                    NodeKind::Workflow { plan, .. } => {
                        self.nodes.push(entry);
                        self.graph(&plan.graph, &format!("{path}."), instances.of(attempts), None);
                    }
                    NodeKind::Graph(_) => {
                        self.nodes.push(entry);
                        self.graph(inner, &format!("{path}."), instances.of(attempts), scope);
                    }
                }
            }
            NodeKind::Graph(inner) => {
                entry.kind = "nodes";
                self.nodes.push(entry);
                self.graph(inner, &format!("{path}."), instances.of(attempts), scope);
            }
            NodeKind::Workflow { plan, .. } => {
                entry.kind = "workflow";
                self.nodes.push(entry);
                self.graph(&plan.graph, &format!("{path}."), instances.of(attempts), None);
            }
        }
    }

    fn agent(&mut self, agent: &AgentNode, node: &NodePlan, instances: Times, entry: &mut NodeEstimate) {
        let turns = if agent.output.is_some() { agent.max_turns.min(1 + MAX_REPAIRS) } else { 1 };
        let attempts = u64::from(node.retry.max_attempts) * agent.models().count().max(1) as u64;
        let most = attempts * u64::from(turns.max(1));
        let calls = instances.of(Times { least: 1, expected: 1.0, most });
        entry.kind = "agent";
        entry.agent = Some(agent.agent.name.to_string());
        entry.chosen_by.clone_from(&agent.chosen_by);
        entry.model = agent.model.as_ref().map(ToString::to_string);
        entry.fallback = agent.fallback.iter().map(|fallback| fallback.model.to_string()).collect();
        entry.calls = Calls {
            least: calls.least,
            expected: calls.expected,
            most: calls.most.min(self.plan.limits.nodes.saturating_mul(most)),
        };
        self.largest = self.largest.max(most);
        let Some(model) = &agent.model else { return };
        let Some(price) = (self.price)(model) else {
            self.unpriced.insert(model.to_string());
            return;
        };
        let (least, expected) = tokens(agent);
        self.costs.least += as_f64(calls.least) * price.of(least);
        self.costs.expected += calls.expected * price.of(expected);
    }

    /// How many elements a map has: known from the inputs, from a schema, or not at all.
    fn map_times(&self, map: Option<&MapPlan>, scope: Option<&Scope>) -> Times {
        let Some(map) = map else { return Times { least: 1, expected: 1.0, most: 1 } };
        let of_inputs = map.over.references().iter().all(|reference| reference.path.first().is_some_and(|name| name == "inputs"));
        let known = scope.filter(|_| of_inputs).and_then(|scope| map.over.evaluate(scope).ok());
        if let Some(Value::Array(elements)) = known {
            let count = elements.len() as u64;
            return Times { least: count, expected: as_f64(count), most: count };
        }
        Times { least: 0, expected: USUAL_ELEMENTS, most: self.plan.limits.nodes }
    }
}

/// Whether a node is started, from its edges and its condition.
fn reach(graph: &GraphPlan, node: &NodePlan, reached: &[Times]) -> Times {
    let mut reach = if node.incoming.is_empty() {
        Times { least: 1, expected: 1.0, most: 1 }
    } else {
        Times { least: 0, expected: 0.0, most: 0 }
    };
    let controlled = node.incoming.iter().any(|edge| edge.kind.is_control());
    for edge in &node.incoming {
        let source = reached[edge.from];
        let taken = match edge.kind {
            EdgeKind::Plain if controlled => continue,
            EdgeKind::Plain => source,
            EdgeKind::Routed => {
                let likely = share_of_route(&graph.nodes[edge.from], node);
                Times { least: 0, expected: source.expected * likely, most: source.most }
            }
            EdgeKind::Conditional(_) => Times { least: 0, ..source },
            EdgeKind::OnError => Times { least: 0, expected: 0.0, most: source.most },
        };
        reach.least = reach.least.max(taken.least);
        reach.expected = reach.expected.max(taken.expected);
        reach.most = reach.most.max(taken.most);
    }
    if node.when.is_some() {
        reach.least = 0;
    }
    reach
}

/// The part of a route's cases that choose `node`, all equally likely.
fn share_of_route(source: &NodePlan, node: &NodePlan) -> f64 {
    let Some(route) = &source.route else { return 1.0 };
    let cases: Vec<_> = route.cases.values().chain(&route.default).collect();
    let choosing = cases.iter().filter(|chosen| chosen.contains(&node.id)).count();
    if cases.is_empty() { 1.0 } else { as_f64(choosing as u64) / as_f64(cases.len() as u64) }
}

fn loop_times(node: &NodePlan) -> Times {
    let Some(looped) = &node.looped else { return Times { least: 1, expected: 1.0, most: 1 } };
    let most = u64::from(looped.max);
    if looped.until.is_none() {
        return Times { least: most, expected: as_f64(most), most };
    }
    Times { least: 1, expected: as_f64(most + 1) / 2.0, most }
}

/// The tokens of one call: those surely sent, and those expected.
fn tokens(agent: &AgentNode) -> (Usage, Usage) {
    let templates = [Some(&agent.prompt), agent.system.as_ref()];
    let mut literal = 0;
    let mut values = 0;
    for template in templates.into_iter().flatten() {
        let inserted: usize = template.references().iter().map(|reference| reference.range.len()).sum();
        literal += template.source().len().saturating_sub(inserted) as u64;
        values += template.references().len() as u64;
    }
    let literal = literal / CHARACTERS_PER_TOKEN;
    let answer = agent.max_tokens.unwrap_or(USUAL_ANSWER).min(USUAL_ANSWER);
    (
        // Blocks of a template that are left out may be most of its text, so nothing but the call itself is sure.
        Usage { input_tokens: 0, cached_tokens: 0, output_tokens: 1 },
        Usage { input_tokens: literal + values * USUAL_VALUE, cached_tokens: 0, output_tokens: u64::from(answer) },
    )
}

/// Conditions, loops and maps of a node, in words.
fn notes(node: &NodePlan) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(when) = &node.when {
        notes.push(format!("when {}", when.source()));
    }
    if let Some(map) = &node.map {
        notes.push(format!("for each of {}", map.over.source()));
    }
    if let Some(looped) = &node.looped {
        let until = looped.until.as_ref().map(|until| format!(" until {}", until.source())).unwrap_or_default();
        notes.push(format!("at most {} times{until}", looped.max));
    }
    match &node.kind {
        NodeKind::Approval(approval) => {
            let open = approval.timeout.map(|timeout| format!(" within {timeout:?}")).unwrap_or_default();
            notes.push(format!("a person chooses: {}{open}", approval.options.join(" | ")));
        }
        NodeKind::Wait(wait) => match &**wait {
            WaitNode::For(duration) => notes.push(format!("waits for {duration:?}")),
            WaitNode::Until(time) => notes.push(format!("waits until {}", time.source())),
            WaitNode::Message { .. } => {}
        },
        NodeKind::Agent(_)
        | NodeKind::Tool(_)
        | NodeKind::Value(_)
        | NodeKind::StandIn { .. }
        | NodeKind::Workflow { .. }
        | NodeKind::Graph(_)
        | NodeKind::Send(_)
        | NodeKind::Receive(_) => {}
    }
    if let Some(route) = &node.route {
        notes.push(format!("routes by {}", route.on.source()));
    }
    for edge in &node.incoming {
        match &edge.kind {
            EdgeKind::Conditional(condition) => notes.push(format!("if {}", condition.source())),
            EdgeKind::OnError => notes.push("on error".to_owned()),
            EdgeKind::Plain | EdgeKind::Routed => {}
        }
    }
    notes
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
