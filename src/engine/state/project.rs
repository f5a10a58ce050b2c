//! What a run has to do with mailboxes of the project, as data: what it sent and is not known to be there, what came, what it waits for.
//!
//! What is there and what is not is no event: it decides only when something is recorded, never what.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    RunState,
    mail::{as_value, due, late},
    mailboxes::WaitsFor,
    parts::InstanceId,
};
use crate::{
    engine::project_mail::{ProjectWanted, What},
    error::{Error, ErrorKind, Result},
    model::{Access, Came, EventBody, MailboxName, Message, Seq, Value},
    tool::Policy,
};

/// The run's side of the mailboxes of the project.
#[derive(Debug, Default)]
pub(super) struct Project {
    /// Who may send where, and read what; without it, everybody.
    policy: Option<Policy>,
    /// What was sent and is not known to be there, by the number of its event.
    undelivered: BTreeMap<Seq, (MailboxName, Arc<Message>)>,
    /// The mailboxes that take nothing at present.
    full: BTreeSet<MailboxName>,
    /// The numbers of what came.
    came: BTreeMap<MailboxName, BTreeSet<u64>>,
    /// What each instance took and has not made anything of.
    in_hand: HashMap<InstanceId, Vec<Message>>,
}

/// What a node that waits for messages of the project is to do.
pub(super) enum Patience {
    /// To wait.
    Waits(ProjectWanted),
    /// To end with this.
    Ends(Value),
}

impl RunState {
    /// The same state, whose nodes send to mailboxes of the project and read them as far as `policy` permits.
    #[must_use]
    pub fn permitting(mut self, policy: Policy) -> Self {
        self.project.policy = Some(policy);
        self
    }

    /// Whether the instance may send to a mailbox of the project.
    pub(super) fn check_sending(&self, mailbox: &MailboxName) -> Result<()> {
        self.permits(&Access::Send { mailbox: mailbox.to_string() })
    }

    fn permits(&self, access: &Access) -> Result<()> {
        self.project.policy.as_ref().map_or(Ok(()), |policy| policy.check(access))
    }

    /// Whether a mailbox of the project takes nothing at present.
    pub(super) fn is_project_full(&self, mailbox: &MailboxName) -> bool {
        self.project.full.contains(mailbox)
    }

    /// Event `seq` sends a message out of the run.
    pub(super) fn put_out(&mut self, seq: Seq, mailbox: &MailboxName, message: Message) {
        self.project.undelivered.insert(seq, (mailbox.clone(), Arc::new(message)));
    }

    /// What was sent out of the run and is not known to be where it is to be.
    pub(in crate::engine) fn undelivered(&self) -> impl Iterator<Item = (Seq, &MailboxName, &Message)> {
        self.project.undelivered.iter().map(|(seq, (mailbox, message))| (*seq, mailbox, &**message))
    }

    /// Whether something is still on its way out of the run.
    pub(in crate::engine) fn has_undelivered(&self) -> bool {
        !self.project.undelivered.is_empty()
    }

    /// What was sent to `mailbox` up to event `through` is there, and there may be room for more.
    pub(in crate::engine) fn delivered(&mut self, mailbox: &MailboxName, through: Seq) {
        self.project.undelivered.retain(|seq, (to, _)| *seq > through || to != mailbox);
        if self.project.full.remove(mailbox) {
            let woken: Vec<_> = self.mailboxes.waiting().for_room_beyond(mailbox).collect();
            self.dirty.extend(woken);
        }
    }

    /// `mailbox` takes nothing at present.
    pub(in crate::engine) fn full(&mut self, mailbox: MailboxName) {
        self.project.full.insert(mailbox);
    }

    /// What instances want of mailboxes of the project.
    pub(in crate::engine) fn wanted_of_project(&self) -> &HashMap<InstanceId, ProjectWanted> {
        self.mailboxes.waiting().beyond()
    }

    /// Whether the run waits for something outside of it: for messages, or for room to send some.
    pub(in crate::engine) fn waits_for_project(&self) -> bool {
        self.has_undelivered() || !self.wanted_of_project().is_empty()
    }

    /// The mailboxes of the project that the run waits for, by name.
    pub(in crate::engine) fn mailboxes_waited_for(&self) -> Vec<MailboxName> {
        let read = self.wanted_of_project().values().map(|wanted| &wanted.mailbox);
        let sent = self.undelivered().map(|(_, mailbox, _)| mailbox);
        read.chain(sent).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The numbers of all that ever came, by mailbox.
    pub(in crate::engine) fn came_before(&self) -> impl Iterator<Item = (&MailboxName, &BTreeSet<u64>)> {
        self.project.came.iter()
    }

    /// The event by which an instance that wanted them gets messages of the project; none when it does not want them any more.
    pub(in crate::engine) fn coming(&self, id: InstanceId, mailbox: &MailboxName, messages: &[Came]) -> Option<EventBody> {
        let wants = |wanted: &ProjectWanted| wanted.mailbox == *mailbox && matches!(wanted.what, What::Take { .. });
        self.wanted_of_project().get(&id).filter(|wanted| wants(wanted))?;
        let (node, attempt) = (self.path(id).clone(), self.instance(id).attempt);
        if messages.is_empty() {
            return Some(self.success(id, Value::Array(Vec::new())).unwrap_or_else(|error| self.failed_for_good(id, &error)));
        }
        Some(EventBody::MessagesCame { node, attempt, mailbox: mailbox.clone(), messages: messages.to_vec() })
    }

    /// The event by which an instance that waits for a message ends, because it is there; none when it does not wait any more.
    pub(in crate::engine) fn seeing(&self, id: InstanceId, message: &Message) -> Option<EventBody> {
        self.wanted_of_project().get(&id).filter(|wanted| wanted.what == What::See)?;
        Some(self.success(id, as_value(message)).unwrap_or_else(|error| self.failed_for_good(id, &error)))
    }

    /// The event by which an instance fails whose mailbox cannot be looked at; none when it does not wait any more.
    pub(in crate::engine) fn not_looking(&self, id: InstanceId, error: &Error) -> Option<EventBody> {
        self.wanted_of_project().get(&id)?;
        Some(self.failed_for_good(id, error))
    }

    /// Messages of the project came for an instance.
    pub(super) fn take_in(&mut self, id: InstanceId, mailbox: &MailboxName, messages: &[Came]) {
        self.project.came.entry(mailbox.clone()).or_default().extend(messages.iter().map(|came| came.number));
        self.project.in_hand.entry(id).or_default().extend(messages.iter().map(|came| came.message.clone()));
        self.dirty.push_back(id);
    }

    /// What came for an instance, and what it has not made anything of.
    pub(super) fn came_for(&self, id: InstanceId) -> Option<Value> {
        let messages = self.project.in_hand.get(&id)?;
        Some(Value::Array(messages.iter().map(as_value).collect()))
    }

    /// What came for an instance has become part of its outcome.
    pub(super) fn used_up(&mut self, id: InstanceId) {
        self.project.in_hand.remove(&id);
    }

    /// How long an instance waits for messages of the project, and what follows then.
    ///
    /// # Errors
    /// `Denied` when it may not read them; `Timeout` when its time is over and nothing else is said of that.
    pub(super) fn wait_beyond(
        &self,
        id: InstanceId,
        mut wanted: ProjectWanted,
        (limit, otherwise): (Option<Duration>, Option<Value>),
        now: Timestamp,
    ) -> Result<Patience> {
        self.permits(&Access::Receive { mailbox: wanted.mailbox.to_string() })?;
        if self.is_simulated {
            let text = format!("a simulated run takes nothing from mailbox `project:{}`", wanted.mailbox);
            return otherwise.map(Patience::Ends).ok_or_else(|| {
                Error::new(ErrorKind::Invalid, text).hint("give the node a `timeout`, and say by `on_timeout` what follows")
            });
        }
        let over = self.is_over(id, limit, now);
        match (&mut wanted.what, over, otherwise) {
            (_, None, None) | (What::See, None, Some(_)) => {}
            // The last look, which takes what there is, is one of its own.
            (What::Take { fewer_at, .. }, _, Some(_)) => {
                *fewer_at = limit.and_then(|limit| due(self.instance(id).attempted_at.unwrap_or(now), limit));
            }
            (What::See, Some(_), Some(otherwise)) => return Ok(Patience::Ends(otherwise)),
            (_, Some(limit), None) => {
                let count = if let What::Take { count, .. } = wanted.what { count } else { 1 };
                return Err(late(&format!("project:{}", wanted.mailbox), (count, wanted.kind.as_ref()), None, limit));
            }
        }
        Ok(Patience::Waits(wanted))
    }

    /// What a node wants of a mailbox of the project, if it is one that it names.
    pub(super) fn waiting_beyond(&self, id: InstanceId) -> Option<&ProjectWanted> {
        match self.mailboxes.waiting().of(id) {
            Some(WaitsFor::Beyond(wanted)) => Some(wanted),
            Some(WaitsFor::Messages(_) | WaitsFor::Room(_) | WaitsFor::RoomBeyond(_)) | None => None,
        }
    }
}
