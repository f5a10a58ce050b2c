//! From a draft without errors to a plan: nodes in topological order, defaults applied, everything looked up for good.

mod waits;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use indexmap::IndexMap;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    diagnostic::{FileId, Sources, Spanned},
    manifest::{Join, OnErrorManifest, RetryManifest},
    model::{AgentProfile, Effect, FallbackModel, NodeId, StoredSource, ToolPattern, Value},
    plan::{
        AgentNode, ConversationPlan, EdgeKind, EdgePlan, GraphOutput, GraphPlan, InputPlan, JoinMode, Limits, LoopPlan, MapPlan,
        NodeKind, NodePlan, OnError, Plan, RecallPlan, RememberPlan, RoutePlan, ToolNode,
        catalog::Catalog,
        compile::Compiler,
        definition,
        draft::{AgentDraft, Args, CodeId, Codes, GraphDraft, KindDraft, NodeDraft, Read, ToolDraft, TreeDraft},
        links::Kind,
        resolve::WorkflowDraft,
        rules::Crossings,
        scope::Scope,
        shapes::{World, of_output, says_something},
    },
    resilience::{Jitter, RetryPolicy},
    template::{Expression, Template, TemplateTree},
    tool::Level,
};

/// Attempts in flight at once.
const CONCURRENCY: u32 = 8;
/// Node instances of a run.
const NODES: u64 = 2_000;
/// Model calls of one node attempt.
const TURNS: u32 = 50;
/// Iterations of all loops of a run.
const ITERATIONS: u64 = 1_000;
/// Calls of tools of a run.
const TOOL_CALLS: u64 = 500;
/// Of a node that runs an agent or calls a tool.
const AGENT_TIMEOUT: Duration = Duration::from_secs(900);
/// Of one model call.
const CALL_TIMEOUT: Duration = Duration::from_secs(600);
/// Of what an agent is given from memory.
const RECALL_TOKENS: u32 = 2_000;
/// Of the earlier turns of a conversation.
const CONVERSATION_TOKENS: u32 = 8_000;
/// The last turns of a conversation, which are not summarized.
const KEPT_TURNS: u32 = 6;

/// Why an expectation about a draft holds.
const CHECKED: &str = "a draft with errors is not assembled";

/// The files a plan is made of and their digest; only the outermost plan has them, and those that are called as tools: their runs
/// can go on by themselves. `made` are in no file.
pub(super) fn with_sources(plan: &mut Plan, sources: &Sources, made: &BTreeSet<FileId>) {
    plan.stored_sources = sources
        .iter()
        .filter(|(file, _)| !made.contains(file))
        .map(|(_, source)| StoredSource { path: source.path.display().to_string(), text: source.text.clone() })
        .collect();
    plan.digest = digest(&plan.stored_sources);
    plan.sources = sources.clone();
    for (tool, delegate) in &mut plan.delegates {
        let stored_sources = plan.stored_sources.clone();
        let digest = format!("{}/{tool}", plan.digest);
        *delegate = Arc::new(Plan { digest, stored_sources, sources: sources.clone(), ..Plan::clone(delegate) });
    }
}

/// SHA-256 in hex over the length and bytes of each path and text.
fn digest(sources: &[StoredSource]) -> String {
    let mut hasher = Sha256::new();
    for part in sources.iter().flat_map(|source| [&source.path, &source.text]) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    data_encoding::HEXLOWER.encode(&hasher.finalize())
}

/// Makes the plan. The draft has no errors.
pub(super) fn plan(
    compiler: &Compiler<'_>,
    world: &World<'_>,
    draft: &WorkflowDraft<'_>,
    scope: &Scope<'_, '_>,
    output_reads: &[Read],
    agents: &Catalog,
    (levels, crossings): (&[Level], Crossings),
) -> Plan {
    let workflow = world.workflow;
    let path = &compiler.sources.get(workflow.file).path;
    let mut assembler =
        Assembler { compiler, workflow, codes: &draft.codes, catalog: agents, limits: limits(workflow), agents: BTreeMap::new() };
    let graph = assembler.graph(&draft.graph);
    let mut outputs: IndexMap<String, TemplateTree> =
        draft.outputs.iter().map(|(name, tree)| (name.value.clone(), assembler.tree(tree))).collect();
    let mut schemas: serde_json::Map<String, Value> = draft
        .outputs
        .iter()
        .map(|(name, tree)| (name.value.clone(), of_output(world, scope, tree, output_reads).unwrap_or_else(|| json!({}))))
        .collect();
    let mut required: BTreeSet<String> = outputs.keys().cloned().collect();
    if outputs.is_empty() {
        for node in graph.nodes.iter().filter(|node| node.successors.is_empty()) {
            outputs.insert(node.id.to_string(), TemplateTree::Text(whole_output(&node.id)));
            schemas.insert(node.id.to_string(), node.output_schema.as_deref().cloned().unwrap_or_else(|| json!({})));
            let written = draft.graph.index[node.id.as_str()];
            if draft.graph.certain().end.contains(written) {
                required.insert(node.id.to_string());
            }
        }
    }
    Plan {
        name: name_of(workflow, path),
        description: workflow.description.as_ref().map(|text| text.value.clone()),
        file: workflow.file,
        digest: String::new(),
        sources: Sources::default(),
        stored_sources: Vec::new(),
        inputs: inputs(draft, workflow),
        limits: assembler.limits,
        env: workflow.env.iter().map(|name| name.value.clone()).collect(),
        messages: waits::messages(workflow),
        mailboxes: waits::mailboxes(workflow),
        graph: Arc::new(graph),
        outputs,
        levels: levels.to_vec(),
        crossings: Arc::new(crossings),
        output_schema: json!({"type": "object", "properties": schemas, "required": required, "additionalProperties": false}),
        agents: assembler.agents,
        delegates: BTreeMap::new(),
        choices: Vec::new(),
    }
}

/// What a workflow is called: by itself, or by its file.
pub(super) fn name_of(workflow: &crate::manifest::WorkflowManifest, path: &Path) -> String {
    let stem = || path.file_stem().map_or_else(|| "workflow".to_owned(), |stem| stem.to_string_lossy().into_owned());
    workflow.name.as_ref().map_or_else(stem, |name| name.value.clone())
}

/// The template that reads the output of a node, whatever its id.
fn whole_output(id: &NodeId) -> Template {
    Template::parse(&format!("{{{{ nodes[\"{id}\"].output }}}}")).expect("an id has no character that ends a string")
}

fn inputs(draft: &WorkflowDraft<'_>, workflow: &crate::manifest::WorkflowManifest) -> IndexMap<String, InputPlan> {
    let plan = |((name, input), default): (&(Spanned<String>, crate::manifest::InputManifest), &Option<Value>)| {
        let description = input.description.as_ref().map(|text| text.value.clone());
        (name.value.clone(), InputPlan { schema: input.schema.json.clone(), default: default.clone(), description })
    };
    workflow.inputs.iter().zip(&draft.defaults).map(plan).collect()
}

fn limits(workflow: &crate::manifest::WorkflowManifest) -> Limits {
    let written = &workflow.limits;
    Limits {
        timeout: written.timeout.as_ref().map(|limit| limit.value),
        max_cost_usd: written.max_cost_usd.as_ref().map(|limit| limit.value),
        max_tokens: written.max_tokens.as_ref().map(|limit| limit.value),
        concurrency: written.concurrency.as_ref().map_or(CONCURRENCY, |limit| limit.value),
        nodes: written.nodes.as_ref().map_or(NODES, |limit| limit.value),
        turns: written.turns.as_ref().map_or(TURNS, |limit| limit.value),
        iterations: written.iterations.as_ref().map_or(ITERATIONS, |limit| limit.value),
        tool_calls: written.tool_calls.as_ref().map_or(TOOL_CALLS, |limit| limit.value),
    }
}

struct Assembler<'w> {
    compiler: &'w Compiler<'w>,
    workflow: &'w crate::manifest::WorkflowManifest,
    codes: &'w Codes,
    catalog: &'w Catalog,
    limits: Limits,
    agents: BTreeMap<String, Arc<AgentProfile>>,
}

impl Assembler<'_> {
    fn expression(&self, code: CodeId) -> Expression {
        self.codes.expression(code).expect("the place of an expression holds one").clone()
    }

    fn template(&self, code: CodeId) -> Template {
        self.codes.template(code).expect("the place of a template holds one").clone()
    }

    fn tree(&self, tree: &TreeDraft) -> TemplateTree {
        match tree {
            TreeDraft::Literal(value) => TemplateTree::Literal(value.clone()),
            TreeDraft::Text(code) => TemplateTree::Text(self.template(*code)),
            TreeDraft::List(items) => TemplateTree::List(items.iter().map(|item| self.tree(item)).collect()),
            TreeDraft::Map(entries) => {
                TemplateTree::Map(entries.iter().map(|(key, value)| (key.clone(), self.tree(value))).collect())
            }
            TreeDraft::Broken => unreachable!("{CHECKED}"),
        }
    }

    fn graph(&mut self, graph: &GraphDraft<'_>) -> GraphPlan {
        let order = &graph.links().order;
        let nodes: Vec<NodePlan> = order.iter().map(|index| self.node(graph, *index)).collect();
        let index = nodes.iter().enumerate().map(|(index, node)| (node.id.clone(), index)).collect();
        GraphPlan { nodes, index, output: GraphOutput::All }
    }

    fn node(&mut self, graph: &GraphDraft<'_>, index: usize) -> NodePlan {
        let (node, links) = (&graph.nodes[index], graph.links());
        let id = id_of(node);
        let looped = node.written.looped.as_ref().map(|looped| LoopPlan {
            until: node.until.map(|code| self.expression(code)),
            max: looped.max.as_ref().expect(CHECKED).value,
        });
        let mut kind = self.kind(node);
        let goes_out = matches!(kind, NodeKind::Agent(_) | NodeKind::Tool(_));
        let mut retry = self.retry(node, may_be_repeated(&kind));
        let mut timeout = self.timeout(node, goes_out);
        if looped.is_some() && node.inner().is_none() {
            kind = NodeKind::Graph(Arc::new(iteration(node, kind, retry, self.default_timeout(goes_out))));
            // Each iteration is tried again by itself; the limit written is that of all iterations together.
            retry = RetryPolicy::never();
            timeout = node.written.timeout.as_ref().map(|timeout| timeout.value);
        }
        let mut incoming: Vec<EdgePlan> = links.incoming[index]
            .iter()
            .map(|edge| EdgePlan {
                from: links.rank[edge.from],
                kind: match edge.kind {
                    Kind::Plain => EdgeKind::Plain,
                    Kind::Routed => EdgeKind::Routed,
                    Kind::OnError => EdgeKind::OnError,
                    Kind::Conditional(code) => EdgeKind::Conditional(self.expression(code)),
                },
            })
            .collect();
        incoming.sort_by_key(|edge| edge.from);
        let mut successors: Vec<usize> = links.outgoing[index].iter().map(|to| links.rank[*to]).collect();
        successors.sort_unstable();
        NodePlan {
            id,
            description: node.written.description.as_ref().map(|text| text.value.clone()),
            kind,
            incoming,
            successors,
            join: match node.written.join.as_ref().map(|join| join.value) {
                Some(Join::Any) => JoinMode::Any,
                Some(Join::All) | None => JoinMode::All,
            },
            when: node.when.map(|code| self.expression(code)),
            map: node.map.map(|code| MapPlan {
                over: self.expression(code),
                name: node.element_name().unwrap_or("item").to_owned(),
                concurrency: node.written.concurrency.as_ref().map(|number| number.value),
            }),
            looped,
            route: self.route(node),
            retry,
            timeout,
            on_error: self.on_error(node),
            output_schema: node.output.get().cloned().flatten().filter(|schema| says_something(schema)),
        }
    }

    fn kind(&mut self, node: &NodeDraft<'_>) -> NodeKind {
        match &node.kind {
            KindDraft::Agent(agent) => NodeKind::Agent(Box::new(self.agent(agent))),
            KindDraft::Tool(tool) => NodeKind::Tool(Box::new(self.tool(tool))),
            KindDraft::Value(tree) => NodeKind::Value(self.tree(tree)),
            KindDraft::Graph(graph) => NodeKind::Graph(Arc::new(self.graph(graph))),
            KindDraft::Workflow { plan, with } => {
                let plan = plan.clone().expect(CHECKED);
                for (name, profile) in &plan.agents {
                    self.agents.entry(name.clone()).or_insert_with(|| Arc::clone(profile));
                }
                NodeKind::Workflow { plan, with: with.iter().map(|(name, tree)| (name.value.clone(), self.tree(tree))).collect() }
            }
            KindDraft::Approval(draft) => NodeKind::Approval(Box::new(self.approval(draft))),
            KindDraft::Wait(draft) => NodeKind::Wait(Box::new(self.wait(draft))),
            KindDraft::Send(draft) => NodeKind::Send(Box::new(self.send(draft))),
            KindDraft::Receive(draft) => NodeKind::Receive(Box::new(self.receive(draft))),
            KindDraft::Broken => unreachable!("{CHECKED}"),
        }
    }

    fn agent(&mut self, draft: &AgentDraft) -> AgentNode {
        let name = draft.agent.as_deref().expect(CHECKED);
        let profile = self.catalog.get(name).and_then(|entry| entry.profile()).expect(CHECKED);
        self.agents.insert(name.to_owned(), Arc::clone(profile));
        self.delegates(&draft.tools);
        self.delegates(draft.memory.summarizer().as_slice());
        let turns = draft.max_turns.or(profile.max_turns).unwrap_or(self.limits.turns);
        let bounded = self.workflow.limits.turns.is_some();
        let mut node = AgentNode {
            agent: Arc::clone(profile),
            chosen_by: draft.chosen_by.clone(),
            model: draft.model.clone(),
            fallback: distinct(draft),
            system: draft.system.map(|code| self.template(code)),
            prompt: self.template(draft.prompt.expect(CHECKED)),
            output: draft.output.clone(),
            temperature: draft.temperature.or(profile.temperature),
            max_tokens: draft.max_tokens.or(profile.max_tokens),
            max_turns: if bounded { turns.min(self.limits.turns) } else { turns },
            call_timeout: profile.timeout.unwrap_or(CALL_TIMEOUT),
            tools: draft.tools.clone(),
            grants: Arc::clone(&draft.grants),
            powers: draft.powers.clone(),
            on_ambiguous: draft.on_ambiguous,
            recall: draft.memory.recall.as_ref().map(|call| RecallPlan {
                args: self.args(&call.args),
                max_tokens: draft.memory.max_tokens.unwrap_or(RECALL_TOKENS),
                grants: Arc::clone(&call.grants),
            }),
            remember: draft
                .memory
                .remember
                .as_ref()
                .map(|call| RememberPlan { args: self.args(&call.args), grants: Arc::clone(&call.grants) }),
            conversation: draft.memory.conversation.as_ref().map(|conversation| ConversationPlan {
                name: self.template(conversation.name),
                scope: conversation.scope,
                max_tokens: conversation.max_tokens.unwrap_or(CONVERSATION_TOKENS),
                keep: conversation.keep.unwrap_or(KEPT_TURNS),
                summarizer: conversation.summarizer.clone(),
            }),
            definition: String::new(),
        };
        node.definition = definition::of_agent(&node);
        node
    }

    fn args(&self, args: &Args) -> TemplateTree {
        TemplateTree::Map(args.iter().map(|(name, tree)| (name.value.clone(), self.tree(tree))).collect())
    }

    fn delegates(&mut self, tools: &[ToolPattern]) {
        for (name, agent) in self.catalog.delegates(tools) {
            self.agents.entry(name).or_insert_with(|| Arc::clone(agent));
        }
    }

    fn tool(&mut self, draft: &ToolDraft) -> ToolNode {
        let tool = draft.tool.clone().expect(CHECKED);
        let pattern = ToolPattern::new(tool.as_str()).expect(CHECKED);
        self.delegates(std::slice::from_ref(&pattern));
        let args = self.args(&draft.args);
        let secrets = args.references().filter(|reference| reference.path.first().is_some_and(|name| name == "secrets"));
        let mut node = ToolNode {
            secrets: secrets.filter_map(|reference| reference.path.get(1).cloned()).collect(),
            args,
            output: draft.output.clone(),
            grants: Arc::clone(&draft.grants),
            powers: draft.powers.clone(),
            effect: self.compiler.tools.effect_of(&pattern),
            on_ambiguous: draft.on_ambiguous,
            call_timeout: self.compiler.tools.timeout(&tool),
            tool,
            definition: String::new(),
        };
        node.definition = definition::of_tool(&node);
        node
    }

    fn route(&self, node: &NodeDraft<'_>) -> Option<RoutePlan> {
        let written = node.written.route.as_ref()?;
        let ids = |names: &Vec<Spanned<String>>| -> Vec<NodeId> {
            names.iter().map(|name| NodeId::new(name.value.as_str()).expect(CHECKED)).collect()
        };
        Some(RoutePlan {
            on: self.expression(node.route.expect(CHECKED)),
            cases: written.cases.iter().map(|(value, names)| (value.value.clone(), ids(names))).collect(),
            default: written.default.as_ref().map(ids),
        })
    }

    fn on_error(&self, node: &NodeDraft<'_>) -> OnError {
        match node.on_error() {
            OnErrorManifest::Fail => OnError::Fail,
            OnErrorManifest::Continue => OnError::Continue,
            OnErrorManifest::Use(_) => OnError::Use(self.tree(node.replacement.as_ref().expect(CHECKED))),
            OnErrorManifest::Goto(name) => OnError::Goto(NodeId::new(name.value.as_str()).expect(CHECKED)),
        }
    }

    /// Agents and tools that may be called again are tried again by default; other nodes only when they say so.
    fn retry(&self, node: &NodeDraft<'_>, may_be_repeated: bool) -> RetryPolicy {
        if !may_be_repeated && node.written.retry.is_none() {
            return RetryPolicy::never();
        }
        let mut policy = RetryPolicy::default();
        let of_agent = match &node.kind {
            KindDraft::Agent(agent) => &agent.retry,
            _ => &None,
        };
        let layers = [&self.compiler.defaults.retry, &self.workflow.default_retry, of_agent, &node.written.retry];
        layers.into_iter().flatten().for_each(|layer| apply(layer, &mut policy));
        policy
    }

    fn timeout(&self, node: &NodeDraft<'_>, goes_out: bool) -> Option<Duration> {
        let written = node.written.timeout.as_ref().map(|timeout| timeout.value);
        written.or_else(|| self.default_timeout(goes_out))
    }

    fn default_timeout(&self, goes_out: bool) -> Option<Duration> {
        let default = self.workflow.default_timeout.as_ref().map_or(AGENT_TIMEOUT, |timeout| timeout.value);
        goes_out.then_some(default)
    }
}

/// Whether a failed attempt is made again unless the node says otherwise.
fn may_be_repeated(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::Agent(_) => true,
        NodeKind::Tool(node) => node.effect != Effect::Write,
        NodeKind::Value(_)
        | NodeKind::StandIn { .. }
        | NodeKind::Approval(_)
        | NodeKind::Wait(_)
        | NodeKind::Send(_)
        | NodeKind::Receive(_)
        | NodeKind::Workflow { .. }
        | NodeKind::Graph(_) => false,
    }
}

/// The chain without models that have had their turn when they come.
fn distinct(draft: &AgentDraft) -> Vec<FallbackModel> {
    let mut chain: Vec<FallbackModel> = Vec::new();
    for fallback in &draft.fallback {
        if draft.model.as_ref() != Some(&fallback.model) && chain.iter().all(|known| known.model != fallback.model) {
            chain.push(fallback.clone());
        }
    }
    chain
}

fn id_of(node: &NodeDraft<'_>) -> NodeId {
    NodeId::new(node.id.value.as_str()).expect(CHECKED)
}

/// One iteration of a looped node without an inner graph: a graph of that node alone.
fn iteration(node: &NodeDraft<'_>, kind: NodeKind, retry: RetryPolicy, timeout: Option<Duration>) -> GraphPlan {
    let id = id_of(node);
    let only = NodePlan {
        id: id.clone(),
        description: None,
        kind,
        incoming: Vec::new(),
        successors: Vec::new(),
        join: JoinMode::All,
        when: None,
        map: None,
        looped: None,
        route: None,
        retry,
        timeout,
        on_error: OnError::Fail,
        output_schema: node.element.get().cloned().flatten().filter(|schema| says_something(schema)),
    };
    GraphPlan { nodes: vec![only], index: BTreeMap::from([(id, 0)]), output: GraphOutput::Single }
}

/// Writes over what `layer` sets.
fn apply(layer: &RetryManifest, policy: &mut RetryPolicy) {
    if let Some(attempts) = &layer.max_attempts {
        policy.max_attempts = attempts.value.max(1);
    }
    if let Some(initial) = &layer.initial {
        policy.initial = initial.value;
    }
    if let Some(factor) = &layer.factor {
        policy.factor = factor.value.max(1.0);
    }
    if let Some(max) = &layer.max {
        policy.max = max.value;
    }
    policy.jitter = match layer.jitter.as_ref().map(|jitter| jitter.value.as_str()) {
        Some("full") => Jitter::Full,
        Some("equal") => Jitter::Equal,
        Some("none") => Jitter::None,
        Some(_) | None => policy.jitter,
    };
}
