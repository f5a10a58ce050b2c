//! What a run sent, on its way into one mailbox of the project.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::sleep,
};

use super::{News, PAUSE, Shared};
use crate::{
    crash::crash_point,
    error::{ErrorKind, Result},
    mailbox::Letter,
    model::{Message, RunId, Seq},
};

/// How many messages are sent at once.
const GROUP: usize = 256;
/// The time between two tries while the store is down.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);

/// Sends what comes, in order, until nobody sends any more.
pub(super) async fn send_on(
    shared: Arc<Shared>,
    run: RunId,
    mut letters: UnboundedReceiver<(Seq, Message)>,
    told: UnboundedSender<News>,
) {
    let outbox = Outbox { shared, line: run.to_string(), told };
    let mut waiting: VecDeque<(Seq, Message)> = VecDeque::new();
    let mut last = None;
    while let Some(first) = letters.recv().await {
        waiting.push_back(first);
        while let Ok(next) = letters.try_recv() {
            waiting.push_back(next);
        }
        // What a process before this one sent is there already: it is not read again to be sent again.
        if last.is_none() {
            let Some(known) = outbox.until_it_works(|| outbox.shared.mailbox.last_of_line(&outbox.line)).await else { return };
            while waiting.front().is_some_and(|(seq, _)| known.is_some_and(|known| *seq <= known)) {
                waiting.pop_front();
            }
            outbox.tell(known.map(|known| News::Delivered(outbox.shared.mailbox.name().clone(), known)));
            last = Some(known);
        }
        if outbox.send_all(&mut waiting).await.is_none() {
            return;
        }
    }
}

struct Outbox {
    shared: Arc<Shared>,
    line: String,
    told: UnboundedSender<News>,
}

impl Outbox {
    /// Sends all that waits, however long there is no room. None when it cannot be sent at all, which is told.
    async fn send_all(&self, waiting: &mut VecDeque<(Seq, Message)>) -> Option<()> {
        let mut is_full = false;
        while !waiting.is_empty() {
            let group: Vec<_> = waiting.iter().take(GROUP).collect();
            let letters: Vec<_> =
                group.iter().map(|(seq, message)| Letter::marked(message.clone(), self.line.as_str(), *seq)).collect();
            crash_point!("outbox.sending");
            let sent = self.until_it_works(|| self.shared.mailbox.send(&letters)).await?;
            crash_point!("outbox.sent");
            if let Some((seq, _)) = sent.accepted.checked_sub(1).and_then(|last| group.get(last)) {
                is_full = false;
                self.tell(Some(News::Delivered(self.shared.mailbox.name().clone(), *seq)));
            } else {
                if !is_full {
                    self.tell(Some(News::Full(self.shared.mailbox.name().clone())));
                }
                is_full = true;
                sleep(PAUSE).await;
            }
            waiting.drain(..sent.accepted);
        }
        Some(())
    }

    /// Does `work` until the store takes it. None when it fails for another reason, which is told.
    async fn until_it_works<T, F: Future<Output = Result<T>>>(&self, work: impl Fn() -> F) -> Option<T> {
        loop {
            match work().await {
                Ok(value) => return Some(value),
                Err(error) if matches!(error.kind(), ErrorKind::StoreUnavailable | ErrorKind::Conflict) => {
                    tracing::warn!(%error, "messages cannot be sent just now");
                    sleep(OUTAGE_PAUSE).await;
                }
                Err(error) => {
                    self.tell(Some(News::Broken(error.context(format!("mailbox `project:{}`", self.shared.mailbox.name())))));
                    return None;
                }
            }
        }
    }

    /// A run that has ended does not want to know.
    fn tell(&self, news: Option<News>) {
        if let Some(news) = news {
            self.told.send(news).ok();
        }
    }
}
