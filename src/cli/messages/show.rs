//! Messages as rows and lines.

use crate::{
    cli::{clean, numbers},
    error::{Error, ErrorKind, Result},
    mailbox::{Standing, Stored},
    model::{Message, Sender, Value},
};

/// How many columns of a body are shown.
const BODY: usize = 100;

/// What has become of a message so far, in a word.
pub(super) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Waiting => "waiting",
        Standing::Taken => "taken",
        Standing::Done => "read",
    }
}

/// Who sent a message: a person, or an agent or node of a run.
pub(super) fn sender(sender: &Sender) -> String {
    let who = sender.agent.as_ref().map(ToString::to_string).or_else(|| sender.node.as_ref().map(ToString::to_string));
    match (who, &sender.run, &sender.person) {
        (Some(who), Some(run), _) => format!("{who} of {run}"),
        (Some(who), None, _) => who,
        (None, Some(run), _) => run.to_string(),
        (None, None, Some(person)) => clean::one_line(person),
        (None, None, None) => "-".to_owned(),
    }
}

/// What a message says, on one short line.
pub(super) fn body(message: &Message) -> String {
    match &message.body {
        Value::String(text) => clean::short(text, BODY),
        body => clean::short(&body.to_string(), BODY),
    }
}

/// A message on a line of its own, to read.
pub(super) fn line(stored: &Stored) -> String {
    let Stored { number, message, .. } = stored;
    format!("{number}  {}  {}  {}  {}\n", numbers::moment(message.at), message.kind, sender(&message.from), body(message))
}

/// A message on a line of its own, as JSON.
pub(super) fn json_line(stored: &Stored) -> Result<String> {
    let text = serde_json::to_string(stored)
        .map_err(|error| Error::new(ErrorKind::Internal, "a message cannot be written as JSON").source(error))?;
    Ok(text + "\n")
}
