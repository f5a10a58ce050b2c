//! Nodes that no task works on: they wait for people, for a time and for messages, or leave some.

use std::{sync::Arc, time::Duration};

use crate::{
    model::{Gate, MessageType, Value},
    plan::RehearsedAnswer,
    template::{Template, TemplateTree},
};

/// A node that waits for a person.
#[derive(Debug, Clone)]
pub struct ApprovalNode {
    /// What the person is asked.
    pub message: Template,
    /// What they can choose, at least one.
    pub options: Vec<String>,
    /// JSON Schema of what they fill in with every choice but `reject`.
    pub form: Option<Arc<Value>>,
    /// How long the question is open.
    pub timeout: Option<Duration>,
    /// The option that is taken when nobody has answered by then; the node fails when absent.
    pub on_timeout: Option<String>,
    /// In a rehearsal, what people say to it.
    pub rehearsed: Option<RehearsedAnswer>,
}

impl ApprovalNode {
    /// The option by which a person stops what was asked about: the node fails.
    pub const REJECT: &'static str = Gate::REJECT;
    /// The option by which a person agrees.
    pub const APPROVE: &'static str = Gate::APPROVE;
}

/// A node that waits.
#[derive(Debug, Clone)]
pub enum WaitNode {
    /// So long.
    For(Duration),
    /// Until the time that this gives.
    Until(Template),
    /// Until a message is there, which is not taken.
    Message {
        /// Where, and of what type.
        from: MessageSource,
        /// How long.
        timeout: Option<Duration>,
        /// Whether the run goes on without it after that time; the node fails otherwise.
        goes_on: bool,
    },
}

/// Where messages are looked for.
#[derive(Debug, Clone)]
pub struct MessageSource {
    /// Renders to a mailbox.
    pub mailbox: Template,
    /// Renders to their type; any when absent.
    pub kind: Option<Template>,
}

/// A node that sends a message.
#[derive(Debug, Clone)]
pub struct SendNode {
    /// Renders to the recipient.
    pub to: Template,
    /// Renders to the type.
    pub kind: Template,
    /// What it says.
    pub body: TemplateTree,
    /// How long it is of use.
    pub ttl: Option<Duration>,
}

/// A node that takes messages.
#[derive(Debug, Clone)]
pub struct ReceiveNode {
    /// From where, and of what type.
    pub from: MessageSource,
    /// How many it waits for and takes.
    pub count: u32,
    /// How long it waits for them.
    pub timeout: Option<Duration>,
    /// Whether it takes what there is after that time; the node fails otherwise.
    pub takes_fewer: bool,
}

/// A mailbox that a workflow describes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MailboxPlan {
    /// The types of messages to all that it gets from the beginning.
    pub subscribes: Vec<MessageType>,
    /// How many messages may wait in it.
    pub limit: Option<u32>,
    /// How long a message may wait in it.
    pub ttl: Option<Duration>,
}
