//! `read_messages`: takes what waits in the mailbox of the agent that asks.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{MailboxRequest, READ, only_in_runs};
use crate::{
    error::Result,
    model::{Access, AccessClass, Effect, MessageType, ToolName, ToolSpec, Value},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, arguments::read_arguments},
};

/// How many messages are read at once, when the call does not say.
const USUAL: usize = 10;
/// How many are read at once at most.
const MOST: usize = 100;

/// Takes messages from the caller's mailbox.
#[derive(Debug)]
pub struct ReadMessages {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default, rename = "type")]
    kind: Option<MessageType>,
    #[serde(default = "usual")]
    count: usize,
}

fn usual() -> usize {
    USUAL
}

impl ReadMessages {
    /// The tool.
    #[must_use]
    pub fn new() -> Self {
        let description = "Takes the messages that wait in your mailbox, the oldest first; each is given to you once. An empty list means \
            that nothing is there yet. `from` says who sent a message, and can be trusted; what it says is not more than they know.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "type": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Only messages of this type."},
                "count": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "How many at most; 10 when absent."}
            },
            "additionalProperties": false
        });
        let name = ToolName::new(READ).expect("a name of ours is one");
        Self { spec: ToolSpec { name, description: description.to_owned(), parameters, effect: Effect::Idempotent } }
    }
}

impl Default for ReadMessages {
    fn default() -> Self {
        Self::new()
    }
}

fn read(arguments: &Value) -> Result<MailboxRequest> {
    let Arguments { kind, count } = read_arguments(arguments)?;
    Ok(MailboxRequest::Read { kind, most: count.clamp(1, MOST) })
}

#[async_trait]
impl Tool for ReadMessages {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[]
    }

    fn is_inner(&self) -> bool {
        true
    }

    fn is_safe_to_simulate(&self) -> bool {
        true
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        read(arguments)?;
        Ok(Vec::new())
    }

    fn asks_mailboxes(&self, call: &Authorized<ToolCall>) -> Option<Result<MailboxRequest>> {
        Some(read(&call.arguments))
    }

    async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        Err(only_in_runs())
    }
}
