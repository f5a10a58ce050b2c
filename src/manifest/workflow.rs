//! A workflow file as written.

use std::time::Duration;

use crate::{
    diagnostic::{FileId, Span, Spanned},
    manifest::{
        AgentManifest, AgentMemoryManifest, ApprovalManifest, FallbackManifest, MailboxManifest, RecallManifest, ReceiveManifest,
        RememberManifest, SendManifest, Tree, WaitManifest,
    },
    model::{OnAmbiguous, Value},
};

/// A map as written: keys with positions, in order. Duplicate keys have been reported and dropped.
pub type Entries<T> = Vec<(Spanned<String>, T)>;

/// What values are allowed: written in shorthand or as JSON Schema, kept as JSON Schema (draft 2020-12).
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The JSON Schema.
    pub json: Value,
    /// Where it is written.
    pub span: Span,
}

/// A workflow, well-formed but not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowManifest {
    /// The file it is in.
    pub file: FileId,
    /// Its name; the file's stem when absent.
    pub name: Option<Spanned<String>>,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// What it takes.
    pub inputs: Entries<InputManifest>,
    /// Bounds of a run.
    pub limits: LimitsManifest,
    /// `defaults.retry`.
    pub default_retry: Option<RetryManifest>,
    /// `defaults.timeout`: of a node.
    pub default_timeout: Option<Spanned<Duration>>,
    /// Inline agents.
    pub agents: Entries<AgentManifest>,
    /// Environment variables it may read.
    pub env: Vec<Spanned<String>>,
    /// What bodies of messages must be, by type.
    pub messages: Entries<Schema>,
    /// Mailboxes of a run.
    pub mailboxes: Entries<MailboxManifest>,
    /// What its tools may touch at most.
    pub permissions: Option<Vec<Spanned<String>>>,
    /// What happens.
    pub nodes: Entries<NodeManifest>,
    /// What it gives: templates or trees of them. Empty means: the outputs of all nodes without a successor.
    pub outputs: Entries<Tree>,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputManifest {
    /// What values it takes.
    pub schema: Schema,
    /// Its value when none is given; without one, the input is required.
    pub default: Option<Tree>,
    /// What it is, for people.
    pub description: Option<Spanned<String>>,
    /// The whole entry.
    pub span: Span,
}

/// `limits:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LimitsManifest {
    /// Of the whole run.
    pub timeout: Option<Spanned<Duration>>,
    /// In USD.
    pub max_cost_usd: Option<Spanned<f64>>,
    /// Read and written.
    pub max_tokens: Option<Spanned<u64>>,
    /// Attempts in flight at once.
    pub concurrency: Option<Spanned<u32>>,
    /// Node instances in all.
    pub nodes: Option<Spanned<u64>>,
    /// Model calls of one node attempt.
    pub turns: Option<Spanned<u32>>,
    /// Iterations of all loops together.
    pub iterations: Option<Spanned<u64>>,
    /// Calls of tools in all.
    pub tool_calls: Option<Spanned<u64>>,
}

/// `retry:`. Absent fields take the default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetryManifest {
    /// The first try included.
    pub max_attempts: Option<Spanned<u32>>,
    /// The delay before the first retry.
    pub initial: Option<Spanned<Duration>>,
    /// By what each further delay grows.
    pub factor: Option<Spanned<f64>>,
    /// The longest delay.
    pub max: Option<Spanned<Duration>>,
    /// `full`, `equal` or `none`.
    pub jitter: Option<Spanned<String>>,
}

/// A node as written.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeManifest {
    /// The whole entry.
    pub span: Span,
    /// What it does.
    pub kind: NodeKindManifest,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// Nodes to wait for without using their data.
    pub needs: Vec<Spanned<String>>,
    /// Edges of the interchange form and of `GraphBuilder`; a workflow file has none.
    pub edges: Vec<EdgeManifest>,
    /// An expression; the node is skipped when it is false.
    pub when: Option<Spanned<String>>,
    /// How many incoming edges it takes.
    pub join: Option<Spanned<Join>>,
    /// An expression that gives a list; one instance per element.
    pub map: Option<Spanned<String>>,
    /// What templates call the element; `item` when absent.
    pub map_as: Option<Spanned<String>>,
    /// Elements in flight at once.
    pub concurrency: Option<Spanned<u32>>,
    /// Repetition.
    pub looped: Option<LoopManifest>,
    /// The conditional map to successors.
    pub route: Option<RouteManifest>,
    /// Repeated tries.
    pub retry: Option<RetryManifest>,
    /// Of the node, all attempts together.
    pub timeout: Option<Spanned<Duration>>,
    /// What a failure means.
    pub on_error: Option<Spanned<OnErrorManifest>>,
}

/// What a node does: exactly one of these keys. The span of each is that of the key.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most nodes are of the large kind")]
pub enum NodeKindManifest {
    /// Runs an agent.
    Agent {
        /// Which one.
        agent: AgentChoice,
        /// The prompt, a template.
        prompt: Option<Spanned<String>>,
        /// The file of the prompt, relative to the workflow's.
        prompt_file: Option<Spanned<String>>,
        /// What the answer must be; text when absent.
        output: Option<Schema>,
        /// Instead of the agent's model.
        model: Option<Spanned<String>>,
        /// Instead of the agent's.
        fallback: Option<Vec<FallbackManifest>>,
        /// Instead of the agent's temperature.
        temperature: Option<Spanned<f64>>,
        /// Instead of the agent's limit.
        max_tokens: Option<Spanned<u32>>,
        /// Instead of the agent's limit.
        max_turns: Option<Spanned<u32>>,
        /// Patterns of the tools it may call: some of the agent's.
        tools: Option<Vec<Spanned<String>>>,
        /// How it may call them.
        calls: CallsManifest,
        /// Instead of what the agent recalls, remembers and goes on with.
        memory: AgentMemoryManifest,
    },
    /// Calls a tool.
    Tool {
        /// Its name.
        tool: Spanned<String>,
        /// Its arguments: templates or trees of them.
        args: Entries<Tree>,
        /// What the result must be.
        output: Option<Schema>,
        /// How it may be called.
        calls: CallsManifest,
    },
    /// Computes data.
    Value(Tree),
    /// Runs another workflow.
    Workflow {
        /// Its file, relative to this one.
        path: Spanned<String>,
        /// Its inputs: templates or trees of them.
        with: Entries<Tree>,
    },
    /// Searches a collection of memory.
    Recall(RecallManifest),
    /// Keeps texts in a collection of memory.
    Remember {
        /// Which, and where.
        remember: RememberManifest,
        /// `approve: human`, where it is written.
        calls: CallsManifest,
    },
    /// Waits for a person.
    Approval(ApprovalManifest),
    /// Waits for a while, a time or a message.
    Wait(WaitManifest),
    /// Sends a message.
    Send(SendManifest),
    /// Takes messages.
    Receive(ReceiveManifest),
    /// An inner graph in its own scope.
    Nodes(Entries<NodeManifest>),
    /// Its kind could not be read, which has been reported: nothing is known of its output, and nothing of it need be checked.
    Broken,
}

/// What a node says of the calls of tools it makes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallsManifest {
    /// What they may touch at most.
    pub permissions: Option<Vec<Spanned<String>>>,
    /// `approve: human`, where it is written.
    pub approve: Option<Span>,
    /// What becomes of a call that was perhaps made.
    pub on_ambiguous: Option<Spanned<OnAmbiguous>>,
}

/// How a node names its agent.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentChoice {
    /// By name.
    Name(Spanned<String>),
    /// By what it can do; the plan chooses.
    Capabilities(Vec<Spanned<String>>),
}

/// An edge of the interchange form.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeManifest {
    /// The source.
    pub from: Spanned<String>,
    /// An expression; the edge is taken when it is true, or absent.
    pub condition: Option<Spanned<String>>,
}

/// How many incoming edges start a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// All are decided, at least one was taken.
    All,
    /// The first one taken.
    Any,
}

/// `loop:`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoopManifest {
    /// An expression over the iteration's outputs; ends the loop when true.
    pub until: Option<Spanned<String>>,
    /// The most iterations; required.
    pub max: Option<Spanned<u32>>,
    /// The whole entry.
    pub span: Span,
}

/// `route:`.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteManifest {
    /// An expression.
    pub on: Spanned<String>,
    /// The successors by value of `on`.
    pub cases: Entries<Vec<Spanned<String>>>,
    /// The successors for any other value.
    pub default: Option<Vec<Spanned<String>>>,
    /// The whole entry.
    pub span: Span,
}

/// `on_error:`.
#[derive(Debug, Clone, PartialEq)]
pub enum OnErrorManifest {
    /// The run fails.
    Fail,
    /// The run goes on; the output reads as `none`.
    Continue,
    /// The run goes on with this output, a template or a tree of them.
    Use(Tree),
    /// The run goes on at this node.
    Goto(Spanned<String>),
}
