//! `eval` as clap reads it.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, ValueHint};

use crate::{
    cli::{
        policy::args::PolicyArgs,
        values::{ModelArg, parse_duration, parse_usd},
    },
    eval::{EvalOptions, ScoreOption, VariantOption, is_eval_file},
};

/// `eval`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow eval evals/triage.eval.yaml --mock
  agentflow eval evals/triage.eval.yaml --model triager=openai/gpt-5-mini --model triager=openai/gpt-5
  agentflow eval workflows/triage.toml --data evals/triage.jsonl --score exact:kind --limit 5
  agentflow eval evals/triage.eval.yaml --variant now= --variant new=prompts/a.md=prompts/b.md --fail-on-regression
  agentflow eval evals/triage.eval.yaml --save now.json --baseline before.json --fail-under 0.8
  agentflow eval --resume last

Exit codes: 0 scored, 1 below a limit, worse, or every run failed, 2 wrong usage, files or rows, 7 the budget was spent before all rows \
were run; otherwise as those of run.")]
pub struct EvalArgs {
    /// An eval file, *.eval.yaml; or workflows, with --data and --score
    #[arg(value_name = "FILES", required_unless_present = "resume", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// The data set: JSON Lines, or CSV
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub data: Option<PathBuf>,
    /// How outputs are scored, e.g. exact:kind, contains:reply:expected.words, number:total:1%; may be given several times
    ///
    /// KIND is exact, contains, regex, schema, number or judge; OUTPUT is an expression. `judge:reply:evaluator:RUBRIC` asks an agent.
    #[arg(long = "score", value_name = "[NAME=]KIND:OUTPUT[:ARGUMENT]")]
    pub scores: Vec<ScoreOption>,
    /// What is compared, e.g. new=workflows/new.yaml, big=writer=openai/gpt-5 or b=prompts/a.md=prompts/b.md; NAME= for nothing else
    #[arg(long = "variant", value_name = "NAME=CHANGE,...")]
    pub variants: Vec<VariantOption>,
    /// Use another model for an agent; two for the same agent are compared
    #[arg(long, value_name = "AGENT=PROVIDER/MODEL")]
    pub model: Vec<ModelArg>,
    /// Run each row so often; its scores are averaged
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeats: Option<u32>,
    /// Run only the first rows
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Run only rows for which this holds, e.g. 'expected.kind == "bug"'
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// What the intervals are drawn by; the same seed gives the same ones
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How many rows are run at once [default: 4]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub concurrency: Option<u32>,
    /// Begin no more rows when so much is spent, in USD; what is under way comes to its end
    #[arg(long, value_name = "USD", value_parser = parse_usd)]
    pub max_cost: Option<f64>,
    /// Go on with an eval that was interrupted: its id, the beginning of it, or `last`
    #[arg(
        long,
        value_name = "EVAL",
        conflicts_with_all = ["files", "data", "scores", "variants", "model", "repeats", "limit", "filter", "seed", "mock", "dry_run"]
    )]
    pub resume: Option<String>,
    /// Let a simulated model answer every call: no key, no network, no cost, and scores that say nothing
    #[arg(long)]
    pub mock: bool,
    /// How long a simulated answer takes, e.g. 50ms
    #[arg(long, value_name = "DURATION", requires = "mock", value_parser = parse_duration)]
    pub mock_latency: Option<Duration>,
    /// What the simulated answers are derived from
    #[arg(long, value_name = "NUMBER", requires = "mock")]
    pub mock_seed: Option<u64>,
    /// Check everything, tell what it may cost, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Compare with the result of an earlier eval
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub baseline: Option<PathBuf>,
    /// Write the result as JSON into this file, e.g. to be a baseline
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub save: Option<PathBuf>,
    /// Exit with 1 when the mean of a scorer is below this
    #[arg(long, value_name = "SCORE", value_parser = parse_share)]
    pub fail_under: Option<f64>,
    /// Exit with 1 when a variant is worse than the first one, or than the baseline
    #[arg(long)]
    pub fail_on_regression: bool,
    /// How the result is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: EvalFormat,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// How the result of an eval is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvalFormat {
    /// To read
    Text,
    /// As JSON
    Json,
    /// As Markdown, e.g. for a pull request
    Markdown,
}

impl EvalArgs {
    /// What they say of an eval.
    pub(super) fn options(&self) -> EvalOptions {
        EvalOptions {
            workflows: self.files.iter().filter(|file| !is_eval_file(file)).cloned().collect(),
            data: self.data.clone(),
            scores: self.scores.clone(),
            variants: self.variants.clone(),
            models: self.model.iter().map(|arg| (arg.agent.clone(), arg.model.clone())).collect(),
            repeats: self.repeats,
            concurrency: self.concurrency,
            limit: self.limit,
            filter: self.filter.clone(),
            seed: self.seed,
            max_cost_usd: self.max_cost,
            fail_under: self.fail_under,
        }
    }
}

/// Reads a score from 0 to 1.
fn parse_share(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok().map(|percent| percent / 100.0),
        None => text.parse().ok(),
    };
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "write a score from 0 to 1, e.g. 0.8 or 80%".to_owned())
}
