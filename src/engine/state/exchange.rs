//! What agents ask of the mailboxes of their run while they work: the events that follow, and what the agent is told.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{
    RunState,
    mail::as_value,
    mailboxes::{Wanted, size_of},
    parts::InstanceId,
    post::{Letter, Posted},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{EventBody, MailboxName, Message, MessageId, MessageType, Recipient, Value},
    tool::{ToolOutput, messages::MailboxRequest},
};

/// How many bytes of JSON are read at once; the first message is read in any case.
const MOST_BYTES: usize = 256 << 10;

/// As many of the first messages as are read at once.
fn fitting(mut first: Vec<(u64, Arc<Message>)>) -> Vec<(u64, Arc<Message>)> {
    let mut bytes = 0;
    let fits = |(_, message): &&(u64, Arc<Message>)| {
        bytes += size_of(&message.body);
        bytes <= MOST_BYTES
    };
    let count = first.iter().take_while(fits).count().max(1);
    first.truncate(count);
    first
}

impl RunState {
    /// What follows from what an agent asks of the mailboxes: an event, if anything changes, and the answer. `key` names the step.
    ///
    /// # Errors
    /// With a message that a model can act on: `NotFound` when there is no such mailbox or type, `Invalid` when the body is not what its
    /// type wants, `Conflict` when the mailbox is full.
    pub(in crate::engine) fn exchange(
        &mut self,
        id: InstanceId,
        request: MailboxRequest,
        key: &str,
        now: Timestamp,
    ) -> Result<(Option<EventBody>, ToolOutput)> {
        // Of an error, a model is told the message only.
        self.answer(id, request, key, now).map_err(|error| match error.hints().first() {
            Some(hint) => Error::new(error.kind(), format!("{}; {hint}", error.message())),
            None => error,
        })
    }

    fn answer(
        &mut self,
        id: InstanceId,
        request: MailboxRequest,
        key: &str,
        now: Timestamp,
    ) -> Result<(Option<EventBody>, ToolOutput)> {
        let Some(own) = self.agent_of(id).map(|name| MailboxName::new(name.as_str())).transpose()? else {
            return Err(Error::new(ErrorKind::Invalid, "only agents exchange messages by tools")
                .hint("use a node with `send` or `receive`"));
        };
        match request {
            MailboxRequest::Send { to, kind, body, ttl } => {
                let letter = Letter { id: MessageId::of(key), to, kind, body, ttl };
                self.send_of_agent(id, letter, now)
            }
            MailboxRequest::Read { kind, most } => self.read_of_agent(id, &own, kind, most),
            MailboxRequest::Subscribe { kind, on } => {
                let frame = self.workflow_of(id);
                self.check_kind(frame, &kind)?;
                let mailbox = self.open_mailbox(frame, &own);
                let told = json!({"type": kind, "subscribed": on});
                let changes = self.mailboxes.is_subscribed(mailbox, &kind) != on;
                let event = changes.then(|| EventBody::SubscriptionChanged {
                    node: self.path(id).clone(),
                    attempt: self.instance(id).attempt,
                    mailbox: own,
                    kind,
                    subscribed: on,
                });
                Ok((event, ToolOutput::new(told)))
            }
        }
    }

    fn send_of_agent(&mut self, id: InstanceId, letter: Letter, now: Timestamp) -> Result<(Option<EventBody>, ToolOutput)> {
        let (message, kind) = (letter.id.clone(), letter.kind.clone());
        let is_to_all = letter.to == Recipient::Subscribers;
        let event = match self.post(id, letter, now)? {
            Posted::Event(body) => Some(*body),
            Posted::Before => None,
            Posted::FullBeyond(name) => {
                return Err(Error::new(ErrorKind::Conflict, format!("mailbox `project:{name}` is full"))
                    .hint("somebody has to read first; send it later, or do without"));
            }
            Posted::Full(mailbox) => {
                let contents = self.mailboxes.get(mailbox);
                let (name, count) = (&contents.name, contents.count(None));
                return Err(Error::new(ErrorKind::Conflict, format!("mailbox `{name}` is full: {count} messages wait in it"))
                    .hint("its owner has to read first; send it later, or do without"));
            }
        };
        let Some(EventBody::MessageSent { deliveries, .. }) = &event else {
            return Ok((None, ToolOutput::new(self.sent_output(&message))));
        };
        let mailboxes: Vec<&str> = deliveries.iter().map(|delivery| delivery.mailbox.as_str()).collect();
        let mut output = ToolOutput::new(json!({"id": message, "mailboxes": mailboxes}));
        if is_to_all && mailboxes.is_empty() {
            output.notes.push(format!("nobody else has subscribed to messages of type `{kind}`"));
        }
        Ok((event, output))
    }

    fn read_of_agent(
        &mut self,
        id: InstanceId,
        own: &MailboxName,
        kind: Option<MessageType>,
        most: usize,
    ) -> Result<(Option<EventBody>, ToolOutput)> {
        let frame = self.workflow_of(id);
        if let Some(kind) = &kind {
            self.check_kind(frame, kind)?;
        }
        let mailbox = self.open_mailbox(frame, own);
        let contents = self.mailboxes.get(mailbox);
        let there = contents.count(kind.as_ref());
        let first = fitting(contents.first(kind.as_ref(), most));
        let mut output = ToolOutput::new(Value::Array(first.iter().map(|(_, message)| as_value(message)).collect()));
        if first.is_empty() {
            return Ok((None, output));
        }
        if there > first.len() {
            output.notes.push(format!("{} more wait", there - first.len()));
        }
        let event = self.taking(id, &Wanted { mailbox, kind, count: first.len() });
        Ok((Some(event), output))
    }
}
