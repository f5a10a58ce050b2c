//! Reading a run's log page by page, verified as it goes: for those who look at many runs and keep none of them.

use std::sync::Arc;

use super::recover::decode;
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, RunId, Seq},
    store::{Digest, Store, StreamId, verify_chain},
};

/// How many records are read at once.
const PAGE: usize = 256;

/// The log of a run, read from its beginning.
#[derive(Debug)]
pub struct EventPages {
    store: Arc<dyn Store>,
    run: RunId,
    stream: StreamId,
    next: Seq,
    last: Digest,
}

impl EventPages {
    /// Begins at the first event of `run`.
    #[must_use]
    pub fn new(store: &Arc<dyn Store>, run: RunId) -> Self {
        Self { store: Arc::clone(store), run, stream: StreamId::run(run), next: 0, last: Digest::ZERO }
    }

    /// The next events, each with the hash of its record; empty at the end of the log, and for a run that is not there.
    ///
    /// # Errors
    /// `Corrupt`, naming the first bad record, when no event before it is left to be given; those of the store.
    pub async fn next(&mut self) -> Result<Vec<(Event, Digest)>> {
        let records = match self.store.read(&self.stream, self.next, PAGE).await {
            // A record that cannot be read at all hides those that are read with it.
            Err(error) if error.kind() == ErrorKind::Corrupt => self.store.read(&self.stream, self.next, 1).await?,
            records => records?,
        };
        let mut page = Vec::with_capacity(records.len());
        for record in &records {
            let good = verify_chain(&self.stream, self.next, self.last, std::slice::from_ref(record))
                .and_then(|hash| Ok((decode(&self.stream, record)?, hash)))
                .and_then(|(event, hash)| self.belongs(&event).map(|()| (event, hash)));
            match good {
                Ok((event, hash)) => {
                    self.next += 1;
                    self.last = hash;
                    page.push((event, hash));
                }
                // What is good is given first; the next call comes back to the bad one.
                Err(_) if !page.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// The first event, and no other one, is the creation of this run.
    fn belongs(&self, event: &Event) -> Result<()> {
        let is_right = match &event.body {
            EventBody::RunCreated { run, .. } => self.next == 0 && *run == self.run,
            _ => self.next > 0,
        };
        if is_right {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt, format!("record {} of `{}` does not belong where it stands", self.next, self.stream)))
    }
}
