//! A conversation with a model until there is an answer: the decisions ([`Turn`], no IO), the calls of models ([`Models`]: permits,
//! rates, breakers, time limit, price) and of tools ([`Tools`]: policy, approval, cache, time limit), and [`drive()`], which joins them
//! and takes recorded answers and results instead of asking again.

mod answer;
mod call_tool;
mod conversation;
mod drive;
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod health;
mod journal;
mod json;
mod lifecycle;
mod memory;
mod models;
mod notice;
mod patience;
mod recorded;
mod retrying;
mod tools;
mod turn;
mod window;

pub use answer::AnswerForm;
pub use call_tool::{ToolTask, call_tool};
pub use conversation::{
    Conversation, ConversationId, ConversationTask, KeptTurn, Summary, conversation, conversations, remove_conversation,
};
pub use drive::{Answered, Task, drive};
pub use gate::CallLimits;
pub use health::{TargetHealth, TargetId, health_of_all, reset_breakers};
pub use journal::{CallRecord, Entry, Journal, Seal};
pub use lifecycle::{AGENT_CONTROLS, AgentChange, AgentControl, ControlEntry, agent_control, agent_controls, change_agent};
pub use memory::MemoryTask;
pub use models::{Call, Called, Models, ModelsSettings, ProviderLimits, estimated_tokens};
pub use notice::{Notice, OnNotice};
pub use patience::BREAKER_PATIENCE;
pub use recorded::Recorded;
pub use retrying::RetryingEmbedder;
pub use tools::{ToolSettings, Tools, WrapTool, result_digest};
pub use turn::{Answer, MAX_REPAIRS, Step, Turn};

pub use crate::model::fingerprint;
