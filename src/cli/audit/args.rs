//! `audit` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use crate::{
    app::audit::AuditDecision,
    cli::{args::ShowFormat, values::SinceArg},
    model::ToolPattern,
};

/// `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what agents did with tools, newest last
    List(AuditListArgs),
    /// Show one record: the call, who permitted it, what came of it
    Show(AuditShowArgs),
    /// Tell whether the audit of runs is whole and can be true
    Verify(AuditVerifyArgs),
    /// Write all records as lines of JSON or as CSV
    Export(AuditExportArgs),
}

/// Which records.
#[derive(Debug, Args)]
pub struct AuditFilterArgs {
    /// Of this run: its id, the beginning of it, or `last`; may be given several times
    #[arg(long = "run", value_name = "RUN")]
    pub runs: Vec<String>,
    /// Of this agent
    #[arg(long, value_name = "AGENT")]
    pub agent: Option<String>,
    /// Of tools of this name, `*` standing for any characters; may be given several times
    #[arg(long = "tool", value_name = "PATTERN", value_parser = |text: &str| ToolPattern::new(text))]
    pub tools: Vec<ToolPattern>,
    /// With this decision; several are divided by commas
    #[arg(long = "decision", value_name = "DECISION", value_delimiter = ',')]
    pub decisions: Vec<DecisionArg>,
    /// Not before this time, e.g. 2026-11-22 or 2026-11-22T12:00:00Z, or as long ago as this, e.g. 2h
    #[arg(long, value_name = "TIME|DURATION")]
    pub since: Option<SinceArg>,
}

/// A decision of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum DecisionArg {
    /// The policy permitted the call
    Allowed,
    /// A person permitted it
    Approved,
    /// The policy did not permit it
    Denied,
    /// A person was asked
    Asked,
    /// A person did not permit it
    Rejected,
    /// A person had a call made again that was perhaps made
    Rerun,
    /// A person had such a call count as made
    AssumeDone,
    /// A person chose an option of a node that asked
    Chosen,
    /// The call has a result
    Returned,
    /// It has none
    Failed,
}

impl From<DecisionArg> for AuditDecision {
    fn from(arg: DecisionArg) -> Self {
        match arg {
            DecisionArg::Allowed => Self::Allowed,
            DecisionArg::Approved => Self::Approved,
            DecisionArg::Denied => Self::Denied,
            DecisionArg::Asked => Self::Asked,
            DecisionArg::Rejected => Self::Rejected,
            DecisionArg::Rerun => Self::Rerun,
            DecisionArg::AssumeDone => Self::AssumeDone,
            DecisionArg::Chosen => Self::Chosen,
            DecisionArg::Returned => Self::Returned,
            DecisionArg::Failed => Self::Failed,
        }
    }
}

/// `audit list`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow audit list last
  agentflow audit list --decision denied,rejected --since 7d
  agentflow audit list --tool 'mcp:github/*' --agent writer --format json")]
pub struct AuditListArgs {
    /// The run: its id, the beginning of it, or `last`; without one, all runs of the store
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Which records.
    #[command(flatten)]
    pub filter: AuditFilterArgs,
    /// How many to list, the newest ones, 0 for all
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `audit show`.
#[derive(Debug, Args)]
pub struct AuditShowArgs {
    /// The record, as `audit list` names it; the run may also be the beginning of its id, or `last`
    #[arg(value_name = "RUN:SEQ")]
    pub record: String,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `audit verify`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Each run's records are chained by SHA-256, so a record that was changed or taken out is found, and named as RUN:SEQ (exit 4). Without \
an outside head, someone who can write the store's file can rewrite the whole chain, or cut off its end, and it will look right: keep \
the file of --head where they cannot write, and compare with --against.

Examples:
  agentflow audit verify last
  agentflow audit verify --all --head /mnt/safe/heads
  agentflow audit verify --all --against /mnt/safe/heads")]
pub struct AuditVerifyArgs {
    /// The runs: their ids, the beginnings of them, or `last`
    #[arg(value_name = "RUNS", required_unless_present = "all", conflicts_with = "all")]
    pub runs: Vec<String>,
    /// All runs of the store
    #[arg(long)]
    pub all: bool,
    /// Write how the runs end into this file, when all of them are good; to be kept where nobody can change it who can change the store
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub head: Option<PathBuf>,
    /// Compare with what --head wrote into this file before: also tells what was cut off, written anew or removed since
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub against: Option<PathBuf>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `audit export`.
#[derive(Debug, Args)]
pub struct AuditExportArgs {
    /// In which form
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    pub format: ExportFormat,
    /// Which records.
    #[command(flatten)]
    pub filter: AuditFilterArgs,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// In which form records are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Each record as a line of JSON
    Jsonl,
    /// As CSV (RFC 4180), safe to open in a spreadsheet
    Csv,
}
