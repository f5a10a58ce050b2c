//! Conversations that go on over nodes and runs: `conversation:` of an agent.
//!
//! They are documents of the store. Before the model is asked first, the earlier turns are read; what is too long for the budget is
//! summarized by another agent, or left out, and told as such. When it has answered, prompt and answer are added. Each of these is a
//! step of the attempt like the calls of tools: recorded, taken from the log when the run goes on, and never done twice.

mod around;
mod choose;
mod document;
mod history;
mod kept;
mod summarize;
mod tools;

pub use around::ConversationTask;
pub(super) use around::{Budget, Opening, Steps, go_on, open};
pub use document::{Conversation, ConversationId, KeptTurn, Summary};
pub use kept::{conversation, conversations, remove_conversation};
