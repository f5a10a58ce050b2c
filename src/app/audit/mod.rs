//! The audit: every decision about calls of tools, every call, every result. It is read from the events of runs: there is no second
//! log that could disagree with them, and a record is in the same commit, and in the same chain of hashes, as the event it describes.

mod detail;
mod filter;
mod heads;
mod proof;
mod reader;
mod record;
#[cfg(test)]
mod script;
mod trail;
mod verify;

pub use detail::{AuditDetail, ResultReport, TrailEntry, show};
pub use filter::AuditFilter;
pub use heads::{Head, Heads};
pub use reader::{AuditReader, Damage};
pub use record::{AuditDecision, AuditEvent, AuditRecord, RecordId};
pub use verify::{AuditProblem, AuditVerdict, missing, verify};
