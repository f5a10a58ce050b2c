//! `subscribe` and `unsubscribe`: whether the mailbox of the agent that asks gets messages of a type that go to all.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{MailboxRequest, SUBSCRIBE, UNSUBSCRIBE, only_in_runs};
use crate::{
    error::Result,
    model::{Access, AccessClass, Effect, MessageType, ToolName, ToolSpec, Value},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, arguments::read_arguments},
};

/// Begins or ends a subscription.
#[derive(Debug)]
pub struct Subscribe {
    spec: ToolSpec,
    on: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(rename = "type")]
    kind: MessageType,
}

impl Subscribe {
    /// `subscribe`, or `unsubscribe`.
    #[must_use]
    pub fn new(on: bool) -> Self {
        let (name, description) = if on {
            (SUBSCRIBE, "From now on your mailbox gets every message of this type that is sent to all.")
        } else {
            (
                UNSUBSCRIBE,
                "From now on your mailbox gets no more messages of this type that are sent to all. What waits there stays.",
            )
        };
        let parameters = json!({
            "type": "object",
            "properties": {
                "type": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The type of messages."}
            },
            "required": ["type"],
            "additionalProperties": false
        });
        let name = ToolName::new(name).expect("a name of ours is one");
        Self { spec: ToolSpec { name, description: description.to_owned(), parameters, effect: Effect::Idempotent }, on }
    }

    fn request(&self, arguments: &Value) -> Result<MailboxRequest> {
        let Arguments { kind } = read_arguments(arguments)?;
        Ok(MailboxRequest::Subscribe { kind, on: self.on })
    }
}

#[async_trait]
impl Tool for Subscribe {
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
        self.request(arguments)?;
        Ok(Vec::new())
    }

    fn asks_mailboxes(&self, call: &Authorized<ToolCall>) -> Option<Result<MailboxRequest>> {
        Some(self.request(&call.arguments))
    }

    async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        Err(only_in_runs())
    }
}
