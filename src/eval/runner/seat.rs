//! Runs one plan again and again: begins a run, goes on with it, or reads what came of it.

use std::sync::Arc;

use indexmap::IndexMap;

use super::meter::Meter;
use crate::{
    app::{
        Prepared,
        runs::{SpendReport, detail},
    },
    engine::{Engine, Observer, Stop, read_run},
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, RunId, Value},
    store::Store,
};

/// Which runs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that have ended: nothing is begun.
    Recorded,
    /// All.
    All,
}

/// A plan and the engine that runs it.
pub(super) struct Seat<'a> {
    prepared: &'a Prepared,
    engine: Engine,
    stop: Stop,
    meter: Arc<Meter>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// `succeeded`, `failed`, `cancelled`, `waiting` or `paused`.
    pub(super) status: &'static str,
    /// What it put out, when it succeeded.
    pub(super) outputs: Option<Value>,
    /// Why it did not.
    pub(super) error: Option<String>,
    /// What it cost.
    pub(super) spend: SpendReport,
    /// How long it took; absent when it stood still in between, or has not ended.
    pub(super) duration_ms: Option<u64>,
}

impl<'a> Seat<'a> {
    pub(super) fn new(prepared: &'a Prepared, store: &Arc<dyn Store>, stop: &Stop, meter: &Arc<Meter>) -> Self {
        let engine = prepared.engine_over(Arc::clone(store));
        Self { prepared, engine, stop: stop.clone(), meter: Arc::clone(meter) }
    }

    /// What comes of the run `run` with these inputs; `None` when it has not come to an end.
    pub(super) async fn outcome(&self, run: RunId, inputs: IndexMap<String, Value>, reach: Reach) -> Result<Option<Outcome>> {
        let begun = match read_run(self.engine.store(), run).await {
            Ok(recorded) if recorded.has_ended() => {
                recorded.events.iter().for_each(|event| self.meter.take(event));
                return Ok(outcome(run, &recorded.events));
            }
            Ok(recorded) => Some(recorded),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if reach == Reach::Recorded {
            return Ok(None);
        }
        let (plan, options) = (Arc::clone(&self.prepared.plan), self.prepared.options(run, inputs)?);
        let (observer, stop) = (Arc::clone(&self.meter) as Arc<dyn Observer>, self.stop.clone());
        let result = match begun {
            Some(recorded) => {
                recorded.events.iter().for_each(|event| self.meter.take(event));
                Box::pin(self.engine.resume(plan, options, observer, stop)).await
            }
            None => Box::pin(self.engine.run(plan, options, observer, stop)).await,
        };
        result.map_err(|error| at(run, error))?;
        // What counts is what is recorded, here as after a crash.
        Ok(outcome(run, &read_run(self.engine.store(), run).await?.events))
    }
}

fn at(run: RunId, error: Error) -> Error {
    error.hint(format!("this was run `{run}` of the eval"))
}

/// What the events of a run say; nothing of one that is interrupted.
fn outcome(run: RunId, events: &[Event]) -> Option<Outcome> {
    let found = detail(run, events)?;
    let status = found.summary.status;
    if ["running", "interrupted"].contains(&status) {
        return None;
    }
    let stood_still = events.iter().any(|event| matches!(event.body, EventBody::RunResumed { .. }));
    let ended = found.summary.ended_at.is_some() && !stood_still;
    let error = match (&found.summary.error, status) {
        (_, "succeeded") => None,
        (Some(error), _) => Some(error.message.clone()),
        (None, "waiting") => Some("it waits for a person or for a message".to_owned()),
        (None, status) => Some(format!("it is {status}")),
    };
    Some(Outcome {
        status,
        outputs: found.outputs,
        error,
        spend: found.summary.spend,
        duration_ms: ended.then_some(found.summary.duration_ms),
    })
}
