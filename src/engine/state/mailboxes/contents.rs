//! One mailbox: what waits in it, by number and by type, and what left it when.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::{
    engine::state::parts::FrameId,
    model::{MailboxName, Message, MessageType, Seq},
};

/// How much waits in a mailbox at most, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::state) struct Bounds {
    /// Messages.
    pub(in crate::engine::state) messages: usize,
    /// Bytes of their bodies, as JSON.
    pub(in crate::engine::state) bytes: usize,
    /// How long a message waits, unless its sender says so.
    pub(in crate::engine::state) ttl: Option<Duration>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { messages: 10_000, bytes: 64 << 20, ttl: None }
    }
}

/// A message in a mailbox, or one that was there.
#[derive(Debug)]
struct Letter {
    message: Arc<Message>,
    bytes: usize,
    /// The event that put it there.
    sent: Seq,
    /// From which event to which it was away. The last time has no end while it is.
    away: Vec<(Seq, Option<Seq>)>,
    /// How often it was taken.
    taken: u32,
}

impl Letter {
    /// Whether it was there before event `at`.
    fn was_there(&self, at: Seq) -> bool {
        let is_away = |(left, back): &(Seq, Option<Seq>)| *left < at && back.is_none_or(|back| back >= at);
        self.sent < at && !self.away.iter().any(is_away)
    }
}

/// A mailbox.
#[derive(Debug)]
pub(in crate::engine::state) struct Contents {
    pub(in crate::engine::state) name: MailboxName,
    /// The workflow that it belongs to, as it is run.
    pub(in crate::engine::state) frame: FrameId,
    pub(in crate::engine::state) bounds: Bounds,
    /// All that were ever put there; the first has number 1.
    letters: Vec<Letter>,
    /// The numbers of those that wait.
    waiting: BTreeSet<u64>,
    by_kind: HashMap<MessageType, BTreeSet<u64>>,
    /// Of the bodies of those that wait.
    bytes: usize,
    /// Those that are away, by the event with which they left.
    away: BTreeSet<(Seq, u64)>,
}

impl Contents {
    pub(super) fn new(frame: FrameId, name: MailboxName, bounds: Bounds) -> Self {
        Self {
            name,
            frame,
            bounds,
            letters: Vec::new(),
            waiting: BTreeSet::new(),
            by_kind: HashMap::new(),
            bytes: 0,
            away: BTreeSet::new(),
        }
    }

    /// The number that the next message gets.
    pub(in crate::engine::state) fn next_number(&self) -> u64 {
        self.letters.len() as u64 + 1
    }

    /// How many messages wait, of this type or at all.
    pub(in crate::engine::state) fn count(&self, kind: Option<&MessageType>) -> usize {
        self.of_kind(kind).map_or(0, BTreeSet::len)
    }

    /// Whether a message with a body of so many bytes fits in. An empty mailbox takes any.
    pub(in crate::engine::state) fn has_room(&self, bytes: usize) -> bool {
        let fits = self.waiting.len() < self.bounds.messages && self.bytes.saturating_add(bytes) <= self.bounds.bytes;
        fits || self.waiting.is_empty()
    }

    /// The first `most` messages that wait, of this type or at all, with their numbers.
    pub(in crate::engine::state) fn first(&self, kind: Option<&MessageType>, most: usize) -> Vec<(u64, Arc<Message>)> {
        let numbers = self.of_kind(kind).into_iter().flatten().take(most);
        numbers.filter_map(|number| Some((*number, Arc::clone(self.get(*number)?)))).collect()
    }

    /// The messages that waited before event `at`, or that wait now.
    pub(in crate::engine::state) fn seen(&self, at: Option<Seq>) -> Vec<(u64, &Arc<Message>)> {
        let Some(at) = at else {
            return self.waiting.iter().filter_map(|number| Some((*number, self.get(*number)?))).collect();
        };
        let left_since = self.away.range((at, 0)..).map(|(_, number)| *number);
        let numbers: BTreeSet<u64> = self.waiting.iter().copied().chain(left_since).collect();
        let there = numbers.into_iter().filter_map(|number| Some((number, self.letter(number)?)));
        there.filter(|(_, letter)| letter.was_there(at)).map(|(number, letter)| (number, &letter.message)).collect()
    }

    /// The message with this number, whether it waits or not.
    pub(in crate::engine::state) fn get(&self, number: u64) -> Option<&Arc<Message>> {
        self.letter(number).map(|letter| &letter.message)
    }

    pub(super) fn waits(&self, number: u64) -> bool {
        self.waiting.contains(&number)
    }

    pub(super) fn put(&mut self, message: Arc<Message>, bytes: usize, seq: Seq) {
        let number = self.next_number();
        self.letters.push(Letter { message, bytes, sent: seq, away: Vec::new(), taken: 0 });
        self.enter(number);
    }

    /// Takes a message out; `false` when it does not wait there.
    pub(super) fn remove(&mut self, number: u64, is_delivery: bool, seq: Seq) -> bool {
        if !self.waiting.remove(&number) {
            return false;
        }
        self.away.insert((seq, number));
        let Some(letter) = letter_mut(&mut self.letters, number) else { return false };
        letter.away.push((seq, None));
        letter.taken += u32::from(is_delivery);
        self.bytes -= letter.bytes;
        if let Some(of_kind) = self.by_kind.get_mut(&letter.message.kind) {
            of_kind.remove(&number);
        }
        true
    }

    /// Puts a message back that was taken, where it stood; gives how often it was taken.
    pub(super) fn give_back(&mut self, number: u64, seq: Seq) -> Option<u32> {
        let letter = letter_mut(&mut self.letters, number)?;
        let (left, back) = letter.away.last_mut().filter(|(_, back)| back.is_none())?;
        *back = Some(seq);
        let (left, taken) = (*left, letter.taken);
        self.away.remove(&(left, number));
        self.enter(number);
        Some(taken)
    }

    fn enter(&mut self, number: u64) {
        let Some(letter) = letter_mut(&mut self.letters, number) else { return };
        self.bytes += letter.bytes;
        self.by_kind.entry(letter.message.kind.clone()).or_default().insert(number);
        self.waiting.insert(number);
    }

    fn of_kind(&self, kind: Option<&MessageType>) -> Option<&BTreeSet<u64>> {
        kind.map_or(Some(&self.waiting), |kind| self.by_kind.get(kind))
    }

    fn letter(&self, number: u64) -> Option<&Letter> {
        self.letters.get(position(number)?)
    }
}

fn position(number: u64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

fn letter_mut(letters: &mut [Letter], number: u64) -> Option<&mut Letter> {
    letters.get_mut(position(number)?)
}
