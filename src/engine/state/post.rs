//! Sending: to whom a message goes, whether it is as its type wants it, and whether there is room for it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    RunState,
    mailboxes::{Bounds, BoxId, size_of},
    parts::{FrameId, InstanceId},
};
use crate::{
    error::{Error, ErrorKind, Result, nearest},
    model::{AgentName, Delivery, EventBody, Mailbox, MailboxName, Message, MessageId, MessageType, Recipient, Sender, Value},
    plan::{Addressees, Plan},
    schema::Validator,
};

/// The longest body of a message, in bytes of JSON.
const MOST_BYTES: usize = 1 << 20;

/// A message that is to be sent.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) id: MessageId,
    pub(super) to: Recipient,
    pub(super) kind: MessageType,
    pub(super) body: Value,
    pub(super) ttl: Option<Duration>,
}

/// What becomes of it.
#[derive(Debug)]
pub(super) enum Posted {
    /// It goes out by this event.
    Event(Box<EventBody>),
    /// It was sent before.
    Before,
    /// There is no room in this mailbox.
    Full(BoxId),
    /// There is none in this mailbox of the project.
    FullBeyond(MailboxName),
}

impl RunState {
    /// The event by which the instance sends a message.
    ///
    /// # Errors
    /// `NotFound` when there is no such mailbox or type, `Invalid` when the body is not what its type wants or too long.
    pub(super) fn post(&mut self, id: InstanceId, letter: Letter, now: Timestamp) -> Result<Posted> {
        if self.mailboxes.sent(&letter.id).is_some() {
            return Ok(Posted::Before);
        }
        let frame = self.workflow_of(id);
        self.check_kind(frame, &letter.kind)?;
        let bytes = size_of(&letter.body);
        if bytes > MOST_BYTES {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("the body of a message has {bytes} bytes, at most {MOST_BYTES} fit"),
            )
            .hint("send the name of a file or document instead of what is in it"));
        }
        self.check_body(frame, &letter.kind, &letter.body)?;
        if let Recipient::Mailbox(Mailbox::Project(name)) = &letter.to {
            self.check_sending(name)?;
            if self.is_project_full(name) {
                return Ok(Posted::FullBeyond(name.clone()));
            }
        }
        let names = self.recipients(id, frame, &letter)?;
        let mut deliveries = Vec::with_capacity(names.len());
        for mailbox in names {
            let number = match self.mailboxes.find(frame, &mailbox).map(|found| (found, self.mailboxes.get(found))) {
                // Who waited before is first.
                Some((full, contents)) if !contents.has_room(bytes) || self.mailboxes.is_kept_waiting(full, id) => {
                    return Ok(Posted::Full(full));
                }
                Some((_, contents)) => contents.next_number(),
                None => 1,
            };
            deliveries.push(Delivery { mailbox, number });
        }
        let (node, attempt) = (self.path(id).clone(), self.instance(id).attempt);
        let from = Sender { run: self.run, node: Some(node.clone()), agent: self.agent_of(id).cloned(), person: None };
        let expires_at = letter.ttl.and_then(|ttl| now.checked_add(SignedDuration::try_from(ttl).ok()?).ok());
        let Letter { id, to, kind, body, .. } = letter;
        let message = Message { id, from, to, kind, body, at: now, expires_at };
        Ok(Posted::Event(Box::new(EventBody::MessageSent { node, attempt, message, deliveries })))
    }

    /// The mailboxes that a message goes to.
    fn recipients(&mut self, id: InstanceId, frame: FrameId, letter: &Letter) -> Result<Vec<MailboxName>> {
        match &letter.to {
            Recipient::Mailbox(Mailbox::Run(name)) => {
                self.check_mailbox(frame, name)?;
                Ok(vec![name.clone()])
            }
            // It leaves the run: the event is what is sent on.
            Recipient::Mailbox(Mailbox::Project(_)) => Ok(Vec::new()),
            Recipient::Subscribers => {
                // Nobody has to read what they said themselves.
                let own = self.agent_of(id).map(AgentName::as_str);
                let all = self.mailboxes.subscribers(frame, &letter.kind);
                Ok(all.filter(|name| Some(name.as_str()) != own).cloned().collect())
            }
        }
    }

    /// Whether somebody may read what goes to a mailbox of the workflow.
    fn check_mailbox(&mut self, frame: FrameId, name: &MailboxName) -> Result<()> {
        let addressees = self.addressees(frame);
        if addressees.has(name) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::NotFound, format!("there is no mailbox `{name}`: nobody would read the message"));
        let names: Vec<&str> = addressees.names().collect();
        Err(error.hint(did_you_mean(name.as_str(), "mailboxes", &names)))
    }

    /// Whether there is such a type of messages: where a workflow describes some, there are no others.
    pub(super) fn check_kind(&self, frame: FrameId, kind: &MessageType) -> Result<()> {
        let messages = &self.frame(frame).plan.messages;
        if messages.is_empty() || messages.contains_key(kind) {
            return Ok(());
        }
        let names: Vec<&str> = messages.keys().map(MessageType::as_str).collect();
        let error = Error::new(ErrorKind::NotFound, format!("there are no messages of type `{kind}`"));
        Err(error.hint(did_you_mean(kind.as_str(), "types", &names)))
    }

    fn check_body(&mut self, frame: FrameId, kind: &MessageType, body: &Value) -> Result<()> {
        let plan = Arc::clone(&self.frame(frame).plan);
        let Some(schema) = plan.messages.get(kind) else { return Ok(()) };
        let known = self.validators.entry((frame, kind.clone()));
        let validator = match known {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => place.insert(Validator::new(schema)?),
        };
        let problems = validator.problems(body);
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, format!("the body is no `{kind}`: {}", problems.join("; "))))
    }

    /// To whom messages of a workflow can go.
    pub(super) fn addressees(&mut self, frame: FrameId) -> &Addressees {
        let plan = Arc::clone(&self.frame(frame).plan);
        self.addressees.entry(frame).or_insert_with(|| plan.addressees())
    }

    /// The frame of the workflow that an instance belongs to. Its mailboxes are those of the instance.
    pub(super) fn workflow_of(&self, id: InstanceId) -> FrameId {
        self.workflow_around(self.instance(id).frame)
    }

    /// The frame of the workflow that a frame is a part of.
    pub(super) fn workflow_around(&self, frame: FrameId) -> FrameId {
        let mut current = frame;
        loop {
            let frame = self.frame(current);
            match frame.owner.filter(|_| frame.sees_outside) {
                Some(owner) => current = self.instance(owner).frame,
                None => return current,
            }
        }
    }
}

/// The bounds of a mailbox, as its workflow describes them.
pub(super) fn bounds(plan: &Plan, name: &MailboxName) -> Bounds {
    let usual = Bounds::default();
    let Some(described) = plan.mailboxes.get(name) else { return usual };
    let messages = described.limit.map_or(usual.messages, |limit| limit as usize);
    Bounds { messages, ttl: described.ttl, ..usual }
}

fn did_you_mean(name: &str, what: &str, names: &[&str]) -> String {
    if let Some(near) = nearest(name, names.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let names: BTreeSet<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => format!("the workflow has no {what}"),
        false => format!("the {what} are {}", names.into_iter().collect::<Vec<_>>().join(", ")),
    }
}
