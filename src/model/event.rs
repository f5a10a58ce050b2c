//! What happened in a run: the only thing that is stored of it, and the only thing that front ends show.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::ErrorRecord,
    model::{
        AgentMode, AgentName, AgentOverrides, Approval, ApprovalRequest, Basis, Came, ChatResponse, Cost, DeadReason, Delivery,
        MailboxName, Message, MessageId, MessageType, NodePath, Origin, Owner, Parent, Reused, Revised, RunId, RunStatus, Seq,
        Spend, Taken, ToolDenial, ToolIntent, ToolResult, Value,
    },
};

/// One event of a run. Immutable once it is in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number in the run, from 0.
    pub seq: Seq,
    /// When it was made, by the clock of the process that made it.
    pub at: Timestamp,
    /// What happened.
    pub body: EventBody,
}

/// A file of the project, as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSource {
    /// The path as the run was given it, for messages.
    pub path: String,
    /// The text.
    pub text: String,
}

/// What a run goes on with after a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handled {
    /// The output that stands in for the node's own; `null` by `continue`.
    pub output: Value,
}

/// What happened. Stored as JSON with the tag `type`; version 1 of the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum EventBody {
    /// The run exists. Always the first event.
    RunCreated {
        /// The run's own id, so that a log names itself.
        run: RunId,
        /// The name of the workflow.
        workflow: String,
        /// SHA-256 over the plan's sources, in hex.
        plan_digest: String,
        /// Every file the plan was made of, workflow first, manifest (if any) second.
        sources: Vec<StoredSource>,
        /// The inputs, defaults applied.
        inputs: IndexMap<String, Value>,
        /// Settings of the command line that change what the run does: kept so that a resume does the same.
        settings: Value,
        /// The version of agentflow that made the run.
        agentflow: String,
        /// Who runs it.
        owner: Owner,
        /// The earlier run it comes from, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
        /// The call that it is made for, when another run called it as a tool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
        /// Chance by which nobody who does not read the log can write what stands for a secret in it. Absent where no node is lent one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<String>,
    },
    /// A process took the run over after another one ended in the middle of it.
    RunResumed {
        /// Who runs it now.
        owner: Owner,
        /// The files it goes on with, when they are not those it had before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revised: Option<Revised>,
    },
    /// A node was not run: no edge to it was taken, or its `when` was false.
    NodeSkipped {
        /// Which node.
        node: NodePath,
        /// Why, in a few words.
        reason: String,
    },
    /// An attempt begins; for a container or a mapped node, its inner graph or its elements do.
    AttemptStarted {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// For an agent node, the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentName>,
        /// For an agent that was chosen by what it can do, why it is that one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chosen: Option<String>,
        /// For an agent node, `provider/model` that is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// For a node that asks an agent or calls a tool, what its answer will rest on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        basis: Option<Basis>,
        /// For a mapped node, how many elements it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elements: Option<usize>,
        /// For a node that runs another workflow, that workflow's inputs, defaults applied.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<IndexMap<String, Value>>,
    },
    /// A model answered. On resume the answer is taken from here, never asked for again.
    ModelResponded {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// The ordinal of the call within the attempt, from 0.
        ordinal: u32,
        /// `provider/model` that was asked.
        model: String,
        /// SHA-256 of the canonical request, in hex.
        fingerprint: String,
        /// The answer.
        response: ChatResponse,
        /// What it cost.
        cost: Cost,
        /// From the request to the last byte, in milliseconds.
        duration_ms: u64,
        /// What the agent was set to when it was asked.
        #[serde(default, skip_serializing_if = "AgentOverrides::is_empty")]
        overrides: AgentOverrides,
    },
    /// A call of a tool is about to be made.
    ToolCalled {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// The call, and what permits it.
        call: ToolIntent,
    },
    /// A step has its result: a call came back, or it could not be made. On resume the result is taken from here.
    ToolReturned {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// What came of it.
        result: ToolResult,
    },
    /// A call was not permitted.
    ToolDenied {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// The call, and why.
        denial: ToolDenial,
    },
    /// A person is to decide about a call.
    ApprovalRequested {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// What is asked.
        request: ApprovalRequest,
    },
    /// An attempt waits: for a person, until all its questions are answered; for a time; or because the run or its agent is paused.
    AttemptPaused {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// When it goes on, whatever has come until then. Absent: it waits for as long as it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Whether it waits because the run or its agent was paused.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        held: bool,
    },
    /// A person has decided.
    ApprovalGiven {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// The decision.
        approval: Approval,
    },
    /// A new iteration of a looped node begins.
    IterationStarted {
        /// Which node.
        node: NodePath,
        /// From 1.
        iteration: u32,
    },
    /// An attempt failed, and another one will follow. A last attempt that fails is only a `NodeFailed`.
    AttemptFailed {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// Why.
        error: ErrorRecord,
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// An attempt failed, and the next one asks another model at once.
    FallbackTaken {
        /// Which node.
        node: NodePath,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// `provider/model` that failed.
        from: String,
        /// `provider/model` that is asked next.
        to: String,
        /// Why.
        error: ErrorRecord,
    },
    /// A call waited for its turn.
    CallWaited {
        /// Which node.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// The ordinal of the call within the attempt, from 0.
        ordinal: u32,
        /// `provider/model` that is asked.
        model: String,
        /// For what, e.g. `rate limit` or `permit`.
        reason: String,
        /// How long, in milliseconds.
        duration_ms: u64,
    },
    /// The circuit breaker of a model changed by what came of a call.
    BreakerChanged {
        /// Which node made the call.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// `provider/model`.
        model: String,
        /// `closed`, `open` or `half-open`.
        from: String,
        /// The same.
        to: String,
        /// Why.
        reason: String,
    },
    /// A message is sent: it waits in the mailboxes of the run that it went to. Comes directly before the outcome of what sent it.
    MessageSent {
        /// Which node sent it.
        node: NodePath,
        /// From 1; 0 for a node that had not to wait for room.
        attempt: u32,
        /// The message.
        message: Message,
        /// Where it is. Empty when nobody subscribed to its type, or when it goes to a mailbox of the project.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deliveries: Vec<Delivery>,
    },
    /// Messages are taken from a mailbox of the run. Comes directly before the outcome of what took them.
    MessagesTaken {
        /// Which node took them.
        node: NodePath,
        /// From 1; 0 for a node that had not to wait for them.
        attempt: u32,
        /// From which mailbox of its workflow.
        mailbox: MailboxName,
        /// Which messages, in order.
        messages: Vec<Taken>,
    },
    /// Messages of a mailbox of the project are taken. Comes directly before the outcome of what took them.
    MessagesCame {
        /// Which node took them.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// From which mailbox of the project.
        mailbox: MailboxName,
        /// The messages, in order.
        messages: Vec<Came>,
    },
    /// A message in a mailbox of the run is given up.
    MessageDead {
        /// Which node sent it.
        node: NodePath,
        /// In which mailbox of its workflow it was.
        mailbox: MailboxName,
        /// Its number there.
        number: u64,
        /// Which message it is.
        id: MessageId,
        /// Why.
        reason: DeadReason,
    },
    /// A mailbox of the run gets messages of a type that go to all from now on, or gets them no more.
    SubscriptionChanged {
        /// Which node changed it.
        node: NodePath,
        /// From 1.
        attempt: u32,
        /// The mailbox.
        mailbox: MailboxName,
        /// The type of messages.
        kind: MessageType,
        /// Whether it gets them.
        subscribed: bool,
    },
    /// A node has its output.
    NodeSucceeded {
        /// Which node.
        node: NodePath,
        /// The attempt that did it, from 1; 0 for a node whose output is only computed, or taken from an earlier run.
        attempt: u32,
        /// Its output.
        output: Value,
        /// For a node with `route`, the nodes that were chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        routed_to: Option<Vec<String>>,
        /// What was overlooked to get the answer, e.g. a code fence around it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
        /// Where the output was taken from, when nobody was asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reused: Option<Reused>,
    },
    /// A node failed for good.
    NodeFailed {
        /// Which node.
        node: NodePath,
        /// The last attempt, from 1; 0 when none began.
        attempt: u32,
        /// Why.
        error: ErrorRecord,
        /// What the run goes on with by `on_error: { use: … }` or `continue`; absent when the failure counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handled: Option<Handled>,
    },
    /// A node did not come to its end because the run did.
    NodeCancelled {
        /// Which node.
        node: NodePath,
    },
    /// Somebody paused the run: it begins nothing, and its process ends when what is in flight has ended.
    RunPaused {
        /// Who.
        by: String,
    },
    /// The run goes on that somebody paused.
    RunContinued {
        /// Who.
        by: String,
    },
    /// Somebody cancelled the run: what is in flight is ended, and the run with it.
    RunCancelRequested {
        /// Who.
        by: String,
    },
    /// An agent takes no further step.
    AgentPaused {
        /// Which agent.
        agent: AgentName,
        /// Who paused it.
        by: String,
    },
    /// An agent may be asked again.
    AgentResumed {
        /// Which agent.
        agent: AgentName,
        /// Who said so.
        by: String,
    },
    /// An agent goes on with what it has begun, and begins nothing.
    AgentDraining {
        /// Which agent.
        agent: AgentName,
        /// Who said so.
        by: String,
    },
    /// An agent is not asked any more: nodes that ask it fail.
    AgentTerminated {
        /// Which agent.
        agent: AgentName,
        /// Who terminated it.
        by: String,
    },
    /// An agent was set to something else than its author wrote. All that it is set to now; what is absent is as written.
    AgentChanged {
        /// Which agent.
        agent: AgentName,
        /// What it is set to.
        #[serde(default, skip_serializing_if = "AgentOverrides::is_empty")]
        overrides: AgentOverrides,
        /// What this process could not take over, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
        /// Who set it.
        by: String,
    },
    /// The run has ended. Always the last event.
    RunFinished {
        /// Succeeded, failed or cancelled.
        status: RunStatus,
        /// The outputs of a run that succeeded.
        outputs: IndexMap<String, Value>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorRecord>,
        /// All calls of the run.
        spend: Spend,
    },
}

impl EventBody {
    /// The version of the format this program writes. A log of a newer version is refused.
    pub const VERSION: u16 = 1;

    /// The tag as it is stored: `node_succeeded`, ….
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunCreated { .. } => "run_created",
            Self::RunResumed { .. } => "run_resumed",
            Self::NodeSkipped { .. } => "node_skipped",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::ModelResponded { .. } => "model_responded",
            Self::ToolCalled { .. } => "tool_called",
            Self::ToolReturned { .. } => "tool_returned",
            Self::ToolDenied { .. } => "tool_denied",
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::AttemptPaused { .. } => "attempt_paused",
            Self::ApprovalGiven { .. } => "approval_given",
            Self::IterationStarted { .. } => "iteration_started",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::FallbackTaken { .. } => "fallback_taken",
            Self::CallWaited { .. } => "call_waited",
            Self::BreakerChanged { .. } => "breaker_changed",
            Self::MessageSent { .. } => "message_sent",
            Self::MessagesTaken { .. } => "messages_taken",
            Self::MessagesCame { .. } => "messages_came",
            Self::MessageDead { .. } => "message_dead",
            Self::SubscriptionChanged { .. } => "subscription_changed",
            Self::NodeSucceeded { .. } => "node_succeeded",
            Self::NodeFailed { .. } => "node_failed",
            Self::NodeCancelled { .. } => "node_cancelled",
            Self::RunPaused { .. } => "run_paused",
            Self::RunContinued { .. } => "run_continued",
            Self::RunCancelRequested { .. } => "run_cancel_requested",
            Self::AgentPaused { .. } => "agent_paused",
            Self::AgentResumed { .. } => "agent_resumed",
            Self::AgentDraining { .. } => "agent_draining",
            Self::AgentTerminated { .. } => "agent_terminated",
            Self::AgentChanged { .. } => "agent_changed",
            Self::RunFinished { .. } => "run_finished",
        }
    }

    /// The attempt the event is about, from 1; 0 for what happens to a node outside of one.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        match self {
            Self::AttemptStarted { attempt, .. }
            | Self::ModelResponded { attempt, .. }
            | Self::ToolCalled { attempt, .. }
            | Self::ToolReturned { attempt, .. }
            | Self::ToolDenied { attempt, .. }
            | Self::ApprovalRequested { attempt, .. }
            | Self::AttemptPaused { attempt, .. }
            | Self::ApprovalGiven { attempt, .. }
            | Self::AttemptFailed { attempt, .. }
            | Self::FallbackTaken { attempt, .. }
            | Self::CallWaited { attempt, .. }
            | Self::BreakerChanged { attempt, .. }
            | Self::MessageSent { attempt, .. }
            | Self::MessagesTaken { attempt, .. }
            | Self::MessagesCame { attempt, .. }
            | Self::SubscriptionChanged { attempt, .. }
            | Self::NodeSucceeded { attempt, .. }
            | Self::NodeFailed { attempt, .. } => *attempt,
            Self::RunCreated { .. }
            | Self::RunResumed { .. }
            | Self::NodeSkipped { .. }
            | Self::IterationStarted { .. }
            | Self::MessageDead { .. }
            | Self::NodeCancelled { .. }
            | Self::RunPaused { .. }
            | Self::RunContinued { .. }
            | Self::RunCancelRequested { .. }
            | Self::AgentPaused { .. }
            | Self::AgentResumed { .. }
            | Self::AgentDraining { .. }
            | Self::AgentTerminated { .. }
            | Self::AgentChanged { .. }
            | Self::RunFinished { .. } => 0,
        }
    }

    /// The node the event is about, if it is about one.
    #[must_use]
    pub fn node(&self) -> Option<&NodePath> {
        match self {
            Self::RunCreated { .. }
            | Self::RunResumed { .. }
            | Self::RunPaused { .. }
            | Self::RunContinued { .. }
            | Self::RunCancelRequested { .. }
            | Self::AgentPaused { .. }
            | Self::AgentResumed { .. }
            | Self::AgentDraining { .. }
            | Self::AgentTerminated { .. }
            | Self::AgentChanged { .. }
            | Self::RunFinished { .. } => None,
            Self::NodeSkipped { node, .. }
            | Self::AttemptStarted { node, .. }
            | Self::ModelResponded { node, .. }
            | Self::ToolCalled { node, .. }
            | Self::ToolReturned { node, .. }
            | Self::ToolDenied { node, .. }
            | Self::ApprovalRequested { node, .. }
            | Self::AttemptPaused { node, .. }
            | Self::ApprovalGiven { node, .. }
            | Self::IterationStarted { node, .. }
            | Self::AttemptFailed { node, .. }
            | Self::FallbackTaken { node, .. }
            | Self::CallWaited { node, .. }
            | Self::BreakerChanged { node, .. }
            | Self::MessageSent { node, .. }
            | Self::MessagesTaken { node, .. }
            | Self::MessagesCame { node, .. }
            | Self::MessageDead { node, .. }
            | Self::SubscriptionChanged { node, .. }
            | Self::NodeSucceeded { node, .. }
            | Self::NodeFailed { node, .. }
            | Self::NodeCancelled { node } => Some(node),
        }
    }

    /// For an event that changes whether an agent may be asked: the agent, how it stands from now on, and who said so.
    #[must_use]
    pub fn agent_mode(&self) -> Option<(&AgentName, AgentMode, &str)> {
        match self {
            Self::AgentPaused { agent, by } => Some((agent, AgentMode::Paused, by)),
            Self::AgentResumed { agent, by } => Some((agent, AgentMode::Active, by)),
            Self::AgentDraining { agent, by } => Some((agent, AgentMode::Draining, by)),
            Self::AgentTerminated { agent, by } => Some((agent, AgentMode::Terminated, by)),
            _ => None,
        }
    }
}
