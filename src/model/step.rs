//! The steps of an attempt that are calls of tools: their place, what came of them, and what people are asked about them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    error::ErrorRecord,
    model::{Access, Effect, Value},
};

/// Which step of an attempt: a call of a tool by its turn and its place among the calls of that turn. Of a `tool` node: `0.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepId {
    /// The ordinal of the model's answer that asks for it, from 0.
    pub turn: u32,
    /// Its place among the calls that the answer asks for, from 0.
    pub index: u32,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.turn, self.index)
    }
}

/// What came of a call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// Its result.
    Output(Value),
    /// Why there is none. Its message is what a model is told; hints and causes are for people.
    Error(ErrorRecord),
}

/// What becomes of a call that changes the world and was perhaps made, when the process died during it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAmbiguous {
    /// A person decides.
    #[default]
    Ask,
    /// It is made again.
    Rerun,
    /// It counts as made; its result is not known.
    AssumeDone,
}

impl OnAmbiguous {
    /// The choice as written in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Rerun => "rerun",
            Self::AssumeDone => "assume_done",
        }
    }
}

/// Something that only a person can decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked.
    pub kind: QuestionKind,
    /// The tool that is to be called.
    pub tool: String,
    /// With these arguments; secrets are names only.
    pub arguments: Value,
    /// What the call does.
    pub effect: Effect,
    /// What it touches.
    pub accesses: Vec<Access>,
    /// Why a person is asked, in words.
    pub reason: String,
}

/// What a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Whether the call may be made.
    Permission,
    /// What became of a call during which the process died: whether it is made again.
    Ambiguous,
}

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The call may be made.
    Approve,
    /// It may not.
    Reject,
    /// A call that was perhaps made is made again.
    Rerun,
    /// A call that was perhaps made counts as made; its result is not known.
    AssumeDone,
}

impl Decision {
    /// The decision as written on the command line and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Rerun => "rerun",
            Self::AssumeDone => "assume_done",
        }
    }
}
