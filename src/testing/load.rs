//! Test files with the workflows that they are of: read, compiled once, checked.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    cases::{Case, cases},
    check::Checker,
    discover::beside,
    rehearse::LiveProviders,
};
use crate::{
    app::{self, Settings, WorkflowSource, providers::Prices, rehearsal::Stage},
    diagnostic::{Code, Diagnostic, Files, Severity, Sources, Span},
    error::{Error, ErrorKind, Result},
    manifest::read_test_file,
    model::Price,
    plan::Compiled,
};

/// A workflow that there are tests of.
#[derive(Debug)]
pub struct TestedWorkflow {
    /// Its file.
    pub path: PathBuf,
    /// What compiling it gave.
    pub compiled: Compiled,
    /// What its runs share; made when the first one is run.
    ready: Mutex<Option<Arc<Ready>>>,
}

/// What all test runs of a workflow share.
#[derive(Debug)]
pub struct Ready {
    /// The workflow with its tools.
    pub stage: Stage,
    /// What its models cost, by `provider/model`.
    pub prices: BTreeMap<String, Price>,
    /// Providers that are really asked.
    pub live: LiveProviders,
}

impl TestedWorkflow {
    /// What its runs share; `live` finds the providers and their keys.
    ///
    /// # Errors
    /// `Invalid` when a tool makes no sense, or a provider that is to be asked has no key.
    pub fn ready(&self, live: bool) -> Result<Arc<Ready>> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = &*ready {
            return Ok(Arc::clone(ready));
        }
        let Some(plan) = self.compiled.plan.clone() else {
            return Err(Error::new(ErrorKind::Invalid, format!("the workflow `{}` has errors", self.path.display())));
        };
        let manifest = self.compiled.manifest_path.as_deref().zip(self.compiled.manifest.as_ref());
        let prices = Prices::new(self.compiled.manifest.as_ref());
        let prices = plan.models().filter_map(|model| Some((model.to_string(), prices.of(model)?))).collect();
        let live = if live { app::providers::live(&plan, manifest)? } else { LiveProviders::new() };
        let settings = Settings { mock: Some(app::MockOptions::default()), ..Settings::default() };
        let stage = Stage::set(plan, &WorkflowSource::File(self.path.clone()), manifest, &settings)?;
        let made = Arc::new(Ready { stage, prices, live });
        *ready = Some(Arc::clone(&made));
        Ok(made)
    }
}

/// A test file, its cases, and what is wrong with them.
#[derive(Debug)]
pub struct TestFile {
    /// The file, as it was named or found.
    pub path: PathBuf,
    /// Its text; the spans of its cases and problems are in it.
    pub sources: Sources,
    /// What is wrong with it.
    pub problems: Vec<Diagnostic>,
    /// Its cases.
    pub cases: Vec<Case>,
    /// The workflow it is of, as far as it names one.
    pub workflow: Option<Arc<TestedWorkflow>>,
}

impl TestFile {
    /// Whether something is wrong with it, so that nothing of it is run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// Loads test files. Each workflow is compiled once.
#[derive(Debug)]
pub struct Loader<'a> {
    files: &'a dyn Files,
    manifest: Option<PathBuf>,
    workflows: HashMap<(PathBuf, Option<PathBuf>), Arc<TestedWorkflow>>,
}

impl<'a> Loader<'a> {
    /// Loads from `files`, with `manifest` where a test file names none itself, instead of the one that is found.
    #[must_use]
    pub fn new(files: &'a dyn Files, manifest: Option<PathBuf>) -> Self {
        Self { files, manifest, workflows: HashMap::new() }
    }

    /// Reads a test file, compiles its workflow and checks its cases.
    pub fn load(&mut self, path: &Path) -> TestFile {
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        let read = read_test_file(path, self.files, &mut sources, &mut problems);
        let mut loaded = TestFile { path: path.to_owned(), sources, problems, cases: Vec::new(), workflow: None };
        let Some(read) = read else { return loaded };
        loaded.cases = cases(&read, &mut loaded.problems);
        let manifest = read.manifest.as_ref().map(|manifest| (beside(path, &manifest.value), manifest.span));
        if let Some((manifest, span)) = manifest.as_ref().filter(|(manifest, _)| !self.files.exists(manifest)) {
            let message = format!("no manifest `{}`", manifest.display());
            loaded
                .problems
                .push(Diagnostic::error(Code::TEST_WORKFLOW, *span, message).hint("the path is relative to the test file"));
            return loaded;
        }
        let manifest = manifest.map(|(path, _)| path).or_else(|| self.manifest.clone());
        let workflow = self.workflow(&beside(path, &read.workflow.value), manifest.as_deref());
        match &workflow.compiled.plan {
            Some(plan) => {
                let mut checker = Checker::new(plan);
                loaded.cases.iter().for_each(|case| loaded.problems.extend(checker.check(case)));
            }
            None => loaded.problems.push(unusable(&workflow, read.workflow.span)),
        }
        self.check_cassettes(&mut loaded);
        loaded.problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        loaded.workflow = Some(workflow);
        loaded
    }

    /// Tells of cassettes that are to be played and are not there.
    fn check_cassettes(&self, loaded: &mut TestFile) {
        let mut seen = HashSet::new();
        for cassette in loaded.cases.iter().filter_map(|case| case.body.cassette.as_ref()) {
            let records = cassette.mode.as_ref().is_some_and(|mode| mode.value == "record");
            let path = beside(&loaded.path, &cassette.file.value);
            if records || self.files.exists(&path) || !seen.insert(cassette.file.span) {
                continue;
            }
            let message = format!("there is no cassette `{}`", path.display());
            let hint = "the path is relative to the test file; `agentflow run FILE --record CASSETTE` records one";
            loaded.problems.push(Diagnostic::error(Code::UNKNOWN_IN_TEST, cassette.file.span, message).hint(hint));
        }
    }

    fn workflow(&mut self, path: &Path, manifest: Option<&Path>) -> Arc<TestedWorkflow> {
        let known = self.workflows.entry((path.to_owned(), manifest.map(Path::to_owned)));
        let made = known.or_insert_with(|| {
            let compiled = app::compile_for_tests(self.files, path, manifest);
            Arc::new(TestedWorkflow { path: path.to_owned(), compiled, ready: Mutex::default() })
        });
        Arc::clone(made)
    }

    /// All workflows that were loaded, by their paths.
    #[must_use]
    pub fn workflows(&self) -> Vec<Arc<TestedWorkflow>> {
        let mut all: Vec<_> = self.workflows.values().cloned().collect();
        all.sort_by(|one, other| one.path.cmp(&other.path));
        all
    }
}

/// Why the workflow cannot be used, in a sentence.
fn unusable(workflow: &TestedWorkflow, span: Span) -> Diagnostic {
    let first = workflow.compiled.diagnostics.iter().find(|problem| problem.severity == Severity::Error);
    let shown = workflow.path.display();
    let why = match first {
        Some(problem) if problem.code == Code::UNREADABLE_FILE => problem.message.clone(),
        Some(problem) => {
            let place = workflow.compiled.sources.position(problem.span);
            let more = workflow.compiled.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).count() - 1;
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            format!("the workflow has errors: {} ({}:{}){more}", problem.message, place.path.display(), place.line)
        }
        None => format!("the workflow `{shown}` cannot be used"),
    };
    Diagnostic::error(Code::TEST_WORKFLOW, span, why)
        .hint(format!("the path is relative to the test file; `agentflow validate {shown}` tells all that is wrong"))
}
