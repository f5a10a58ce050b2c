//! Where an attempt leaves its traces, and what these are.

use async_trait::async_trait;

use crate::{
    agent::Notice,
    error::{Error, ErrorKind, Result},
    model::{AgentOverrides, ApprovalRequest, ChatResponse, Cost, ToolDenial, ToolIntent, ToolResult},
    tool::{ToolOutput, messages::MailboxRequest},
};

/// An answered call, as the log keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// Its number in the attempt, from 0.
    pub ordinal: u32,
    /// `provider/model` that was asked.
    pub model: String,
    /// SHA-256 of what was asked, in hex: see [`crate::agent::fingerprint`].
    pub fingerprint: String,
    /// The answer.
    pub response: ChatResponse,
    /// What it cost.
    pub cost: Cost,
    /// From the request to the last byte, in milliseconds.
    pub duration_ms: u64,
    /// What the agent was set to when it was asked.
    pub overrides: AgentOverrides,
}

/// Something that the log keeps of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A model answered.
    Answer(CallRecord),
    /// A call of a tool is about to be made.
    Intent(ToolIntent),
    /// A call of a tool has its result.
    Result(ToolResult),
    /// A call of a tool is not permitted.
    Denial(ToolDenial),
    /// A person is to decide about a call.
    Question(ApprovalRequest),
}

/// Makes the result of a step of what the mailboxes of the run answer to it.
pub type Seal = Box<dyn FnOnce(Result<ToolOutput>) -> ToolResult + Send>;

/// Where an attempt leaves its traces.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Keeps an entry. On return it is durable, as is all that was noted before.
    ///
    /// # Errors
    /// Those of the store, and what forbids to go on, such as a spent budget; the attempt ends with them.
    async fn record(&self, entry: Entry) -> Result<()>;

    /// Keeps an entry that something follows: it is durable before anything that is recorded later.
    fn note(&self, entry: Entry);

    /// Asks something of the mailboxes of the run, in the step that `key` names. What follows from it and the result that `seal` makes of
    /// the answer are kept in one piece. On return they are durable.
    ///
    /// # Errors
    /// As [`Journal::record`].
    async fn exchange(&self, request: MailboxRequest, key: &str, seal: Seal) -> Result<ToolResult> {
        // Where there is no run, there are no mailboxes.
        drop((request, key));
        let result = seal(Err(Error::new(ErrorKind::Invalid, "messages are exchanged in runs only")));
        self.record(Entry::Result(result.clone())).await?;
        Ok(result)
    }

    /// Call `ordinal` begins; a recorded answer that is taken is no call.
    fn on_call(&self, ordinal: u32);

    /// The next piece of the answer under way.
    fn on_text(&self, text: &str);

    /// Something happened around the call under way: it waited, or its model's breaker changed.
    fn on_notice(&self, notice: Notice);

    /// What the agent is set to from its next call on, beside what its task says.
    fn overrides(&self) -> AgentOverrides {
        AgentOverrides::default()
    }

    /// Returns as soon as nothing new may be begun, and why; never, where nobody says so.
    async fn held(&self) -> Error {
        std::future::pending().await
    }
}
