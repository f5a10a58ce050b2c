//! Why a connection ended: the first that knows says it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

/// How long somebody who sees a connection end waits for the reason: the end of a process is seen a little later than that of its
/// output.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shared by all that can end a connection.
#[derive(Debug, Clone)]
pub(super) struct Fate {
    reason: Arc<watch::Sender<Option<String>>>,
}

impl Default for Fate {
    fn default() -> Self {
        Self { reason: Arc::new(watch::Sender::new(None)) }
    }
}

impl Fate {
    /// Says the reason, unless it was said.
    pub(super) fn tell(&self, reason: impl Into<String>) {
        self.reason.send_if_modified(|told| {
            let is_first = told.is_none();
            if is_first {
                *told = Some(reason.into());
            }
            is_first
        });
    }

    /// The reason, if it comes to be known soon.
    pub(super) async fn reason(&self) -> Option<String> {
        let mut watch = self.reason.subscribe();
        match timeout(PATIENCE, watch.wait_for(Option::is_some)).await {
            Ok(Ok(reason)) => reason.clone(),
            _ => None,
        }
    }
}
