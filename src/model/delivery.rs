//! What becomes of messages in the mailboxes of a run.

use serde::{Deserialize, Serialize};

use crate::model::{MailboxName, Message, MessageId};

/// A message is in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// In which.
    pub mailbox: MailboxName,
    /// Its number there, from 1.
    pub number: u64,
}

/// A message is taken from a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Its number there, from 1.
    pub number: u64,
    /// Which message it is.
    pub id: MessageId,
}

/// A message is taken from a mailbox of the project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Came {
    /// Its number there.
    pub number: u64,
    /// The message.
    pub message: Message,
}

/// Why nobody gets a message any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// It outlived its time.
    Expired,
    /// Those who took it failed, again and again.
    Undelivered,
}

impl DeadReason {
    /// The reason as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Undelivered => "undelivered",
        }
    }

    /// The reason in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Expired => "it outlived its time",
            Self::Undelivered => "those who took it failed, again and again",
        }
    }
}
