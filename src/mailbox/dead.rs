//! Dead letters: messages that reached nobody, with the reason. They are kept for people, who may send them again.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    mailbox::{ProjectMailbox, cursor::Cursor, letter, place, state::State, survey::Survey, turns::Turns},
    model::{Message, Value},
    store::{Key, Version, Write},
};

/// How many documents are read at once.
const PAGE: usize = 200;

/// A message that reached nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The number that it had in the mailbox.
    pub number: u64,
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The message.
    pub message: Message,
}

/// Why a message reached nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It outlived its time.
    Expired,
    /// Readers took it, and none confirmed it.
    NotConfirmed {
        /// How often it was taken.
        deliveries: u32,
        /// Who took it last.
        reader: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("it outlived its time"),
            Self::NotConfirmed { deliveries, reader } => {
                write!(f, "it was taken {deliveries} times, and no reader confirmed it; the last was `{reader}`")
            }
        }
    }
}

impl ProjectMailbox {
    /// Up to `limit` dead letters, the oldest first, after number `after`.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` for one that cannot be read.
    pub async fn dead_letters(&self, after: Option<u64>, limit: usize) -> Result<Vec<DeadLetter>> {
        let after = after.map(|number| place::dead_letter(&self.name, number));
        let found = self.store.list(&place::dead_letters(&self.name), after.as_ref(), limit).await?;
        found.into_iter().map(|(key, found)| read(&key, found.value)).collect()
    }

    /// Sends dead letter `number` again, as a message without an end of its time; false when the mailbox is full.
    ///
    /// # Errors
    /// `NotFound` when there is no such dead letter; those of the store.
    pub async fn replay(&self, number: u64) -> Result<bool> {
        let _turn = self.sending.lock().await;
        let mut turns = Turns::default();
        loop {
            let key = place::dead_letter(&self.name, number);
            let Some(found) = self.store.get(&key).await? else {
                let text = format!("mailbox `project:{}` has no dead letter {number}", self.name);
                return Err(Error::new(ErrorKind::NotFound, text)
                    .hint(format!("`agentflow messages dead {}` lists what there is", self.name)));
            };
            let version = found.version;
            let message = Message { expires_at: None, ..read(&key, found.value)?.message };
            let text = letter::text(&message)?;
            let state = State::read(self).await?;
            let (unread, bytes) = state.unread();
            if unread >= self.limits.messages || (unread > 0 && bytes + text.len() as u64 > self.limits.bytes) {
                return Ok(false);
            }
            let mut cursor = state.cursor.value.clone();
            cursor.dead = cursor.dead.saturating_sub(1);
            let mut writes = self.append(&state, &[(message.kind.as_str(), &text)], Timestamp::now()).await?;
            writes.push(state.cursor.put(&cursor)?);
            writes.push(Write::Delete { key, expected: version });
            match self.store.commit(&writes).await {
                Ok(()) => return Ok(true),
                Err(error) => turns.after(error, &self.name).await?,
            }
        }
    }

    /// Has `cursor` count the dead of `survey`; the writes that keep them.
    pub(super) fn bury(&self, cursor: &mut Cursor, survey: &Survey) -> Result<Vec<Write>> {
        let writes = survey.dead.iter().map(|(bytes, dead)| {
            cursor.bury(dead.number, *bytes);
            let key = place::dead_letter(&self.name, dead.number);
            let value = serde_json::to_value(dead)
                .map_err(|error| Error::new(ErrorKind::Internal, format!("document `{key}` is no JSON")).source(error))?;
            Ok(Write::Put { key, expected: Version::ABSENT, value })
        });
        writes.collect()
    }

    /// Removes the oldest dead letters, so that `most` are left.
    pub(super) async fn forget_dead_letters(&self, most: u64) -> Result<()> {
        let mut turns = Turns::default();
        loop {
            let state = State::read(self).await?;
            let too_many = state.cursor.value.dead.saturating_sub(most);
            let limit = usize::try_from(too_many).unwrap_or(usize::MAX).min(PAGE);
            if limit == 0 {
                return Ok(());
            }
            let oldest = self.store.list(&place::dead_letters(&self.name), None, limit).await?;
            let mut cursor = state.cursor.value.clone();
            cursor.dead = if oldest.is_empty() { 0 } else { cursor.dead - oldest.len() as u64 };
            let mut writes: Vec<_> =
                oldest.into_iter().map(|(key, found)| Write::Delete { key, expected: found.version }).collect();
            writes.push(state.cursor.put(&cursor)?);
            if let Err(error) = self.store.commit(&writes).await {
                turns.after(error, &self.name).await?;
            }
        }
    }
}

fn read(key: &Key, value: Value) -> Result<DeadLetter> {
    serde_json::from_value(value).map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("document `{key}` cannot be read as a dead letter")).source(error)
    })
}
