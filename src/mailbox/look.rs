//! Looking without reading: what mailboxes there are, and what is in one.

use std::{ops::Range, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, Result},
    mailbox::{ProjectMailbox, letter, place, state::State},
    model::{MailboxName, Message},
    store::Store,
};

/// How many documents or records are read at once.
const PAGE: usize = 200;

/// A mailbox in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// Its name.
    pub name: MailboxName,
    /// How many messages wait for a reader.
    pub waiting: u64,
    /// How many readers have now.
    pub taken: u64,
    /// How long both are together, in bytes.
    pub unread_bytes: u64,
    /// How many dead letters there are.
    pub dead: u64,
    /// How many messages were ever sent to it.
    pub sent: u64,
    /// When the last one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
}

/// What has become of a message so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It waits for a reader.
    Waiting,
    /// A reader has it, and has not confirmed it yet.
    Taken,
    /// It was read, or is among the dead letters.
    Done,
}

/// A message in a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stored {
    /// Its number.
    pub number: u64,
    /// What has become of it so far.
    pub standing: Standing,
    /// The message.
    pub message: Message,
}

/// All mailboxes of the project, by name.
///
/// # Errors
/// Those of the store; `Corrupt` for a document that cannot be read.
pub async fn mailboxes(store: &Arc<dyn Store>) -> Result<Vec<Overview>> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(place::HEADS, after.as_ref(), PAGE).await?;
        for (key, _) in &page {
            let name = key.as_str().trim_start_matches(place::HEADS);
            let name = MailboxName::new(name).map_err(|error| {
                Error::new(ErrorKind::Corrupt, format!("document `{key}` belongs to no mailbox")).source(error)
            })?;
            all.push(ProjectMailbox::new(Arc::clone(store), name).overview().await?);
        }
        if page.len() < PAGE {
            return Ok(all);
        }
        after = page.last().map(|(key, _)| key.clone());
    }
}

impl ProjectMailbox {
    /// How much is in it.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` for a document that cannot be read.
    pub async fn overview(&self) -> Result<Overview> {
        let state = State::read(self).await?;
        let (unread, unread_bytes) = state.unread();
        let (head, cursor) = (&state.head.value, &state.cursor.value);
        let taken = cursor.taken();
        Ok(Overview {
            name: self.name.clone(),
            waiting: unread.saturating_sub(taken),
            taken,
            unread_bytes,
            dead: cursor.dead,
            sent: head.next,
            last_at: head.at,
        })
    }

    /// The messages from number `from` on, in order, up to `limit`; those that were read only as long as they are there. Also the number
    /// at which to go on.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` for a message that cannot be read.
    pub async fn messages(&self, from: u64, limit: usize) -> Result<(Vec<Stored>, u64)> {
        let state = State::read(self).await?;
        self.collect(&state, std::iter::once(from..state.head.value.next), limit).await
    }

    /// The messages that are unread, the oldest first, up to `limit`.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` for a message that cannot be read.
    pub async fn unread(&self, limit: usize) -> Result<Vec<Stored>> {
        let state = State::read(self).await?;
        let gaps: Vec<_> = state.cursor.value.done.gaps(0..state.head.value.next).collect();
        Ok(self.collect(&state, gaps.into_iter(), limit).await?.0)
    }

    async fn collect(&self, state: &State, ranges: impl Iterator<Item = Range<u64>>, limit: usize) -> Result<(Vec<Stored>, u64)> {
        let cursor = &state.cursor.value;
        let not_waiting = cursor.not_waiting();
        let mut stored = Vec::new();
        for range in ranges.flat_map(place::by_segment) {
            let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(limit - stored.len());
            let stream = place::segment(&self.name, range.start);
            let records = self.store.read(&stream, range.start % place::SEGMENT, wanted).await?;
            for (number, record) in range.clone().zip(&records) {
                let standing = match () {
                    () if cursor.done.contains(number) => Standing::Done,
                    () if not_waiting.contains(number) => Standing::Taken,
                    () => Standing::Waiting,
                };
                stored.push(Stored { number, standing, message: letter::open(&self.name, number, record)? });
            }
            if stored.len() >= limit {
                let next = stored.last().map_or(range.start, |last| last.number + 1);
                return Ok((stored, next));
            }
        }
        Ok((stored, state.head.value.next))
    }
}
