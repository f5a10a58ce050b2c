//! Why a text is no template or expression.

use std::{fmt, ops::Range};

use crate::error::nearest;

/// Why a text is no template or expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// What is wrong; lower case, no full stop.
    pub message: String,
    /// Bytes of the source.
    pub range: Range<usize>,
    /// What to do.
    pub hint: Option<String>,
    /// Whether it is a filter, test or function that does not exist (and the rest may be right).
    pub unknown_function: bool,
}

impl fmt::Display for SyntaxProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxProblem {}

/// Makes a problem whose range is inside `source` and ends between characters.
pub(super) fn problem(source: &str, range: Range<usize>, message: impl Into<String>) -> SyntaxProblem {
    let mut start = range.start.min(source.len());
    let mut end = range.end.clamp(start, source.len());
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    SyntaxProblem { message: message.into(), range: start..end, hint: None, unknown_function: false }
}

impl SyntaxProblem {
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Suggests the nearest of `names`, or lists what there is.
    pub(super) fn unknown(mut self, name: &str, names: impl Iterator<Item = &'static str>) -> Self {
        self.unknown_function = true;
        self.hint = nearest(name, names).map(|near| format!("did you mean `{near}`?"));
        self
    }
}

pub(super) fn from_minijinja(source: &str, error: &minijinja::Error) -> SyntaxProblem {
    let detail = error.detail().unwrap_or("cannot be read").to_owned();
    let range = error.range().unwrap_or(0..source.len());
    if let Some(name) = detail.strip_prefix("unknown statement ") {
        return problem(source, range, format!("there is no statement `{name}`")).with_hint(STATEMENTS);
    }
    problem(source, range, detail)
}

pub(super) const STATEMENTS: &str = "a template may use `{{ … }}`, `{% for %}`, `{% if %}`, `{% set name = … %}` and `{% raw %}`";
