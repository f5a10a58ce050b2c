//! An eval file as written.

use crate::{
    diagnostic::{FileId, Spanned},
    manifest::{Entries, Tree},
    model::Value,
};

/// An eval file, well-formed but not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalManifest {
    /// The file it is in.
    pub file: FileId,
    /// What is found out by it.
    pub description: Option<Spanned<String>>,
    /// The workflow; absent only when that has been reported.
    pub workflow: Option<Spanned<String>>,
    /// The data set; absent only when that has been reported.
    pub data: Option<Spanned<String>>,
    /// Inputs of all rows.
    pub inputs: Entries<Tree>,
    /// How outputs are scored.
    pub scorers: Entries<ScorerManifest>,
    /// What is compared.
    pub variants: Entries<VariantManifest>,
    /// How often each row is run.
    pub repeats: Option<u32>,
    /// How many rows are run at once.
    pub concurrency: Option<u32>,
    /// How many rows are run.
    pub limit: Option<u64>,
    /// Which rows are run: an expression.
    pub filter: Option<Spanned<String>>,
    /// What the intervals are drawn by.
    pub seed: Option<u64>,
    /// After which cost no row is begun.
    pub max_cost_usd: Option<f64>,
    /// The mean score below which it fails.
    pub fail_under: Option<f64>,
}

/// A scorer.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorerManifest {
    /// How it scores.
    pub kind: ScorerKindManifest,
    /// What is scored: an expression.
    pub of: Option<Spanned<String>>,
    /// What it is compared with: an expression.
    pub expected: Option<Spanned<String>>,
    /// The score from which on a row passes.
    pub pass: Option<f64>,
    /// The mean score below which the eval fails.
    pub fail_under: Option<f64>,
}

/// How a scorer scores.
#[derive(Debug, Clone, PartialEq)]
pub enum ScorerKindManifest {
    /// By equality.
    Exact,
    /// By what is in it.
    Contains,
    /// By a pattern.
    Regex(Option<Spanned<String>>),
    /// By a JSON Schema.
    Schema(Option<Spanned<Value>>),
    /// By distance.
    Number {
        /// How far away it may be.
        abs: f64,
        /// How far away it may be, as a share.
        rel: f64,
    },
    /// By an agent.
    Judge {
        /// Which one.
        agent: Spanned<String>,
        /// By what.
        rubric: Option<Spanned<String>>,
        /// The file in which that stands.
        rubric_file: Option<Spanned<String>>,
    },
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantManifest {
    /// Another workflow.
    pub workflow: Option<Spanned<String>>,
    /// Other models by agent.
    pub models: Entries<Spanned<String>>,
    /// Files that stand in for others.
    pub files: Entries<Spanned<String>>,
}
