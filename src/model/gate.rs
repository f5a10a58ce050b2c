//! What a person decides at a node with `approval`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Value;

/// What there is to decide: one of some options, with a form, for some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What can be chosen, at least one.
    pub options: Vec<String>,
    /// JSON Schema of what is filled in with every option but `reject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// When the question ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The option that is taken then; the node fails when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<String>,
}

impl Gate {
    /// The option by which a person stops what was asked about: the node fails.
    pub const REJECT: &'static str = "reject";
    /// The option by which a person agrees.
    pub const APPROVE: &'static str = "approve";
    /// What stands for the tool in questions and in the audit.
    pub const TOOL: &'static str = "approval";

    /// Whether it has this option.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|known| known == option)
    }

    /// The options as people read them: `approve`, `reject`.
    #[must_use]
    pub fn options_in_words(&self) -> String {
        let quoted: Vec<_> = self.options.iter().map(|option| format!("`{option}`")).collect();
        quoted.join(", ")
    }

    /// Whether the time to answer is over at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// What follows when nobody answers, in words.
    #[must_use]
    pub fn default_in_words(&self) -> String {
        match &self.on_timeout {
            Some(option) => format!("`{option}` is taken"),
            None => "it fails".to_owned(),
        }
    }
}
