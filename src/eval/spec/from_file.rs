//! An eval file → [`EvalSpec`]: paths are taken from the file's folder, models and rubrics read.

use std::path::{Path, PathBuf};

use super::{EvalSpec, Places, ScorerKind, ScorerSpec, VariantSpec, stem};
use crate::{
    app::project::folder_of,
    diagnostic::{Code, Diagnostic, DiskFiles, Files as _, Sources, Span, Spanned},
    manifest::{ScorerKindManifest, ScorerManifest, VariantManifest, read_eval_file},
    model::ModelRef,
};

/// Reads the eval file at `path`. Every problem is added to `problems`; `None` when there is one that is an error.
pub fn from_file(path: &Path, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Option<(EvalSpec, Places)> {
    let written = read_eval_file(path, &DiskFiles, sources, problems)?;
    let folder = folder_of(path);
    let workflow = written.workflow.as_ref().map(|workflow| beside(&folder, &workflow.value));
    let mut variants: Vec<VariantSpec> = Vec::new();
    for (name, variant) in &written.variants {
        variants.extend(self::variant(&name.value, variant, workflow.as_deref(), &folder, problems));
    }
    let mut scorers = Vec::new();
    for (name, scorer) in &written.scorers {
        scorers.extend(self::scorer(&name.value, scorer, &folder, problems));
    }
    let spec = EvalSpec {
        description: written.description.as_ref().map(|text| text.value.clone()),
        inputs: written.inputs.iter().map(|(name, value)| (name.value.clone(), value.to_value())).collect(),
        scorers,
        limit: written.limit,
        filter: written.filter.as_ref().map(|filter| filter.value.clone()),
        seed: written.seed.unwrap_or_default(),
        max_cost_usd: written.max_cost_usd,
        fail_under: written.fail_under,
        ..EvalSpec::over(stem(path), beside(&folder, &written.data.as_ref()?.value))
    };
    let variants = if variants.is_empty() { vec![VariantSpec::plain(stem(workflow.as_ref()?), workflow?)] } else { variants };
    let spec = EvalSpec {
        variants,
        repeats: written.repeats.unwrap_or(spec.repeats),
        concurrency: written.concurrency.unwrap_or(spec.concurrency),
        ..spec
    };
    Some((spec, Places::of(&written)))
}

/// A path that is written in a file of `folder`.
fn beside(folder: &Path, path: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(path) } else { folder.join(path) }
}

fn variant(
    name: &str,
    written: &VariantManifest,
    usual: Option<&Path>,
    folder: &Path,
    problems: &mut Vec<Diagnostic>,
) -> Option<VariantSpec> {
    let workflow = written.workflow.as_ref().map(|workflow| beside(folder, &workflow.value));
    let mut variant = VariantSpec::plain(name, workflow.or_else(|| usual.map(Path::to_owned))?);
    for (agent, model) in &written.models {
        match model.value.parse::<ModelRef>() {
            Ok(model) => {
                variant.models.insert(agent.value.clone(), model);
            }
            Err(error) => {
                problems.push(with_hints(Diagnostic::error(Code::BAD_MODEL, model.span, error.message()), error.hints()));
            }
        }
    }
    for (file, other) in &written.files {
        for (path, span) in [(&file.value, file.span), (&other.value, other.span)] {
            problems.extend(absent(&beside(folder, path), span));
        }
        variant.files.insert(beside(folder, &file.value), beside(folder, &other.value));
    }
    Some(variant)
}

fn absent(path: &Path, span: Span) -> Option<Diagnostic> {
    let message = format!("there is no file `{}`", path.display());
    (!path.is_file()).then(|| Diagnostic::error(Code::UNREADABLE_FILE, span, message))
}

fn scorer(name: &str, written: &ScorerManifest, folder: &Path, problems: &mut Vec<Diagnostic>) -> Option<ScorerSpec> {
    let kind = match &written.kind {
        ScorerKindManifest::Exact => ScorerKind::Exact,
        ScorerKindManifest::Contains => ScorerKind::Contains,
        ScorerKindManifest::Regex(pattern) => {
            ScorerKind::Regex { pattern: pattern.as_ref().map(|pattern| pattern.value.clone()) }
        }
        ScorerKindManifest::Schema(schema) => ScorerKind::Schema { is: schema.as_ref().map(|schema| schema.value.clone()) },
        ScorerKindManifest::Number { abs, rel } => ScorerKind::Number { abs: *abs, rel: *rel },
        ScorerKindManifest::Judge { agent, rubric, rubric_file } => {
            let rubric = match (rubric, rubric_file) {
                (Some(rubric), _) => rubric.value.clone(),
                (None, Some(file)) => match DiskFiles.read(&beside(folder, &file.value)) {
                    Ok(text) => text,
                    Err(error) => {
                        let problem = Diagnostic::error(Code::PROMPT_FILE, file.span, error.message());
                        problems.push(with_hints(problem, error.hints()));
                        return None;
                    }
                },
                (None, None) => return None,
            };
            ScorerKind::Judge { agent: agent.value.clone(), rubric }
        }
    };
    let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
    Some(ScorerSpec {
        name: name.to_owned(),
        kind,
        of: text(&written.of),
        expected: text(&written.expected),
        pass: written.pass,
        fail_under: written.fail_under,
    })
}

fn with_hints(problem: Diagnostic, hints: &[String]) -> Diagnostic {
    match hints.first() {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
