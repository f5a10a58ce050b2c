//! Sending: an append at the end, however many do so at once.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    error::Result,
    mailbox::{
        Letter, ProjectMailbox,
        letter::{self, Line},
        place,
        state::{Known, State},
        turns::Turns,
    },
    store::{Digest, SHARED, Write},
};

/// How many messages are appended in one step.
const GROUP: usize = 256;
/// How long they may be together, in bytes, unless there is one only.
const GROUP_BYTES: usize = 4 << 20;

/// What became of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// How many are in the mailbox, or were before, from the first on. Fewer than were to be sent: the mailbox is full.
    pub accepted: usize,
    /// How many of those were not there before.
    pub fresh: usize,
}

/// A letter with its text.
struct Ready<'a> {
    letter: &'a Letter,
    text: String,
}

impl ProjectMailbox {
    /// Appends `letters` in this order, as far as there is room; they are durable on return. A letter whose mark says that it was
    /// sent before is left aside.
    ///
    /// # Errors
    /// Those of the store; `Invalid` for a message that is too long for it.
    pub async fn send(&self, letters: &[Letter]) -> Result<Sent> {
        let _turn = self.sending.lock().await;
        let mut sent = Sent { accepted: 0, fresh: 0 };
        while sent.accepted < letters.len() {
            let group = group(&letters[sent.accepted..])?;
            let mut some = self.send_group(&group).await?;
            if some.accepted == 0 {
                // What has outlived its time makes room.
                self.bury_dead().await?;
                some = self.send_group(&group).await?;
            }
            sent.accepted += some.accepted;
            sent.fresh += some.fresh;
            if some.accepted == 0 {
                break;
            }
        }
        Ok(sent)
    }

    /// The number of the last message of `line` that is in the mailbox, or was. None for a line that has not begun.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn last_of_line(&self, line: &str) -> Result<Option<u64>> {
        let known = Known::<Line>::read(self.store.as_ref(), place::line(&self.name, line)).await?;
        Ok(known.value.last)
    }

    async fn send_group(&self, group: &[Ready<'_>]) -> Result<Sent> {
        let mut turns = Turns::default();
        loop {
            let state = State::read(self).await?;
            let (sent, writes) = self.plan(&state, group).await?;
            if sent.fresh == 0 {
                return Ok(sent);
            }
            match self.store.commit(&writes).await {
                Ok(()) => return Ok(sent),
                Err(error) => turns.after(error, &self.name).await?,
            }
        }
    }

    /// What is to be written for `group` to be in the mailbox, as far as there is room.
    async fn plan(&self, state: &State, group: &[Ready<'_>]) -> Result<(Sent, Vec<Write>)> {
        let now = Timestamp::now();
        let mut lines = self.lines(group).await?;
        let (mut unread, mut bytes) = state.unread();
        let mut sent = Sent { accepted: 0, fresh: 0 };
        let mut fresh = Vec::new();
        for ready in group {
            let length = ready.text.len() as u64;
            let line = ready.letter.mark.as_ref().and_then(|mark| Some((mark.number, lines.get_mut(mark.line.as_str())?)));
            let is_known = line.as_ref().is_some_and(|(number, (_, line))| line.last.is_some_and(|last| *number <= last));
            if !is_known {
                let fits = unread < self.limits.messages && (bytes + length <= self.limits.bytes || unread == 0);
                if !fits {
                    break;
                }
                (unread, bytes) = (unread + 1, bytes + length);
                if let Some((number, (_, line))) = line {
                    *line = Line { last: Some(number), at: now };
                }
                fresh.push(ready);
            }
            sent.accepted += 1;
        }
        sent.fresh = fresh.len();
        let mut writes = Vec::new();
        if !fresh.is_empty() {
            let texts: Vec<_> = fresh.iter().map(|ready| (ready.letter.message.kind.as_str(), ready.text.as_str())).collect();
            writes = self.append(state, &texts, now).await?;
            for (known, line) in lines.values().filter(|(known, line)| known.value != *line) {
                writes.push(known.put(line)?);
            }
        }
        Ok((sent, writes))
    }

    /// The lines that `group` belongs to, as they are known and as they will be.
    async fn lines<'a>(&self, group: &[Ready<'a>]) -> Result<BTreeMap<&'a str, (Known<Line>, Line)>> {
        let mut lines = BTreeMap::new();
        for mark in group.iter().filter_map(|ready| ready.letter.mark.as_ref()) {
            if !lines.contains_key(mark.line.as_str()) {
                let known = Known::<Line>::read(self.store.as_ref(), place::line(&self.name, &mark.line)).await?;
                let line = known.value.clone();
                lines.insert(mark.line.as_str(), (known, line));
            }
        }
        Ok(lines)
    }

    /// The writes that append messages with these types and texts, and count them.
    pub(super) async fn append(&self, state: &State, texts: &[(&str, &str)], now: Timestamp) -> Result<Vec<Write>> {
        let mut head = state.head.value.clone();
        let first = head.next;
        head.next += texts.len() as u64;
        head.bytes += texts.iter().map(|(_, text)| text.len() as u64).sum::<u64>();
        head.at = Some(now);
        let mut writes = vec![state.head.put(&head)?];
        let mut previous = self.last_hash(first).await?;
        let mut texts = texts.iter();
        for part in place::by_segment(first..head.next) {
            let stream = place::segment(&self.name, part.start);
            let expected = part.start % place::SEGMENT;
            let records = part.zip(&mut texts).map(|(number, (kind, text))| {
                let record = letter::seal(previous, &stream, number % place::SEGMENT, now, kind, text);
                previous = record.hash;
                record
            });
            let records = records.collect();
            writes.push(Write::Append { stream, epoch: SHARED, expected, records });
            // The next one is the first of its stream.
            previous = Digest::ZERO;
        }
        Ok(writes)
    }

    /// The hash that message `number` is chained to.
    async fn last_hash(&self, number: u64) -> Result<Digest> {
        let seq = number % place::SEGMENT;
        if seq == 0 {
            return Ok(Digest::ZERO);
        }
        let last = self.store.read(&place::segment(&self.name, number), seq - 1, 1).await?;
        // When it is not there, what was read is old, and the commit will be refused.
        Ok(last.first().map_or(Digest::ZERO, |record| record.hash))
    }
}

/// The first of `letters`, as many as are appended in one step.
fn group(letters: &[Letter]) -> Result<Vec<Ready<'_>>> {
    let mut group = Vec::new();
    let mut bytes = 0;
    for letter in letters.iter().take(GROUP) {
        let text = letter::text(&letter.message)?;
        bytes += text.len();
        if bytes > GROUP_BYTES && !group.is_empty() {
            break;
        }
        group.push(Ready { letter, text });
    }
    Ok(group)
}
