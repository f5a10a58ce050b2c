//! `agentflow test`: finds test files, runs their cases, tells what did not hold.

pub mod args;
mod changed;
mod coverage;
mod json;
mod junit;
mod text;
mod watch;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    app::Settings,
    cli::{
        diagnostics::{Problems, tell},
        exit,
        signals::Signals,
        terminal::Terminal,
    },
    diagnostic::{DiagnosticFormat, DiskFiles, Severity, render},
    error::{Error, ErrorKind, Result},
    testing::{
        discover::discover,
        load::{Loader, TestFile},
        selection::Changes,
        suite::{Audience, CaseReport, RunOfCase, SuiteOptions, SuiteReport, run_suite},
    },
};

use args::{TestArgs, TestFormat};
use coverage::Covering;

/// What is said when a signal came.
const STOPPING: &str = "stopping: tests that run come to their end; again to stop at once";

/// Runs the tests that are meant.
pub(super) fn test(args: &TestArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|err| Error::new(ErrorKind::Internal, "cannot start the runtime").source(err))?;
    let stop = Arc::new(AtomicBool::new(false));
    let signals = {
        let _in_it = runtime.enter();
        Signals::raise(Arc::clone(&stop), STOPPING, terminal)?
    };
    let bench = Bench { args, settings, terminal, stop };
    let code = if args.watch { watch::watch(&bench) } else { bench.once() };
    let code = if signals.came() { Ok(signals.exit_code()) } else { code };
    drop(signals);
    runtime.shutdown_background();
    code
}

/// Everything that a round of tests needs.
struct Bench<'a> {
    args: &'a TestArgs,
    settings: &'a Settings,
    terminal: &'a Terminal,
    stop: Arc<AtomicBool>,
}

/// What came of a round.
struct Round {
    report: SuiteReport,
    took: Duration,
    /// What its tests took, when that is wanted.
    covering: Option<Covering>,
}

impl Bench<'_> {
    /// Runs them once; gives the exit code.
    fn once(&self) -> Result<u8> {
        self.args.coverage.check(self.args.format)?;
        let files = self.load(&self.discovered()?);
        if self.tell_problems(&files)? {
            return Ok(exit::USAGE);
        }
        let files = match &self.args.changed {
            Some(revision) => {
                let changes = Changes::of(changed::since(revision)?);
                let touched: Vec<_> = files.into_iter().filter(|file| changes.touch(file)).collect();
                if touched.is_empty() {
                    self.terminal.note(&format!("nothing that changed since `{revision}` is tested"));
                }
                touched
            }
            None => files,
        };
        self.refuse_filter_for_nothing(&files)?;
        let mut round = self.run(&files)?;
        self.tell(&round)?;
        let is_short = match round.covering.take() {
            Some(mut covering) => {
                covering.add_untested(&self.args.files, self.settings, self.terminal)?;
                covering.tell(&self.args.coverage, self.terminal)?
            }
            None => false,
        };
        Ok(if round.report.has_failed() || is_short { exit::RUN_FAILED } else { exit::SUCCEEDED })
    }

    /// The test files that are meant.
    fn discovered(&self) -> Result<Vec<PathBuf>> {
        let manifest = self.settings.manifest.as_deref().and_then(Path::parent).filter(|folder| *folder != Path::new(""));
        discover(&self.args.files, manifest.unwrap_or(Path::new(".")))
    }

    fn load(&self, paths: &[PathBuf]) -> Vec<TestFile> {
        let mut loader = Loader::new(&DiskFiles, self.settings.manifest.clone());
        paths.iter().map(|path| loader.load(path)).collect()
    }

    /// Tells what is wrong with the files; whether something is that keeps them from being run.
    fn tell_problems(&self, files: &[TestFile]) -> Result<bool> {
        let mut problems = Problems::default();
        for file in files {
            if let Some(workflow) = file.workflow.as_ref().filter(|workflow| workflow.compiled.has_errors()) {
                problems.add(workflow.compiled.diagnostics.clone(), &workflow.compiled.sources);
            }
            problems.add(file.problems.clone(), &file.sources);
        }
        tell(self.terminal, &problems.all, &problems.sources);
        let is_wrong = problems.all.iter().any(|problem| problem.severity == Severity::Error);
        if is_wrong && self.args.format == TestFormat::Json {
            self.terminal.print(&json::of_problems(&render(&problems.all, &problems.sources, DiagnosticFormat::Json))?)?;
        }
        Ok(is_wrong)
    }

    fn refuse_filter_for_nothing(&self, files: &[TestFile]) -> Result<()> {
        let Some(filter) = &self.args.filter else { return Ok(()) };
        let mut cases = files.iter().flat_map(|file| &file.cases).peekable();
        if cases.peek().is_none() || cases.any(|case| filter.fits(&case.name)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, "no test is called like what `--filter` says")
            .hint("the filter is a part of the name of a test, or `/PATTERN/`; without it, all names are shown"))
    }

    fn run(&self, files: &[TestFile]) -> Result<Round> {
        let jobs = self.args.jobs.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let options = SuiteOptions {
            jobs,
            filter: self.args.filter.clone(),
            fail_fast: self.args.fail_fast,
            live: self.args.live,
            update: self.args.update,
            in_ci: in_ci(),
            stop: &self.stop,
        };
        let begun = Instant::now();
        let mut teller = Teller {
            terminal: self.terminal,
            format: self.args.format,
            broken: None,
            covering: self.args.coverage.is_wanted().then(Covering::default),
        };
        let report = run_suite(files, &options, &mut teller)?;
        teller.broken.map_or(Ok(()), Err)?;
        Ok(Round { report, took: begun.elapsed(), covering: teller.covering })
    }

    /// Tells what came of a round, in the form that is wanted and as a file.
    fn tell(&self, round: &Round) -> Result<()> {
        let Round { report, took, .. } = round;
        if let Some(path) = &self.args.junit {
            let text = junit::document(report)?;
            fs::write(path, text).map_err(|err| {
                Error::new(ErrorKind::Invalid, format!("cannot write the report `{}`", path.display())).source(err)
            })?;
        }
        match self.args.format {
            TestFormat::Text => self.terminal.print(&text::summary(report, *took, &self.again(), self.terminal)),
            TestFormat::Json => self.terminal.print(&json::document(report, *took)?),
            TestFormat::Junit => self.terminal.print(&junit::document(report)?),
        }
    }

    /// The options by which the same tests are run again, besides which.
    fn again(&self) -> String {
        let manifest =
            self.settings.manifest.as_ref().map(|path| format!(" --manifest {}", text::quoted(&path.display().to_string())));
        format!("{}{}", manifest.unwrap_or_default(), if self.args.live { " --live" } else { "" })
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Tells each case as it comes.
struct Teller<'a> {
    terminal: &'a Terminal,
    format: TestFormat,
    /// Why nothing more can be told.
    broken: Option<Error>,
    /// Counts what is covered.
    covering: Option<Covering>,
}

impl Audience for Teller<'_> {
    fn on_case(&mut self, report: &CaseReport, run: Option<RunOfCase<'_>>) {
        if let (Some(covering), Some(run)) = (&mut self.covering, &run) {
            covering.take(run);
        }
        if let (TestFormat::Text, None, Some(line)) = (self.format, &self.broken, text::line(report, self.terminal)) {
            self.broken = self.terminal.print(&line).err();
        }
    }
}

/// Whether this is a server that builds and tests: `CI` is set to something that is not `false` or `0`.
fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}
