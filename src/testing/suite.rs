//! Runs the cases of test files: in parallel, each on a clock of its own, and told in the order of the files whichever ends first.

mod case;
mod filter;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

pub use filter::Filter;

use serde::Serialize;

use super::{
    load::TestFile,
    run::TestRun,
    snapshot::Snapshots,
    unmet::{Place, Unmet},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Spend, Value},
};

use case::Ran;

/// How tests are run.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct SuiteOptions<'a> {
    /// How many run at once.
    pub jobs: NonZeroUsize,
    /// Which run; all when absent.
    pub filter: Option<Filter>,
    /// Whether the first failure ends it.
    pub fail_fast: bool,
    /// Whether agents without scripted answers ask real models.
    pub live: bool,
    /// Whether snapshots are written down.
    pub update: bool,
    /// Whether a snapshot that is not written down is a failure.
    pub in_ci: bool,
    /// Ends it when it is set: nothing more is begun.
    pub stop: &'a AtomicBool,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything held.
    Passed,
    /// Something did not.
    Failed,
    /// It was not to be run, for this reason.
    Skipped(String),
    /// It was not run, because the suite had ended.
    NotRun,
}

/// What is known of a case that was run, or was not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub at: Place,
    /// The workflow.
    pub workflow: PathBuf,
    /// What came of it.
    pub outcome: Outcome,
    /// What did not hold.
    pub unmet: Vec<Unmet>,
    /// What else there is to say.
    pub notes: Vec<String>,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// How long its run took, in the time of the test.
    #[serde(rename = "run_ms", serialize_with = "milliseconds")]
    pub run_took: Duration,
    /// How its run stood at the end.
    pub status: Option<String>,
    /// The way its run took.
    pub route: Vec<String>,
    /// What its run spent.
    pub spend: Spend,
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// What came of all cases.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SuiteReport {
    /// The cases, in the order of the files.
    pub cases: Vec<CaseReport>,
    /// What there is to say of files of snapshots.
    pub snapshots: Vec<String>,
    /// How many cases the filter left out.
    pub left_out: usize,
}

impl SuiteReport {
    /// How many cases came to an outcome.
    #[must_use]
    pub fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| is(&case.outcome)).count()
    }

    /// Whether a case failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.cases.iter().any(|case| case.outcome == Outcome::Failed)
    }
}

/// A run of a case, for whoever counts what tests take of workflows.
#[derive(Debug, Clone, Copy)]
pub struct RunOfCase<'a> {
    /// The run.
    pub run: &'a TestRun,
    /// The environment variables that it was given.
    pub env: &'a BTreeMap<String, String>,
}

/// Sees cases as they are told: in the order of the files.
pub trait Audience {
    /// A case has come to its end, with its run if there was one.
    fn on_case(&mut self, report: &CaseReport, run: Option<RunOfCase<'_>>);
}

/// Runs the cases of `files`, which have no errors.
///
/// # Errors
/// `Invalid` when snapshots cannot be read or written, or a workflow cannot be made ready.
pub fn run_suite(files: &[TestFile], options: &SuiteOptions<'_>, audience: &mut dyn Audience) -> Result<SuiteReport> {
    let snapshots = files.iter().map(|file| Snapshots::read(&file.path)).collect::<Result<Vec<_>>>()?;
    let all = || files.iter().enumerate().flat_map(|(file, of)| (0..of.cases.len()).map(move |case| (file, case)));
    let is_wanted =
        |&(file, case): &(usize, usize)| options.filter.as_ref().is_none_or(|filter| filter.fits(&files[file].cases[case].name));
    let wanted: Vec<(usize, usize)> = all().filter(is_wanted).collect();
    for file in files.iter().enumerate().filter(|(at, _)| wanted.iter().any(|(file, _)| file == at)).map(|(_, file)| file) {
        if let Some(workflow) = &file.workflow {
            workflow.ready(options.live)?;
        }
    }
    let mut report = SuiteReport { left_out: all().count() - wanted.len(), ..SuiteReport::default() };
    let mut taken: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new(); files.len()];
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (send, receive) = mpsc::channel::<(usize, Ran)>();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.get().min(wanted.len()) {
            let (send, wanted, next, over, snapshots) = (send.clone(), &wanted, &next, &over, &snapshots);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) && !options.stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(file, case)) = wanted.get(at) else { return };
                    let ran = case::run(&files[file], &files[file].cases[case], &snapshots[file], options);
                    if send.send((at, ran)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut early: BTreeMap<usize, Ran> = BTreeMap::new();
        let mut due = 0;
        for (at, ran) in receive {
            early.insert(at, ran);
            while let Some(ran) = early.remove(&due).filter(|_| !over.load(Ordering::Relaxed)) {
                let seen = ran.run.as_ref().map(|(run, env)| RunOfCase { run, env });
                audience.on_case(&ran.report, seen);
                if let Some(value) = ran.taken {
                    taken[wanted[due].0].insert(ran.report.name.clone(), value);
                }
                let failed = ran.report.outcome == Outcome::Failed;
                report.cases.push(ran.report);
                due += 1;
                if failed && options.fail_fast {
                    over.store(true, Ordering::Relaxed);
                }
            }
        }
    });
    for &(file, case) in &wanted[report.cases.len()..] {
        let told = case::not_run(&files[file], &files[file].cases[case]);
        audience.on_case(&told, None);
        report.cases.push(told);
    }
    report.snapshots = settle(files, snapshots, taken, options)?;
    Ok(report)
}

/// Writes snapshots down, or tells of those that are of no test any more.
fn settle(
    files: &[TestFile],
    snapshots: Vec<Snapshots>,
    taken: Vec<BTreeMap<String, Value>>,
    options: &SuiteOptions<'_>,
) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for ((file, mut stored), taken) in files.iter().zip(snapshots).zip(taken) {
        let with_snapshot = file.cases.iter().filter(|case| !case.body.snapshot.is_empty());
        let tests: Vec<&str> = with_snapshot.map(|case| case.name.as_str()).collect();
        let path = stored.path().display().to_string();
        let orphans: Vec<String> = stored.orphans(&tests).into_iter().map(|orphan| format!("`{orphan}`")).collect();
        let of_none = match orphans.as_slice() {
            [] => None,
            [one] => Some(format!("{path}: the snapshot of {one} is of no test any more")),
            many => Some(format!("{path}: the snapshots of {} are of no test any more", many.join(", "))),
        };
        if options.update {
            if stored.update(taken, &tests)? {
                told.push(format!("{path}: written"));
            }
        } else if let Some(of_none) = of_none {
            told.push(format!("{of_none}; `agentflow test --update` removes what is of none"));
        }
    }
    Ok(told)
}

/// A defect of a test run itself, as what did not hold.
fn broken(name: &str, at: Place, error: &Error) -> Unmet {
    let unmet = Unmet::new(name, at, "a run", error.headline());
    let hint = if error.kind() == ErrorKind::Internal { None } else { error.hints().first().cloned() };
    Unmet { hint, ..unmet }
}
