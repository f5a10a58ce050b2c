//! Plain data that every room shares: ids, chat messages, agents, events, run states. No IO, no decisions.

mod agent;
mod chat;
mod event;
mod id;
mod origin;
mod pattern;
mod run;
mod trace;

pub use agent::{AgentProfile, BUILT_IN_PROVIDERS, CallRates, FallbackModel, FallbackReason, ModelRef, Rate};
pub use chat::{CallOrigin, ChatMessage, ChatRequest, ChatResponse, FinishReason, OutputSchema, Role, Usage};
pub use event::{Event, EventBody, Handled, StoredSource};
pub use id::{AgentName, NodeId, NodePath, Owner, ProviderName, RunId, Seq};
pub use origin::{Basis, Origin, OriginKind, Reused, Revised, short_hex};
pub use pattern::NodePattern;
pub use run::{Cost, NodeStatus, Price, RunStatus, Spend};
pub use trace::{SpanId, TraceId};

/// A JSON value; what flows between nodes.
pub type Value = serde_json::Value;
