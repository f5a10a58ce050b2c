//! What an eval does, whole: from an eval file, from options, or from both. It is kept with the eval, so that it can go on.

mod from_file;
mod options;
mod places;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use from_file::from_file;
pub use options::{EvalOptions, ScoreOption, VariantChange, VariantOption, is_eval_file};
pub use places::Places;

use crate::model::{ModelRef, Value};

/// How many rows are run at once, unless somebody says otherwise.
const CONCURRENCY: u32 = 4;
/// The score from which on a row passes that a judge scores.
const JUDGE_PASSES: f64 = 0.5;

/// An eval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalSpec {
    /// Its name: that of its file, or of its first workflow.
    pub name: String,
    /// What is found out by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The data set.
    pub data: PathBuf,
    /// Inputs of all rows.
    pub inputs: IndexMap<String, Value>,
    /// How outputs are scored.
    pub scorers: Vec<ScorerSpec>,
    /// What is run over the rows; the first one is what the others are compared with.
    pub variants: Vec<VariantSpec>,
    /// How often each row is run.
    pub repeats: u32,
    /// How many rows are run at once.
    pub concurrency: u32,
    /// How many rows are run, from the first on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Which rows are run: an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What the intervals are drawn by.
    pub seed: u64,
    /// After which cost no row is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// The mean score of any scorer below which it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_under: Option<f64>,
}

impl EvalSpec {
    /// One over `data`, without anything else said.
    #[must_use]
    pub fn over(name: impl Into<String>, data: PathBuf) -> Self {
        Self {
            name: name.into(),
            description: None,
            data,
            inputs: IndexMap::new(),
            scorers: Vec::new(),
            variants: Vec::new(),
            repeats: 1,
            concurrency: CONCURRENCY,
            limit: None,
            filter: None,
            seed: 0,
            max_cost_usd: None,
            fail_under: None,
        }
    }
}

/// A scorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScorerSpec {
    /// Its name.
    pub name: String,
    /// How it scores.
    pub kind: ScorerKind,
    /// What is scored: an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// What it is compared with: an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The score from which on a row passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<f64>,
    /// The mean score below which the eval fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_under: Option<f64>,
}

impl ScorerSpec {
    /// The score from which on a row passes.
    #[must_use]
    pub fn pass(&self) -> f64 {
        self.pass.unwrap_or(if matches!(self.kind, ScorerKind::Judge { .. }) { JUDGE_PASSES } else { 1.0 })
    }
}

/// How a scorer scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScorerKind {
    /// By equality.
    Exact,
    /// By what is in it.
    Contains,
    /// By a pattern.
    Regex {
        /// The pattern; what is expected when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
    },
    /// By a JSON Schema.
    Schema {
        /// The schema; what is expected when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        is: Option<Value>,
    },
    /// By distance.
    Number {
        /// How far away it may be.
        abs: f64,
        /// How far away it may be, as a share of what is expected.
        rel: f64,
    },
    /// By an agent.
    Judge {
        /// Which one, of the manifest.
        agent: String,
        /// By what.
        rubric: String,
    },
}

impl ScorerKind {
    /// Its key in an eval file.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::Regex { .. } => "regex",
            Self::Schema { .. } => "schema",
            Self::Number { .. } => "number",
            Self::Judge { .. } => "judge",
        }
    }
}

/// A workflow with what is different in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// Its name.
    pub name: String,
    /// The workflow.
    pub workflow: PathBuf,
    /// Other models, by agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelRef>,
    /// Files that stand in for others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<PathBuf, PathBuf>,
}

impl VariantSpec {
    /// The workflow as it is.
    #[must_use]
    pub fn plain(name: impl Into<String>, workflow: PathBuf) -> Self {
        Self { name: name.into(), workflow, models: BTreeMap::new(), files: BTreeMap::new() }
    }
}

/// The name of a file without its folder and what follows its first dot.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}
