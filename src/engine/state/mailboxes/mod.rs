//! The mailboxes of a run, as data: what waits in each, in order, who subscribed to what, what was sent already.
//!
//! Events change them, and nothing else does. When a message has outlived its time is judged by the times of events.

mod contents;
#[cfg(test)]
mod tests;
mod waiting;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

pub(super) use contents::{Bounds, Contents};
pub(super) use waiting::{Waiting, WaitsFor, Wanted};

use super::parts::{FrameId, InstanceId};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{DeadReason, Delivery, MailboxName, Message, MessageId, MessageType, Seq, Value},
};

/// How often a message is taken before it counts as undeliverable.
const MOST_TAKEN: u32 = 5;

/// Index of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BoxId(u32);

/// The mailboxes of a run. Those of each workflow in it are its own.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    boxes: Vec<Contents>,
    index: HashMap<FrameId, BTreeMap<MailboxName, BoxId>>,
    subscribers: HashMap<FrameId, HashMap<MessageType, BTreeSet<MailboxName>>>,
    sent: HashMap<MessageId, Vec<Delivery>>,
    /// When those that wait outlive their time.
    expiries: BinaryHeap<Reverse<(Timestamp, BoxId, u64)>>,
    /// Those that were given back too often.
    undeliverable: VecDeque<(BoxId, u64)>,
    /// What each instance took and has not made anything of.
    in_hand: HashMap<InstanceId, Vec<(BoxId, u64)>>,
    waiting: Waiting,
}

impl Mailboxes {
    /// The mailbox of this name; made when there is none.
    pub(super) fn open(&mut self, frame: FrameId, name: &MailboxName, bounds: Bounds) -> BoxId {
        if let Some(known) = self.find(frame, name) {
            return known;
        }
        let id = BoxId(u32::try_from(self.boxes.len()).unwrap_or(u32::MAX));
        self.boxes.push(Contents::new(frame, name.clone(), bounds));
        self.index.entry(frame).or_default().insert(name.clone(), id);
        id
    }

    pub(super) fn find(&self, frame: FrameId, name: &MailboxName) -> Option<BoxId> {
        self.index.get(&frame)?.get(name).copied()
    }

    pub(super) fn get(&self, id: BoxId) -> &Contents {
        &self.boxes[id.0 as usize]
    }

    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Whether somebody else is to send to the mailbox before this instance.
    pub(super) fn is_kept_waiting(&self, mailbox: BoxId, id: InstanceId) -> bool {
        self.waiting.sender(mailbox).is_some_and(|first| first != id)
    }

    /// Where a message went, if it was sent before.
    pub(super) fn sent(&self, id: &MessageId) -> Option<&[Delivery]> {
        self.sent.get(id).map(Vec::as_slice)
    }

    /// What an instance took and has not made anything of.
    pub(super) fn in_hand(&self, id: InstanceId) -> &[(BoxId, u64)] {
        self.in_hand.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The mailboxes that subscribed to a type, by name.
    pub(super) fn subscribers(&self, frame: FrameId, kind: &MessageType) -> impl Iterator<Item = &MailboxName> {
        self.subscribers.get(&frame).and_then(|of| of.get(kind)).into_iter().flatten()
    }

    pub(super) fn is_subscribed(&self, mailbox: BoxId, kind: &MessageType) -> bool {
        let Contents { frame, name, .. } = self.get(mailbox);
        self.subscribers.get(frame).and_then(|of| of.get(kind)).is_some_and(|of| of.contains(name))
    }

    /// From now on the mailbox gets messages of this type that go to all, or gets them no more.
    pub(super) fn subscribe(&mut self, mailbox: BoxId, kind: &MessageType, on: bool) {
        let (frame, name) = (self.get(mailbox).frame, self.get(mailbox).name.clone());
        let of = self.subscribers.entry(frame).or_default().entry(kind.clone()).or_default();
        if on {
            of.insert(name)
        } else {
            of.remove(&name)
        };
    }

    /// The message is sent: it waits in these mailboxes from now on. Gives those that are to be looked at again.
    ///
    /// # Errors
    /// `Divergent` when it was sent before, or has not the number that is next.
    pub(super) fn put(&mut self, message: &Arc<Message>, to: Vec<(BoxId, u64)>, seq: Seq) -> Result<Vec<InstanceId>> {
        let bytes = size_of(&message.body);
        let mut woken = Vec::new();
        let mut deliveries = Vec::with_capacity(to.len());
        for (id, number) in to {
            let contents = self.get_mut(id);
            if contents.next_number() != number {
                let (name, next) = (&contents.name, contents.next_number());
                return Err(misfit(&format!("message {number} comes into mailbox `{name}` where message {next} belongs")));
            }
            contents.put(Arc::clone(message), bytes, seq);
            deliveries.push(Delivery { mailbox: contents.name.clone(), number });
            self.watch(id, number, message);
            woken.extend(self.receivers(id, &message.kind));
        }
        match self.sent.insert(message.id.clone(), deliveries) {
            None => Ok(woken),
            Some(_) => Err(misfit(&format!("message `{}` is sent twice", message.id))),
        }
    }

    /// An instance takes these messages. Gives those that are to be looked at again.
    ///
    /// # Errors
    /// `Divergent` when one of them does not wait there.
    pub(super) fn take(&mut self, by: InstanceId, from: BoxId, numbers: &[u64], seq: Seq) -> Result<Vec<InstanceId>> {
        for number in numbers {
            self.remove(from, *number, true, seq)?;
        }
        self.in_hand.entry(by).or_default().extend(numbers.iter().map(|number| (from, *number)));
        Ok(self.sender_with_room(from).into_iter().collect())
    }

    /// A message is given up. Gives those that are to be looked at again.
    ///
    /// # Errors
    /// `Divergent` when it does not wait there.
    pub(super) fn give_up(&mut self, from: BoxId, number: u64, seq: Seq) -> Result<Vec<InstanceId>> {
        self.remove(from, number, false, seq)?;
        Ok(self.sender_with_room(from).into_iter().collect())
    }

    /// What the instance took has become part of its outcome.
    pub(super) fn keep(&mut self, by: InstanceId) {
        self.in_hand.remove(&by);
    }

    /// What the instance took waits again, where it stood. Gives those that are to be looked at again.
    pub(super) fn give_back(&mut self, by: InstanceId, seq: Seq) -> Vec<InstanceId> {
        let mut woken = Vec::new();
        for (id, number) in self.in_hand.remove(&by).unwrap_or_default() {
            let Some(taken) = self.get_mut(id).give_back(number, seq) else { continue };
            let Some(message) = self.get(id).get(number).cloned() else { continue };
            if taken >= MOST_TAKEN {
                self.undeliverable.push_back((id, number));
                continue;
            }
            self.watch(id, number, &message);
            woken.extend(self.receivers(id, &message.kind));
        }
        woken
    }

    /// The next message that is to be given up at `now`, and why.
    pub(super) fn dead(&mut self, now: Timestamp) -> Option<(BoxId, u64, DeadReason)> {
        while let Some((id, number)) = self.undeliverable.front().copied() {
            if self.get(id).waits(number) {
                return Some((id, number, DeadReason::Undelivered));
            }
            self.undeliverable.pop_front();
        }
        while let Some(Reverse((at, id, number))) = self.expiries.peek().copied() {
            if at > now {
                return None;
            }
            if self.get(id).waits(number) {
                return Some((id, number, DeadReason::Expired));
            }
            self.expiries.pop();
        }
        None
    }

    /// When the next message outlives its time, if there is one.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.peek().map(|Reverse((at, ..))| *at)
    }

    /// Has an instance wait for this, and for nothing else. Gives who is to be looked at in its place, where it waited before.
    pub(super) fn wait(&mut self, id: InstanceId, what: WaitsFor) -> Option<InstanceId> {
        if self.waiting.of(id) == Some(&what) {
            return None;
        }
        let next = self.wait_no_more(id);
        self.waiting.begin(id, what);
        next
    }

    /// An instance waits no more. Gives who is to be looked at in its place.
    pub(super) fn wait_no_more(&mut self, id: InstanceId) -> Option<InstanceId> {
        match self.waiting.end(id)? {
            WaitsFor::Messages(Wanted { mailbox, kind, .. }) => self.waiting.receiver(mailbox, kind.as_ref(), self.get(mailbox)),
            WaitsFor::Room(mailbox) => self.sender_with_room(mailbox),
            WaitsFor::Beyond(_) | WaitsFor::RoomBeyond(_) => None,
        }
    }

    /// Notes when a message outlives its time: its own, or that of the mailbox.
    fn watch(&mut self, id: BoxId, number: u64, message: &Message) {
        let ttl = self.get(id).bounds.ttl.and_then(|ttl| SignedDuration::try_from(ttl).ok());
        let of_mailbox = ttl.and_then(|ttl| message.at.checked_add(ttl).ok());
        if let Some(at) = message.expires_at.into_iter().chain(of_mailbox).min() {
            self.expiries.push(Reverse((at, id, number)));
        }
    }

    fn get_mut(&mut self, id: BoxId) -> &mut Contents {
        &mut self.boxes[id.0 as usize]
    }

    fn remove(&mut self, from: BoxId, number: u64, is_delivery: bool, seq: Seq) -> Result<()> {
        let contents = self.get_mut(from);
        if contents.remove(number, is_delivery, seq) {
            return Ok(());
        }
        Err(misfit(&format!("message {number} of mailbox `{}` is taken, but does not wait there", contents.name)))
    }

    /// Those that may take a message of this type which has come.
    fn receivers(&self, id: BoxId, kind: &MessageType) -> impl Iterator<Item = InstanceId> + use<> {
        let first = |kind| self.waiting.receiver(id, kind, self.get(id));
        [first(Some(kind)), first(None)].into_iter().flatten()
    }

    fn sender_with_room(&self, id: BoxId) -> Option<InstanceId> {
        self.waiting.sender(id).filter(|_| self.get(id).has_room(0))
    }
}

/// How many bytes a body has as JSON.
pub(super) fn size_of(body: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, body).map_or(usize::MAX, |()| count.0)
}

fn misfit(what: &str) -> Error {
    Error::new(ErrorKind::Divergent, format!("the log does not fit the run: {what}"))
}
