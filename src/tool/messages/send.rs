//! `send_message` and `broadcast`: something is told to one mailbox, or to all that subscribed.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{BROADCAST, MailboxRequest, SEND, only_in_runs};
use crate::{
    error::Result,
    model::{Access, AccessClass, Effect, Mailbox, MessageType, Recipient, ToolName, ToolSpec, Value},
    tool::{Authorized, CallContext, Tool, ToolCall, ToolOutput, arguments::read_arguments},
};

/// The longest time that a message may be given, in seconds: a year.
const MOST_SECONDS: u64 = 31_536_000;

/// Sends a message to one mailbox.
#[derive(Debug)]
pub struct SendMessage {
    spec: ToolSpec,
}

/// Sends a message to all mailboxes that subscribed to its type.
#[derive(Debug)]
pub struct Broadcast {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToOne {
    to: Recipient,
    #[serde(rename = "type")]
    kind: MessageType,
    body: Value,
    #[serde(default)]
    ttl_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToAll {
    #[serde(rename = "type")]
    kind: MessageType,
    body: Value,
    #[serde(default)]
    ttl_seconds: Option<u64>,
}

impl SendMessage {
    /// The tool.
    #[must_use]
    pub fn new() -> Self {
        let to = json!({"type": "string", "minLength": 1, "maxLength": 80, "description": "Whose mailbox: the name of an agent, or of another mailbox."});
        let description = "Sends a message to the mailbox of another agent, which reads it when it looks. You are named as the sender by \
            yourself. Messages to one mailbox arrive in the order in which they were sent.";
        Self { spec: spec(SEND, description, Some(to)) }
    }
}

impl Default for SendMessage {
    fn default() -> Self {
        Self::new()
    }
}

impl Broadcast {
    /// The tool.
    #[must_use]
    pub fn new() -> Self {
        let description = "Sends a message to everybody who subscribed to its type before. The result says how many got it.";
        Self { spec: spec(BROADCAST, description, None) }
    }
}

impl Default for Broadcast {
    fn default() -> Self {
        Self::new()
    }
}

fn spec(name: &str, description: &str, to: Option<Value>) -> ToolSpec {
    let mut parameters = json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The type of the message, such as `finding`."},
            "body": {"description": "What it says: a text, or data as the type wants it."},
            "ttl_seconds": {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS, "description": "For how long it is of use; without end when absent."}
        },
        "required": ["type", "body"],
        "additionalProperties": false
    });
    if let Some(to) = to {
        parameters["properties"]["to"] = to;
        parameters["required"] = json!(["to", "type", "body"]);
    }
    let name = ToolName::new(name).expect("a name of ours is one");
    ToolSpec { name, description: description.to_owned(), parameters, effect: Effect::Idempotent }
}

fn of_one(arguments: &Value) -> Result<MailboxRequest> {
    let ToOne { to, kind, body, ttl_seconds } = read_arguments(arguments)?;
    Ok(MailboxRequest::Send { to, kind, body, ttl: ttl_seconds.map(Duration::from_secs) })
}

fn of_all(arguments: &Value) -> Result<MailboxRequest> {
    let ToAll { kind, body, ttl_seconds } = read_arguments(arguments)?;
    Ok(MailboxRequest::Send { to: Recipient::Subscribers, kind, body, ttl: ttl_seconds.map(Duration::from_secs) })
}

macro_rules! sender {
    ($tool:ident, $request:path) => {
        #[async_trait]
        impl Tool for $tool {
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
                // What stays in the run touches nothing.
                Ok(match $request(arguments)? {
                    MailboxRequest::Send { to: Recipient::Mailbox(Mailbox::Project(mailbox)), .. } => {
                        vec![Access::Send { mailbox: mailbox.to_string() }]
                    }
                    MailboxRequest::Send { .. } | MailboxRequest::Read { .. } | MailboxRequest::Subscribe { .. } => Vec::new(),
                })
            }

            fn asks_mailboxes(&self, call: &Authorized<ToolCall>) -> Option<Result<MailboxRequest>> {
                Some($request(&call.arguments))
            }

            async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
                Err(only_in_runs())
            }
        }
    };
}

sender!(SendMessage, of_one);
sender!(Broadcast, of_all);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_to_a_mailbox_of_the_run_or_of_the_project_or_to_all() {
        for to in ["reviewer", "project:reviews", "all"] {
            let MailboxRequest::Send { to: read, ttl, .. } =
                of_one(&json!({"to": to, "type": "note", "body": 1, "ttl_seconds": 5})).unwrap()
            else {
                panic!("it is sent");
            };
            assert_eq!((read.to_string().as_str(), ttl), (to, Some(Duration::from_secs(5))));
        }
        assert_eq!(
            of_all(&json!({"type": "note", "body": 1})).unwrap(),
            of_one(&json!({"to": "all", "type": "note", "body": 1})).unwrap()
        );
    }

    #[test]
    fn nobody_says_who_sends() {
        for more in ["from", "id", "agent", "node"] {
            let mut arguments = json!({"to": "a", "type": "note", "body": 1});
            arguments[more] = json!("b");
            assert!(of_one(&arguments).is_err(), "{more}");
        }
    }
}
