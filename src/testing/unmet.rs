//! Something that must hold after a run, and does not.

use serde::Serialize;

use crate::diagnostic::{Sources, Span};

/// A place in a test file, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, as it was named or found.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// Where `span` begins.
    #[must_use]
    pub fn of(sources: &Sources, span: Span) -> Self {
        let position = sources.position(span);
        Self { file: position.path.display().to_string(), line: position.line, column: position.column }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// What was looked at: `outputs.report`, `executed.review`, `status`.
    pub what: String,
    /// Where the expectation is written; of one that is not written, where its test is.
    pub at: Place,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub actual: String,
    /// The difference as lines, where that tells more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub difference: Vec<String>,
    /// What helps to understand it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Unmet {
    /// At `at`, `what` is `actual` and not `expected`.
    pub fn new(what: impl Into<String>, at: Place, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        let (what, expected, actual) = (what.into(), expected.into(), actual.into());
        Self { what, at, expected, actual, difference: Vec::new(), hint: None }
    }

    /// Says what helps to understand it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// `FILE:LINE:COLUMN: WHAT: expected EXPECTED, found ACTUAL`, the difference below it.
impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: expected {}, found {}", self.at, self.what, self.expected, self.actual)?;
        self.difference.iter().try_for_each(|line| write!(f, "\n    {line}"))?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n    hint: {hint}"))
    }
}
