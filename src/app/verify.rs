//! Whether runs are whole: every record read, the chain of hashes followed, the events replayed. And saving what is good of one
//! that is not.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    app::{environment, recorded, runs},
    engine::{Inspection, RunState, inspect},
    error::{Error, ErrorKind, Result},
    model::{EventBody, Origin, OriginKind, RunId, Seq},
    store::{Digest, Record, Store, StreamId, this_process},
};

/// How many records are written at once.
const PAGE: usize = 1_024;

/// What came of looking at a run.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The run.
    pub id: RunId,
    /// Whether all of it is good.
    pub ok: bool,
    /// How many events are good, from the first on.
    pub events: u64,
    /// SHA-256 of the last good record, in hex, which stands for all of them.
    pub hash: String,
    /// The first bad record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What is wrong with a run.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// The number of the first bad record.
    pub record: Seq,
    /// What is wrong with it.
    pub message: String,
    /// How many records there are from it on.
    pub lost: u64,
}

/// A damaged run whose good part was saved.
#[derive(Debug)]
pub struct Repaired {
    /// The damaged run, which is as it was.
    pub damaged: RunId,
    /// The new one.
    pub run: RunId,
    /// How many events it has.
    pub events: u64,
    /// How many records were not saved.
    pub lost: u64,
    /// How many of them are answers of models, which are paid for again.
    pub lost_answers: u64,
}

/// The runs that `names` mean; all of the store, oldest first, when there are none.
///
/// # Errors
/// As [`runs::find`].
pub async fn choose(store: &Arc<dyn Store>, names: &[String]) -> Result<Vec<RunId>> {
    if names.is_empty() {
        return runs::all(store).await;
    }
    let mut found = Vec::new();
    for name in names {
        let run = runs::find(store, name).await?;
        if !found.contains(&run) {
            found.push(run);
        }
    }
    Ok(found)
}

/// Reads every record of a run and replays it. `None` for a run that never began.
///
/// # Errors
/// Those of the store. What is wrong with the run is no error.
pub async fn verify(store: &Arc<dyn Store>, run: RunId) -> Result<Option<Verdict>> {
    let inspection = match look_at(store, run).await {
        Ok(inspection) => inspection,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let problem = inspection.problem.map(|bad| Problem { record: bad.seq, message: bad.error.to_string(), lost: bad.lost });
    Ok(Some(Verdict {
        id: run,
        ok: problem.is_none(),
        events: inspection.good.len() as u64,
        hash: inspection.last.to_string(),
        problem,
    }))
}

/// Saves the good part of a damaged run as a new one.
///
/// # Errors
/// `Invalid` when nothing is wrong with it, or nothing is good; those of the store.
pub async fn repair(store: &Arc<dyn Store>, run: RunId) -> Result<Repaired> {
    let mut inspection = look_at(store, run).await?;
    let Some(bad) = inspection.problem.take() else {
        return Err(Error::new(ErrorKind::Invalid, format!("nothing is wrong with run `{run}`"))
            .hint(format!("`agentflow resume {run}` goes on with it if it has not ended")));
    };
    if inspection.good.is_empty() {
        return Err(Error::new(ErrorKind::Corrupt, format!("nothing of run `{run}` can be saved"))
            .source(bad.error)
            .hint("restore the store from a backup"));
    }
    let new = RunId::generate();
    write(store, new, inspection).await?;
    Ok(Repaired { damaged: run, run: new, events: bad.seq, lost: bad.lost, lost_answers: bad.lost_answers })
}

/// Reads a run and replays what of it is whole.
pub(super) async fn look_at(store: &Arc<dyn Store>, run: RunId) -> Result<Inspection> {
    let mut inspection = inspect(store, run).await?;
    if inspection.good.is_empty() {
        return Ok(inspection);
    }
    let unusable = || Error::new(ErrorKind::Corrupt, "the files stored with the run cannot be used by this version of agentflow");
    let plan = recorded::plan(run, &inspection.good).and_then(|plan| plan.ok_or_else(unusable));
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            inspection.cut(0, error);
            return Ok(inspection);
        }
    };
    let env = environment::variables(&plan.env);
    let mut state = RunState::new(Arc::new(plan), &env);
    let misfit = inspection.good.iter().find_map(|event| state.apply(event).err().map(|error| (event.seq, error)));
    if let Some((seq, error)) = misfit {
        inspection.cut(seq, error);
    }
    Ok(inspection)
}

/// Writes the good events as the log of run `new`.
async fn write(store: &Arc<dyn Store>, new: RunId, inspection: Inspection) -> Result<()> {
    let stream = StreamId::run(new);
    let mut last = Digest::ZERO;
    let mut records = Vec::with_capacity(inspection.good.len());
    for mut event in inspection.good {
        if let EventBody::RunCreated { run, origin, .. } = &mut event.body {
            // A run that takes answers of an earlier one goes on doing so.
            origin.get_or_insert_with(|| Origin { kind: OriginKind::Repair, ..Origin::reuse(*run) });
            *run = new;
        }
        let body = serde_json::to_string(&event.body)
            .map_err(|error| Error::new(ErrorKind::Internal, "an event cannot be written as JSON").source(error))?;
        let record = Record::seal(last, &stream, event.seq, event.at, event.body.kind(), EventBody::VERSION, body);
        last = record.hash;
        records.push(record);
    }
    let epoch = store.claim(&stream, &this_process(), Duration::from_secs(30)).await?;
    for (nth, page) in records.chunks(PAGE).enumerate() {
        store.append(&stream, epoch, (nth * PAGE) as Seq, page).await?;
    }
    store.renew(&stream, epoch, Duration::ZERO).await
}
