//! Tools with which agents tell each other something while they work: what they send and read are messages of their run.
//!
//! None of them does anything by itself. A call says what it asks of the mailboxes of the run ([`MailboxRequest`]); the run answers it and
//! keeps what that changes in one piece with the result.

mod read;
mod send;
mod subscribe;

use std::{sync::Arc, time::Duration};

pub use read::ReadMessages;
pub use send::{Broadcast, SendMessage};
pub use subscribe::Subscribe;

use crate::{
    error::{Error, ErrorKind},
    model::{MessageType, Recipient, ToolSpec, Value},
    tool::Tool,
};

/// What the tool is called that sends to one mailbox.
pub const SEND: &str = "send_message";
/// What the tool is called that sends to all that subscribed.
pub const BROADCAST: &str = "broadcast";
/// What the tool is called that takes from the caller's mailbox.
pub const READ: &str = "read_messages";
/// What the tool is called that has the caller's mailbox get what goes to all.
pub const SUBSCRIBE: &str = "subscribe";
/// What the tool is called that ends that.
pub const UNSUBSCRIBE: &str = "unsubscribe";

/// Their names.
pub const NAMES: [&str; 5] = [BROADCAST, READ, SEND, SUBSCRIBE, UNSUBSCRIBE];

/// What a call asks of the mailboxes of the run that makes it. Whose mailbox it is, and who the sender is, the run knows.
#[derive(Debug, Clone, PartialEq)]
pub enum MailboxRequest {
    /// A message is to be sent.
    Send {
        /// To whom.
        to: Recipient,
        /// Of which type.
        kind: MessageType,
        /// What it says.
        body: Value,
        /// For how long it is of use.
        ttl: Option<Duration>,
    },
    /// The caller wants what waits in its mailbox.
    Read {
        /// Only of this type.
        kind: Option<MessageType>,
        /// So many at most.
        most: usize,
    },
    /// The caller's mailbox is to get messages of a type that go to all, or to get them no more.
    Subscribe {
        /// Of which type.
        kind: MessageType,
        /// Whether it gets them.
        on: bool,
    },
}

/// The tools.
#[must_use]
pub fn message_tools() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(Broadcast::new()),
        Arc::new(ReadMessages::new()),
        Arc::new(SendMessage::new()),
        Arc::new(Subscribe::new(true)),
        Arc::new(Subscribe::new(false)),
    ]
}

/// What they tell of themselves.
pub(super) fn specs() -> Vec<ToolSpec> {
    message_tools().iter().map(|tool| tool.spec().clone()).collect()
}

/// Why a call comes to nothing that no agent in a run makes.
fn only_in_runs() -> Error {
    Error::new(ErrorKind::Invalid, "messages are exchanged by agents in runs only")
        .hint("a node of a workflow sends with `send:` and takes with `receive:`")
}
