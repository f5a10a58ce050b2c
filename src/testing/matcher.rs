//! What a value must be: a value that it equals, or a matcher that it fits.
//!
//! A plain value is equality, whatever is in it. A map whose only keys are of [`KEYS`] is a matcher, at any depth; all its keys must
//! hold. A map of data that looks like one is written below `equals`.

mod read;

use regex::Regex;

pub use read::Openness;

use crate::{diagnostic::Span, model::Value, schema::Validator, testing::difference::difference};

/// The keys of a matcher.
pub const KEYS: [&str; 8] = ["equals", "matches", "contains", "schema", "min", "max", "length", "not"];

/// The most mismatches that are told of one value.
const TOLD: usize = 6;
/// The most characters of a value that are shown on a line.
const SHOWN: usize = 160;

/// What a value must be.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Where it is written.
    pub span: Span,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    /// This value: no map and no list.
    Equals(Value),
    /// A list of just as many, each as its matcher says.
    List(Vec<Matcher>),
    /// A map with these fields.
    Fields { fields: Vec<(String, Matcher)>, openness: Openness },
    /// All of these.
    All(Vec<Condition>),
}

/// One key of a matcher.
#[derive(Debug, Clone)]
struct Condition {
    span: Span,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Equals(Box<Matcher>),
    Matches(Regex),
    Contains(Contained),
    Schema(Validator),
    Min(f64),
    Max(f64),
    Length(Box<Matcher>),
    Not(Box<Matcher>),
}

/// What must be in a value.
#[derive(Debug, Clone)]
enum Contained {
    /// Each of these is in the text, or an item of the list is like it.
    Each(Vec<Matcher>),
    /// The map has these fields; or an item of the list is a map that has them.
    Fields(Box<Matcher>),
}

/// Where a value is not what it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Where it is written what it must be.
    pub span: Span,
    /// The place in the value: `.findings[0].severity`; empty for the whole.
    pub at: String,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub actual: String,
    /// The difference as lines, where that tells more.
    pub difference: Vec<String>,
}

impl Matcher {
    /// Where `value` is not what it must be; empty when it fits. No more than some are told.
    #[must_use]
    pub fn mismatches(&self, value: &Value) -> Vec<Mismatch> {
        let mut found = Found::default();
        self.look(value, "", &mut found);
        found.mismatches
    }

    /// Whether `value` fits.
    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        self.mismatches(value).is_empty()
    }

    fn look(&self, value: &Value, at: &str, found: &mut Found) {
        match (&self.rule, value) {
            (Rule::Equals(expected), value) => {
                if !same(expected, value) {
                    found.add(differs(self.span, at, expected, value));
                }
            }
            (Rule::List(expected), Value::Array(items)) => {
                for (index, (matcher, item)) in expected.iter().zip(items).enumerate() {
                    matcher.look(item, &format!("{at}[{index}]"), found);
                }
                if expected.len() != items.len() {
                    let (expected, actual) = (counted(expected.len(), "item"), counted(items.len(), "item"));
                    found.add(Mismatch::new(self.span, at, expected, format!("{actual}: {}", shown(value))));
                }
            }
            (Rule::Fields { fields, openness }, Value::Object(object)) => {
                for (name, matcher) in fields {
                    match object.get(name) {
                        Some(value) => matcher.look(value, &inside(at, name), found),
                        None => found.add(Mismatch::new(matcher.span, at, format!("a field `{name}`"), fields_of(object.keys()))),
                    }
                }
                let unknown = object.iter().filter(|(name, _)| fields.iter().all(|(known, _)| known != *name));
                for (name, value) in unknown.filter(|_| *openness == Openness::Closed) {
                    found.add(Mismatch::new(self.span, at, format!("no field `{name}`"), format!("`{name}`: {}", shown(value))));
                }
            }
            (Rule::List(_), value) => found.add(Mismatch::new(self.span, at, "a list", described(value))),
            (Rule::Fields { .. }, value) => found.add(Mismatch::new(self.span, at, "a map", described(value))),
            (Rule::All(conditions), value) => conditions.iter().for_each(|condition| condition.look(value, at, found)),
        }
    }

    /// What it asks for, in words, as far as that fits on a line.
    fn in_words(&self) -> String {
        match &self.rule {
            Rule::Equals(value) => shown(value),
            Rule::List(items) => cut(&format!("[{}]", joined(items.iter().map(Self::in_words)))),
            Rule::Fields { fields, .. } => {
                cut(&format!("{{{}}}", joined(fields.iter().map(|(name, matcher)| format!("{name}: {}", matcher.in_words())))))
            }
            Rule::All(conditions) => conditions.iter().map(Condition::in_words).collect::<Vec<_>>().join(", "),
        }
    }
}

impl Condition {
    fn look(&self, value: &Value, at: &str, found: &mut Found) {
        let fail = |found: &mut Found| found.add(Mismatch::new(self.span, at, self.in_words(), described(value)));
        match &self.what {
            What::Equals(matcher) => matcher.look(value, at, found),
            What::Matches(regex) => {
                if !value.as_str().is_some_and(|text| regex.is_match(text)) {
                    fail(found);
                }
            }
            What::Contains(contained) => contained.look(self, value, at, found),
            What::Schema(validator) => {
                let problems = validator.problems(value);
                if !problems.is_empty() {
                    let actual = format!("{}: {}", shown(value), problems.join("; "));
                    found.add(Mismatch::new(self.span, at, "a value that follows the schema", actual));
                }
            }
            What::Min(least) => {
                if value.as_f64().is_none_or(|number| number < *least) {
                    fail(found);
                }
            }
            What::Max(most) => {
                if value.as_f64().is_none_or(|number| number > *most) {
                    fail(found);
                }
            }
            What::Length(matcher) => match length(value) {
                Some(length) if matcher.fits(&Value::from(length)) => {}
                Some(length) => {
                    found.add(Mismatch::new(self.span, at, self.in_words(), format!("length {length}: {}", shown(value))));
                }
                None => fail(found),
            },
            What::Not(matcher) => {
                if matcher.fits(value) {
                    fail(found);
                }
            }
        }
    }

    fn in_words(&self) -> String {
        match &self.what {
            What::Equals(matcher) => matcher.in_words(),
            What::Matches(regex) => format!("text that matches `{}`", regex.as_str()),
            What::Contains(Contained::Each(all)) => {
                format!("something that contains {}", all.iter().map(Matcher::in_words).collect::<Vec<_>>().join(" and "))
            }
            What::Contains(Contained::Fields(fields)) => format!("something that contains {}", fields.in_words()),
            What::Schema(_) => "a value that follows the schema".to_owned(),
            What::Min(least) => format!("a number of at least {least}"),
            What::Max(most) => format!("a number of at most {most}"),
            What::Length(matcher) => format!("length {}", matcher.in_words()),
            What::Not(matcher) => format!("not {}", matcher.in_words()),
        }
    }
}

impl Contained {
    fn look(&self, condition: &Condition, value: &Value, at: &str, found: &mut Found) {
        let is_in = |matcher: &Matcher| match value {
            Value::String(text) => match &matcher.rule {
                Rule::Equals(Value::String(part)) => text.contains(part),
                _ => false,
            },
            Value::Array(items) => items.iter().any(|item| matcher.fits(item)),
            // Of a map, a text is the name of a field.
            Value::Object(fields) => match &matcher.rule {
                Rule::Equals(Value::String(name)) => fields.contains_key(name),
                _ => false,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        };
        match (self, value) {
            // Told field by field.
            (Self::Fields(fields), Value::Object(_)) => fields.look(value, at, found),
            (Self::Fields(fields), _) => {
                if !is_in(fields) {
                    found.add(Mismatch::new(condition.span, at, condition.in_words(), described(value)));
                }
            }
            (Self::Each(all), _) => {
                for matcher in all.iter().filter(|matcher| !is_in(matcher)) {
                    let expected = format!("something that contains {}", matcher.in_words());
                    found.add(Mismatch::new(matcher.span, at, expected, described(value)));
                }
            }
        }
    }
}

impl Mismatch {
    fn new(span: Span, at: &str, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self { span, at: at.to_owned(), expected: expected.into(), actual: actual.into(), difference: Vec::new() }
    }
}

/// What was found, up to as many as are told.
#[derive(Default)]
struct Found {
    mismatches: Vec<Mismatch>,
}

impl Found {
    fn add(&mut self, mismatch: Mismatch) {
        if self.mismatches.len() < TOLD {
            self.mismatches.push(mismatch);
        }
    }
}

/// Two values that are not the same; of texts with several lines, the lines that differ.
fn differs(span: Span, at: &str, expected: &Value, actual: &Value) -> Mismatch {
    let mismatch = Mismatch::new(span, at, shown(expected), shown(actual));
    match (expected, actual) {
        (Value::String(one), Value::String(other)) if one.contains('\n') || other.contains('\n') => {
            Mismatch { difference: difference(one, other), ..mismatch }
        }
        _ => mismatch,
    }
}

/// Whether two values are the same; a number is the same in each way to write it.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.as_f64() == other.as_f64() && (one.is_f64() || other.is_f64()))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

/// Characters of a text, items of a list, fields of a map.
fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A value as JSON on one line, cut when it is long.
#[must_use]
pub fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

/// A value, after what sort of value it is where its JSON does not tell.
fn described(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("a list of {}: {}", counted(items.len(), "item"), shown(value)),
        Value::Object(_) => format!("a map: {}", shown(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => shown(value),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

fn fields_of<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names = joined(names.map(|name| format!("`{name}`")));
    if names.is_empty() { "a map without fields".to_owned() } else { cut(&format!("a map with {names}")) }
}

fn inside(at: &str, name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain { format!("{at}.{name}") } else { format!("{at}[{}]", Value::from(name)) }
}

#[cfg(test)]
mod tests;
