//! `agentflow test --coverage`: what the tests took of their workflows, told and held to a limit.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum, ValueHint};

use super::args::TestFormat;
use crate::{
    app::{self, Settings, WorkflowSource},
    cli::{
        terminal::{GREEN, RED, Terminal},
        validate,
    },
    error::{Error, ErrorKind, Result},
    testing::{
        coverage::{Coverage, CoverageFormat, Threshold, render},
        suite::RunOfCase,
    },
};

/// Options of `test` about coverage.
#[derive(Debug, Args)]
pub struct CoverageArgs {
    /// Tell what no test took: nodes, edges, conditions, routes, error paths, …; workflows without tests count when a folder is meant
    #[arg(long, conflicts_with = "watch", help_heading = "Coverage")]
    pub coverage: bool,
    /// How coverage is told [default: as --coverage-out is called, text otherwise]
    #[arg(long, value_name = "FORMAT", conflicts_with = "watch", help_heading = "Coverage")]
    pub coverage_format: Option<CoverageFormatArg>,
    /// Write coverage into this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "watch", help_heading = "Coverage")]
    pub coverage_out: Option<PathBuf>,
    /// Fail when less is covered: PERCENT of all points, or by sorts, e.g. nodes=100,edges=100
    #[arg(long, value_name = "PERCENT", conflicts_with = "watch", help_heading = "Coverage")]
    pub fail_under: Option<Threshold>,
}

/// How coverage is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CoverageFormatArg {
    /// To read
    Text,
    /// As a JSON document
    Json,
    /// As a page with the graphs
    Html,
}

impl CoverageArgs {
    /// Whether coverage is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.coverage || self.coverage_format.is_some() || self.coverage_out.is_some() || self.fail_under.is_some()
    }

    fn format(&self) -> CoverageFormat {
        match self.coverage_format {
            Some(CoverageFormatArg::Text) => CoverageFormat::Text,
            Some(CoverageFormatArg::Json) => CoverageFormat::Json,
            Some(CoverageFormatArg::Html) => CoverageFormat::Html,
            None => {
                let ending = self.coverage_out.as_deref().and_then(Path::extension).map(std::ffi::OsStr::to_ascii_lowercase);
                match ending.as_ref().and_then(|ending| ending.to_str()) {
                    Some("html" | "htm") => CoverageFormat::Html,
                    Some("json") => CoverageFormat::Json,
                    _ => CoverageFormat::Text,
                }
            }
        }
    }

    /// Refuses what would make standard output two things at once.
    pub(super) fn check(&self, told: TestFormat) -> Result<()> {
        let is_text = self.format() == CoverageFormat::Text && told == TestFormat::Text;
        if !self.is_wanted() || self.coverage_out.is_some() || is_text || self.only_limits() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, "coverage and the tests cannot both go to standard output in this form")
            .hint("write coverage into a file: `--coverage-out FILE`"))
    }

    /// Whether it is only to be held to its limits.
    fn only_limits(&self) -> bool {
        self.fail_under.is_some() && !self.coverage && self.coverage_format.is_none()
    }
}

/// Coverage while tests run.
#[derive(Debug, Default)]
pub(super) struct Covering {
    coverage: Coverage,
    /// The digests of plans whose points are there.
    known: HashSet<String>,
    broken: Option<Error>,
}

impl Covering {
    /// Counts what a test took.
    pub(super) fn take(&mut self, RunOfCase { run, env }: &RunOfCase<'_>) {
        if self.known.insert(run.plan.digest.clone()) {
            self.coverage.merge(Coverage::of(&run.plan));
        }
        let taken = self.coverage.take_run(run, env);
        self.broken = self.broken.take().or(taken.err());
    }

    /// Adds the workflows of the folders that are meant and that no test has run; those that are not right are told, and left out.
    pub(super) fn add_untested(&mut self, named: &[PathBuf], settings: &Settings, terminal: &Terminal) -> Result<()> {
        let folders: Vec<_> = named.iter().filter(|path| path.is_dir()).cloned().collect();
        if folders.is_empty() && !named.is_empty() {
            return Ok(());
        }
        // Where tests are meant without saying which, there may be no folder of workflows.
        let files = match validate::files(&folders) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|err| Error::new(ErrorKind::Internal, "cannot start the runtime").source(err))?;
        for file in files {
            if self.coverage.file(&file).is_some_and(|known| known.runs > 0) {
                continue;
            }
            match runtime.block_on(app::compile(&WorkflowSource::File(file.clone()), settings))?.plan {
                Some(plan) => self.coverage.merge(Coverage::of(&plan.into())),
                None => terminal.note(&format!("coverage: `{}` is not counted, it has errors", file.display())),
            }
        }
        Ok(())
    }

    /// Tells coverage; whether there is too little.
    pub(super) fn tell(self, args: &CoverageArgs, terminal: &Terminal) -> Result<bool> {
        self.broken.map_or(Ok(()), Err)?;
        let coverage = self.coverage;
        let report = render(&coverage, args.format());
        match &args.coverage_out {
            Some(path) => {
                fs::write(path, report).map_err(|err| {
                    Error::new(ErrorKind::Invalid, format!("cannot write coverage into `{}`", path.display())).source(err)
                })?;
                terminal.note(&format!("coverage: {}, in {}", coverage.in_short(), path.display()));
            }
            None if args.only_limits() => terminal.note(&format!("coverage: {}", coverage.in_short())),
            None => terminal.print(&format!("\n{}\n", report.trim_end()))?,
        }
        let Some(threshold) = &args.fail_under else { return Ok(false) };
        let shortfalls = threshold.shortfalls(&coverage);
        for shortfall in &shortfalls {
            terminal.note(&format!("{}: {shortfall}", terminal.paint_err(RED, "too little")));
        }
        if shortfalls.is_empty() {
            terminal.note(&terminal.paint_err(GREEN, "as much is covered as has to be"));
        }
        Ok(!shortfalls.is_empty())
    }
}
