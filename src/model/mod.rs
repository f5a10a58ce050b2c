//! Plain data that every room shares: ids, chat messages, agents, events, run states. No IO, no decisions.

mod access;
mod agent;
mod chat;
mod delivery;
mod event;
mod fingerprint;
mod gate;
mod id;
mod lifecycle;
mod lines;
mod memory;
mod message;
mod origin;
mod pattern;
mod run;
mod step;
mod tool;
mod trace;
pub mod yaml;

pub use access::{Access, AccessClass, Permission};
pub use agent::{AgentProfile, BUILT_IN_PROVIDERS, CallRates, FallbackModel, FallbackReason, ModelRef, Rate};
pub use chat::{CallOrigin, ChatMessage, ChatRequest, ChatResponse, FinishReason, OutputSchema, Role, Usage};
pub use delivery::{Came, DeadReason, Delivery, Taken};
pub use event::{Event, EventBody, Handled, StoredSource};
pub use fingerprint::fingerprint;
pub use gate::Gate;
pub use id::{AgentName, CollectionName, MailboxName, MessageType, NodeId, NodePath, Owner, ProviderName, RunId, Seq};
pub use lifecycle::{AgentMode, AgentOverrides, AgentSetting, RunWish};
pub use lines::{LineGroup, LineStep, line_groups, line_steps};
pub use memory::{Passage, Position, Scope, Writer};
pub use message::{Mailbox, Message, MessageId, Recipient, Sender};
pub use origin::{Basis, Origin, OriginKind, Parent, Reused, Revised, short_hex};
pub use pattern::NodePattern;
pub use run::{Cost, NodeStatus, Price, RunStatus, Spend};
pub use step::{
    Approval, ApprovalRequest, Decision, OnAmbiguous, Question, QuestionKind, StepId, ToolDenial, ToolIntent, ToolOutcome,
    ToolResult,
};
pub use tool::{Effect, ToolName, ToolPattern, ToolRequest, ToolSpec};
pub use trace::{SpanId, TraceId};

/// A JSON value; what flows between nodes.
pub type Value = serde_json::Value;
