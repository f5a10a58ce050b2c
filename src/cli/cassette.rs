//! `--record` and `--replay`: what is asked of a cassette, and what is told of it at the end.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::{
    app::{
        Prepared,
        cassette::{CassetteChoice, CassetteMode, CassetteReport},
        exit,
    },
    cli::{clean, numbers::plural, terminal::Terminal},
    error::Result,
};

/// The most unused entries that are named.
const NAMED: usize = 10;

/// What is done with a cassette.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cassettes")]
pub struct CassetteArgs {
    /// Write what models and tools are asked, and what they answer, into this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "dry_run")]
    pub record: Option<PathBuf>,
    /// Take all answers from this file: nobody is asked, no tool is called, no key is needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["record", "dry_run"])]
    pub replay: Option<PathBuf>,
    /// Really ask for what the file does not have, and add it
    #[arg(long, requires = "replay")]
    pub record_missing: bool,
    /// Drop what the file has and the run did not ask for, once it has succeeded
    #[arg(long, requires = "replay")]
    pub prune: bool,
}

impl CassetteArgs {
    /// The cassette, if there is one.
    pub(super) fn choice(&self) -> Option<CassetteChoice> {
        let choice = |path: &PathBuf, mode| CassetteChoice { path: path.clone(), mode };
        let replay = if self.record_missing { CassetteMode::Replay } else { CassetteMode::ReplayOrFail };
        let recorded = self.record.as_ref().map(|path| choice(path, CassetteMode::Record));
        recorded.or_else(|| self.replay.as_ref().map(|path| choice(path, replay)))
    }
}

/// Writes what is not written yet, however the run ended, and tells what came of it; returns the exit code.
pub(super) fn finish(prepared: &Prepared, prune: bool, driven: Result<u8>, terminal: &Terminal) -> Result<u8> {
    let Some(cassette) = prepared.cassette() else { return driven };
    let has_succeeded = matches!(driven, Ok(exit::SUCCEEDED));
    let report = match cassette.finish(prune && has_succeeded) {
        Ok(report) => report,
        // What ended the run is told first.
        Err(error) => return driven.and(Err(error)),
    };
    tell(&report, has_succeeded, terminal);
    driven
}

fn tell(report: &CassetteReport, has_succeeded: bool, terminal: &Terminal) {
    let path = clean::one_line(&report.path.display().to_string());
    let did = [(report.played, "played from"), (report.recorded, "recorded in")];
    let did: Vec<_> = did
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what} `{path}`", plural(count as u64, "answer")))
        .collect();
    if !did.is_empty() {
        terminal.note(&did.join(", "));
    }
    // A run that ended early did not come to ask for everything.
    if !has_succeeded || report.unused.is_empty() {
        return;
    }
    let entries = match report.unused.len() {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    };
    let what = if report.dropped > 0 { "dropped" } else { "not asked for" };
    let mut lines = vec![format!("{what}: {entries} of `{path}`")];
    lines.extend(report.unused.iter().take(NAMED).map(|entry| format!("  {}", clean::one_line(entry))));
    if report.unused.len() > NAMED {
        lines.push(format!("  … {} more", report.unused.len() - NAMED));
    }
    if report.dropped == 0 {
        lines.push("`--prune` drops them".to_owned());
    }
    terminal.note(&lines.join("\n"));
}
