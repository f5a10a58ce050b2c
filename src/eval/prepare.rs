//! From what an eval does to an eval that can be run. Everything that is wrong is told at once, before a token is spent.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    app::{self, Settings, WorkflowSource, inputs},
    diagnostic::{Code, Diagnostic, Severity, Sources, Span, Spanned, nearest},
    error::{Error, ErrorKind, Result},
    eval::{
        data_set::{self, DataRow, inputs_of},
        evaluation::{EvalRow, Evaluation, Side, Variant},
        scorers::{Facts, KNOWN_NAMES, Part, Scorer, ScorerProblem, judge_text},
        spec::{EvalSpec, Places, ScorerSpec, VariantSpec},
    },
    plan::{Compiled, Plan},
    template::{Expression, Reference, SyntaxProblem},
};

/// What came of preparing an eval.
#[derive(Debug)]
pub struct Found {
    /// The eval; `None` when there is an error among the problems.
    pub evaluation: Option<Evaluation>,
    /// All problems, each list with the files it is about.
    pub problems: Vec<(Vec<Diagnostic>, Sources)>,
}

/// Reads, compiles, checks and finds everything that `spec` names. `sources` and `problems` are those of the eval file.
///
/// # Errors
/// `Invalid` for what is wrong in options; as [`app::compile`].
pub async fn prepare(
    spec: EvalSpec,
    places: &Places,
    settings: &Settings,
    sources: Sources,
    problems: Vec<Diagnostic>,
) -> Result<Found> {
    let mut check = Check { places, sources, problems };
    let scorers = check.scorers(&spec.scorers)?;
    let filter = check.filter(spec.filter.as_deref())?;
    let data = data_set::read(&spec.data, &mut check.sources, &mut check.problems).map_err(|error| match places.data() {
        Some(span) => {
            let at = check.sources.position(span);
            Error::new(error.kind(), format!("{}:{}:{}: {}", at.path.display(), at.line, at.column, error.message()))
                .source(error)
        }
        None => error,
    })?;
    let mut told = Vec::new();
    let mut compiled = Vec::new();
    for variant in &spec.variants {
        let own = settings_of(variant, settings);
        let source = WorkflowSource::File(variant.workflow.clone());
        let mut found = app::compile(&source, &own).await?;
        told.push((std::mem::take(&mut found.diagnostics), found.sources.clone()));
        if let Some(plan) = found.plan.take() {
            // What is wrong in the eval file is told first.
            if !has_error(&check.problems) {
                reads_stand_ins(variant, &found)?;
            }
            compiled.push((variant, own, source, plan, found));
        }
    }
    let plans: Vec<&Plan> = compiled.iter().map(|(_, _, _, plan, _)| plan).collect();
    let mut rows = Vec::new();
    if plans.len() == spec.variants.len() {
        check_common(&spec, &plans)?;
        check.names(&scorers, filter.as_ref(), &plans)?;
        rows = check.rows(&data.rows, filter.as_ref(), &spec, &plans, &scorers)?;
    }
    if has_error(&check.problems) || told.iter().any(|(problems, _)| has_error(problems)) {
        told.insert(0, (check.problems, check.sources));
        return Ok(Found { evaluation: None, problems: told });
    }
    let mut variants = Vec::new();
    let mut manifest_path = None;
    for (variant, own, source, plan, found) in compiled {
        manifest_path = manifest_path.or_else(|| found.manifest_path.clone());
        variants.push(Variant { spec: variant.clone(), side: side(plan, found, source, own) });
    }
    let judges = judges(&scorers, manifest_path, settings, &mut told).await?;
    let evaluation = judges.map(|judges| Evaluation {
        spec,
        data_digest: data.digest,
        rows,
        variants,
        scorers,
        judges,
        simulated: settings.mock.is_some(),
    });
    told.insert(0, (check.problems, check.sources));
    Ok(Found { evaluation, problems: told })
}

fn side(plan: Plan, found: Compiled, source: WorkflowSource, settings: Settings) -> Side {
    Side { plan: Arc::new(plan), source, manifest: found.manifest_path.zip(found.manifest), settings }
}

/// The settings that a variant is compiled and run with.
fn settings_of(variant: &VariantSpec, settings: &Settings) -> Settings {
    let mut own = settings.clone();
    own.models.extend(variant.models.clone());
    own.instead.extend(variant.files.clone());
    own
}

fn has_error(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// A file that stands in for one that nobody reads would make a variant that is none.
fn reads_stand_ins(variant: &VariantSpec, compiled: &Compiled) -> Result<()> {
    let is_read = |file: &Path| compiled.sources.iter().any(|(_, source)| app::is_same_file(&source.path, file));
    match variant.files.keys().find(|file| !is_read(file)) {
        None => Ok(()),
        Some(file) => {
            let message = format!("variant `{}` replaces `{}`, which its workflow does not read", variant.name, file.display());
            Err(Error::new(ErrorKind::Invalid, message).hint("name a prompt file or an inner workflow that it reads"))
        }
    }
}

/// Inputs of all rows must be inputs of a workflow, and fit each that has them.
fn check_common(spec: &EvalSpec, plans: &[&Plan]) -> Result<()> {
    for (name, value) in &spec.inputs {
        let wanted: Vec<_> = plans.iter().filter_map(|plan| plan.inputs.get(name)).collect();
        if wanted.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, format!("no workflow of the eval has the input `{name}`"))
                .hint("take it out of `inputs` of the eval file"));
        }
        if let Some(problem) = wanted.into_iter().flat_map(|input| inputs::check(input, value)).next() {
            return Err(Error::new(ErrorKind::Invalid, format!("input `{name}` of all rows: {problem}")));
        }
    }
    Ok(())
}

/// Compiles a workflow for each agent that judges; `None` when one has errors.
async fn judges(
    scorers: &[Scorer],
    manifest: Option<PathBuf>,
    settings: &Settings,
    told: &mut Vec<(Vec<Diagnostic>, Sources)>,
) -> Result<Option<BTreeMap<String, Side>>> {
    let agents: BTreeSet<&str> = scorers.iter().filter_map(|scorer| Some(scorer.judge()?.0)).collect();
    let settings = Settings { manifest: settings.manifest.clone().or(manifest), ..settings.clone() };
    let mut judges = BTreeMap::new();
    for agent in agents {
        let source = WorkflowSource::Text(judge_text(agent));
        let mut found = app::compile(&source, &settings).await?;
        let Some(plan) = found.plan.take() else {
            let unknown = found.diagnostics.iter().find(|problem| problem.code == Code::UNKNOWN_AGENT);
            if let Some(problem) = unknown {
                let error = Error::new(ErrorKind::Invalid, format!("the judge `{agent}` is no agent of the manifest"));
                return Err(match &problem.hint {
                    Some(hint) => error.hint(hint.clone()),
                    None => error,
                });
            }
            told.push((found.diagnostics, found.sources));
            return Ok(None);
        };
        judges.insert(agent.to_owned(), side(plan, found, source, settings.clone()));
    }
    Ok(Some(judges))
}

/// Collects what is wrong in the eval file and the data set.
struct Check<'a> {
    places: &'a Places,
    sources: Sources,
    problems: Vec<Diagnostic>,
}

impl Check<'_> {
    fn scorers(&mut self, specs: &[ScorerSpec]) -> Result<Vec<Scorer>> {
        let mut scorers = Vec::new();
        for spec in specs {
            match Scorer::new(spec) {
                Ok(scorer) => scorers.push(scorer),
                Err(ScorerProblem { part, message, syntax }) => {
                    let place = self.places.scorer(&spec.name, part).cloned();
                    let code = if part == Part::Rule { Code::OUT_OF_RANGE } else { Code::EXPRESSION_SYNTAX };
                    self.report(place, code, &format!("scorer `{}`", spec.name), message, syntax.as_ref())?;
                }
            }
        }
        Ok(scorers)
    }

    fn filter(&mut self, source: Option<&str>) -> Result<Option<Expression>> {
        match source.map(Expression::parse).transpose() {
            Ok(filter) => Ok(filter),
            Err(problem) => {
                let place = self.places.filter().cloned();
                self.report(place, Code::EXPRESSION_SYNTAX, "the filter", problem.message.clone(), Some(&problem))?;
                Ok(None)
            }
        }
    }

    /// Reports a problem where it is written; of what came from an option, it is an error.
    fn report(
        &mut self,
        place: Option<Spanned<String>>,
        code: Code,
        what: &str,
        message: String,
        syntax: Option<&SyntaxProblem>,
    ) -> Result<()> {
        let hint = syntax.and_then(|syntax| syntax.hint.clone());
        let Some(place) = place else {
            let error = Error::new(ErrorKind::Invalid, format!("{what}: {message}"));
            return Err(match hint {
                Some(hint) => error.hint(hint),
                None => error,
            });
        };
        let span = match syntax {
            Some(syntax) => self.sources.inside(place.span, &place.value, syntax.range.clone()),
            None => place.span,
        };
        let problem = Diagnostic::error(code, span, message);
        self.problems.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
        Ok(())
    }

    /// Names that no row and no run has.
    fn names(&mut self, scorers: &[Scorer], filter: Option<&Expression>, plans: &[&Plan]) -> Result<()> {
        let of_row = &KNOWN_NAMES[1..];
        for plan in plans {
            let outputs: Vec<&str> = plan.outputs.keys().map(String::as_str).collect();
            let of_run: Vec<&str> = KNOWN_NAMES.iter().copied().chain(outputs.iter().copied()).collect();
            for scorer in scorers {
                for (part, reference) in scorer.references() {
                    let known: &[&str] = if part == Part::Of { &of_run } else { of_row };
                    if let Some(message) = unknown(reference, known, &outputs, &plan.name) {
                        let place = self.places.scorer(&scorer.name, part).cloned();
                        let syntax = syntax(message, reference);
                        let what = format!("scorer `{}`", scorer.name);
                        self.report(place, Code::UNKNOWN_NAME, &what, syntax.message.clone(), Some(&syntax))?;
                    }
                }
            }
        }
        for reference in filter.into_iter().flat_map(Expression::references) {
            if let Some(message) = unknown(reference, of_row, &[], "") {
                let syntax = syntax(message, reference);
                let place = self.places.filter().cloned();
                self.report(place, Code::UNKNOWN_NAME, "the filter", syntax.message.clone(), Some(&syntax))?;
            }
        }
        self.problems.dedup();
        Ok(())
    }

    /// The rows that are run: those that pass the filter, up to the limit, each with its inputs.
    fn rows(
        &mut self,
        rows: &[DataRow],
        filter: Option<&Expression>,
        spec: &EvalSpec,
        plans: &[&Plan],
        scorers: &[Scorer],
    ) -> Result<Vec<EvalRow>> {
        let before = self.problems.len();
        let mut checked = Vec::new();
        for row in rows {
            let inputs: Vec<_> = plans.iter().map(|plan| inputs_of(plan, row, &spec.inputs, &mut self.problems)).collect();
            let (expected, digest) = (row.expected(), row.digest());
            checked.push((row, EvalRow { id: row.id.clone(), line: row.line, digest, expected, inputs }));
        }
        // Workflows that are alike find the same.
        let mut found = self.problems.split_off(before);
        let mut seen = BTreeSet::new();
        found.retain(|problem| seen.insert((problem.span.start, problem.span.end, problem.message.clone())));
        self.problems.append(&mut found);
        if self.problems.len() > before {
            return Ok(Vec::new());
        }
        let mut chosen = Vec::new();
        for (written, row) in checked {
            let facts = row.facts(0);
            let is_wanted = filter.map_or(Ok(true), |filter| filter.is_true(facts.before()));
            match is_wanted {
                Ok(true) => {
                    self.row(written, &facts, scorers);
                    chosen.push(row);
                }
                Ok(false) => {}
                Err(error) => {
                    let message = format!("the filter cannot be asked of this row: {}", error.message());
                    self.problems.push(Diagnostic::error(Code::UNKNOWN_FIELD, start(written.span), message));
                }
            }
        }
        chosen.truncate(spec.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX));
        if chosen.is_empty() && self.problems.is_empty() && !rows.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, format!("no row of `{}` passes the filter", spec.data.display()))
                .hint("the names of a filter are `inputs`, `expected` and `row`"));
        }
        Ok(chosen)
    }

    /// What keeps a row from being scored.
    fn row(&mut self, row: &DataRow, facts: &Facts, scorers: &[Scorer]) {
        for scorer in scorers {
            if let Err(message) = scorer.check(facts) {
                let span = row.expected.as_ref().map_or_else(|| start(row.span), |expected| expected.span);
                let code = if row.expected.is_some() { Code::OUT_OF_RANGE } else { Code::MISSING_KEY };
                self.problems.push(Diagnostic::error(code, span, format!("scorer `{}`: {message}", scorer.name)));
            }
        }
    }
}

fn start(span: Span) -> Span {
    Span { end: span.start, ..span }
}

fn syntax((message, hint): (String, String), reference: &Reference) -> SyntaxProblem {
    SyntaxProblem { message, range: reference.range.clone(), hint: Some(hint), unknown_function: false }
}

/// Why a name cannot be read, and what to do.
fn unknown(reference: &Reference, known: &[&str], outputs: &[&str], workflow: &str) -> Option<(String, String)> {
    let name = reference.path.first()?;
    let (name, known, what) = match reference.path.get(1) {
        Some(field) if name == "outputs" && known.contains(&"outputs") && !reference.guarded => {
            (field, outputs, format!("workflow `{workflow}` has no output `{field}`"))
        }
        _ => (name, known, format!("there is no name `{name}` here")),
    };
    if known.contains(&name.as_str()) {
        return None;
    }
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let hint = nearest(name, known.iter().copied())
        .map_or_else(|| format!("there are {list}"), |near| format!("did you mean `{near}`?"));
    Some((what, hint))
}
