//! How what a run puts out becomes a score from 0 to 1: by rules over values, or by an agent that judges.
//!
//! What is scored and what it is compared with are expressions of the template language, over `outputs` (and each output by its own
//! name), `inputs`, `expected` and `row`.

mod contains;
mod exact;
mod facts;
mod judge;
mod number;
mod pattern;
mod shape;

use regex::Regex;
use serde::{Deserialize, Serialize};

pub use facts::Facts;
pub(super) use facts::KNOWN_NAMES;
pub(super) use judge::{judge_text, judged};

use crate::{
    error::Result,
    eval::spec::{ScorerKind, ScorerSpec},
    model::{RunId, Value},
    schema::Validator,
    template::{Expression, Reference, SyntaxProblem},
};

/// A scorer that can score.
#[derive(Debug, Clone)]
pub struct Scorer {
    /// Its name.
    pub name: String,
    /// The score from which on a row passes.
    pub pass: f64,
    /// The mean score below which the eval fails.
    pub fail_under: Option<f64>,
    of: Option<Expression>,
    expected: Option<Expression>,
    rule: Rule,
}

/// By which rule it scores.
#[derive(Debug, Clone)]
enum Rule {
    Exact,
    Contains,
    Regex(Option<Regex>),
    Schema(Option<Validator>),
    Number { abs: f64, rel: f64 },
    Judge { agent: String, rubric: String },
}

/// What a scorer says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// From 0 to 1; 0 when there is nothing to score.
    pub score: f64,
    /// Whether that is enough.
    pub passed: bool,
    /// Why it is not 1; what the judge says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether there was nothing to score: the run failed, or the judge did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// The run of the judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_run: Option<RunId>,
}

/// A score before it is held against what passes: 1, or less of it.
type Mark = std::result::Result<f64, Missed>;

/// A score below 1, and why.
struct Missed {
    score: f64,
    why: String,
}

impl From<String> for Missed {
    fn from(why: String) -> Self {
        Self { score: 0.0, why }
    }
}

/// A part of a scorer, which may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// What is scored.
    Of,
    /// What it is compared with.
    Expected,
    /// The pattern, the schema or the agent.
    Rule,
}

/// Why a scorer cannot be made.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorerProblem {
    /// In which part.
    pub part: Part,
    /// What is wrong.
    pub message: String,
    /// Where in the part, for an expression, and what to do.
    pub syntax: Option<SyntaxProblem>,
}

impl Scorer {
    /// Makes the scorer that `spec` describes.
    ///
    /// # Errors
    /// Expressions, patterns and schemas that are none.
    pub fn new(spec: &ScorerSpec) -> std::result::Result<Self, ScorerProblem> {
        let parse = |part, source: &Option<String>| {
            let parsed = source.as_deref().map(Expression::parse).transpose();
            parsed.map_err(|syntax| ScorerProblem { part, message: syntax.message.clone(), syntax: Some(syntax) })
        };
        let rule_problem = |message| ScorerProblem { part: Part::Rule, message, syntax: None };
        let rule = match &spec.kind {
            ScorerKind::Exact => Rule::Exact,
            ScorerKind::Contains => Rule::Contains,
            ScorerKind::Regex { pattern } => {
                Rule::Regex(pattern.as_deref().map(pattern::compile).transpose().map_err(rule_problem)?)
            }
            ScorerKind::Schema { is } => {
                Rule::Schema(is.as_ref().map(Validator::new).transpose().map_err(|error| rule_problem(error.to_string()))?)
            }
            ScorerKind::Number { abs, rel } => Rule::Number { abs: *abs, rel: *rel },
            ScorerKind::Judge { agent, rubric } => Rule::Judge { agent: agent.clone(), rubric: rubric.clone() },
        };
        Ok(Self {
            name: spec.name.clone(),
            pass: spec.pass(),
            fail_under: spec.fail_under,
            of: parse(Part::Of, &spec.of)?,
            expected: parse(Part::Expected, &spec.expected)?,
            rule,
        })
    }

    /// The agent that judges and its rubric, when the scorer is one that asks.
    #[must_use]
    pub fn judge(&self) -> Option<(&str, &str)> {
        match &self.rule {
            Rule::Judge { agent, rubric } => Some((agent, rubric)),
            Rule::Exact | Rule::Contains | Rule::Regex(_) | Rule::Schema(_) | Rule::Number { .. } => None,
        }
    }

    /// What its expressions read, each with its part.
    pub fn references(&self) -> impl Iterator<Item = (Part, &Reference)> {
        let of = self.of.iter().flat_map(Expression::references).map(|reference| (Part::Of, reference));
        let expected = self.expected.iter().flat_map(Expression::references).map(|reference| (Part::Expected, reference));
        of.chain(expected)
    }

    /// What keeps a row from being scored, however its run ends: found out before it is run.
    ///
    /// # Errors
    /// A sentence about what is expected.
    pub fn check(&self, facts: &Facts) -> std::result::Result<(), String> {
        let needs_none = matches!(self.rule, Rule::Regex(Some(_)) | Rule::Schema(Some(_)) | Rule::Judge { .. });
        if needs_none && self.expected.is_none() {
            return Ok(());
        }
        let expected = self.expected(facts)?;
        match &self.rule {
            Rule::Exact | Rule::Judge { .. } | Rule::Regex(Some(_)) | Rule::Schema(Some(_)) => Ok(()),
            Rule::Contains => contains::check(&expected),
            Rule::Regex(None) => pattern::expected(&expected).map(drop),
            Rule::Schema(None) => shape::expected(&expected).map(drop),
            Rule::Number { .. } => number::expected(&expected).map(drop),
        }
    }

    /// Scores what a run put out. A value that cannot be scored, e.g. a text where a number is expected, has the score 0.
    ///
    /// Those of a judge are made by its run: see [`Scorer::judge`].
    #[must_use]
    pub fn score(&self, facts: &Facts) -> Score {
        match self.mark(facts) {
            Ok(score) => self.scored(score, None),
            Err(missed) => self.scored(missed.score, Some(missed.why)),
        }
    }

    fn mark(&self, facts: &Facts) -> Mark {
        let actual = self.actual(facts)?;
        match &self.rule {
            Rule::Exact => exact::score(&actual, &self.expected(facts)?),
            Rule::Contains => contains::score(&actual, &self.expected(facts)?),
            Rule::Regex(Some(pattern)) => pattern::score(&actual, pattern),
            Rule::Regex(None) => pattern::score(&actual, &pattern::expected(&self.expected(facts)?)?),
            Rule::Schema(Some(schema)) => shape::score(&actual, schema),
            Rule::Schema(None) => shape::score(&actual, &shape::expected(&self.expected(facts)?)?),
            Rule::Number { abs, rel } => number::score(&actual, &self.expected(facts)?, *abs, *rel),
            Rule::Judge { .. } => Err("a judge scores by a run of its own".to_owned().into()),
        }
    }

    /// A score with what it means.
    #[must_use]
    pub fn scored(&self, score: f64, reason: Option<String>) -> Score {
        Score { score, passed: score >= self.pass, reason, failed: false, judge_run: None }
    }

    /// The score of what could not be scored.
    #[must_use]
    pub fn failed(&self, reason: impl Into<String>) -> Score {
        Score { score: 0.0, passed: false, reason: Some(reason.into()), failed: true, judge_run: None }
    }

    /// What is scored.
    ///
    /// # Errors
    /// When the outputs do not have it.
    pub fn actual(&self, facts: &Facts) -> std::result::Result<Value, String> {
        match &self.of {
            Some(of) => told(of.evaluate(facts.after())),
            None => Ok(facts.outputs()),
        }
    }

    /// What is expected: what the expression says; without one, the field of `expected` that is called as the output is, or all of it.
    ///
    /// # Errors
    /// When the row does not have it.
    pub fn expected(&self, facts: &Facts) -> std::result::Result<Value, String> {
        if let Some(expected) = &self.expected {
            return told(expected.evaluate(facts.before()));
        }
        let whole = facts.expected().ok_or_else(|| "the row has no `expected`".to_owned())?;
        let field = self.of.as_ref().and_then(Self::name_of).and_then(|name| whole.get(name));
        Ok(field.unwrap_or(whole).clone())
    }

    /// The name of the output that an expression is: `kind`, `outputs.kind`.
    fn name_of(of: &Expression) -> Option<&str> {
        let [reference] = of.references() else { return None };
        let is_all = reference.range == (0..of.source().len());
        match reference.path.as_slice() {
            [name] if is_all => Some(name),
            [outputs, name] if is_all && outputs == "outputs" => Some(name),
            _ => None,
        }
    }
}

/// An error of a template as a sentence.
fn told(value: Result<Value>) -> std::result::Result<Value, String> {
    value.map_err(|error| error.message().to_owned())
}

/// A value in a sentence: not longer than a line.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

#[cfg(test)]
mod tests;
