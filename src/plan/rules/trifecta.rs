//! What strangers wrote, private data and a way out must not meet in one node: whoever wrote the first could have the second sent out.
//!
//! Content flows where a template reads it. What can only be a number, `true` or one of fixed words carries no words of strangers.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    diagnostic::{Code, Diagnostic, Span},
    model::{Effect, ToolName, ToolPattern},
    plan::{
        compile::Compiler,
        draft::{GraphDraft, KindDraft, NodeDraft, Read, Role, ToolDraft, TreeDraft},
        powers::Power,
        resolve::WaitDraft,
        rules::Checked,
        scope::{Scope, Target},
        shapes::{Shape, World, of_read},
    },
    tool::messages,
};

/// How many sources of one kind are kept of what flows: enough to name some, and to tell whether they are of one party.
const KEPT: usize = 4;
/// How often flows are followed until nothing changes; each `loop.previous` takes one round at most.
const ROUNDS: usize = 64;

/// Where content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    party: String,
    what: String,
    /// The node it comes from.
    span: Span,
}

/// What is in some content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Flow {
    /// What strangers wrote.
    untrusted: Vec<Source>,
    /// What is not for strangers.
    private: Vec<Source>,
    /// Whether inputs of the workflow are in it.
    has_inputs: bool,
}

impl Flow {
    fn add(&mut self, other: &Self) {
        for (all, new) in [(&mut self.untrusted, &other.untrusted), (&mut self.private, &other.private)] {
            for source in new {
                keep(all, source);
            }
        }
        self.has_inputs |= other.has_inputs;
    }

    /// The same with what the inputs of the workflow hold.
    fn with_inputs(&self, inputs: &Self) -> Self {
        let mut flow = Self { has_inputs: false, ..self.clone() };
        if self.has_inputs {
            flow.add(inputs);
        }
        flow
    }
}

/// Keeps some of the sources, and one of each party as long as there is place.
fn keep(all: &mut Vec<Source>, source: &Source) {
    let is_new_party = all.iter().all(|known| known.party != source.party);
    let places = if is_new_party { 2 * KEPT } else { KEPT };
    if all.len() < places && !all.contains(source) {
        all.push(source.clone());
    }
}

/// A tool through which content leaves.
#[derive(Debug, Clone)]
struct Exit {
    tool: String,
    party: String,
    /// Whether it is one even for what came from its own party: not so a server that says its tools only read.
    is_open_to_itself: bool,
    /// What may leave.
    flow: Flow,
}

impl Exit {
    fn is_dangerous(&self) -> bool {
        let Flow { untrusted, private, .. } = &self.flow;
        let mut sources = untrusted.iter().chain(private);
        !untrusted.is_empty()
            && !private.is_empty()
            && (self.is_open_to_itself || sources.any(|source| source.party != self.party))
    }
}

/// What a workflow lets through, for those that run it.
#[derive(Debug, Clone, Default)]
pub(in crate::plan) struct Crossings {
    outputs: Flow,
    exits: Vec<Exit>,
}

/// Reports nodes in which all three meet, and says what the workflow lets through.
pub(super) fn check(compiler: &mut Compiler<'_>, checked: &Checked<'_, '_>) -> Crossings {
    let mut follower = Follower {
        world: checked.world,
        flows: HashMap::new(),
        elements: HashMap::new(),
        said: HashMap::new(),
        mail: Flow::default(),
    };
    // Without loops and conversations everything is known in the order of the nodes.
    let rounds = if comes_back(&checked.draft.graph) { ROUNDS } else { 0 };
    for _ in 0..rounds {
        let now = |follower: &Follower<'_>| {
            (follower.flows.clone(), follower.elements.clone(), follower.said.clone(), follower.mail.clone())
        };
        let before = now(&follower);
        follower.graph(checked.scope, &[String::new()], &mut |_, _| {});
        if before == now(&follower) {
            break;
        }
    }
    let mut crossings = Crossings::default();
    let mut problems = Vec::new();
    follower.graph(checked.scope, &[String::new()], &mut |node, exits| {
        problems.extend(report(node, exits.iter().filter(|exit| exit.is_dangerous())));
        crossings.exits.extend(exits.iter().filter(|exit| !exit.is_dangerous()).cloned());
    });
    compiler.problems.extend(problems);
    crossings.outputs = follower.outputs(checked);
    crossings
}

/// Whether what a node gives may come to an earlier one: by a loop, by a conversation or by a message.
fn comes_back(graph: &GraphDraft<'_>) -> bool {
    let speaks = |node: &NodeDraft<'_>| match &node.kind {
        KindDraft::Agent(agent) => agent.memory.conversation.is_some() || has_message_tools(&agent.tools),
        KindDraft::Send(_) => true,
        _ => false,
    };
    graph.nodes.iter().any(|node| node.is_looped() || speaks(node) || node.inner().is_some_and(comes_back))
}

/// Follows what flows through the graphs of a workflow. Flows are kept by the path of their node.
struct Follower<'w> {
    world: &'w World<'w>,
    flows: HashMap<String, Flow>,
    /// Of the elements that mapped nodes run over.
    elements: HashMap<String, Flow>,
    /// Of conversations, by the templates of their names.
    said: HashMap<String, Flow>,
    /// Of all messages of the workflow: who takes one may get any.
    mail: Flow,
}

impl Follower<'_> {
    /// One round. `prefixes` are those of the paths of this graph's nodes, after those of the graphs around it.
    fn graph(&mut self, scope: &Scope<'_, '_>, prefixes: &[String], visit: &mut dyn FnMut(&NodeDraft<'_>, Vec<Exit>)) {
        for &index in &scope.graph.links().order {
            let node = &scope.graph.nodes[index];
            let path = format!("{}{}", prefixes.last().map_or("", String::as_str), node.id.value);
            // The node itself reads its elements.
            let elements = self.reads(scope, prefixes, index, Role::Map);
            self.elements.insert(path.clone(), elements);
            let body = self.reads(scope, prefixes, index, Role::Body);
            let replacement = self.reads(scope, prefixes, index, Role::Use);
            let (mut output, exits) = match &node.kind {
                KindDraft::Agent(agent) => {
                    let mut all = body;
                    all.add(&sources(node, &agent.powers));
                    if let Some(conversation) = &agent.memory.conversation {
                        // What was said in it is read by all that go on with it, in this run or the next.
                        let said = self.said.entry(self.world.codes.get(conversation.name).source().to_owned()).or_default();
                        all.add(said);
                        said.add(&all);
                    }
                    if has_message_tools(&agent.tools) {
                        all.add(&self.mail);
                        self.mail.add(&all);
                    }
                    let exits = exits(&agent.powers, agent.grants.always_ask, &all);
                    (all, exits)
                }
                KindDraft::Tool(tool) => {
                    let mut sent = body.clone();
                    sent.private.extend(self.secrets(node, tool));
                    let exits = exits(&tool.powers, tool.grants.always_ask, &sent);
                    let mut output = body;
                    output.add(&sources(node, &tool.powers));
                    (output, exits)
                }
                KindDraft::Send(_) => {
                    self.mail.add(&body);
                    (Flow::default(), Vec::new())
                }
                KindDraft::Receive(_) | KindDraft::Wait(WaitDraft::Message { .. }) => {
                    let mut taken = body;
                    taken.add(&self.mail);
                    (taken, Vec::new())
                }
                KindDraft::Value(_) | KindDraft::Approval(_) | KindDraft::Wait(_) | KindDraft::Broken => (body, Vec::new()),
                KindDraft::Workflow { plan, .. } => {
                    let crossings = plan.as_ref().map(|plan| plan.crossings.as_ref()).cloned().unwrap_or_default();
                    let through = |exit: Exit| Exit { flow: exit.flow.with_inputs(&body), ..exit };
                    (crossings.outputs.with_inputs(&body), crossings.exits.into_iter().map(through).collect())
                }
                KindDraft::Graph(inner) => {
                    let mut inside = prefixes.to_vec();
                    inside.push(format!("{path}."));
                    self.graph(&Scope { graph: inner, outer: Some((scope, index)) }, &inside, visit);
                    let mut all = Flow::default();
                    for inner in &inner.nodes {
                        all.add(&self.flow(&format!("{path}.{}", inner.id.value)));
                    }
                    (all, Vec::new())
                }
            };
            output.add(&replacement);
            self.flows.insert(path, output);
            visit(node, exits);
        }
    }

    /// What the references of a node at one of its places bring.
    fn reads(&self, scope: &Scope<'_, '_>, prefixes: &[String], index: usize, role: Role) -> Flow {
        let mut flow = Flow::default();
        let reads = scope.graph.nodes[index].reads.get().into_iter().flatten();
        for read in reads.filter(|read| read.role == role) {
            flow.add(&self.read(scope, prefixes, Some(index), read));
        }
        flow
    }

    fn flow(&self, path: &str) -> Flow {
        self.flows.get(path).cloned().unwrap_or_default()
    }

    /// What a reference brings to the node, or to the outputs of the workflow.
    fn read(&self, scope: &Scope<'_, '_>, prefixes: &[String], node: Option<usize>, read: &Read) -> Flow {
        let prefix = |up: usize| prefixes.len().checked_sub(up + 1).and_then(|at| prefixes.get(at)).map_or("", String::as_str);
        let path_of = |up: usize, index: usize| format!("{}{}", prefix(up), scope.node(up, index).id.value);
        let mut flow = match read.target {
            Target::Node { up, index } | Target::State { up, index } => {
                let names = &self.world.codes.reference(read.site).path;
                let taken = if matches!(read.target, Target::Node { .. }) { 1 } else { 3 };
                let whole = path_of(up, index);
                // Of an inner graph only one node may be read.
                let inner = scope.node(up, index).inner().and_then(|graph| {
                    let name = names.get(taken)?;
                    graph.index.contains_key(name.as_str()).then(|| format!("{whole}.{name}"))
                });
                self.flow(&inner.unwrap_or(whole))
            }
            Target::Element { up, index } => self.elements.get(&path_of(up, index)).cloned().unwrap_or_default(),
            Target::Previous { up, index, inner } => {
                let looped = scope.node(up, index);
                let name = inner.and_then(|inner| Some(looped.inner()?.nodes.get(inner)?.id.value.as_str()));
                self.flow(&name.map_or_else(|| path_of(up, index), |name| format!("{}.{name}", path_of(up, index))))
            }
            Target::Input(_) | Target::Inputs => Flow { has_inputs: true, ..Flow::default() },
            Target::Messages => self.mail.clone(),
            Target::Number | Target::Text | Target::Other => Flow::default(),
        };
        if let Some(Shape::Known { schema, .. }) = of_read(self.world, scope, node, read)
            && has_no_words(schema)
        {
            flow.untrusted.clear();
        }
        flow
    }

    /// The secrets in the arguments of a tool. An address that the author wrote is one that they are meant for.
    fn secrets(&self, node: &NodeDraft<'_>, tool: &ToolDraft) -> Vec<Source> {
        let is_fixed = tool.args.iter().any(|(name, tree)| name.value == "url" && self.has_fixed_host(tree));
        let named = node.reads.get().into_iter().flatten().filter_map(|read| {
            match self.world.codes.reference(read.site).path.as_slice() {
                [first, name] if first == "secrets" => Some(format!("`secrets.{name}`")),
                _ => None,
            }
        });
        let source = |what: String| Source { party: what.clone(), what, span: node.id.span };
        if is_fixed { Vec::new() } else { named.map(source).collect() }
    }

    /// Whether no template decides with which host an address speaks.
    fn has_fixed_host(&self, tree: &TreeDraft) -> bool {
        let text = match tree {
            TreeDraft::Literal(Value::String(_)) => return true,
            TreeDraft::Text(code) => self.world.codes.get(*code).source(),
            TreeDraft::Literal(_) | TreeDraft::List(_) | TreeDraft::Map(_) | TreeDraft::Broken => return false,
        };
        let written = text.split("{{").next().unwrap_or_default().split("{%").next().unwrap_or_default();
        written.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']))
    }

    /// What is in the outputs of the workflow.
    fn outputs(&self, checked: &Checked<'_, '_>) -> Flow {
        let mut all = Flow::default();
        if checked.draft.outputs.is_empty() {
            for node in &checked.scope.graph.nodes {
                all.add(&self.flow(&node.id.value));
            }
        }
        for read in checked.output_reads {
            // What an output reads is read from outside of all nodes.
            all.add(&self.read(checked.scope, &[String::new()], None, read));
        }
        all
    }
}

/// Whether an agent sends or takes messages while it works.
fn has_message_tools(tools: &[ToolPattern]) -> bool {
    messages::NAMES.iter().filter_map(|name| ToolName::new(*name).ok()).any(|name| tools.iter().any(|tool| tool.covers(&name)))
}

/// What the tools of a node bring into it.
fn sources(node: &NodeDraft<'_>, powers: &[Power]) -> Flow {
    let source = |power: &Power| Source { party: power.party().to_owned(), what: named(power), span: node.id.span };
    let of = |is: fn(&Power) -> bool| {
        let mut kept = Vec::new();
        powers.iter().filter(|power| is(power)).for_each(|power| keep(&mut kept, &source(power)));
        kept
    };
    Flow { untrusted: of(|power| power.is_untrusted), private: of(|power| power.is_private), has_inputs: false }
}

fn exits(powers: &[Power], is_approved: bool, flow: &Flow) -> Vec<Exit> {
    let is_server = |power: &Power| power.tool.starts_with("mcp:");
    let exit = |power: &Power| Exit {
        tool: named(power),
        party: power.party().to_owned(),
        is_open_to_itself: !is_server(power) || power.effect > Effect::Read,
        flow: flow.clone(),
    };
    // A person sees what leaves.
    if is_approved { Vec::new() } else { powers.iter().filter(|power| power.is_outward).map(exit).collect() }
}

fn named(power: &Power) -> String {
    match &power.by {
        Some(caller) => format!("`{}` of {caller}", power.tool),
        None => format!("`{}`", power.tool),
    }
}

/// Whether values of a schema are numbers, `true` or fixed words only.
fn has_no_words(schema: &Value) -> bool {
    if schema.get("enum").is_some() || schema.get("const").is_some() {
        return true;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean" | "integer" | "number" | "null") => true,
        Some("array") => schema.get("items").is_some_and(has_no_words),
        Some("object") => {
            let fields = schema.get("properties").and_then(Value::as_object);
            schema.get("additionalProperties") == Some(&Value::Bool(false))
                && fields.is_some_and(|fields| fields.values().all(has_no_words))
        }
        Some(_) | None => false,
    }
}

fn report<'e>(node: &NodeDraft<'_>, exits: impl Iterator<Item = &'e Exit>) -> Option<Diagnostic> {
    let exits: Vec<&Exit> = exits.collect();
    let first = exits.first()?;
    let names = |sources: &[Source]| {
        let mut names: Vec<&str> = sources.iter().map(|source| source.what.as_str()).collect();
        names.dedup();
        names.join(", ")
    };
    let mut ways: Vec<&str> = exits.iter().map(|exit| exit.tool.as_str()).collect();
    ways.dedup();
    let Flow { untrusted, private, .. } = &first.flow;
    let message = format!(
        "in `{}` meet what strangers wrote ({}), private data ({}) and a way out ({})",
        node.id.value,
        names(untrusted),
        names(private),
        ways.join(", ")
    );
    let mut problem = Diagnostic::error(Code::LETHAL_TRIFECTA, node.id.span, message)
        .label("a stranger's text could have private data sent out");
    for (sources, what) in [(untrusted, "brings what strangers wrote"), (private, "brings private data")] {
        for source in sources.iter().filter(|source| source.span != node.id.span) {
            problem = problem.related(source.span, format!("{} {what}", source.what));
        }
    }
    Some(problem.hint(
        "split the node, so that only numbers or fixed words pass between the parts, or have a person see what leaves: `approve: human`",
    ))
}
