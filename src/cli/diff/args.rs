//! `diff` as clap reads it.

use clap::{Args, ValueEnum, ValueHint};

/// `diff`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow diff last 0193
  agentflow diff old.yaml new.yaml
  agentflow diff --rev main workflows/review-change.yaml
  agentflow diff --rev origin/main... --format markdown --fail-on widened

What ends in .yaml, .yml, .toml or .json, or has a slash in it, is a file; what can be the beginning of an id, and `last`, is a run.
Exit codes: 0 equal or different, 1 different (with --exit-code), 6 permissions are widened (with --fail-on widened).")]
pub struct DiffArgs {
    /// Two runs or two workflow files; with `--rev`, files and folders [default: workflows]
    #[arg(value_name = "RUN|FILE", value_hint = ValueHint::FilePath, required_unless_present = "rev")]
    pub names: Vec<String>,
    /// Compare workflows with themselves at this revision of git; `main...` is where the branch left main
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Exit with 1 when there is a difference; of runs, in routes or outputs
    #[arg(long)]
    pub exit_code: bool,
    /// Exit with 6 when workflows may touch more than before
    #[arg(long, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: DiffFormat,
}

/// Which difference is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Permissions that are widened
    Widened,
}

/// How a difference is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// To read
    Text,
    /// As JSON
    Json,
    /// As Markdown, for a comment on a change; of workflow files
    Markdown,
}
