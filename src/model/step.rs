//! The steps of an attempt that are calls of tools: their place, what came of them, and what people are asked about them; and what
//! people are asked by nodes with `approval`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    error::ErrorRecord,
    model::{Access, Effect, Gate, Permission, Spend, Value},
};

/// Which step of an attempt: a call of a tool by its turn and its place among the calls of that turn. Of a `tool` node: `0.0`.
///
/// What is done around the conversation of an agent without its asking has turns of its own, [`StepId::BEFORE`] and
/// [`StepId::AFTER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepId {
    /// The ordinal of the model's answer that asks for it, from 0.
    pub turn: u32,
    /// Its place among the calls that the answer asks for, from 0.
    pub index: u32,
}

impl StepId {
    /// The turn of what is done before the model is asked first.
    pub const BEFORE: u32 = u32::MAX - 1;
    /// The turn of what is done after its last answer.
    pub const AFTER: u32 = u32::MAX;
    /// The earlier turns of a conversation are read.
    pub const HISTORY: Self = Self { turn: Self::BEFORE, index: 0 };
    /// Their older part is summarized.
    pub const SUMMARY: Self = Self { turn: Self::BEFORE, index: 1 };
    /// Memory is searched for what the agent is given.
    pub const RECALL: Self = Self { turn: Self::BEFORE, index: 2 };
    /// Prompt and answer are put into memory.
    pub const REMEMBER: Self = Self { turn: Self::AFTER, index: 0 };
    /// Prompt and answer are added to a conversation.
    pub const CONTINUED: Self = Self { turn: Self::AFTER, index: 1 };
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.turn {
            Self::BEFORE => write!(f, "before.{}", self.index),
            Self::AFTER => write!(f, "after.{}", self.index),
            turn => write!(f, "{turn}.{}", self.index),
        }
    }
}

/// A call that is about to be made: recorded before, with what permits it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolIntent {
    /// Which step.
    pub step: StepId,
    /// The tool.
    pub tool: String,
    /// With these arguments; secrets are placeholders.
    pub arguments: Value,
    /// SHA-256 of tool and arguments, in hex.
    pub fingerprint: String,
    /// What the call does.
    pub effect: Effect,
    /// `af1-…`: sent along where the other side knows such keys.
    pub key: String,
    /// What it touches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accesses: Vec<Access>,
    /// The rules of the policy that permit it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Permission>,
    /// Whether a person approved it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approved: bool,
}

/// What came of a step: recorded before anybody is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolResult {
    /// Which step.
    pub step: StepId,
    /// The tool, or what the model called it when there is none of that name.
    pub tool: String,
    /// SHA-256 of tool and arguments, in hex.
    pub fingerprint: String,
    /// The result, or why there is none.
    pub outcome: ToolOutcome,
    /// What was overlooked or left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// SHA-256 of the outcome, in hex.
    pub digest: String,
    /// Whether strangers may have written it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untrusted: bool,
    /// Whether it was kept from an earlier call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// How long the call took, in milliseconds; waiting for its turn is not in it.
    pub duration_ms: u64,
    /// What the run cost that the call began or went on with, from its beginning: for calls of agents and workflows.
    #[serde(default, skip_serializing_if = "Spend::is_nothing")]
    pub spend: Spend,
}

/// What came of a call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// Its result.
    Output(Value),
    /// Why there is none.
    Failed {
        /// What a model is told of it: without causes and hints, which are for people.
        told: String,
        /// All that is known.
        error: ErrorRecord,
    },
}

/// A call that is not permitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolDenial {
    /// Which step.
    pub step: StepId,
    /// The tool.
    pub tool: String,
    /// With these arguments; secrets are placeholders.
    pub arguments: Value,
    /// What it would touch, and who does not permit it.
    pub error: ErrorRecord,
}

/// A person is asked something: about a call, or by a node with `approval`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// Which step.
    pub step: StepId,
    /// SHA-256 of tool and arguments, in hex: the answer is about exactly this call. Of a node with `approval`, of all that is asked.
    pub fingerprint: String,
    /// What is asked.
    pub question: Question,
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
    /// The tool that is to be called; `approval` when a node asks.
    pub tool: String,
    /// With these arguments; secrets are placeholders.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
    /// What the call does.
    pub effect: Effect,
    /// What it touches.
    #[serde(default)]
    pub accesses: Vec<Access>,
    /// Why a person is asked, in words; the message of a node that asks.
    pub reason: String,
    /// What there is to decide when a node asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

impl Question {
    /// What a node with `approval` asks.
    #[must_use]
    pub fn at_gate(message: String, gate: Gate) -> Self {
        Self {
            kind: QuestionKind::Choice,
            tool: Gate::TOOL.to_owned(),
            arguments: Value::Null,
            effect: Effect::Pure,
            accesses: Vec::new(),
            reason: message,
            gate: Some(gate),
        }
    }

    /// The question in one line, without the arguments.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.kind {
            QuestionKind::Permission => format!("may `{}` be called? {}", self.tool, self.reason),
            QuestionKind::Ambiguous => format!("was `{}` called? {}", self.tool, self.reason),
            QuestionKind::Choice => self.reason.clone(),
        }
    }
}

/// What a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Whether the call may be made.
    Permission,
    /// What became of a call during which the process died: whether it is made again.
    Ambiguous,
    /// Which of the options of a node with `approval` it is.
    Choice,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Which step.
    pub step: StepId,
    /// The fingerprint of the question.
    pub fingerprint: String,
    /// What is to be done.
    pub decision: Decision,
    /// Which option was chosen, when there were some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// What was filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// Who decided, as the system knows them.
    pub by: String,
    /// What they have to say; a model whose call was rejected is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Approval {
    /// What was decided, in a word: the option, or the decision.
    #[must_use]
    pub fn in_a_word(&self) -> &str {
        self.option.as_deref().unwrap_or(self.decision.as_str())
    }
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
    /// The option that the answer names.
    Choose,
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
            Self::Choose => "choose",
        }
    }

    /// Whether it answers a question of this kind.
    #[must_use]
    pub fn fits(self, kind: QuestionKind) -> bool {
        match kind {
            QuestionKind::Permission => matches!(self, Self::Approve | Self::Reject),
            QuestionKind::Ambiguous => matches!(self, Self::Rerun | Self::AssumeDone | Self::Reject),
            QuestionKind::Choice => self == Self::Choose,
        }
    }
}
