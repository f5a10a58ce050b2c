//! What came of an eval: each run with its scores, the figures of each variant and scorer, and comparisons. Written as JSON, it is a
//! baseline for a later eval.

mod baseline;
mod compile;

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

pub use baseline::Baseline;
pub use compile::report;

use crate::{
    app::runs::SpendReport,
    eval::{compare::Comparison, figures::Interval, scorers::Score},
    model::{RunId, Value},
};

/// The version of the JSON.
pub(super) const FORMAT: u32 = 1;

/// What came of an eval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalReport {
    /// The version of this document.
    pub format: u32,
    /// The eval.
    pub id: RunId,
    /// Its name.
    pub name: String,
    /// What is found out by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// The version of agentflow.
    pub agentflow: &'static str,
    /// Whether answers were simulated: the scores say nothing of a model then.
    pub simulated: bool,
    /// Whether all rows were run.
    pub complete: bool,
    /// The data set.
    pub data: String,
    /// A digest of it.
    pub data_digest: String,
    /// How many rows there are to run.
    pub rows: usize,
    /// How often each is run.
    pub repeats: u32,
    /// What the intervals are drawn by.
    pub seed: u64,
    /// The variants, the first one first.
    pub variants: Vec<VariantReport>,
    /// Every other variant against the first one, and variants against a baseline.
    pub comparisons: Vec<Comparison>,
    /// Every run that was scored, by variant, row and repeat.
    pub results: Vec<RowResult>,
}

/// The figures of a variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantReport {
    /// Its name.
    pub name: String,
    /// Its workflow.
    pub workflow: String,
    /// The models that it has instead of those of the files, by agent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, String>,
    /// The files that stand in for others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Rows of which at least one run was scored.
    pub rows: usize,
    /// Runs that were scored.
    pub runs: usize,
    /// Of them, runs that did not succeed: they count with the score 0.
    pub failed_runs: usize,
    /// The figures of each scorer.
    pub scorers: Vec<ScorerReport>,
    /// What the runs cost, without judges.
    pub spend: SpendReport,
    /// What the judges cost.
    pub judge_spend: SpendReport,
    /// The mean cost of a run, without judges; absent when a call had no known price or was simulated.
    pub cost_per_run_usd: Option<f64>,
    /// The mean of the tokens of a run, read and written, without judges.
    pub tokens_per_run: Option<f64>,
    /// How long runs took.
    pub latency: Latency,
}

/// How long runs took, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many runs were timed: those that ended without being interrupted.
    pub runs: usize,
    /// Half of them took no longer.
    pub p50_ms: Option<u64>,
    /// 95 of 100 took no longer.
    pub p95_ms: Option<u64>,
}

/// The figures of a scorer for a variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScorerReport {
    /// The scorer.
    pub name: String,
    /// How it scores.
    pub kind: &'static str,
    /// The score from which on a row passes.
    pub pass: f64,
    /// The mean of the rows' scores.
    pub mean: Option<f64>,
    /// Its interval.
    pub mean_interval: Option<Interval>,
    /// The share of rows that passed.
    pub pass_rate: Option<f64>,
    /// Its interval.
    pub pass_interval: Option<Interval>,
    /// Runs that could not be scored, because they or their judge failed: they count with the score 0.
    pub failed: usize,
    /// The mean score below which the eval fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_under: Option<f64>,
}

impl ScorerReport {
    /// Whether the mean is below what was demanded.
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.fail_under.zip(self.mean).is_some_and(|(limit, mean)| mean < limit)
    }
}

/// A run that was scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowResult {
    /// The row.
    pub row: String,
    /// Its line in the data set.
    pub line: usize,
    /// A digest of what it says.
    pub digest: String,
    /// The variant.
    pub variant: String,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub status: String,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it put out.
    pub outputs: Option<Value>,
    /// The scores, by scorer.
    pub scores: IndexMap<String, Score>,
    /// What it cost.
    pub spend: SpendReport,
    /// What its judges cost.
    pub judge_spend: SpendReport,
    /// How long it took; absent when it was interrupted in between.
    pub duration_ms: Option<u64>,
}

impl EvalReport {
    /// The rows of a variant with the lowest scores, each with its worst run, at most `most` of them, none of which passed everywhere.
    #[must_use]
    pub fn worst(&self, variant: &str, most: usize) -> Vec<&RowResult> {
        let sum = |result: &RowResult| result.scores.values().map(|score| score.score).sum::<f64>();
        let is_bad = |result: &&RowResult| result.variant == variant && result.scores.values().any(|score| !score.passed);
        let mut bad: Vec<&RowResult> = self.results.iter().filter(is_bad).collect();
        bad.sort_by(|one, other| sum(one).total_cmp(&sum(other)));
        let mut seen = HashSet::new();
        bad.retain(|result| seen.insert(&result.row));
        bad.truncate(most);
        bad
    }

    /// Whether a mean score is below what was demanded.
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.variants.iter().flat_map(|variant| &variant.scorers).any(ScorerReport::is_below)
    }

    /// Whether every run of a variant failed: nothing is known of it then.
    #[must_use]
    pub fn is_nothing_scored(&self) -> bool {
        self.variants.iter().any(|variant| variant.runs > 0 && variant.failed_runs == variant.runs)
    }
}
