//! Reading a run's log back: verified, decoded, of a version this program knows.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, Origin, RunId, Seq},
    store::{Digest, Record, Store, StreamId, verify_chain},
};

/// How many records are read at once.
const PAGE: usize = 4_096;

/// A run as its log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRun {
    /// The run.
    pub run: RunId,
    /// All its events, the first of which is `RunCreated`.
    pub events: Vec<Event>,
    /// The hash of the last record.
    pub last: Digest,
}

impl RecordedRun {
    /// Whether its last event is recorded: nothing may follow it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.events.last().is_some_and(|event| matches!(event.body, EventBody::RunFinished { .. }))
    }

    /// The earlier run it comes from, if there is one.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        match self.events.first().map(|event| &event.body) {
            Some(EventBody::RunCreated { origin, .. }) => origin.as_ref(),
            _ => None,
        }
    }

    /// The records by which these events follow what is recorded, made at `at`.
    ///
    /// # Errors
    /// `Internal` for an event that cannot be written.
    pub(super) fn following(&self, bodies: impl IntoIterator<Item = EventBody>, at: Timestamp) -> Result<Vec<Record>> {
        let stream = StreamId::run(self.run);
        let mut last = self.last;
        let seal = |(seq, body): (Seq, EventBody)| {
            let record = encode(&stream, last, seq, at, &body)?;
            last = record.hash;
            Ok(record)
        };
        (self.events.len() as Seq..).zip(bodies).map(seal).collect()
    }

    /// Reads what was recorded since.
    ///
    /// # Errors
    /// As [`read_run`], but for `NotFound`.
    pub(super) async fn read_on(&mut self, store: &Arc<dyn Store>) -> Result<()> {
        let stream = StreamId::run(self.run);
        loop {
            let first = self.events.len() as u64;
            let page = store.read(&stream, first, PAGE).await?;
            self.last = verify_chain(&stream, first, self.last, &page)
                .map_err(|error| error.hint(format!("`agentflow runs repair {}` makes a new run of those", self.run)))?;
            for record in &page {
                self.events.push(decode(&stream, record)?);
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }
}

/// Reads all events of a run and verifies that none is damaged or missing.
///
/// # Errors
/// `NotFound`; `Corrupt`, naming the first bad record, or the version that this program does not know; those of the store.
pub async fn read_run(store: &Arc<dyn Store>, run: RunId) -> Result<RecordedRun> {
    let mut recorded = RecordedRun { run, events: Vec::new(), last: Digest::ZERO };
    recorded.read_on(store).await?;
    match recorded.events.first().map(|event| &event.body) {
        Some(EventBody::RunCreated { run: created, .. }) if *created != run => {
            Err(Error::new(ErrorKind::Corrupt, format!("the log of run `{run}` is one of run `{created}`")))
        }
        Some(EventBody::RunCreated { .. }) => Ok(recorded),
        Some(_) => Err(Error::new(ErrorKind::Corrupt, format!("the log of run `{run}` does not begin with its creation"))),
        None => Err(Error::new(ErrorKind::NotFound, format!("there is no run `{run}`"))
            .hint("`agentflow runs list` shows the runs of this store; `--store` names another")),
    }
}

/// The record of an event that follows one whose hash is `last`.
pub(super) fn encode(stream: &StreamId, last: Digest, seq: Seq, at: Timestamp, body: &EventBody) -> Result<Record> {
    let text = serde_json::to_string(body)
        .map_err(|error| Error::new(ErrorKind::Internal, "an event cannot be written as JSON").source(error))?;
    Ok(Record::seal(last, stream, seq, at, body.kind(), EventBody::VERSION, text))
}

/// The event in a record.
pub(super) fn decode(stream: &StreamId, record: &Record) -> Result<Event> {
    let place = || format!("record {} of `{stream}`", record.seq);
    if record.version > EventBody::VERSION {
        let message =
            format!("{} has format version {}, this program knows up to {}", place(), record.version, EventBody::VERSION);
        return Err(
            Error::new(ErrorKind::Corrupt, message).hint("use the version of agentflow that recorded the run, or a newer one")
        );
    }
    let body = serde_json::from_str(&record.body)
        .map_err(|error| Error::new(ErrorKind::Corrupt, format!("{} cannot be read", place())).source(error))?;
    Ok(Event { seq: record.seq, at: record.at, body })
}
