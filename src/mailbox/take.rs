//! Reading: a reader takes messages, and confirms them when it has kept them.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::{
    error::{Error, ErrorKind, Result},
    mailbox::{
        ProjectMailbox,
        cursor::{Cursor, Held},
        state::{Known, State},
        survey::LookFor,
        turns::Turns,
    },
    model::{Message, MessageType},
    store::Write,
};

/// How often the streams may seem to lack something before they are called damaged.
const LOOKS: u32 = 20;
/// How many messages readers may have at once, all together.
const MAX_TAKEN: u64 = 4_096;

/// What a reader wants.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Of this type; of any.
    pub kind: Option<&'a MessageType>,
    /// None at all, when there are not so many.
    pub at_least: usize,
    /// So many at most.
    pub at_most: usize,
    /// How long the reader has to confirm them; then they are given to somebody else.
    pub lease: Duration,
}

/// A message that was given to a reader.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its number in the mailbox.
    pub number: u64,
    /// How often it was given to a reader, this time included.
    pub deliveries: u32,
    /// Until when the reader is to have kept it. Later, somebody else may have it as well.
    pub until: Timestamp,
    /// The message.
    pub message: Message,
}

impl Delivery {
    fn of((held, message): (Held, Message), until: Timestamp) -> Self {
        Self { number: held.number, deliveries: held.deliveries, until, message }
    }
}

/// What became of a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// What somebody else has by now: the reader's time was over.
    pub lost: Vec<u64>,
}

/// Knows what a reader has kept that did not confirm it, so that nobody else gets it.
#[async_trait]
pub trait Witness: Send + Sync {
    /// The numbers of the messages of `mailbox` that `reader` has kept.
    ///
    /// # Errors
    /// When that cannot be said; then nothing is given to anybody else.
    async fn kept(&self, mailbox: &ProjectMailbox, reader: &str) -> Result<BTreeSet<u64>>;
}

/// Where readers leave no trace but their confirmations.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWitness;

#[async_trait]
impl Witness for NoWitness {
    async fn kept(&self, _: &ProjectMailbox, _: &str) -> Result<BTreeSet<u64>> {
        Ok(BTreeSet::new())
    }
}

impl ProjectMailbox {
    /// Takes messages for `reader`, the oldest first. No other reader gets them until its time is over. What readers have kept whose
    /// time is over, `witness` says.
    ///
    /// # Errors
    /// Those of the store and of `witness`; `Corrupt` when a message cannot be read.
    pub async fn take(&self, reader: &str, wanted: Wanted<'_>, witness: &dyn Witness) -> Result<Vec<Delivery>> {
        let look_for = LookFor { kind: wanted.kind, at_least: wanted.at_least, at_most: wanted.at_most };
        let mut turns = Turns::default();
        let mut looks = 0;
        loop {
            let state = State::read(self).await?;
            self.tidy_first(&state.cursor.value).await?;
            let now = Timestamp::now();
            let mut cursor = state.cursor.value.clone();
            if wanted.at_most > 0 {
                self.settle_late(&mut cursor, witness, now).await?;
            }
            let room = usize::try_from(MAX_TAKEN.saturating_sub(cursor.taken())).unwrap_or(usize::MAX);
            let look_for = LookFor { at_most: look_for.at_most.min(room), ..look_for };
            let mut survey = self.survey(&cursor, state.head.value.next, look_for, now).await?;
            if let Some(number) = survey.missing {
                looks += 1;
                if looks > LOOKS {
                    let text = format!("message {number} of mailbox `project:{}` is not there", self.name);
                    return Err(Error::new(ErrorKind::Corrupt, text).hint("restore the store from a backup"));
                }
                turns.next(&self.name).await?;
                continue;
            }
            let has_more_dead = survey.has_more_dead();
            if survey.found.is_empty() && !has_more_dead && look_for.at_most > 0 {
                self.remember(wanted.kind, survey.looked);
            }
            let writes = self.bury(&mut cursor, &survey)?;
            if survey.found.len() < wanted.at_least.max(1) {
                survey.found.clear();
            }
            let until = lease_end(now, wanted.lease);
            if !survey.found.is_empty() {
                cursor.take(reader, until, survey.found.iter().map(|(held, _)| *held).collect());
            }
            if cursor != state.cursor.value {
                if let Err(error) = self.change(&state.cursor, &cursor, writes).await {
                    turns.after(error, &self.name).await?;
                    continue;
                }
                if !survey.found.is_empty() {
                    self.remember(wanted.kind, survey.looked);
                }
            }
            if survey.found.is_empty() && has_more_dead {
                continue;
            }
            return Ok(survey.found.into_iter().map(|found| Delivery::of(found, until)).collect());
        }
    }

    /// `reader` has kept the messages with these numbers: nobody else gets them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn confirm(&self, reader: &str, numbers: &[u64]) -> Result<Confirmed> {
        self.change_cursor(|cursor| {
            let lost = numbers.iter().copied().filter(|number| !cursor.confirm(reader, *number)).collect();
            Confirmed { lost }
        })
        .await
    }

    /// Of what `reader` has, it has kept what `kept` names; the rest waits again. For a reader that begins anew.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn settle(&self, reader: &str, kept: &BTreeSet<u64>) -> Result<()> {
        self.change_cursor(|cursor| {
            for number in cursor.taken_by(reader).into_iter().filter(|number| kept.contains(number)) {
                cursor.confirm(reader, number);
            }
            cursor.give_back(reader);
        })
        .await
    }

    /// Of what `reader` has, the messages with these numbers wait again: it did not keep them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn give_back(&self, reader: &str, numbers: &[u64]) -> Result<()> {
        self.change_cursor(|cursor| cursor.give_back_some(reader, numbers)).await
    }

    /// The first message that waits, of this type or of any. It is not taken.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` when a message cannot be read.
    pub async fn first(&self, kind: Option<&MessageType>) -> Result<Option<Message>> {
        let mut turns = Turns::default();
        for _ in 0..LOOKS {
            let state = State::read(self).await?;
            let look_for = LookFor { kind, at_least: 1, at_most: 1 };
            let survey = self.survey(&state.cursor.value, state.head.value.next, look_for, Timestamp::now()).await?;
            if survey.missing.is_none() && (!survey.found.is_empty() || !survey.has_more_dead()) {
                return Ok(survey.found.into_iter().next().map(|(_, message)| message));
            }
            self.bury_dead().await?;
            turns.next(&self.name).await?;
        }
        Ok(None)
    }

    /// What has outlived its time, or was given to readers too often, goes to the dead letters.
    pub(super) async fn bury_dead(&self) -> Result<()> {
        let nothing = Wanted { kind: None, at_least: 0, at_most: 0, lease: Duration::ZERO };
        self.take("", nothing, &NoWitness).await.map(drop)
    }

    /// What readers have whose time is over waits again, but for what they have kept.
    async fn settle_late(&self, cursor: &mut Cursor, witness: &dyn Witness, now: Timestamp) -> Result<()> {
        let late: Vec<_> = cursor.late_readers(now).into_iter().map(str::to_owned).collect();
        for reader in late {
            for number in witness.kept(self, &reader).await? {
                cursor.confirm(&reader, number);
            }
        }
        cursor.lapse(now);
        Ok(())
    }

    /// Changes the cursor until no other change crosses.
    async fn change_cursor<T>(&self, change: impl Fn(&mut Cursor) -> T) -> Result<T> {
        let mut turns = Turns::default();
        loop {
            let state = State::read(self).await?;
            let mut cursor = state.cursor.value.clone();
            let made = change(&mut cursor);
            if cursor == state.cursor.value {
                return Ok(made);
            }
            match self.change(&state.cursor, &cursor, Vec::new()).await {
                Ok(()) => return Ok(made),
                Err(error) => turns.after(error, &self.name).await?,
            }
        }
    }

    /// Writes the cursor together with `writes`, and removes what nobody needs any more.
    async fn change(&self, before: &Known<Cursor>, after: &Cursor, mut writes: Vec<Write>) -> Result<()> {
        writes.push(before.put(after)?);
        self.store.commit(&writes).await?;
        self.tidy_after(&before.value, after).await
    }
}

/// The end of a lease that begins at `now`.
fn lease_end(now: Timestamp, lease: Duration) -> Timestamp {
    let lease = SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX);
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}
