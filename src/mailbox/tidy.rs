//! What nobody needs any more is removed: streams that were read to their end, old lines, the oldest of too many dead letters.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    error::{ErrorKind, Result},
    mailbox::{ProjectMailbox, cursor::Cursor, letter::Line, place, state::Known},
    model::RunId,
    store::{Key, StreamId},
};

/// How long a line is remembered that has not moved.
const LINES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many dead letters are kept.
const DEAD_KEPT: u64 = 10_000;
/// How many documents are read at once.
const PAGE: usize = 500;

impl ProjectMailbox {
    /// Tidies up when a change of the cursor has made a stream useless. What is left when the process dies now, the next one finds that
    /// reads the mailbox.
    pub(super) async fn tidy_after(&self, before: &Cursor, after: &Cursor) -> Result<()> {
        if before.done.whole(place::SEGMENT) == after.done.whole(place::SEGMENT) {
            return Ok(());
        }
        self.remove_read(after).await?;
        self.forget_lines(Timestamp::now()).await?;
        self.forget_dead_letters(DEAD_KEPT).await
    }

    /// Removes what a process has left that died while it tidied up; when this one reads for the first time.
    pub(super) async fn tidy_first(&self, cursor: &Cursor) -> Result<()> {
        if self.has_read.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.remove_read(cursor).await?;
        self.has_read.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Removes the streams that were read to their end.
    async fn remove_read(&self, cursor: &Cursor) -> Result<()> {
        for segment in self.store.streams(&place::segments(&self.name)).await? {
            if place::numbers_in(&segment).is_some_and(|numbers| cursor.done.covers(&numbers)) {
                self.store.remove_stream(&segment).await?;
            }
        }
        Ok(())
    }

    /// Whether a line is that of a run that is there: it may go on one day.
    async fn is_of_a_run(&self, line: &Key) -> Result<bool> {
        let run = line.as_str().rsplit('/').next().and_then(|name| name.parse::<RunId>().ok());
        match run {
            Some(run) => Ok(!self.store.streams(StreamId::run(run).as_str()).await?.is_empty()),
            None => Ok(false),
        }
    }

    /// Removes the lines that have not moved for long.
    async fn forget_lines(&self, now: Timestamp) -> Result<()> {
        let kept = SignedDuration::try_from(LINES_KEPT).unwrap_or(SignedDuration::MAX);
        let mut after: Option<Key> = None;
        loop {
            let page = self.store.list(&place::lines(&self.name), after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, found) in page {
                let line = Known::<Line>::of(key, found)?;
                if now.duration_since(line.value.at) < kept || self.is_of_a_run(&line.key).await? {
                    continue;
                }
                match self.store.delete(&line.key, line.version).await {
                    // It has just moved.
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    done => done?,
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
