//! What a run has kept of a mailbox, as its log tells: asked when the run took messages and did not confirm them in time.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;

use crate::{
    engine::recover::read_run,
    error::{ErrorKind, Result},
    mailbox::{ProjectMailbox, Witness},
    model::{EventBody, RunId},
    store::{Store, StreamId},
};

/// The logs of all runs in a store.
#[derive(Debug, Clone)]
pub(super) struct RunLogs(pub(super) Arc<dyn Store>);

#[async_trait]
impl Witness for RunLogs {
    async fn kept(&self, mailbox: &ProjectMailbox, reader: &str) -> Result<BTreeSet<u64>> {
        let Some(run) = reader.strip_prefix(StreamId::RUNS).and_then(|id| id.parse::<RunId>().ok()) else {
            return Ok(BTreeSet::new());
        };
        let recorded = match read_run(&self.0, run).await {
            Ok(recorded) => recorded,
            // It was removed, with all that it had kept.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let came = recorded.events.into_iter().filter_map(|event| match event.body {
            EventBody::MessagesCame { mailbox: of, messages, .. } if of == *mailbox.name() => Some(messages),
            _ => None,
        });
        Ok(came.flatten().map(|came| came.number).collect())
    }
}
