//! Reading a log that may be damaged: how far it is good, what is wrong then, and what stands behind that.

use std::sync::Arc;

use super::recover::decode;
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, RunId, Seq},
    store::{Digest, Record, Store, StreamId, verify_chain},
};

/// How many records are read at once, as long as all is well.
const PAGE: usize = 1_024;

/// A log, as far as it can be read.
#[derive(Debug)]
pub struct Inspection {
    /// The run.
    pub run: RunId,
    /// The events before the first bad record; all of them when there is none.
    pub good: Vec<Event>,
    /// The hash of the last good record.
    pub last: Digest,
    /// The first bad record.
    pub problem: Option<BadRecord>,
}

/// The first record that is not what was written, and what is lost with it.
#[derive(Debug)]
pub struct BadRecord {
    /// Its number.
    pub seq: Seq,
    /// What is wrong.
    pub error: Error,
    /// How many records there are from it on, itself included.
    pub lost: u64,
    /// How many of them, as far as they can still be told, are paid answers of models.
    pub lost_answers: u64,
}

/// Reads the log of `run` up to its end or its first bad record.
///
/// # Errors
/// `NotFound`; `StoreUnavailable`. What is wrong with a record is no error.
pub async fn inspect(store: &Arc<dyn Store>, run: RunId) -> Result<Inspection> {
    let stream = StreamId::run(run);
    let mut inspection = Inspection { run, good: Vec::new(), last: Digest::ZERO, problem: None };
    loop {
        let first = inspection.good.len() as Seq;
        // A record that cannot be read at all hides those that are read with it: they are read again one by one.
        let page = match store.read(&stream, first, PAGE).await {
            Ok(page) => page,
            Err(error) if error.kind() == ErrorKind::Corrupt => match store.read(&stream, first, 1).await {
                Ok(page) => page,
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    inspection.problem = Some(what_is_lost(store, &stream, first, error).await?);
                    break;
                }
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        };
        if page.is_empty() {
            break;
        }
        if let Err(error) = inspection.take(&stream, &page) {
            let seq = inspection.good.len() as Seq;
            inspection.problem = Some(what_is_lost(store, &stream, seq, error).await?);
            break;
        }
    }
    if inspection.good.is_empty() && inspection.problem.is_none() {
        return Err(Error::new(ErrorKind::NotFound, format!("run `{run}` has no events"))
            .hint("its process ended before it began; `agentflow runs rm` removes it"));
    }
    Ok(inspection)
}

impl Inspection {
    /// Adds the records of `page` up to the first bad one.
    fn take(&mut self, stream: &StreamId, page: &[Record]) -> Result<()> {
        for record in page {
            let seq = self.good.len() as Seq;
            let last = verify_chain(stream, seq, self.last, std::slice::from_ref(record))?;
            let event = decode(stream, record)?;
            let names_itself = match &event.body {
                EventBody::RunCreated { run, .. } => seq == 0 && *run == self.run,
                _ => seq > 0,
            };
            if !names_itself {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("record {seq} of `{stream}` does not belong where it stands"),
                ));
            }
            self.good.push(event);
            self.last = last;
        }
        Ok(())
    }

    /// Takes back the events from `seq` on: they are whole, but do not fit the run.
    pub fn cut(&mut self, seq: Seq, error: Error) {
        let at = usize::try_from(seq).unwrap_or(usize::MAX).min(self.good.len());
        let cut = self.good.split_off(at);
        let answers = cut.iter().filter(|event| matches!(event.body, EventBody::ModelResponded { .. })).count() as u64;
        let (behind, answers_behind) = self.problem.as_ref().map_or((0, 0), |bad| (bad.lost, bad.lost_answers));
        let (lost, lost_answers) = (cut.len() as u64 + behind, answers + answers_behind);
        self.problem = Some(BadRecord { seq, error, lost, lost_answers });
    }
}

/// Looks at what stands behind the last good record, whatever state it is in.
async fn what_is_lost(store: &Arc<dyn Store>, stream: &StreamId, from: Seq, error: Error) -> Result<BadRecord> {
    let (mut lost, mut lost_answers, mut next) = (0, 0, from);
    loop {
        match store.read(stream, next, 1).await {
            Ok(page) => match page.first() {
                Some(record) => {
                    lost += 1;
                    lost_answers += u64::from(record.kind == "model_responded");
                    next = record.seq.max(next) + 1;
                }
                None => break,
            },
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                lost += 1;
                next += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(BadRecord { seq: from, error, lost, lost_answers })
}
