//! Whether the audit of a run can be trusted: its chain of hashes, what it says, and how it ended when somebody last kept its head.

use std::sync::Arc;

use serde::Serialize;

use super::{
    heads::{Head, Heads},
    proof::Proof,
    record::RecordId,
    trail::Trail,
};
use crate::{
    app::verify::look_at,
    engine::Inspection,
    error::{ErrorKind, Result},
    model::{RunId, Seq},
    store::{Digest, Store, StreamId},
};

/// What came of looking at the audit of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditVerdict {
    /// The run.
    pub id: RunId,
    /// Whether all of it is good.
    pub ok: bool,
    /// How many events its chain holds together, from the first on.
    pub events: u64,
    /// How many of them the audit is about.
    pub records: u64,
    /// SHA-256 of the last such event's record, in hex, which stands for all of them.
    pub hash: String,
    /// The first bad record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<AuditProblem>,
}

/// What is wrong with the audit of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditProblem {
    /// The first bad record.
    pub record: RecordId,
    /// What is wrong with it.
    pub message: String,
}

impl AuditVerdict {
    /// How the run stands.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { events: self.events, hash: self.hash.clone() }
    }
}

/// Verifies the audit of a run, also against how it stood before, if that is known. `None` for a run that never began.
///
/// # Errors
/// Those of the store. What is wrong with the run is no error.
pub async fn verify(store: &Arc<dyn Store>, run: RunId, before: Option<&Head>) -> Result<Option<AuditVerdict>> {
    let inspection = match look_at(store, run).await {
        Ok(inspection) => inspection,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let events = inspection.good.len() as u64;
    let mut trail = Trail::new(run);
    let records = inspection.good.iter().filter(|event| trail.take(event, Digest::ZERO).is_some()).count() as u64;
    let mut problems: Vec<(Seq, String)> = Vec::new();
    problems.extend(untrue(&inspection));
    problems.extend(inspection.problem.as_ref().map(|bad| (bad.seq, bad.error.to_string())));
    if let Some(before) = before {
        problems.extend(differs(store, &inspection, before).await?);
    }
    let first = problems.into_iter().min_by_key(|(seq, _)| *seq);
    let problem = first.map(|(seq, message)| AuditProblem { record: RecordId { run, seq }, message });
    Ok(Some(AuditVerdict { id: run, ok: problem.is_none(), events, records, hash: inspection.last.to_string(), problem }))
}

/// The first event that cannot be true.
fn untrue(inspection: &Inspection) -> Option<(Seq, String)> {
    let mut proof = Proof::default();
    inspection.good.iter().find_map(|event| proof.take(event).err().map(|why| (event.seq, why)))
}

/// What of the run is not as it was.
async fn differs(store: &Arc<dyn Store>, inspection: &Inspection, before: &Head) -> Result<Option<(Seq, String)>> {
    let there = inspection.good.len() as u64;
    if there < before.events {
        // What is bad is told as that.
        let cut = inspection.problem.is_none();
        return Ok(cut.then(|| (there, format!("the run was cut off: it had {} events, and has {there}", before.events))));
    }
    let last = before.events - 1;
    let record = store.read(&StreamId::run(inspection.run), last, 1).await?.pop();
    let is_same = record.is_some_and(|record| record.hash.to_string() == before.hash);
    Ok((!is_same).then(|| (last, "the run was written anew: the hash that was kept of this record is another".to_owned())))
}

/// The verdicts of runs that were there before, and are gone.
///
/// # Errors
/// Those of the store.
pub async fn missing(store: Option<&Arc<dyn Store>>, before: &Heads) -> Result<Vec<AuditVerdict>> {
    let mut gone = Vec::new();
    for run in before.runs.keys().copied() {
        let is_there = match store {
            Some(store) => match store.read(&StreamId::run(run), 0, 1).await {
                Ok(page) => !page.is_empty(),
                Err(error) if error.kind() == ErrorKind::Corrupt => true,
                Err(error) => return Err(error),
            },
            None => false,
        };
        if !is_there {
            let message = "the run is gone: there was one when the heads were kept".to_owned();
            let problem = Some(AuditProblem { record: RecordId { run, seq: 0 }, message });
            gone.push(AuditVerdict { id: run, ok: false, events: 0, records: 0, hash: Digest::ZERO.to_string(), problem });
        }
    }
    Ok(gone)
}
