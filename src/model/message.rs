//! What agents and nodes tell each other: messages, and the mailboxes that they wait in.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind},
    model::{AgentName, MailboxName, MessageType, NodePath, RunId, Value, short_hex},
};

/// A message. Immutable once it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Which one: always the same for the same step, so that one sent again is recognized.
    pub id: MessageId,
    /// Who sent it, as the engine knows them; a sender cannot say it of itself.
    pub from: Sender,
    /// To whom.
    pub to: Recipient,
    /// What sort of message it is: decides the schema of its body, and who subscribed to it.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// What it says.
    pub body: Value,
    /// When it was sent.
    pub at: Timestamp,
    /// When it is of no use any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Which message: 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// The id of the message that is sent under `key`, which names one sending among all: run, node, attempt and step.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(short_hex(&Sha256::digest(key.as_bytes())))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who sent a message: a node of a run, or a person at the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// In this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// This node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodePath>,
    /// The agent that runs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The person, as the system knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// A mailbox: of a run, or of all runs of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mailbox {
    /// Of the run, which it ends with: `NAME`.
    Run(MailboxName),
    /// Of the project: `project:NAME`. Runs and people exchange messages through it.
    Project(MailboxName),
}

/// To whom a message goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Recipient {
    /// To every mailbox of the run that has subscribed to its type: `all`.
    Subscribers,
    /// To one mailbox.
    Mailbox(Mailbox),
}

impl Recipient {
    /// How a message to all that subscribed is addressed.
    pub const ALL: &'static str = "all";
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(name) => name.fmt(f),
            Self::Project(name) => write!(f, "project:{name}"),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribers => f.write_str(Self::ALL),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

impl FromStr for Mailbox {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            None if text == Recipient::ALL => {
                Err(Error::new(ErrorKind::Invalid, "`all` is no mailbox").hint("a message to `all` goes to all that subscribed"))
            }
            None => MailboxName::new(text).map(Self::Run),
            Some(("project", name)) => MailboxName::new(name).map(Self::Project),
            Some(_) => Err(Error::new(ErrorKind::Invalid, format!("`{}` is no mailbox", text.escape_default()))
                .hint("write `NAME` for a mailbox of the run, `project:NAME` for one of the project")),
        }
    }
}

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == Self::ALL { Ok(Self::Subscribers) } else { text.parse().map(Self::Mailbox) }
    }
}

macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

text_form!(Mailbox);
text_form!(Recipient);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_read_as_it_is_written() {
        for text in ["all", "reviewer", "project:reviews"] {
            assert_eq!(text.parse::<Recipient>().unwrap().to_string(), text);
        }
        for bad in ["", "All", "project:", "team:a", "a b", "project:all of them"] {
            assert!(bad.parse::<Recipient>().is_err(), "{bad}");
        }
        assert!("all".parse::<Mailbox>().is_err());
    }

    #[test]
    fn the_id_of_a_message_follows_from_its_key() {
        assert_eq!(MessageId::of("a"), MessageId::of("a"));
        assert_ne!(MessageId::of("a"), MessageId::of("b"));
        assert_eq!(MessageId::of("a").as_str().len(), 32);
    }
}
