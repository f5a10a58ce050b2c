//! A workflow that has been checked. Only `compile` makes a [`Plan`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use indexmap::IndexMap;

use crate::{
    diagnostic::{FileId, Sources},
    model::{
        AgentName, AgentProfile, Effect, FallbackModel, MailboxName, MessageType, ModelRef, NodeId, OnAmbiguous, StoredSource,
        ToolName, ToolPattern, Value,
    },
    plan::{ApprovalNode, Choice, MailboxPlan, Power, ReceiveNode, SendNode, WaitNode, rules::Crossings},
    resilience::RetryPolicy,
    template::{Expression, Template, TemplateTree},
    tool::{Grants, Level, memory, messages},
};

/// A checked workflow with everything it needs: nothing is looked up or read later but keys and inputs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The workflow's name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The file it is written in, one of the sources of the outermost plan.
    pub file: FileId,
    /// SHA-256 over all sources, in hex.
    pub digest: String,
    /// The files it was made of, for messages. Empty, as are `digest` and `stored_sources`, in the plan of an inner workflow: the
    /// outermost plan has them. What is called as a tool has those of the plan that it is called from.
    pub sources: Sources,
    /// The same for the log: workflow first, manifest (if any) second, then prompts and inner workflows.
    pub stored_sources: Vec<StoredSource>,
    /// What it takes.
    pub inputs: IndexMap<String, InputPlan>,
    /// Bounds of a run.
    pub limits: Limits,
    /// Environment variables its templates may read.
    pub env: Vec<String>,
    /// What bodies of messages must be, by type: JSON Schema. A type that is not here may say anything.
    pub messages: IndexMap<MessageType, Arc<Value>>,
    /// The mailboxes that are described; there are others.
    pub mailboxes: IndexMap<MailboxName, MailboxPlan>,
    /// The outermost graph.
    pub graph: Arc<GraphPlan>,
    /// What it gives, in the order written.
    pub outputs: IndexMap<String, TemplateTree>,
    /// JSON Schema of the object of its outputs, as far as it is known; outputs that may be absent are no required fields.
    pub output_schema: Value,
    /// What the workflows around this one and itself ask for, from the outside to the inside; only those that say so.
    pub levels: Vec<Level>,
    /// What it lets through of what strangers wrote and of private data.
    pub(super) crossings: Arc<Crossings>,
    /// All agents that its nodes use or delegate to, those of inner workflows included, by name.
    pub agents: BTreeMap<String, Arc<AgentProfile>>,
    /// The agents and workflows that its nodes, or those of one another, may call as tools: each a plan of its own, in runs of its own.
    /// Only the outermost plan has them.
    pub delegates: BTreeMap<ToolName, Arc<Plan>>,
    /// Whom nodes that ask for capabilities got, those of inner workflows and of what is called as a tool included. Only the outermost
    /// plan has them.
    pub choices: Vec<Choice>,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputPlan {
    /// JSON Schema of its values.
    pub schema: Value,
    /// Its value when none is given; without one, the input is required.
    pub default: Option<Value>,
    /// What it is, for people.
    pub description: Option<String>,
}

/// Bounds of a run. A budget that is absent is unbounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Of the whole run.
    pub timeout: Option<Duration>,
    /// Money, in USD.
    pub max_cost_usd: Option<f64>,
    /// Tokens read and written.
    pub max_tokens: Option<u64>,
    /// Attempts in flight at once; 8 by default.
    pub concurrency: u32,
    /// Node instances that may start in all; 2,000 by default.
    pub nodes: u64,
    /// Model calls of one node attempt; 50 by default.
    pub turns: u32,
    /// Iterations of all loops together; 1,000 by default.
    pub iterations: u64,
    /// Calls of tools; 500 by default.
    pub tool_calls: u64,
}

/// A graph: the nodes in topological order, so that an edge always points to a higher index.
#[derive(Debug, Clone)]
pub struct GraphPlan {
    /// The nodes.
    pub nodes: Vec<NodePlan>,
    /// Index of each node in `nodes`.
    pub index: BTreeMap<NodeId, usize>,
    /// What the graph as a whole puts out.
    pub output: GraphOutput,
}

/// What a graph as a whole puts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphOutput {
    /// An object with the output of every node.
    All,
    /// The output of its only node: the graph was made by `compile` around a looped node that has no inner graph of its own.
    Single,
}

/// One node.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// Its id in its graph.
    pub id: NodeId,
    /// What it is for.
    pub description: Option<String>,
    /// What it does.
    pub kind: NodeKind,
    /// Incoming edges, one per source, in the order of the sources' indices.
    pub incoming: Vec<EdgePlan>,
    /// Indices of the nodes that have an edge from this one, ascending.
    pub successors: Vec<usize>,
    /// How many incoming edges start it.
    pub join: JoinMode,
    /// Skips the node when false.
    pub when: Option<Expression>,
    /// One instance per element.
    pub map: Option<MapPlan>,
    /// Repetition; only on `NodeKind::Graph` (`compile` wraps other looped nodes in a graph of their own).
    pub looped: Option<LoopPlan>,
    /// The choice among successors.
    pub route: Option<RoutePlan>,
    /// Repeated tries; unless written, `max_attempts` is 1 for kinds other than `agent` and for tools that change the world each
    /// time they are called.
    pub retry: RetryPolicy,
    /// Of the node, all attempts together; 900 s by default for agents and tools, none for others.
    pub timeout: Option<Duration>,
    /// What a failure means.
    pub on_error: OnError,
    /// JSON Schema of its output, as far as it is known; for a mapped node, of the list.
    pub output_schema: Option<Arc<Value>>,
}

/// An incoming edge. All reasons for an edge from one source are one edge.
#[derive(Debug, Clone)]
pub struct EdgePlan {
    /// Index of the source in its graph.
    pub from: usize,
    /// When it is taken.
    pub kind: EdgeKind,
}

/// When an edge is taken, given that its source has ended.
#[derive(Debug, Clone)]
pub enum EdgeKind {
    /// The source went through: it succeeded, or its failure is handled by `continue` or `use`.
    Plain,
    /// The source went through and its `route` chose this node.
    Routed,
    /// The source went through and this expression is true.
    Conditional(Expression),
    /// The source failed and its `on_error` is `goto` this node.
    OnError,
}

impl EdgeKind {
    /// Whether the edge decides alone whether its target runs: a node with such edges needs one of *them* to be taken.
    #[must_use]
    pub fn is_control(&self) -> bool {
        !matches!(self, Self::Plain)
    }
}

/// How many incoming edges start a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinMode {
    /// All are decided, and one was taken.
    All,
    /// The first one taken.
    Any,
}

/// `map:`.
#[derive(Debug, Clone)]
pub struct MapPlan {
    /// Gives the list.
    pub over: Expression,
    /// What templates call the element.
    pub name: String,
    /// Elements in flight at once; bounded by the run's limit only when absent.
    pub concurrency: Option<u32>,
}

/// `loop:`.
#[derive(Debug, Clone)]
pub struct LoopPlan {
    /// Ends the loop when true after an iteration.
    pub until: Option<Expression>,
    /// The most iterations, at least 1.
    pub max: u32,
}

/// `route:`.
#[derive(Debug, Clone)]
pub struct RoutePlan {
    /// What is compared; over the scope of the node, its own output included.
    pub on: Expression,
    /// Value (as text: strings as they are, others as JSON) and the ids chosen for it.
    pub cases: IndexMap<String, Vec<NodeId>>,
    /// The ids for any other value; without it, another value is a failure of the node.
    pub default: Option<Vec<NodeId>>,
}

/// `on_error:`.
#[derive(Debug, Clone)]
pub enum OnError {
    /// The run fails.
    Fail,
    /// The run goes on; the output reads as `none`.
    Continue,
    /// The run goes on with this output.
    Use(TemplateTree),
    /// The run goes on at this node.
    Goto(NodeId),
}

/// What a node does.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// Runs an agent.
    Agent(Box<AgentNode>),
    /// Calls a tool.
    Tool(Box<ToolNode>),
    /// Computes data.
    Value(TemplateTree),
    /// Runs another workflow.
    Workflow {
        /// The other workflow, checked.
        plan: Arc<Plan>,
        /// Its inputs, as far as they are given.
        with: IndexMap<String, TemplateTree>,
    },
    /// Runs an inner graph.
    Graph(Arc<GraphPlan>),
    /// Waits for a person.
    Approval(Box<ApprovalNode>),
    /// Waits for a while, a time or a message.
    Wait(Box<WaitNode>),
    /// Sends a message.
    Send(Box<SendNode>),
    /// Takes messages.
    Receive(Box<ReceiveNode>),
    /// Does nothing of its own in a rehearsal: something stands in for the work of this node. Only [`Plan::rehearse`] makes it.
    StandIn {
        /// What its author wrote.
        of: Box<NodeKind>,
        /// Whether it is rendered what the node would be given; not for a mapped node as a whole, which has no element.
        is_given: bool,
    },
}

impl NodeKind {
    /// The agent's node, if it is one.
    #[must_use]
    pub fn agent(&self) -> Option<&AgentNode> {
        match self {
            Self::Agent(node) => Some(node),
            Self::StandIn { of, .. } => of.agent(),
            Self::Tool(_)
            | Self::Value(_)
            | Self::Workflow { .. }
            | Self::Graph(_)
            | Self::Approval(_)
            | Self::Wait(_)
            | Self::Send(_)
            | Self::Receive(_) => None,
        }
    }

    /// What its author wrote, where something stands in for it.
    #[must_use]
    pub fn written(&self) -> &Self {
        match self {
            Self::StandIn { of, .. } => of,
            kind => kind,
        }
    }

    /// What it is, as the format calls it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::Tool(tool) => tool.of_memory().map_or("tool", |(does, _)| does),
            Self::Value(_) => "value",
            Self::Workflow { .. } => "workflow",
            Self::Graph(_) => "nodes",
            Self::Approval(_) => "approval",
            Self::Wait(_) => "wait",
            Self::Send(_) => "send",
            Self::Receive(_) => "receive",
            Self::StandIn { of, .. } => of.word(),
        }
    }
}

/// A node that runs an agent, with everything the agent and the node say about it.
#[derive(Debug, Clone)]
pub struct AgentNode {
    /// The agent.
    pub agent: Arc<AgentProfile>,
    /// How it was chosen when the node names capabilities, for people.
    pub chosen_by: Option<String>,
    /// The model: of the command line, the node, the agent or the defaults. `None` only where no one names one.
    pub model: Option<ModelRef>,
    /// The models that stand in when that one fails, in this order; none of them twice, and not `model`.
    pub fallback: Vec<FallbackModel>,
    /// The system prompt.
    pub system: Option<Template>,
    /// The prompt.
    pub prompt: Template,
    /// JSON Schema of the answer; text when absent.
    pub output: Option<Arc<Value>>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// The most tokens of one answer.
    pub max_tokens: Option<u32>,
    /// The most model calls in one attempt.
    pub max_turns: u32,
    /// How long one model call may take; 600 s by default.
    pub call_timeout: Duration,
    /// The tools it may call: the agent's, or fewer where the node says so.
    pub tools: Vec<ToolPattern>,
    /// What their calls are held to: the workflows from the outside to the inside, the agent, the node.
    pub grants: Arc<Grants>,
    /// What its tools could do here, and those of the agents it delegates to.
    pub powers: Vec<Power>,
    /// What becomes of calls that were perhaps made; as each tool has it when absent.
    pub on_ambiguous: Option<OnAmbiguous>,
    /// What it is given from memory with its prompt.
    pub recall: Option<RecallPlan>,
    /// Where its prompt and answer are put when it has answered.
    pub remember: Option<RememberPlan>,
    /// The conversation that it goes on with.
    pub conversation: Option<ConversationPlan>,
    /// A digest of what is asked for besides the prompts: the agent's name, the output, temperature, token and turn limits; tools
    /// and permissions where there are some.
    pub definition: String,
}

/// `recall:` of an agent: a search whose results go into its prompt.
#[derive(Debug, Clone)]
pub struct RecallPlan {
    /// The arguments of `memory_search`: renders to an object; without `query`, the prompt is what is looked for.
    pub args: TemplateTree,
    /// The most tokens of what is found that go into the prompt.
    pub max_tokens: u32,
    /// What the search is held to: the workflows from the outside to the inside, and what it asks for itself.
    pub grants: Arc<Grants>,
}

/// `remember:` of an agent: what it was asked and what it answered goes into a collection.
#[derive(Debug, Clone)]
pub struct RememberPlan {
    /// The arguments of `memory_add` but for `documents`: renders to an object.
    pub args: TemplateTree,
    /// What the call is held to.
    pub grants: Arc<Grants>,
}

/// `conversation:` of an agent.
#[derive(Debug, Clone)]
pub struct ConversationPlan {
    /// What the conversation is called: renders to text.
    pub name: Template,
    /// Whose it is.
    pub scope: ConversationScope,
    /// How many tokens of earlier turns, their summary included, the agent is given at most.
    pub max_tokens: u32,
    /// How many of the last turns are kept word by word when the older ones are summarized.
    pub keep: u32,
    /// Who summarizes the older turns; they are left out where nobody does.
    pub summarizer: Option<AgentName>,
}

/// Whose a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConversationScope {
    /// Of all runs of this workflow.
    #[default]
    Workflow,
    /// Of all workflows of the project.
    Project,
    /// Of one run.
    Run,
}

/// A node that calls a tool.
#[derive(Debug, Clone)]
pub struct ToolNode {
    /// The tool.
    pub tool: ToolName,
    /// Its arguments: renders to an object.
    pub args: TemplateTree,
    /// The secrets that the arguments name, as `secrets.NAME`.
    pub secrets: BTreeSet<String>,
    /// JSON Schema of the result; anything when absent.
    pub output: Option<Arc<Value>>,
    /// What the call is held to: the workflows from the outside to the inside, the node.
    pub grants: Arc<Grants>,
    /// What it could do here.
    pub powers: Vec<Power>,
    /// What the call does at most, as far as it is known before the tool is asked.
    pub effect: Effect,
    /// What becomes of a call that was perhaps made; as the tool has it when absent.
    pub on_ambiguous: Option<OnAmbiguous>,
    /// How long the call may take, where the manifest says so.
    pub call_timeout: Option<Duration>,
    /// A digest of what is asked for besides the arguments: the tool, the output, the permissions.
    pub definition: String,
}

impl AgentNode {
    /// Whether its answer rests on what is remembered, which may be something else in another run, or changes it.
    #[must_use]
    pub fn rests_on_memory(&self) -> bool {
        self.recall.is_some() || self.remember.is_some() || self.conversation.is_some()
    }

    /// Whether it may send or take messages while it works: an earlier answer stands for none of them.
    #[must_use]
    pub fn exchanges_messages(&self) -> bool {
        let has = |name: &str| ToolName::new(name).is_ok_and(|name| self.tools.iter().any(|tool| tool.covers(&name)));
        messages::NAMES.into_iter().any(has)
    }

    /// The tools that its attempts call by themselves, whatever the model asks for.
    pub fn own_calls(&self) -> impl Iterator<Item = &'static str> {
        let recall = self.recall.as_ref().map(|_| memory::SEARCH);
        recall.into_iter().chain(self.remember.as_ref().map(|_| memory::ADD))
    }

    /// The models of the chain: the one to ask first, then those that stand in.
    pub fn models(&self) -> impl Iterator<Item = &ModelRef> {
        self.model.iter().chain(self.fallback.iter().map(|fallback| &fallback.model))
    }
}

impl ToolNode {
    /// What the node is in the author's words, when it calls a tool of memory: `recall` or `remember`, and the collection as written.
    #[must_use]
    pub fn of_memory(&self) -> Option<(&'static str, &str)> {
        let does = match self.tool.as_str() {
            memory::SEARCH => "recall",
            memory::ADD => "remember",
            _ => return None,
        };
        let TemplateTree::Map(args) = &self.args else { return None };
        match args.get("collection")? {
            TemplateTree::Literal(Value::String(collection)) => Some((does, collection)),
            TemplateTree::Text(template) => Some((does, template.source())),
            TemplateTree::Literal(_) | TemplateTree::List(_) | TemplateTree::Map(_) => None,
        }
    }

    /// Whether it looks at what is remembered, or changes it.
    #[must_use]
    pub fn rests_on_memory(&self) -> bool {
        [memory::SEARCH, memory::ADD].contains(&self.tool.as_str())
    }
}
