//! Regular expressions.

use regex::{Regex, RegexBuilder};

use super::{Mark, shown};
use crate::model::Value;

/// The most memory that a pattern may take, in bytes.
const MAX_SIZE: usize = 4 * 1024 * 1024;

/// 1 when the pattern is found in the text.
pub(super) fn score(actual: &Value, pattern: &Regex) -> Mark {
    let Some(text) = actual.as_str() else { return Err(format!("{} is no text", shown(actual)).into()) };
    if pattern.is_match(text) { Ok(1.0) } else { Err(format!("`{pattern}` is not found in {}", shown(actual)).into()) }
}

/// What is expected, as a pattern.
pub(super) fn expected(value: &Value) -> Result<Regex, String> {
    match value.as_str() {
        Some(pattern) => compile(pattern),
        None => Err(format!("a pattern must be expected, and {} is no text", shown(value))),
    }
}

/// Compiles a pattern.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(MAX_SIZE).build().map_err(|error| {
        let why = error.to_string();
        let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("`{pattern}` is no pattern: {last}")
    })
}
