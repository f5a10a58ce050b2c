//! A message as a mailbox keeps it, and what tells it from one that was sent before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{MailboxName, Message},
    store::{Digest, Record, StreamId},
};

/// The version of the format.
const VERSION: u16 = 1;

/// A message to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The message.
    pub message: Message,
    /// What it is recognized by when it is sent again; a message without it is always taken for a new one.
    pub mark: Option<Mark>,
}

/// The place of a message in a line: one sender's messages to one mailbox, in the order in which they are to arrive. A mailbox keeps
/// the last number of each line, and leaves aside what is not above it: so one that is sent again does not arrive again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which line; e.g. the id of a run.
    pub line: String,
    /// Grows from message to message of the line; gaps are no matter.
    pub number: u64,
}

impl Letter {
    /// A message that is always taken for a new one.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self { message, mark: None }
    }

    /// The message number `number` of `line`.
    #[must_use]
    pub fn marked(message: Message, line: impl Into<String>, number: u64) -> Self {
        Self { message, mark: Some(Mark { line: line.into(), number }) }
    }
}

/// How far a line has come: a document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// The last number; none for a line that has not begun.
    pub(super) last: Option<u64>,
    /// When that was.
    pub(super) at: Timestamp,
}

/// A message as it stands in a stream.
pub(super) fn text(message: &Message) -> Result<String> {
    serde_json::to_string(message)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("message `{}` is no JSON", message.id)).source(error))
}

/// The record of a message.
pub(super) fn seal(previous: Digest, stream: &StreamId, seq: u64, at: Timestamp, kind: &str, text: &str) -> Record {
    Record::seal(previous, stream, seq, at, kind, VERSION, text.to_owned())
}

/// The message in a record of the mailbox `name`.
pub(super) fn open(name: &MailboxName, number: u64, record: &Record) -> Result<Message> {
    let unreadable = |what: &str| Error::new(ErrorKind::Corrupt, format!("message {number} of mailbox `project:{name}` {what}"));
    if record.version > VERSION {
        return Err(unreadable("is of a newer version").hint("use a newer version of agentflow"));
    }
    serde_json::from_str(&record.body)
        .map_err(|error| unreadable("is damaged").hint("restore the store from a backup").source(error))
}
