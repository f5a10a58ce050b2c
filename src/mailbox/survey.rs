//! A look at what waits, from the oldest on: what a reader wants, what is dead.

use std::{collections::HashMap, sync::PoisonError};

use jiff::Timestamp;

use crate::{
    error::Result,
    mailbox::{
        DeadLetter, Limits, ProjectMailbox, Reason,
        cursor::{Cursor, Held},
        letter, place,
    },
    model::{Message, MessageType},
    store::Record,
};

/// How many records are read at once.
const PAGE: u64 = 256;
/// How many dead letters are told at once.
const MAX_DEAD: usize = 256;
/// How long the messages are that are found at once, in bytes, unless fewer were wanted.
const MAX_BYTES: u64 = 8 << 20;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookFor<'a> {
    /// Of this type; of any.
    pub(super) kind: Option<&'a MessageType>,
    /// When there are so many, it is enough as soon as they are long.
    pub(super) at_least: usize,
    /// So many; with none, only the dead are looked for.
    pub(super) at_most: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) found: Vec<(Held, Message)>,
    pub(super) dead: Vec<(u64, DeadLetter)>,
    /// Below this number, nothing else waits that was looked for.
    pub(super) looked: u64,
    /// Something that should be there is not: what was read of the mailbox is old, or its streams are damaged.
    pub(super) missing: Option<u64>,
}

impl ProjectMailbox {
    /// Looks at what waits by `cursor`, below number `next`.
    pub(super) async fn survey(&self, cursor: &Cursor, next: u64, wanted: LookFor<'_>, now: Timestamp) -> Result<Survey> {
        let start = if wanted.at_most == 0 { 0 } else { self.looked_at(wanted.kind).min(next) };
        let not_waiting = cursor.not_waiting();
        let back = cursor.back().iter().map(|back| back.message.number).filter(|number| *number < start);
        let ranges = back.map(|number| number..number + 1).chain(not_waiting.gaps(start..next));
        let mut survey = Survey { looked: start, ..Survey::default() };
        let pages = ranges.flat_map(place::by_segment).flat_map(|range| {
            let starts = range.clone().step_by(usize::try_from(PAGE).unwrap_or(usize::MAX));
            starts.map(move |from| from..range.end.min(from + PAGE))
        });
        for page in pages {
            let limit = usize::try_from(page.end - page.start).unwrap_or(usize::MAX);
            let records = self.store.read(&place::segment(&self.name, page.start), page.start % place::SEGMENT, limit).await?;
            if records.len() < limit {
                survey.missing = Some(page.start + records.len() as u64);
                return Ok(survey);
            }
            for (number, record) in page.zip(&records) {
                if survey.is_enough(wanted) {
                    return Ok(survey);
                }
                self.look_at(&mut survey, cursor, number, record, wanted, now)?;
                survey.looked = survey.looked.max(number + 1);
            }
        }
        survey.looked = next;
        Ok(survey)
    }

    fn look_at(
        &self,
        survey: &mut Survey,
        cursor: &Cursor,
        number: u64,
        record: &Record,
        wanted: LookFor<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let message = letter::open(&self.name, number, record)?;
        let earlier = cursor.earlier(number);
        let deliveries = earlier.map_or(0, |back| back.message.deliveries);
        let bytes = record.body.len() as u64;
        let Limits { deliveries: most, .. } = self.limits;
        let reason = match earlier {
            _ if message.expires_at.is_some_and(|expires_at| expires_at <= now) => Some(Reason::Expired),
            Some(back) if deliveries >= most => Some(Reason::NotConfirmed { deliveries, reader: back.reader.clone() }),
            _ => None,
        };
        if let Some(reason) = reason {
            survey.dead.push((bytes, DeadLetter { number, message, at: now, reason }));
        } else if wanted.kind.is_none_or(|kind| *kind == message.kind) && survey.found.len() < wanted.at_most {
            survey.found.push((Held { number, bytes, deliveries: deliveries + 1 }, message));
        }
        Ok(())
    }

    /// Up to which number nothing of this type waits, as far as this process knows.
    fn looked_at(&self, kind: Option<&MessageType>) -> u64 {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.get(&kind.cloned()).copied().unwrap_or_default()
    }

    /// Remembers that nothing of this type waits below `number`.
    pub(super) fn remember(&self, kind: Option<&MessageType>, number: u64) {
        let mut looked: std::sync::MutexGuard<'_, HashMap<_, _>> = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.insert(kind.cloned(), number);
    }
}

impl Survey {
    /// Whether the look ended because there are so many dead letters.
    pub(super) fn has_more_dead(&self) -> bool {
        self.dead.len() >= MAX_DEAD
    }

    fn is_enough(&self, wanted: LookFor<'_>) -> bool {
        let bytes: u64 = self.found.iter().map(|(held, _)| held.bytes).sum();
        let is_full = self.found.len() >= wanted.at_most || (bytes >= MAX_BYTES && self.found.len() >= wanted.at_least);
        (wanted.at_most > 0 && is_full) || self.has_more_dead()
    }
}
