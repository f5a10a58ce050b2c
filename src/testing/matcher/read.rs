//! A matcher from what is written in a test file.

use regex::RegexBuilder;

use super::{Condition, Contained, KEYS, Matcher, Rule, What};
use crate::{
    diagnostic::{Code, Diagnostic, Span, nearest},
    manifest::{Tree, TreeKind, read_schema},
    schema::Validator,
};

/// The most that a compiled pattern may take, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// Whether a map may have other fields than those that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// It may not.
    Closed,
    /// It may, at every depth.
    Open,
}

impl Matcher {
    /// Reads what a value must be.
    ///
    /// `None` when it makes no sense; every reason is added to `problems`.
    pub fn read(tree: &Tree, openness: Openness, problems: &mut Vec<Diagnostic>) -> Option<Self> {
        let rule = match &tree.kind {
            TreeKind::Map(entries) if is_matcher(tree) => {
                let before = problems.len();
                let conditions = entries.iter().filter_map(|(key, value)| condition(&key.value, value, problems)).collect();
                if problems.len() > before {
                    return None;
                }
                bounds(tree, problems)?;
                Rule::All(conditions)
            }
            TreeKind::Map(entries) => {
                told_if_nearly(tree, problems);
                let read = |value: &Tree, problems: &mut Vec<_>| Self::read(value, openness, problems);
                let fields: Vec<_> =
                    entries.iter().map(|(key, value)| Some((key.value.clone(), read(value, problems)?))).collect();
                Rule::Fields { fields: fields.into_iter().collect::<Option<_>>()?, openness }
            }
            TreeKind::List(items) => {
                let items: Vec<_> = items.iter().map(|item| Self::read(item, openness, problems)).collect();
                Rule::List(items.into_iter().collect::<Option<_>>()?)
            }
            _ => Rule::Equals(tree.to_value()),
        };
        Some(Self { span: tree.span, rule })
    }

    /// Exactly this value, whatever is in it.
    #[must_use]
    pub fn exactly(tree: &Tree) -> Self {
        let rule = match &tree.kind {
            TreeKind::Map(entries) => Rule::Fields {
                fields: entries.iter().map(|(key, value)| (key.value.clone(), Self::exactly(value))).collect(),
                openness: Openness::Closed,
            },
            TreeKind::List(items) => Rule::List(items.iter().map(Self::exactly).collect()),
            _ => Rule::Equals(tree.to_value()),
        };
        Self { span: tree.span, rule }
    }
}

/// Whether a map is a matcher: it has keys, and only such keys.
fn is_matcher(tree: &Tree) -> bool {
    tree.as_map().is_some_and(|entries| !entries.is_empty() && entries.iter().all(|(key, _)| KEYS.contains(&key.value.as_str())))
}

/// Tells of a map that would be a matcher if one of its keys were written right.
fn told_if_nearly(tree: &Tree, problems: &mut Vec<Diagnostic>) {
    let entries = tree.as_map().unwrap_or_default();
    let is_key = |name: &str| KEYS.contains(&name);
    let others: Vec<_> = entries.iter().filter(|(key, _)| !is_key(&key.value)).collect();
    if let ([(key, _)], true) = (others.as_slice(), entries.len() > 1)
        && let Some(near) = nearest(&key.value, KEYS)
    {
        let problem = Diagnostic::warning(Code::BAD_MATCHER, key.span, format!("`{}` is no key of a matcher", key.value));
        problems.push(
            problem
                .label(format!("did you mean `{near}`?"))
                .hint("a map of data that looks like a matcher is written below `equals`"),
        );
    }
}

fn condition(key: &str, value: &Tree, problems: &mut Vec<Diagnostic>) -> Option<Condition> {
    let what = match key {
        "equals" => What::Equals(Box::new(Matcher::exactly(value))),
        "matches" => What::Matches(pattern(value, problems)?),
        "contains" => What::Contains(contained(value, problems)?),
        "schema" => {
            let schema = read_schema(value, problems)?;
            match Validator::new(&schema) {
                Ok(validator) => What::Schema(validator),
                Err(err) => return refuse(problems, value.span, err.message(), None),
            }
        }
        "min" => What::Min(number(key, value, problems)?),
        "max" => What::Max(number(key, value, problems)?),
        "length" => What::Length(Box::new(length(value, problems)?)),
        // `is_matcher` has seen that there are no others.
        _ => What::Not(Box::new(Matcher::read(value, Openness::Closed, problems)?)),
    };
    Some(Condition { span: value.span, what })
}

fn refuse<T>(problems: &mut Vec<Diagnostic>, span: Span, message: impl Into<String>, hint: Option<&str>) -> Option<T> {
    let problem = Diagnostic::error(Code::BAD_MATCHER, span, message);
    problems.push(match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    });
    None
}

fn pattern(value: &Tree, problems: &mut Vec<Diagnostic>) -> Option<regex::Regex> {
    let Some(text) = value.as_str() else {
        let message = format!("`matches` is a regular expression, found {}", value.describe());
        return refuse(problems, value.span, message, Some("write it as text: `matches: \"^LGTM\"`"));
    };
    match RegexBuilder::new(text).size_limit(PATTERN_SIZE).build() {
        Ok(regex) => Some(regex),
        Err(regex::Error::CompiledTooBig(_)) => {
            refuse(problems, value.span, "the regular expression is too large", Some("repeat fewer things fewer times"))
        }
        Err(err) => {
            // The last line says what is wrong, the ones before draw where.
            let why = err.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let hint = "look-around and references back are not known; a backslash in double quotes is written twice";
            refuse(problems, value.span, format!("no valid regular expression: {why}"), Some(hint))
        }
    }
}

fn contained(value: &Tree, problems: &mut Vec<Diagnostic>) -> Option<Contained> {
    match &value.kind {
        TreeKind::Map(_) if !is_matcher(value) => {
            Some(Contained::Fields(Box::new(Matcher::read(value, Openness::Open, problems)?)))
        }
        TreeKind::List(items) => {
            let items: Vec<_> = items.iter().map(|item| Matcher::read(item, Openness::Open, problems)).collect();
            Some(Contained::Each(items.into_iter().collect::<Option<_>>()?))
        }
        _ => Some(Contained::Each(vec![Matcher::read(value, Openness::Open, problems)?])),
    }
}

fn number(key: &str, value: &Tree, problems: &mut Vec<Diagnostic>) -> Option<f64> {
    value.as_number().or_else(|| refuse(problems, value.span, format!("`{key}` is a number, found {}", value.describe()), None))
}

fn length(value: &Tree, problems: &mut Vec<Diagnostic>) -> Option<Matcher> {
    let is_count = value.as_whole().is_some_and(|number| number >= 0);
    let is_range = value.as_map().is_some_and(|entries| {
        let good = |(key, value): &(crate::diagnostic::Spanned<String>, Tree)| {
            ["min", "max"].contains(&key.value.as_str()) && value.as_number().is_some()
        };
        !entries.is_empty() && entries.iter().all(good)
    });
    if !is_count && !is_range {
        let message = format!("`length` is a number or has `min` and `max`, found {}", value.describe());
        return refuse(problems, value.span, message, Some("write `length: 3` or `length: { min: 1, max: 5 }`"));
    }
    Matcher::read(value, Openness::Closed, problems)
}

/// Tells of bounds between which there is nothing.
fn bounds(tree: &Tree, problems: &mut Vec<Diagnostic>) -> Option<()> {
    let bound = |key| tree.get(key).and_then(Tree::as_number);
    match (bound("min"), bound("max")) {
        (Some(least), Some(most)) if least > most => {
            refuse(problems, tree.span, format!("no number is at least {least} and at most {most}"), None)
        }
        _ => Some(()),
    }
}
