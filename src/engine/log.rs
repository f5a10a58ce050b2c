//! The log of a run being written: events get their number and hash here, and are shown when they are durable.
//!
//! One append is in flight at a time; what comes meanwhile makes the next one. So many results share one commit, and a result is
//! never later than two commits. While the store is down, the append in flight is tried again for a while.

use std::{future::poll_fn, mem, pin::Pin, sync::Arc, task::Poll, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::{append::Append, recover::encode};
use crate::{
    error::{Error, ErrorKind, ErrorRecord, Result},
    model::{Event, EventBody, RunId, Seq},
    store::{Digest, Epoch, Record, Store, StreamId},
};

/// The time between two tries while the store is down.
const PAUSE: Duration = Duration::from_secs(1);

type Trying = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Writes one run's log.
pub(super) struct RunLog {
    store: Arc<dyn Store>,
    stream: StreamId,
    epoch: Epoch,
    last: Digest,
    next: Seq,
    /// Numbered, not yet given to the store.
    events: Vec<Arc<Event>>,
    /// Those, as the store keeps them.
    records: Vec<Record>,
    /// Given to the store.
    in_flight: Option<InFlight>,
    /// Everything below is durable.
    durable: Seq,
    /// The hash of the last durable record.
    durable_last: Digest,
    /// How long an append is tried while the store is down.
    patience: Duration,
    outage: Option<Outage>,
}

/// An append with its events.
struct InFlight {
    append: Arc<Append>,
    trying: Trying,
    events: Vec<Arc<Event>>,
}

/// A time in which the store does not take what it is given.
pub(super) struct Outage {
    /// When the append is given up.
    until: Instant,
    /// Why the last try failed.
    pub(super) error: ErrorRecord,
}

impl RunLog {
    /// A log that goes on after `next` records, the last of which hashes to `last`.
    pub(super) fn new(store: Arc<dyn Store>, run: RunId, epoch: Epoch, next: Seq, last: Digest, patience: Duration) -> Self {
        Self {
            store,
            stream: StreamId::run(run),
            epoch,
            last,
            next,
            events: Vec::new(),
            records: Vec::new(),
            in_flight: None,
            durable: next,
            durable_last: last,
            patience,
            outage: None,
        }
    }

    /// Numbers an event and keeps it for the next append.
    pub(super) fn push(&mut self, at: Timestamp, body: EventBody) -> Result<Arc<Event>> {
        let record = encode(&self.stream, self.last, self.next, at, &body)?;
        let event = Arc::new(Event { seq: record.seq, at: record.at, body });
        self.last = record.hash;
        self.next += 1;
        self.events.push(Arc::clone(&event));
        self.records.push(record);
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
        !self.events.is_empty()
    }

    /// Set while the store is down.
    pub(super) fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    /// Gives what has gathered to the store, unless an append is in flight.
    pub(super) fn write(&mut self) {
        if self.in_flight.is_some() || self.events.is_empty() {
            return;
        }
        let (events, records) = (mem::take(&mut self.events), mem::take(&mut self.records));
        let append = Arc::new(Append {
            store: Arc::clone(&self.store),
            stream: self.stream.clone(),
            epoch: self.epoch,
            expected: self.durable,
            previous: self.durable_last,
            records,
        });
        let begun = Arc::clone(&append);
        let trying = Box::pin(async move { begun.begin().await });
        self.in_flight = Some(InFlight { append, trying, events });
    }

    /// Waits for the append in flight and returns its events, now durable; none when it failed and is tried again. Waits for
    /// ever when there is no append; may be dropped and called again.
    ///
    /// # Errors
    /// Those of the store; nothing more can be written then.
    pub(super) async fn written(&mut self) -> Result<Vec<Arc<Event>>> {
        let result = poll_fn(|context| match &mut self.in_flight {
            None => Poll::Pending,
            Some(in_flight) => in_flight.trying.as_mut().poll(context),
        })
        .await;
        match (result, self.in_flight.take()) {
            (Ok(()), Some(InFlight { append, events, .. })) => {
                self.outage = None;
                self.durable += events.len() as Seq;
                self.durable_last = append.records.last().map_or(self.durable_last, |record| record.hash);
                Ok(events)
            }
            (Ok(()), None) => Ok(Vec::new()),
            (Err(error), Some(in_flight)) if error.kind() == ErrorKind::StoreUnavailable && self.durable > 0 => {
                self.try_again(&error, in_flight)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Has an append that failed tried again after a pause, until the patience is over.
    fn try_again(&mut self, error: &Error, in_flight: InFlight) -> Result<Vec<Arc<Event>>> {
        let now = Instant::now();
        let until = self.outage.as_ref().map_or(now + self.patience, |outage| outage.until);
        self.outage = Some(Outage { until, error: error.to_record() });
        let append = Arc::clone(&in_flight.append);
        let at = (now + PAUSE.min(self.patience / 10)).min(until);
        let trying = Box::pin(async move {
            sleep_until(at).await;
            append.again().await
        });
        self.in_flight = Some(InFlight { trying, ..in_flight });
        if now >= until { Err(self.gave_up(error.to_record())) } else { Ok(Vec::new()) }
    }

    /// Why nothing more can be written, with what is lost by that.
    pub(super) fn gave_up(&self, error: ErrorRecord) -> Error {
        let in_flight = self.in_flight.iter().flat_map(|in_flight| &in_flight.events);
        let in_hand = in_flight.chain(&self.events);
        let (answers, others): (Vec<_>, Vec<_>) =
            in_hand.partition(|event| matches!(event.body, EventBody::ModelResponded { .. }));
        let plural = |count: usize, thing: &str| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
        Error::from(error).hint(format!(
            "{} of models and {} were in hand and count as not done: a resume asks for them again",
            plural(answers.len(), "answer"),
            plural(others.len(), "other event"),
        ))
    }

    /// Extends the claim on the run, or gives it back when `lease` is zero.
    pub(super) fn renew(&self, lease: Duration) -> impl Future<Output = Result<()>> + Send + 'static {
        let (store, stream, epoch) = (Arc::clone(&self.store), self.stream.clone(), self.epoch);
        async move { store.renew(&stream, epoch, lease).await }
    }
}
