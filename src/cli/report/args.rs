//! What clap reads about reports of runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// Reports that are written when a run has ended, however it did.
#[derive(Debug, Clone, Default, Args)]
pub struct ReportArgs {
    /// Write JUnit XML into this file when the run has ended, however it did
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
    /// Add a summary in Markdown to this file when the run has ended, e.g. "$GITHUB_STEP_SUMMARY"
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[expect(clippy::doc_markdown, reason = "help shows it as it is")]
    pub summary: Option<PathBuf>,
}

/// `runs report`.
#[derive(Debug, Args)]
pub struct RunReportArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// As what it is told
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    pub format: ReportFormat,
}

/// As what a run is told to CI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A summary in Markdown, with the graph and what each node cost
    Markdown,
    /// JUnit XML, a case for each node
    Junit,
}
