//! The log of a run being written: events get their number and hash here, and are shown when they are durable.
//!
//! One append is in flight at a time; what comes meanwhile makes the next one. So many results share one commit, and a result is
//! never later than two commits.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use jiff::Timestamp;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, RunId, Seq},
    store::{Digest, Epoch, Record, Store, StreamId},
};

type Append = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Writes one run's log.
pub(super) struct RunLog {
    store: Arc<dyn Store>,
    stream: StreamId,
    epoch: Epoch,
    last: Digest,
    next: Seq,
    /// Numbered, not yet given to the store.
    buffer: Vec<(Event, Record)>,
    /// Given to the store.
    in_flight: Option<(Append, Vec<Event>)>,
    /// Everything below is durable.
    durable: Seq,
}

impl RunLog {
    /// A log that goes on after `next` records, the last of which hashes to `last`.
    pub(super) fn new(store: Arc<dyn Store>, run: RunId, epoch: Epoch, next: Seq, last: Digest) -> Self {
        Self { store, stream: StreamId::run(run), epoch, last, next, buffer: Vec::new(), in_flight: None, durable: next }
    }

    /// Numbers an event and keeps it for the next append.
    pub(super) fn push(&mut self, at: Timestamp, body: EventBody) -> Result<Event> {
        let text = serde_json::to_string(&body)
            .map_err(|error| Error::new(ErrorKind::Internal, "an event cannot be written as JSON").source(error))?;
        let record = Record::seal(self.last, &self.stream, self.next, at, body.kind(), EventBody::VERSION, text);
        let event = Event { seq: record.seq, at: record.at, body };
        self.last = record.hash;
        self.next += 1;
        self.buffer.push((event.clone(), record));
        Ok(event)
    }

    /// Whether event `seq` is durable.
    pub(super) fn is_durable(&self, seq: Seq) -> bool {
        seq < self.durable
    }

    /// Whether an append is in flight.
    pub(super) fn is_writing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether events wait to be given to the store.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Gives what has gathered to the store, unless an append is in flight.
    pub(super) fn write(&mut self) {
        if self.in_flight.is_some() || self.buffer.is_empty() {
            return;
        }
        let (events, records): (Vec<_>, Vec<_>) = std::mem::take(&mut self.buffer).into_iter().unzip();
        let (store, stream, epoch, expected) = (Arc::clone(&self.store), self.stream.clone(), self.epoch, self.durable);
        let append = Box::pin(async move { store.append(&stream, epoch, expected, &records).await });
        self.in_flight = Some((append, events));
    }

    /// Waits for the append in flight and returns its events, now durable. Waits for ever when there is none; may be dropped and
    /// called again.
    ///
    /// # Errors
    /// Those of the store; nothing more can be written then.
    pub(super) async fn written(&mut self) -> Result<Vec<Event>> {
        poll_fn(|context| match &mut self.in_flight {
            None => Poll::Pending,
            Some((append, events)) => match append.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(result) => {
                    let events = std::mem::take(events);
                    self.in_flight = None;
                    Poll::Ready(result.map(|()| {
                        self.durable += events.len() as Seq;
                        events
                    }))
                }
            },
        })
        .await
    }

    /// Writes all that has gathered and waits until it is durable.
    pub(super) async fn flush(&mut self) -> Result<Vec<Event>> {
        let mut written = Vec::new();
        while self.is_writing() || self.has_unwritten() {
            self.write();
            written.extend(self.written().await?);
        }
        Ok(written)
    }

    /// Extends the claim on the run, or gives it back when `lease` is zero.
    pub(super) fn renew(&self, lease: std::time::Duration) -> impl Future<Output = Result<()>> + Send + 'static {
        let (store, stream, epoch) = (Arc::clone(&self.store), self.stream.clone(), self.epoch);
        async move { store.renew(&stream, epoch, lease).await }
    }
}
