//! What stands in a cassette: what was asked, by key and place, with what was answered in turn.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    error::ErrorRecord,
    model::{FinishReason, StepId, ToolRequest, Usage, Value},
};

/// The version of the format that this program writes.
pub(super) const FORMAT: u32 = 1;

/// A cassette as it stands in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tape {
    /// The version of the format.
    pub(super) format: u32,
    /// The tools that servers offered: they are told to models without their servers being asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) offers: Vec<Offer>,
    /// What models were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) requests: Vec<Entry<Asked, Answer>>,
    /// What tools were called with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) calls: Vec<Entry<Called, Outcome>>,
}

impl Default for Tape {
    fn default() -> Self {
        Self { format: FORMAT, offers: Vec::new(), requests: Vec::new(), calls: Vec::new() }
    }
}

/// The same thing, asked once or several times by one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry<A, T> {
    /// By what it is found: the beginning of the SHA-256 over what is asked.
    pub(super) key: String,
    /// The node instance that asked; in a run that was called as a tool, with what leads to it.
    pub(super) node: String,
    /// What was asked, to be read.
    pub(super) asked: A,
    /// What was answered, in turn.
    pub(super) answers: Vec<T>,
}

/// What a model was asked, without secrets, and without what is another in every run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// `provider/model`.
    pub(super) model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u32>,
    /// The name of the schema of the answer, and its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<String>,
    /// The tools that were offered, each with the digest of what was told of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<String>,
    pub(super) messages: Vec<Said>,
}

/// One message: the key is who says it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) assistant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tool: Option<String>,
    /// Of a result: the id of the request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<String>,
    /// Of an answer: the calls of tools that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) calls: Vec<ToolRequest>,
}

impl Said {
    /// Who says it, and what.
    pub(super) fn who(&self) -> (&'static str, &str) {
        let said = [("system", &self.system), ("user", &self.user), ("assistant", &self.assistant), ("tool", &self.tool)];
        said.into_iter().find_map(|(who, text)| Some((who, text.as_deref()?))).unwrap_or(("assistant", ""))
    }
}

/// What came of one request to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// In which attempt of the node it was asked, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub(super) attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// The calls of tools that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) calls: Vec<ToolRequest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finish: Option<FinishReason>,
    /// The model that answered, where the server calls it by another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Usage>,
    /// What it cost when it was recorded; nothing is known of it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cost_usd: Option<f64>,
    /// Whether it was made up, and nobody was paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) simulated: bool,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ErrorRecord>,
}

/// What a tool was called with, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Called {
    pub(super) tool: String,
    pub(super) arguments: Value,
}

/// What came of one call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    /// Which step of its node it was.
    pub(super) step: String,
    /// The result; `null` when absent.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) output: Value,
    /// What was overlooked, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// Whether strangers may have written it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) untrusted: bool,
    /// What the model was told of a call that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) told: Option<String>,
    /// Why there is no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ErrorRecord>,
}

/// A tool that a server offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offer {
    pub(super) tool: String,
    pub(super) description: String,
    pub(super) parameters: Value,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) untrusted: bool,
}

/// What is answered one after the other.
pub(super) trait Turn: Clone + PartialEq {
    /// When it was asked, as far as that is the same in every run.
    type At: Copy + Ord;

    fn at(&self) -> Self::At;
}

impl Turn for Answer {
    type At = u32;

    fn at(&self) -> u32 {
        self.attempt
    }
}

impl Turn for Outcome {
    type At = (u32, u32);

    fn at(&self) -> (u32, u32) {
        let (turn, index) = self.step.split_once('.').unwrap_or((&self.step, "0"));
        let turn = match turn {
            "before" => StepId::BEFORE,
            "after" => StepId::AFTER,
            turn => turn.parse().unwrap_or_default(),
        };
        at_step(StepId { turn, index: index.parse().unwrap_or_default() })
    }
}

/// The place of a step: what is done before the model is asked first comes first.
pub(super) fn at_step(step: StepId) -> (u32, u32) {
    match step.turn {
        StepId::BEFORE => (0, step.index),
        StepId::AFTER => (u32::MAX, step.index),
        turn => (turn.saturating_add(1), step.index),
    }
}

/// What is asked, as it is shown and sorted.
pub(super) trait Question: Clone + PartialEq {
    /// Where it stands among the questions of one node.
    fn rank(&self) -> (usize, &str);

    /// All its lines.
    fn lines(&self) -> Vec<String>;

    /// Whether `now` is the same but for what stands in the place of secrets in this.
    fn is_met_by(&self, now: &Self) -> bool;
}

impl Tape {
    /// The entries of one kind, each once: of two answers to the same question, asked by the same node at the same time, the first counts.
    pub(super) fn joined<A: Question, T: Turn>(entries: Vec<Entry<A, T>>) -> Vec<Entry<A, T>> {
        let mut joined: Vec<Entry<A, T>> = Vec::with_capacity(entries.len());
        let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
        for entry in entries {
            if let Some(place) = places.get(&(entry.key.clone(), entry.node.clone())) {
                let known = &mut joined[*place].answers;
                let more: Vec<T> = entry.answers.into_iter().filter(|turn| known.iter().all(|t| t.at() != turn.at())).collect();
                known.extend(more);
            } else {
                places.insert((entry.key.clone(), entry.node.clone()), joined.len());
                joined.push(entry);
            }
        }
        joined
    }
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}
