//! What the audit tells of one event: who did what with a tool, to what, and who permitted it.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    error::{Error, ErrorKind},
    model::{Access, AgentName, Decision, Effect, NodePath, Permission, RunId, Seq, StepId, Value},
};

/// A record of the audit. It is read from the event it describes, so neither is there without the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// `RUN:SEQ`.
    pub id: RecordId,
    /// When it happened.
    pub at: Timestamp,
    /// The run.
    pub run: RunId,
    /// The name of its workflow.
    pub workflow: String,
    /// The node instance.
    pub node: NodePath,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// The agent that acts; none for a node that calls a tool by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// Which step of the attempt.
    pub step: StepId,
    /// The event, e.g. `tool_called`.
    pub event: AuditEvent,
    /// The tool, or what a model called it when there is none of that name.
    pub tool: String,
    /// What the call does to the world, as far as that was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// What was decided, or what came of it.
    pub decision: AuditDecision,
    /// What the call touches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accesses: Vec<Access>,
    /// The rules of the policy that permit it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Permission>,
    /// The arguments; secrets are placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub arguments: Option<Value>,
    /// SHA-256 of tool and arguments, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The key by which the other side knows a call that is made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// SHA-256 of the result, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How long the call took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Whether the result was kept from an earlier call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// The person who decided, as the system knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Why it was denied, why a person was asked, why it failed, or what is to be known of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256 of the event's record in the store, in hex, which stands for all before it, too.
    pub hash: String,
}

/// An optional value of which `null` is one: what is there is read as it is.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Which record: the run, and the number of the event in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId {
    /// The run.
    pub run: RunId,
    /// The number of the event.
    pub seq: Seq,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.run, self.seq)
    }
}

impl FromStr for RecordId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(ErrorKind::Invalid, format!("`{}` is no id of a record", text.escape_default()));
        let (run, seq) = text.split_once(':').ok_or_else(bad)?;
        Ok(Self { run: run.parse()?, seq: seq.parse().map_err(|_| bad())? })
    }
}

impl TryFrom<String> for RecordId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> String {
        id.to_string()
    }
}

/// The events that the audit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// A call that was permitted, before it was made.
    ToolCalled,
    /// What came of a call.
    ToolReturned,
    /// A call that was not permitted.
    ToolDenied,
    /// A person was asked.
    ApprovalRequested,
    /// A person answered.
    ApprovalGiven,
}

impl AuditEvent {
    /// The event as the log names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolCalled => "tool_called",
            Self::ToolReturned => "tool_returned",
            Self::ToolDenied => "tool_denied",
            Self::ApprovalRequested => "approval_requested",
            Self::ApprovalGiven => "approval_given",
        }
    }
}

/// What was decided about a call, or what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditDecision {
    /// The policy permits it.
    Allowed,
    /// A person permits it; also a call that is made because of that.
    Approved,
    /// The policy does not permit it.
    Denied,
    /// A person is asked.
    Asked,
    /// A person does not permit it.
    Rejected,
    /// A person has a call made again of which nobody knew whether it was made.
    Rerun,
    /// A person has such a call count as made.
    AssumeDone,
    /// A person chose one of the options of a node that asked.
    Chosen,
    /// It has a result.
    Returned,
    /// It has none.
    Failed,
}

impl AuditDecision {
    /// The decision as written in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Asked => "asked",
            Self::Rejected => "rejected",
            Self::Rerun => "rerun",
            Self::AssumeDone => "assume_done",
            Self::Chosen => "chosen",
            Self::Returned => "returned",
            Self::Failed => "failed",
        }
    }
}

impl From<Decision> for AuditDecision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approve => Self::Approved,
            Decision::Reject => Self::Rejected,
            Decision::Rerun => Self::Rerun,
            Decision::AssumeDone => Self::AssumeDone,
            Decision::Choose => Self::Chosen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_its_run_and_number() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057:12";
        let id: RecordId = text.parse().unwrap();
        assert_eq!((id.seq, id.to_string().as_str()), (12, text));
        for bad in ["", "12", "x:1", "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8057:-1"] {
            assert!(bad.parse::<RecordId>().is_err(), "{bad:?}");
        }
    }
}
