//! One record with all that belongs to it: the call it is about, who permitted that, and what came of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    reader::RunReader,
    record::{AuditDecision, AuditEvent, AuditRecord, RecordId},
};
use crate::{
    app::runs,
    engine::EventPages,
    error::{Error, ErrorKind, Result},
    model::{EventBody, Permission, RunId, Seq, ToolResult},
    store::Store,
};

/// A record with what belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditDetail {
    /// The record.
    #[serde(flatten)]
    pub record: AuditRecord,
    /// The record of the call, where this one does not have its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<AuditRecord>,
    /// All records of the same step, in order: who was asked, who permitted what, what came of it.
    pub trail: Vec<TrailEntry>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultReport>,
}

/// Another record of the same step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrailEntry {
    /// Which.
    pub id: RecordId,
    /// When it happened.
    pub at: Timestamp,
    /// The event.
    pub event: AuditEvent,
    /// What was decided, or what came of it.
    pub decision: AuditDecision,
    /// The rules that permit the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Permission>,
    /// The person who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they had to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A result with the record that holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultReport {
    /// Which.
    pub id: RecordId,
    /// The result.
    #[serde(flatten)]
    pub result: ToolResult,
}

/// Finds the record that `name` means: a run as [`runs::find`] takes it, `:`, and a number.
///
/// # Errors
/// `Invalid` for a name of another form; `NotFound`; `Corrupt` for a log that is damaged before that record; those of the store.
pub async fn show(store: &Arc<dyn Store>, name: &str) -> Result<AuditDetail> {
    let parts = name.rsplit_once(':').and_then(|(run, seq)| Some((run, seq.parse::<Seq>().ok()?)));
    let Some((run, seq)) = parts.filter(|(run, _)| !run.is_empty()) else {
        return Err(Error::new(ErrorKind::Invalid, format!("`{}` is no id of a record", name.escape_default()))
            .hint("write RUN:SEQ, as `agentflow audit list` shows it"));
    };
    let run = runs::find(store, run).await?;
    let record = find(store, run, seq).await?;
    let mut of_step = Vec::new();
    let mut reader = RunReader::new(store, run);
    loop {
        match reader.next().await {
            Ok(Some(records)) => {
                of_step.extend(records.into_iter().filter(|other| other.node == record.node && other.step == record.step));
            }
            Ok(None) => break,
            // What comes behind the record may be damaged; it is good itself.
            Err(error) if error.kind() == ErrorKind::Corrupt => break,
            Err(error) => return Err(error),
        }
    }
    let same = |other: &&AuditRecord| {
        record.fingerprint.is_none() || other.fingerprint.is_none() || other.fingerprint == record.fingerprint
    };
    let returned = of_step.iter().filter(same).find(|other| other.event == AuditEvent::ToolReturned && other.id.seq >= seq);
    let result = match returned.map(|returned| returned.id) {
        Some(id) => result(store, id).await?,
        None => None,
    };
    let has_arguments = |other: &&AuditRecord| other.arguments.is_some() && other.id.seq < seq;
    let call = of_step.iter().filter(same).rfind(has_arguments).filter(|_| record.arguments.is_none()).cloned();
    let trail = of_step.into_iter().map(|other| TrailEntry {
        id: other.id,
        at: other.at,
        event: other.event,
        decision: other.decision,
        rules: other.rules,
        by: other.by,
        comment: other.comment,
    });
    Ok(AuditDetail { record, call, trail: trail.collect(), result })
}

/// The record of event `seq`.
async fn find(store: &Arc<dyn Store>, run: RunId, seq: Seq) -> Result<AuditRecord> {
    let (mut reader, mut records) = (RunReader::new(store, run), Vec::new());
    while !records.iter().any(|record: &AuditRecord| record.id.seq >= seq) {
        match reader.next().await {
            Ok(Some(page)) => records = page,
            Ok(None) => break,
            Err(error) => return Err(error),
        }
    }
    records.into_iter().find(|record| record.id.seq == seq).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("event {seq} of run `{run}` is not there, or is none that the audit is about"))
            .hint(format!("`agentflow audit list {run}` shows those it is about"))
    })
}

/// The result in the event `id`.
async fn result(store: &Arc<dyn Store>, id: RecordId) -> Result<Option<ResultReport>> {
    let mut pages = EventPages::new(store, id.run);
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(None);
        }
        if let Some((event, _)) = page.into_iter().find(|(event, _)| event.seq == id.seq) {
            return Ok(match event.body {
                EventBody::ToolReturned { result, .. } => Some(ResultReport { id, result }),
                _ => None,
            });
        }
    }
}
