//! What is written for CI: JUnit XML and Markdown, from plain data, and the reports of runs in both.

pub mod args;
mod files;
pub(in crate::cli) mod junit;
pub(in crate::cli) mod markdown;
mod run_junit;
mod run_report;
mod run_summary;

use crate::{cli::terminal::Terminal, engine::RecordedRun, error::Result};

use args::ReportFormat;
use run_report::RunReport;

pub(super) use files::Reports;

/// Prints the report of a recorded run.
pub(super) fn print(recorded: &RecordedRun, format: ReportFormat, terminal: &Terminal) -> Result<()> {
    let report = RunReport::of(recorded, false)?;
    terminal.print(&match format {
        ReportFormat::Markdown => run_summary::summary(&report)?,
        ReportFormat::Junit => run_junit::junit(&report)?,
    })
}
