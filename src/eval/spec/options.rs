//! What is said of an eval on a command line: all of it, or what is different from its file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{EvalSpec, ScorerKind, ScorerSpec, VariantSpec, stem};
use crate::{
    diagnostic::{DiskFiles, Files as _},
    error::{Error, ErrorKind, Result},
    model::{AgentName, ModelRef},
    template::is_identifier,
};

/// The options.
#[derive(Debug, Clone, Default)]
pub struct EvalOptions {
    /// Workflows, unless there is an eval file.
    pub workflows: Vec<PathBuf>,
    /// The data set.
    pub data: Option<PathBuf>,
    /// Scorers.
    pub scores: Vec<ScoreOption>,
    /// Variants, instead of those of the file.
    pub variants: Vec<VariantOption>,
    /// Models; those that one agent is given twice or more are variants.
    pub models: Vec<(AgentName, ModelRef)>,
    /// How often each row is run.
    pub repeats: Option<u32>,
    /// How many rows are run at once.
    pub concurrency: Option<u32>,
    /// How many rows are run.
    pub limit: Option<u64>,
    /// Which rows are run.
    pub filter: Option<String>,
    /// What the intervals are drawn by.
    pub seed: Option<u64>,
    /// After which cost no row is begun.
    pub max_cost_usd: Option<f64>,
    /// The mean score below which it fails.
    pub fail_under: Option<f64>,
}

/// `[NAME=]KIND:OF[:ARGUMENT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreOption(pub ScorerSpec);

/// `NAME=CHANGE,…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantOption {
    /// Its name.
    pub name: String,
    /// What is different.
    pub changes: Vec<VariantChange>,
}

/// What is different in a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariantChange {
    /// `WORKFLOW`: another workflow.
    Workflow(PathBuf),
    /// `AGENT=PROVIDER/MODEL`: another model.
    Model(AgentName, ModelRef),
    /// `FILE=FILE`: a file that stands in for another one.
    File(PathBuf, PathBuf),
}

/// Whether a path is that of an eval file: `x.eval.yaml`, `.yml`, `.toml` or `.json`.
#[must_use]
pub fn is_eval_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".eval.yaml", ".eval.yml", ".eval.toml", ".eval.json"].iter().any(|ending| name.ends_with(ending))
}

impl EvalOptions {
    /// The eval that these describe alone.
    ///
    /// # Errors
    /// `Invalid` when something is missing.
    pub fn alone(&self) -> Result<EvalSpec> {
        let missing =
            |what: &str, hint: &str| Error::new(ErrorKind::Invalid, format!("an eval needs {what}")).hint(hint.to_owned());
        let Some(first) = self.workflows.first() else {
            return Err(missing("a workflow", "name an eval file, or a workflow with `--data FILE` and `--score KIND:OUTPUT`"));
        };
        let Some(data) = &self.data else {
            return Err(missing("a data set", "name one with `--data FILE`: JSON Lines or CSV"));
        };
        if self.scores.is_empty() {
            return Err(missing("a scorer", "say how outputs are scored, e.g. `--score exact:kind`"));
        }
        let stems: Vec<String> = self.workflows.iter().map(|path| stem(path)).collect();
        let variant = |(path, stem): (&PathBuf, &String)| {
            let is_once = stems.iter().filter(|other| *other == stem).count() == 1;
            VariantSpec::plain(if is_once { stem.clone() } else { path.display().to_string() }, path.clone())
        };
        let mut spec = EvalSpec::over(stem(first), data.clone());
        spec.variants = self.workflows.iter().zip(&stems).map(variant).collect();
        Ok(spec)
    }

    /// Changes `spec` as these say.
    ///
    /// # Errors
    /// `Invalid` for names that are given twice, and for more than one thing that makes variants.
    pub fn apply(&self, mut spec: EvalSpec) -> Result<EvalSpec> {
        spec.scorers.extend(self.scores.iter().map(|score| score.0.clone()));
        if let Some(name) = twice(spec.scorers.iter().map(|scorer| scorer.name.as_str())) {
            return Err(Error::new(ErrorKind::Invalid, format!("there are two scorers `{name}`"))
                .hint("give one a name of its own: `--score NAME=KIND:OUTPUT`"));
        }
        if let Some(data) = &self.data {
            spec.data.clone_from(data);
        }
        self.vary(&mut spec)?;
        if let Some(name) = twice(spec.variants.iter().map(|variant| variant.name.as_str())) {
            return Err(Error::new(ErrorKind::Invalid, format!("there are two variants `{name}`"))
                .hint("give them names of their own: `--variant NAME=…`"));
        }
        spec.repeats = self.repeats.unwrap_or(spec.repeats);
        spec.concurrency = self.concurrency.unwrap_or(spec.concurrency);
        spec.seed = self.seed.unwrap_or(spec.seed);
        spec.limit = self.limit.or(spec.limit);
        spec.filter = self.filter.clone().or(spec.filter);
        spec.max_cost_usd = self.max_cost_usd.or(spec.max_cost_usd);
        spec.fail_under = self.fail_under.or(spec.fail_under);
        Ok(spec)
    }

    /// The models that hold for all variants: those of agents that are given one.
    #[must_use]
    pub fn common_models(&self) -> BTreeMap<String, ModelRef> {
        let is_once = |agent: &AgentName| self.models.iter().filter(|(other, _)| other == agent).count() == 1;
        self.models.iter().filter(|(agent, _)| is_once(agent)).map(|(agent, model)| (agent.to_string(), model.clone())).collect()
    }

    /// Makes the variants that options describe.
    fn vary(&self, spec: &mut EvalSpec) -> Result<()> {
        let common = self.common_models();
        let mut varied: Vec<&AgentName> = self.models.iter().map(|(agent, _)| agent).collect();
        varied.retain(|agent| !common.contains_key(agent.as_str()));
        varied.dedup();
        let base = spec.variants.first().cloned();
        if !self.variants.is_empty() {
            let Some(base) = base else { return Ok(()) };
            // What a file or several workflows compare is not compared with what is said here.
            let base = VariantSpec::plain("", base.workflow);
            spec.variants = self.variants.iter().map(|variant| variant.of(&base)).collect();
        }
        let Some(agent) = varied.first() else { return Ok(()) };
        if varied.iter().any(|other| other != agent) || spec.variants.len() > 1 || !self.variants.is_empty() {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("`{agent}` is given two models where something else is compared"),
            )
            .hint("say what is compared with `--variant NAME=AGENT=PROVIDER/MODEL` for each side"));
        }
        let Some(base) = spec.variants.pop() else { return Ok(()) };
        for (_, model) in self.models.iter().filter(|(other, _)| other == *agent) {
            let mut variant = VariantSpec { name: model.to_string(), ..base.clone() };
            variant.models.insert(agent.to_string(), model.clone());
            spec.variants.push(variant);
        }
        Ok(())
    }
}

impl VariantOption {
    fn of(&self, base: &VariantSpec) -> VariantSpec {
        let mut variant = VariantSpec { name: self.name.clone(), ..base.clone() };
        for change in &self.changes {
            match change {
                VariantChange::Workflow(path) => variant.workflow.clone_from(path),
                VariantChange::Model(agent, model) => drop(variant.models.insert(agent.to_string(), model.clone())),
                VariantChange::File(file, other) => drop(variant.files.insert(file.clone(), other.clone())),
            }
        }
        variant
    }
}

/// The first name that is there twice.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Some(name);
        }
        seen.push(name);
    }
    None
}

impl FromStr for VariantOption {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let usage = "write NAME=CHANGE,… with changes WORKFLOW, AGENT=PROVIDER/MODEL or FILE=FILE; NAME= for none";
        let (name, changes) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()).ok_or(usage)?;
        let change = |text: &str| match text.split_once('=') {
            None => Ok(VariantChange::Workflow(text.into())),
            Some((file, other)) if file.contains(['/', '.']) => Ok(VariantChange::File(file.into(), other.into())),
            Some((agent, model)) => Ok(VariantChange::Model(told(agent.parse())?, told(model.parse())?)),
        };
        let changes = changes.split(',').map(str::trim).filter(|change| !change.is_empty()).map(change);
        Ok(Self { name: name.trim().to_owned(), changes: changes.collect::<std::result::Result<_, String>>()? })
    }
}

impl FromStr for ScoreOption {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let usage = "write [NAME=]KIND:OUTPUT[:ARGUMENT], e.g. exact:kind, regex:reply:^Dear, number:total:1% or \
                     judge:reply:AGENT:RUBRIC";
        let mut parts = text.splitn(3, ':');
        let (head, of) = (parts.next().unwrap_or_default(), parts.next().ok_or(usage)?);
        let argument = parts.next().map(str::to_owned);
        let (name, kind) = match head.split_once('=') {
            Some((name, kind)) => (Some(name.to_owned()), kind),
            None => (None, head),
        };
        let mut expected = None;
        let kind = match kind {
            "exact" | "contains" => {
                expected = argument;
                if kind == "exact" { ScorerKind::Exact } else { ScorerKind::Contains }
            }
            "regex" => ScorerKind::Regex { pattern: argument },
            "schema" => {
                let parse = |text: String| serde_json::from_str(&text).map_err(|error| format!("the schema is no JSON: {error}"));
                ScorerKind::Schema { is: argument.map(here_or_file).transpose()?.map(parse).transpose()? }
            }
            "number" => {
                let (abs, rel) = tolerances(argument.as_deref().unwrap_or("0"))?;
                ScorerKind::Number { abs, rel }
            }
            "judge" => {
                let (agent, rubric) = argument.as_deref().and_then(|text| text.split_once(':')).ok_or(usage)?;
                ScorerKind::Judge {
                    agent: told(agent.parse::<AgentName>())?.to_string(),
                    rubric: here_or_file(rubric.to_owned())?,
                }
            }
            _ => return Err(usage.to_owned()),
        };
        let of = of.trim();
        let name = name.unwrap_or_else(|| if is_identifier(of) { of.to_owned() } else { kind.word().to_owned() });
        if name.trim().is_empty() {
            return Err(usage.to_owned());
        }
        let of = Some(of.to_owned()).filter(|of| !of.is_empty());
        Ok(Self(ScorerSpec { name, kind, of, expected, pass: None, fail_under: None }))
    }
}

/// The text, or that of the file that it names by `@FILE`.
fn here_or_file(text: String) -> std::result::Result<String, String> {
    match text.strip_prefix('@') {
        Some(path) => told(DiskFiles.read(Path::new(path))),
        None => Ok(text),
    }
}

/// `0.5`, `1%` or `0.5,1%`.
fn tolerances(text: &str) -> std::result::Result<(f64, f64), String> {
    let (mut abs, mut rel) = (0.0, 0.0);
    for part in text.split(',').map(str::trim) {
        let (number, to, scale) = match part.strip_suffix('%') {
            Some(share) => (share, &mut rel, 0.01),
            None => (part, &mut abs, 1.0),
        };
        let parsed = number.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        *to = scale * parsed.ok_or_else(|| format!("`{part}` is no distance: write e.g. 0.5 or 1%"))?;
    }
    Ok((abs, rel))
}

fn told<T>(result: Result<T>) -> std::result::Result<T, String> {
    result.map_err(|error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(text: &str) -> ScorerSpec {
        text.parse::<ScoreOption>().unwrap_or_else(|error| panic!("{text}: {error}")).0
    }

    #[test]
    fn scorers_are_written_in_a_word() {
        let exact = score("exact:kind");
        assert_eq!((exact.name.as_str(), &exact.kind, exact.of.as_deref()), ("kind", &ScorerKind::Exact, Some("kind")));
        let named = score("words=contains:reply | lower:expected.words");
        assert_eq!((named.name.as_str(), named.expected.as_deref()), ("words", Some("expected.words")));
        assert_eq!(score("regex:reply:(?i)a:b").kind, ScorerKind::Regex { pattern: Some("(?i)a:b".into()) });
        assert_eq!(score("number:total:0.5,1%").kind, ScorerKind::Number { abs: 0.5, rel: 0.01 });
        assert_eq!(score("number:a + b").name, "number");
        assert_eq!(score("schema:n:{\"type\": \"integer\"}").kind.word(), "schema");
        let judge = ScorerKind::Judge { agent: "evaluator".into(), rubric: "Is it: polite?".into() };
        assert_eq!(score("judge:reply:evaluator:Is it: polite?").kind, judge);
        for bad in
            ["kind", "exakt:kind", "number:total:many", "judge:reply:evaluator", "=exact:kind", "schema:n:{", "number:t:-1"]
        {
            assert!(bad.parse::<ScoreOption>().is_err(), "{bad}");
        }
    }

    #[test]
    fn variants_are_other_workflows_models_and_files() {
        let variant: VariantOption = "new=workflows/b.yaml,writer=openai/gpt-5,prompts/a.md=prompts/b.md".parse().unwrap();
        let base = VariantSpec::plain("base", "a.yaml".into());
        let made = variant.of(&base);
        assert_eq!((made.name.as_str(), made.workflow.as_path()), ("new", Path::new("workflows/b.yaml")));
        assert_eq!(made.models["writer"].to_string(), "openai/gpt-5");
        assert_eq!(made.files[Path::new("prompts/a.md")], Path::new("prompts/b.md"));
        assert_eq!("plain=".parse::<VariantOption>().unwrap().of(&base).workflow, Path::new("a.yaml"));
        assert!("new".parse::<VariantOption>().is_err());
        assert!("new=writer=gpt".parse::<VariantOption>().is_err(), "a model has a provider");
    }

    fn options(models: &[&str]) -> EvalOptions {
        let model = |text: &&str| {
            let (agent, model) = text.split_once('=').unwrap();
            (agent.parse().unwrap(), model.parse().unwrap())
        };
        EvalOptions {
            workflows: vec!["a.yaml".into()],
            data: Some("rows.csv".into()),
            scores: vec!["exact:kind".parse().unwrap()],
            models: models.iter().map(model).collect(),
            ..EvalOptions::default()
        }
    }

    #[test]
    fn an_agent_with_two_models_makes_two_variants_and_one_with_one_model_none() {
        let given = options(&["a=mock/x", "b=mock/one", "b=mock/two"]);
        let spec = given.apply(given.alone().unwrap()).unwrap();
        let names: Vec<_> = spec.variants.iter().map(|variant| variant.name.as_str()).collect();
        assert_eq!(names, ["mock/one", "mock/two"]);
        assert_eq!(spec.variants[1].models["b"].to_string(), "mock/two");
        assert_eq!(given.common_models().keys().collect::<Vec<_>>(), ["a"]);
        for models in [["a=mock/x", "a=mock/y", "b=mock/x", "b=mock/y"].as_slice(), &["a=mock/x", "a=mock/x"]] {
            let given = options(models);
            assert!(given.apply(given.alone().unwrap()).is_err(), "{models:?}");
        }
    }

    #[test]
    fn two_workflows_are_two_variants_with_names_that_tell_them_apart() {
        let names = |workflows: &[&str]| {
            let given = EvalOptions { workflows: workflows.iter().map(PathBuf::from).collect(), ..options(&[]) };
            given.alone().unwrap().variants.into_iter().map(|variant| variant.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["x/a.yaml", "x/b.toml"]), ["a", "b"]);
        assert_eq!(names(&["x/a.yaml", "y/a.yaml"]), ["x/a.yaml", "y/a.yaml"]);
    }

    #[test]
    fn what_is_missing_is_told() {
        let error = |given: EvalOptions| given.alone().unwrap_err().message().to_owned();
        assert_eq!(error(EvalOptions { workflows: Vec::new(), ..options(&[]) }), "an eval needs a workflow");
        assert_eq!(error(EvalOptions { data: None, ..options(&[]) }), "an eval needs a data set");
        assert_eq!(error(EvalOptions { scores: Vec::new(), ..options(&[]) }), "an eval needs a scorer");
        assert!(is_eval_file(Path::new("evals/a.eval.yaml")) && !is_eval_file(Path::new("a.yaml")));
    }
}
