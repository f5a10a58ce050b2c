//! Where a result comes from: what an answer rests on, and the earlier run that a run takes answers from.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{NodePath, RunId, StepId, StoredSource, ToolName, Value};

/// What the answer of an agent's node rests on. The same basis means that the same thing is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// A digest of the node as the workflow and the manifest define it, without its prompts.
    pub definition: String,
    /// A digest of the rendered system prompt and prompt.
    pub input: String,
    /// `provider/model`, with `, simulated` behind it when a simulated model stands in for all others.
    pub model: String,
}

impl Basis {
    /// The basis of a node with this definition, asked these prompts.
    #[must_use]
    pub fn of(definition: &str, system: Option<&str>, prompt: &str, model: String) -> Self {
        let mut hasher = Sha256::new();
        let system = system.unwrap_or_default();
        hasher.update((system.len() as u64).to_be_bytes());
        hasher.update(system);
        hasher.update(prompt);
        Self { definition: definition.to_owned(), input: short_hex(&hasher.finalize()), model }
    }
}

/// The first half of a digest, in hex: 128 bits tell two texts apart as surely as is ever needed here.
#[must_use]
pub fn short_hex(digest: &[u8]) -> String {
    HEXLOWER.encode(&digest[..digest.len().min(16)])
}

/// Says that an output was taken from an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reused {
    /// The earlier run.
    pub run: RunId,
    /// The node instance in it.
    pub node: NodePath,
    /// What the answer rests on, in both runs.
    pub basis: Basis,
}

/// Why a run has an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// It takes those answers that rest on the same.
    Reuse,
    /// The same, but all that comes after a node is asked anew.
    Fork,
    /// It is the good part of a run whose log was damaged.
    Repair,
}

/// The earlier run that a run comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Why.
    pub kind: OriginKind,
    /// The earlier run.
    pub run: RunId,
    /// Of a fork, the node it begins at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Nodes whose answers are not taken, as they were named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalidated: Vec<String>,
}

impl Origin {
    /// Takes what can be taken of `run`.
    #[must_use]
    pub fn reuse(run: RunId) -> Self {
        Self { kind: OriginKind::Reuse, run, from: None, invalidated: Vec::new() }
    }
}

/// The call of a tool that a run is made for: its result is that of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// The run that calls.
    pub run: RunId,
    /// The node instance in it.
    pub node: NodePath,
    /// Which step of the node.
    pub step: StepId,
    /// The tool: `agent:NAME` or `workflow:FILE`.
    pub tool: ToolName,
}

/// Other files that a run goes on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revised {
    /// SHA-256 over the plan's sources, in hex.
    pub plan_digest: String,
    /// Every file the plan was made of, workflow first, manifest (if any) second.
    pub sources: Vec<StoredSource>,
    /// Settings that change what the run does.
    pub settings: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_is_that_of_definition_prompts_and_model() {
        let basis = |definition, system, prompt| Basis::of(definition, system, prompt, "p/m".to_owned());
        let one = basis("d", Some("be brief"), "hello");
        assert_eq!(one, basis("d", Some("be brief"), "hello"));
        assert_ne!(one, basis("e", Some("be brief"), "hello"));
        assert_ne!(one, basis("d", Some("be briefh"), "ello"));
        assert_ne!(one, basis("d", None, "be briefhello"));
        assert_eq!(one.input.len(), 32);
    }
}
