//! Nodes that send, take and wait for messages: what is to be recorded of them, without a task.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    RunState,
    mailboxes::{WaitsFor, Wanted},
    parts::{FrameId, InstanceId},
    post::{Letter, Posted, bounds},
    project::Patience,
};
use crate::{
    engine::project_mail::{ProjectWanted, What},
    error::{Error, ErrorKind, Result},
    model::{
        Delivery, EventBody, Mailbox, MailboxName, Message, MessageId, MessageType, NodeStatus, Recipient, Seq, Taken, Value,
    },
    plan::{MessageSource, NodeKind, ReceiveNode, SendNode, WaitNode},
    template::Template,
};

/// Where messages are wanted from.
enum Source {
    /// A mailbox of the run.
    Run(Wanted),
    /// One of the project.
    Project(ProjectWanted),
}

/// Where a node with messages stands.
enum Standing {
    /// This is to be recorded.
    Event(Box<EventBody>),
    /// It waits.
    Waits(WaitsFor),
}

impl RunState {
    /// What there is to record of a node that sends, takes or waits for messages.
    pub(super) fn examine_mail(&mut self, id: InstanceId, now: Timestamp) -> Option<EventBody> {
        if !self.is_mail_node(id) {
            return None;
        }
        if self.instance(id).status == NodeStatus::Running && self.is_halted_at(id) {
            return Some(self.cancelled(id));
        }
        let graph = Arc::clone(&self.frame(self.instance(id).frame).graph);
        let standing = match &graph.nodes[self.instance(id).node].kind {
            NodeKind::Send(node) => self.send(id, node, now),
            NodeKind::Receive(node) => self.receive(id, node, now),
            NodeKind::Wait(node) => self.await_message(id, node, now),
            _ => return None,
        };
        match standing {
            Ok(Standing::Event(body)) => Some(*body),
            Ok(Standing::Waits(what)) if self.instance(id).status == NodeStatus::Running => {
                let next = self.mailboxes.wait(id, what);
                self.dirty.extend(next);
                None
            }
            // That it waits is a beginning; what is done at once is none.
            Ok(Standing::Waits(_)) => Some(self.started(id, None)),
            Err(error) => Some(self.failure(id, &error, now)),
        }
    }

    fn send(&mut self, id: InstanceId, node: &SendNode, now: Timestamp) -> Result<Standing> {
        let message = MessageId::of(&self.sending_key(id));
        if self.mailboxes.sent(&message).is_none() {
            let to: Recipient = self.read_from(id, &node.to, "`to`")?;
            let kind: MessageType = self.read_from(id, &node.kind, "`type`")?;
            let body = self.render(id, &node.body).map_err(|error| error.context("`body`"))?;
            match self.post(id, Letter { id: message.clone(), to, kind, body, ttl: node.ttl }, now)? {
                Posted::Event(body) => return Ok(Standing::Event(body)),
                Posted::Full(mailbox) => return Ok(Standing::Waits(WaitsFor::Room(mailbox))),
                Posted::FullBeyond(mailbox) => return Ok(Standing::Waits(WaitsFor::RoomBeyond(mailbox))),
                Posted::Before => {}
            }
        }
        self.success(id, self.sent_output(&message)).map(|body| Standing::Event(Box::new(body)))
    }

    /// What sending gives: the message's id, and the mailboxes of the run that it is in.
    pub(super) fn sent_output(&self, id: &MessageId) -> Value {
        let mailboxes: Vec<&str> =
            self.mailboxes.sent(id).unwrap_or_default().iter().map(|delivery| delivery.mailbox.as_str()).collect();
        json!({"id": id, "mailboxes": mailboxes})
    }

    /// What tells the message of a node from all others of all runs.
    fn sending_key(&self, id: InstanceId) -> String {
        let run = self.run.map(|run| run.to_string()).unwrap_or_default();
        format!("{run}/{}", self.path(id))
    }

    fn receive(&mut self, id: InstanceId, node: &ReceiveNode, now: Timestamp) -> Result<Standing> {
        let done = |state: &Self, messages: Vec<Value>| {
            state.success(id, Value::Array(messages)).map(|body| Standing::Event(Box::new(body)))
        };
        let in_hand = self.mailboxes.in_hand(id);
        if !in_hand.is_empty() {
            let messages = in_hand.iter().filter_map(|(from, number)| self.mailboxes.get(*from).get(*number));
            return done(self, messages.map(|message| as_value(message)).collect());
        }
        if let Some(messages) = self.came_for(id) {
            return self.success(id, messages).map(|body| Standing::Event(Box::new(body)));
        }
        let wanted = match self.wanted(id, &node.from, node.count as usize)? {
            Source::Run(wanted) => wanted,
            Source::Project(wanted) => {
                let otherwise = node.takes_fewer.then(|| Value::Array(Vec::new()));
                return self.beyond(id, wanted, (node.timeout, otherwise), now);
            }
        };
        let contents = self.mailboxes.get(wanted.mailbox);
        let there = contents.count(wanted.kind.as_ref());
        if there < wanted.count {
            match self.is_over(id, node.timeout, now) {
                None => return Ok(Standing::Waits(WaitsFor::Messages(wanted))),
                Some(limit) if !node.takes_fewer => {
                    return Err(late(contents.name.as_str(), (wanted.count, wanted.kind.as_ref()), Some(there), limit));
                }
                Some(_) if there == 0 => return done(self, Vec::new()),
                Some(_) => {}
            }
        }
        Ok(Standing::Event(Box::new(self.taking(id, &wanted))))
    }

    /// The event by which an instance takes what it wants, or as much of it as there is.
    pub(super) fn taking(&self, id: InstanceId, wanted: &Wanted) -> EventBody {
        let contents = self.mailboxes.get(wanted.mailbox);
        let first = contents.first(wanted.kind.as_ref(), wanted.count);
        EventBody::MessagesTaken {
            node: self.path(id).clone(),
            attempt: self.instance(id).attempt,
            mailbox: contents.name.clone(),
            messages: first.into_iter().map(|(number, message)| Taken { number, id: message.id.clone() }).collect(),
        }
    }

    fn await_message(&mut self, id: InstanceId, node: &WaitNode, now: Timestamp) -> Result<Standing> {
        let WaitNode::Message { from, timeout, goes_on } = node else {
            return Err(Error::new(ErrorKind::Internal, "this node waits for no message"));
        };
        let wanted = match self.wanted(id, from, 1)? {
            Source::Run(wanted) => wanted,
            Source::Project(wanted) => {
                let wanted = ProjectWanted { what: What::See, ..wanted };
                return self.beyond(id, wanted, (*timeout, goes_on.then_some(Value::Null)), now);
            }
        };
        let contents = self.mailboxes.get(wanted.mailbox);
        let output = match contents.first(wanted.kind.as_ref(), 1).first() {
            Some((_, message)) => as_value(message),
            None => match self.is_over(id, *timeout, now) {
                None => return Ok(Standing::Waits(WaitsFor::Messages(wanted))),
                Some(limit) if !goes_on => {
                    return Err(late(contents.name.as_str(), (1, wanted.kind.as_ref()), Some(0), limit));
                }
                Some(_) => Value::Null,
            },
        };
        self.success(id, output).map(|body| Standing::Event(Box::new(body)))
    }

    /// Where a node stands that waits for messages of the project: it waits, or ends with what is said for the end of its time.
    fn beyond(
        &self,
        id: InstanceId,
        wanted: ProjectWanted,
        limits: (Option<Duration>, Option<Value>),
        now: Timestamp,
    ) -> Result<Standing> {
        match self.wait_beyond(id, wanted, limits, now)? {
            Patience::Waits(wanted) => Ok(Standing::Waits(WaitsFor::Beyond(wanted))),
            Patience::Ends(output) => self.success(id, output).map(|body| Standing::Event(Box::new(body))),
        }
    }

    /// What a node wants, as it was when it began to wait.
    fn wanted(&mut self, id: InstanceId, from: &MessageSource, count: usize) -> Result<Source> {
        if let Some(WaitsFor::Messages(wanted)) = self.mailboxes.waiting().of(id) {
            return Ok(Source::Run(wanted.clone()));
        }
        if let Some(wanted) = self.waiting_beyond(id) {
            return Ok(Source::Project(wanted.clone()));
        }
        let frame = self.workflow_of(id);
        let kind = match &from.kind {
            Some(kind) => {
                let kind = self.read_from(id, kind, "`type`")?;
                self.check_kind(frame, &kind)?;
                Some(kind)
            }
            None => None,
        };
        match self.read_from(id, &from.mailbox, "`mailbox`")? {
            Mailbox::Run(name) => Ok(Source::Run(Wanted { mailbox: self.open_mailbox(frame, &name), kind, count })),
            Mailbox::Project(mailbox) => {
                Ok(Source::Project(ProjectWanted { mailbox, kind, what: What::Take { count, fewer_at: None } }))
            }
        }
    }

    pub(super) fn open_mailbox(&mut self, frame: FrameId, name: &MailboxName) -> super::mailboxes::BoxId {
        let bounds = bounds(&self.frame(frame).plan, name);
        self.mailboxes.open(frame, name, bounds)
    }

    /// What a template gives, read as a name.
    fn read_from<T: std::str::FromStr<Err = Error>>(&self, id: InstanceId, template: &Template, what: &str) -> Result<T> {
        let text = template.render_text(&self.scope_at(id, template.references(), None)).map_err(|error| error.context(what))?;
        text.trim().parse().map_err(|error: Error| error.context(what))
    }

    /// The time limit of a node that waits, when it is over at `now`.
    pub(super) fn is_over(&self, id: InstanceId, limit: Option<Duration>, now: Timestamp) -> Option<Duration> {
        let limit = limit?;
        let over = match self.instance(id).attempted_at {
            Some(began) => due(began, limit).is_some_and(|due| due <= now),
            None => limit.is_zero(),
        };
        over.then_some(limit)
    }

    /// When an instance of the node that begins at `began` waits no longer for messages.
    pub(super) fn mail_due(&self, id: InstanceId, began: Timestamp) -> Option<Timestamp> {
        let limit = match &self.node(id).kind {
            NodeKind::Receive(node) => node.timeout,
            NodeKind::Wait(node) => match &**node {
                WaitNode::Message { timeout, .. } => *timeout,
                WaitNode::For(_) | WaitNode::Until(_) => None,
            },
            NodeKind::Agent(_)
            | NodeKind::Tool(_)
            | NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Send(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_) => None,
        };
        due(began, limit?)
    }

    /// The end of a node that waits for what cannot come any more: nothing is under way, due or ready that could send or take.
    pub(super) fn in_vain(&self) -> Option<EventBody> {
        let idle = self.running == 0 && self.retrying == 0 && self.ready.is_empty() && self.timers.is_empty();
        if !idle || self.paused > 0 || self.holds_something() {
            return None;
        }
        // What comes from outside may have somebody send or take.
        if self.waits_for_project() {
            return None;
        }
        let (id, what) = self.mailboxes.waiting().first()?;
        let error = match what {
            WaitsFor::Messages(wanted) => {
                let contents = self.mailboxes.get(wanted.mailbox);
                let there = contents.count(wanted.kind.as_ref());
                let name = &contents.name;
                Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "it waits for {}, {there} came, and nothing is left that could send more",
                        in_words(name.as_str(), (wanted.count, wanted.kind.as_ref()))
                    ),
                )
                .hint("send them before, give the node a `timeout`, or put what sends them beside it and not after it")
            }
            // What wears out makes room.
            WaitsFor::Room(_) if self.mailboxes.next_expiry().is_some() => return None,
            WaitsFor::Room(mailbox) => {
                let contents = self.mailboxes.get(*mailbox);
                Error::new(
                    ErrorKind::NotFound,
                    format!("mailbox `{}` is full, and nothing is left that could take from it", contents.name),
                )
                .hint("take from it with `receive`, or give it a larger `limit`")
            }
            WaitsFor::Beyond(_) | WaitsFor::RoomBeyond(_) => return None,
        };
        Some(self.failed_for_good(id, &error))
    }

    /// The event of the next message that is given up at `now`.
    pub(in crate::engine) fn dead_letter(&mut self, now: Timestamp) -> Option<EventBody> {
        let (mailbox, number, reason) = self.mailboxes.dead(now)?;
        let contents = self.mailboxes.get(mailbox);
        let message = contents.get(number)?;
        let node = message.from.node.clone()?;
        Some(EventBody::MessageDead { node, mailbox: contents.name.clone(), number, id: message.id.clone(), reason })
    }

    /// When a message wears out for which somebody waits.
    pub(super) fn next_room(&self) -> Option<Timestamp> {
        self.mailboxes.next_expiry().filter(|_| self.mailboxes.waiting().has_senders())
    }

    /// Takes an event about messages.
    pub(super) fn apply_mail(&mut self, id: InstanceId, body: &EventBody, seq: Seq) -> Result<()> {
        let frame = self.workflow_of(id);
        let woken = match body {
            EventBody::MessageSent { message, deliveries, .. } => {
                let to = deliveries.iter().map(|Delivery { mailbox, number }| (self.open_mailbox(frame, mailbox), *number));
                let to = to.collect();
                if let Recipient::Mailbox(Mailbox::Project(name)) = &message.to {
                    self.put_out(seq, name, message.clone());
                }
                self.mailboxes.put(&Arc::new(message.clone()), to, seq)?
            }
            EventBody::MessagesCame { mailbox, messages, .. } => {
                self.take_in(id, mailbox, messages);
                Vec::new()
            }
            EventBody::MessagesTaken { mailbox, messages, .. } => {
                let from = self.open_mailbox(frame, mailbox);
                let numbers: Vec<u64> = messages.iter().map(|taken| taken.number).collect();
                self.mailboxes.take(id, from, &numbers, seq)?
            }
            EventBody::MessageDead { mailbox, number, .. } => {
                let from = self.open_mailbox(frame, mailbox);
                self.mailboxes.give_up(from, *number, seq)?
            }
            EventBody::SubscriptionChanged { mailbox, kind, subscribed, .. } => {
                let mailbox = self.open_mailbox(frame, mailbox);
                self.mailboxes.subscribe(mailbox, kind, *subscribed);
                Vec::new()
            }
            other => return Err(super::apply::misfit(&format!("`{}` is about no message", other.kind()))),
        };
        if !matches!(body, EventBody::MessageDead { .. }) {
            self.instance_mut(id).horizon = seq;
        }
        self.dirty.extend(woken);
        Ok(())
    }

    /// The instance waits no more, and what it took and made nothing of is there for others again.
    pub(super) fn leave_mail(&mut self, id: InstanceId, status: NodeStatus) {
        if status == NodeStatus::Running {
            return;
        }
        let next = self.mailboxes.wait_no_more(id);
        self.dirty.extend(next);
        if status.is_final() {
            self.used_up(id);
        }
        match status {
            NodeStatus::Succeeded => self.mailboxes.keep(id),
            NodeStatus::Failed | NodeStatus::Cancelled => self.give_back_mail(id),
            NodeStatus::Pending | NodeStatus::Ready | NodeStatus::Running | NodeStatus::Waiting | NodeStatus::Skipped => {}
        }
    }

    /// What the instance took is there for others again.
    pub(super) fn give_back_mail(&mut self, id: InstanceId) {
        let seq = self.next_seq.saturating_sub(1);
        let woken = self.mailboxes.give_back(id, seq);
        self.dirty.extend(woken);
    }

    /// Whether the instance is a node that sends, takes or waits for messages.
    pub(super) fn is_mail_node(&self, id: InstanceId) -> bool {
        let is_one = match &self.node(id).kind {
            NodeKind::Send(_) | NodeKind::Receive(_) => true,
            NodeKind::Wait(node) => matches!(**node, WaitNode::Message { .. }),
            NodeKind::Agent(_)
            | NodeKind::Tool(_)
            | NodeKind::Value(_)
            | NodeKind::StandIn { .. }
            | NodeKind::Approval(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_) => false,
        };
        is_one && !self.is_mapped_parent(id)
    }

    /// The instances that wait for messages or for room, as far as the events tell.
    pub(super) fn mail_nodes_under_way(&self) -> Vec<InstanceId> {
        let waits = |id: &InstanceId| self.instance(*id).status == NodeStatus::Running && self.is_mail_node(*id);
        self.open_instances().into_iter().filter(waits).collect()
    }
}

pub(super) fn due(began: Timestamp, limit: Duration) -> Option<Timestamp> {
    began.checked_add(SignedDuration::try_from(limit).ok()?).ok()
}

/// A message as templates and agents see it.
pub(super) fn as_value(message: &Message) -> Value {
    serde_json::to_value(message).unwrap_or_default()
}

/// Why a node that waited fails: its time is over. How many messages were there is told where it is known.
pub(super) fn late(name: &str, wanted: (usize, Option<&MessageType>), there: Option<usize>, limit: Duration) -> Error {
    let limit = limit.as_secs_f64();
    let came = there.map_or_else(|| "too few came".to_owned(), |there| format!("{there} came"));
    Error::new(ErrorKind::Timeout, format!("it waited {limit} s for {}, and {came}", in_words(name, wanted)))
        .hint("raise the `timeout`, or say by `on_timeout` what follows")
}

/// ``3 messages of type `finding` in mailbox `reviewer` ``.
fn in_words(name: &str, (count, kind): (usize, Option<&MessageType>)) -> String {
    let of_type = kind.map(|kind| format!(" of type `{kind}`")).unwrap_or_default();
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} message{plural}{of_type} in mailbox `{name}`")
}
