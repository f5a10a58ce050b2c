//! Takes answers that people left while this process holds the run.

use std::{pin::Pin, sync::Arc};

use tokio::time::Instant;

use super::Scheduler;
use crate::{engine::inbox::Inbox, error::Result, model::EventBody};

type Look = Pin<Box<dyn Future<Output = Result<Option<Inbox>>> + Send>>;

/// How people's answers come in.
pub(super) struct Answers {
    /// Whether people are asked by who has the run made, as soon as nothing else can go on.
    pub(super) are_asked_for: bool,
    /// When answers that were left are looked for next.
    pub(super) look_at: Instant,
    pub(super) look: Option<Look>,
}

impl Answers {
    pub(super) fn new(are_asked_for: bool) -> Self {
        Self { are_asked_for, look_at: Instant::now(), look: None }
    }
}

impl Scheduler {
    /// Whether there may be answers to take.
    pub(super) fn is_to_look(&self) -> bool {
        self.answers.look.is_none() && self.may_begin() && self.state.may_be_asking()
    }

    /// Looks at what was left, without waiting for it.
    pub(super) fn look_for_answers(&mut self, now: Instant) {
        self.answers.look_at = now + self.engine.settings.look_every;
        let (store, run) = (Arc::clone(&self.engine.store), self.run);
        self.answers.look = Some(Box::pin(async move { Inbox::look(&store, run).await.map(Some) }));
    }

    /// Records the answers that are to open questions; the others count for nothing.
    pub(super) fn on_answers(&mut self, looked: Result<Option<Inbox>>) -> Result<()> {
        self.answers.look = None;
        let inbox = match looked {
            Ok(Some(inbox)) if !inbox.left.is_empty() => inbox,
            Ok(_) => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, "it could not be looked for answers");
                return Ok(());
            }
        };
        let now = self.clock.now();
        for left in &inbox.left {
            let asking = self.state.id_of(&left.node);
            if asking.is_some_and(|id| self.state.takes_answer(id, &left.approval, now)) {
                let (node, attempt, approval) = (left.node.clone(), left.attempt, left.approval.clone());
                self.record(EventBody::ApprovalGiven { node, attempt, approval })?;
                self.is_urgent = true;
            }
        }
        let store = Arc::clone(&self.engine.store);
        self.answers.look = Some(Box::pin(async move { inbox.clear(&store).await.map(|()| None) }));
        Ok(())
    }
}
