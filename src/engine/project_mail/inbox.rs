//! A node's look at a mailbox of the project, again and again until there is what it wants.

use std::sync::Arc;

use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::{Instant, sleep_until},
};

use super::{LEASE, News, PAUSE, ProjectWanted, Shared, What, witness::RunLogs};
use crate::{
    crash::crash_point,
    engine::{clock::Clock, state::InstanceId},
    error::{ErrorKind, Result},
    mailbox::Wanted,
    model::Came,
};

/// One node's look.
pub(super) struct Looking {
    pub(super) shared: Arc<Shared>,
    pub(super) id: InstanceId,
    pub(super) wanted: ProjectWanted,
    pub(super) reader: String,
    pub(super) witness: RunLogs,
    pub(super) clock: Clock,
    pub(super) told: UnboundedSender<News>,
}

impl Looking {
    /// Looks until something is told, or nobody wants it any more: that is, until the other end of `ended` is gone.
    pub(super) async fn look(self, mut ended: watch::Receiver<()>) {
        loop {
            if ended.has_changed().is_err() {
                return;
            }
            let next = match self.look_once().await {
                Ok(Some(news)) => {
                    // A run that has ended does not want to know.
                    self.told.send(news).ok();
                    return;
                }
                Ok(None) => Instant::now() + PAUSE,
                Err(error) if matches!(error.kind(), ErrorKind::StoreUnavailable | ErrorKind::Conflict) => {
                    tracing::warn!(%error, "a mailbox cannot be looked at just now");
                    Instant::now() + PAUSE
                }
                Err(error) => {
                    let error = error.context(format!("mailbox `project:{}`", self.wanted.mailbox));
                    self.told.send(News::Failed(self.id, error)).ok();
                    return;
                }
            };
            tokio::select! {
                () = sleep_until(self.due().map_or(next, |due| next.min(due))) => {}
                _ = ended.changed() => return,
            }
        }
    }

    /// When fewer messages are enough, if that is to come.
    fn due(&self) -> Option<Instant> {
        match self.wanted.what {
            What::Take { fewer_at: Some(at), .. } if at > self.clock.now() => Some(self.clock.instant(at)),
            What::Take { .. } | What::See => None,
        }
    }

    async fn look_once(&self) -> Result<Option<News>> {
        let Self { shared, id, wanted, .. } = self;
        let kind = wanted.kind.as_ref();
        match wanted.what {
            What::See => {
                let first = shared.mailbox.first(kind).await?;
                Ok(first.map(|message| News::Seen(*id, Box::new(message))))
            }
            What::Take { count, fewer_at } => {
                shared.settle(&self.reader).await?;
                let is_over = fewer_at.is_some_and(|at| at <= self.clock.now());
                let at_least = if is_over { 1 } else { count };
                let wanted_now = Wanted { kind, at_least, at_most: count, lease: LEASE };
                crash_point!("inbox.taking");
                let taken = shared.mailbox.take(&self.reader, wanted_now, &self.witness).await?;
                crash_point!("inbox.taken" if !taken.is_empty());
                let came = taken.into_iter().map(|delivery| Came { number: delivery.number, message: delivery.message });
                let came: Vec<_> = came.collect();
                Ok((is_over || !came.is_empty()).then(|| News::Came(*id, wanted.mailbox.clone(), came)))
            }
        }
    }
}
