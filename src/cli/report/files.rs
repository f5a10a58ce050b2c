//! The files that reports of runs go into. Whether they can be written is found out before the run begins.

use std::{
    cell::Cell,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use crate::{
    app::project::folder_of,
    cli::{
        exit, problem,
        report::{args::ReportArgs, run_junit, run_report::RunReport, run_summary},
        terminal::Terminal,
    },
    engine::read_run,
    error::{Error, ErrorKind, Result},
    model::RunId,
    store::Store,
};

/// Reports that are wanted of a run.
pub(in crate::cli) struct Reports<'a> {
    args: &'a ReportArgs,
    /// The workflow, as it was named.
    workflow: String,
    are_written: Cell<bool>,
}

impl<'a> Reports<'a> {
    /// Those that the options ask for.
    ///
    /// # Errors
    /// `Invalid` when a file cannot be one.
    pub(in crate::cli) fn wanted(args: &'a ReportArgs, workflow: impl Into<String>) -> Result<Self> {
        for path in [&args.junit, &args.summary].into_iter().flatten() {
            let why = match () {
                () if path.is_dir() => "it is a folder",
                () if !folder_of(path).is_dir() => "its folder does not exist",
                () => continue,
            };
            return Err(Error::new(ErrorKind::Invalid, format!("the report `{}` cannot be written: {why}", path.display())));
        }
        Ok(Self { args, workflow: workflow.into(), are_written: Cell::new(false) })
    }

    fn are_none(&self) -> bool {
        self.args.junit.is_none() && self.args.summary.is_none()
    }

    /// Writes them after a run, however it ended. What came of the run goes before what came of its reports.
    pub(in crate::cli) async fn after(
        &self,
        driven: Result<u8>,
        store: &Arc<dyn Store>,
        run: RunId,
        terminal: &Terminal,
    ) -> Result<u8> {
        if self.are_none() {
            return driven;
        }
        let written = match (read_run(store, run).await, &driven) {
            (Ok(recorded), _) => RunReport::of(&recorded, true).and_then(|report| self.write(&report)),
            (Err(_), Err(error)) => self.not_begun(&problem::text(false, error)),
            (Err(error), Ok(_)) => Err(error),
        };
        match (driven, written) {
            (Ok(exit::SUCCEEDED), Err(error)) => Err(error),
            (driven, Err(error)) => {
                problem::tell(terminal, &error);
                driven
            }
            (driven, Ok(())) => driven,
        }
    }

    /// Writes that the run did not begin, because of `why`, unless something was written already.
    ///
    /// # Errors
    /// `Invalid` when a file cannot be written.
    pub(in crate::cli) fn not_begun(&self, why: &str) -> Result<()> {
        if self.are_written.replace(true) {
            return Ok(());
        }
        if let Some(path) = &self.args.junit {
            replace(path, &run_junit::not_begun(&self.workflow, why)?)?;
        }
        self.args.summary.as_deref().map_or(Ok(()), |path| append(path, &run_summary::not_begun(&self.workflow, why)))
    }

    fn write(&self, report: &RunReport) -> Result<()> {
        self.are_written.set(true);
        if let Some(path) = &self.args.junit {
            replace(path, &run_junit::junit(report)?)?;
        }
        match &self.args.summary {
            Some(path) => append(path, &run_summary::summary(report)?),
            None => Ok(()),
        }
    }
}

fn replace(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|err| cannot_write(path, err))
}

/// A summary is put behind those that are there: several steps of a job write into one.
fn append(path: &Path, text: &str) -> Result<()> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|err| cannot_write(path, err))
}

fn cannot_write(path: &Path, err: io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("the report `{}` cannot be written", path.display())).source(err)
}
