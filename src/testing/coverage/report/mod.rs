//! Coverage as people and programs read it: text, JSON, a page.

mod html;
mod json;
mod page;
mod text;

pub use json::FORMAT_VERSION;

use super::Coverage;

/// How coverage is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoverageFormat {
    /// A table of percentages, and what is missing, with its place and how to come to it.
    Text,
    /// All points, for programs.
    Json,
    /// One page with the graphs and the files, without scripts or references to anything outside.
    Html,
}

/// Shows `coverage`. Ends with a line feed. Text of authors is cleaned and escaped as the format wants it.
#[must_use]
pub fn render(coverage: &Coverage, format: CoverageFormat) -> String {
    match format {
        CoverageFormat::Text => text::render(coverage),
        CoverageFormat::Json => json::render(coverage),
        CoverageFormat::Html => html::render(coverage),
    }
}

/// Text of an author in one line, without control characters.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
