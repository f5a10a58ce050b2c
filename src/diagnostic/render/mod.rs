//! Shows problems: as text for people, and as JSON, SARIF and GitHub workflow commands for programs.

mod github;
mod json;
mod sarif;
mod text;

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Severity, Sources};

/// How problems are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosticFormat {
    /// For people: the line with a caret below the place.
    Text {
        /// Whether to use colours.
        color: bool,
        /// Columns of the terminal; longer lines of the file are cut.
        width: usize,
    },
    /// An array of objects.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands that become annotations of a pull request.
    Github,
}

/// Shows `diagnostics`, in their order. Ends with a newline, except that there is no text for no problems.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, format: DiagnosticFormat) -> String {
    match format {
        DiagnosticFormat::Text { color, width } => text::render(diagnostics, sources, color, width),
        DiagnosticFormat::Json => json::render(diagnostics, sources),
        DiagnosticFormat::Sarif => sarif::render(diagnostics, sources),
        DiagnosticFormat::Github => github::render(diagnostics, sources),
    }
}

/// How many problems there are and in how many files: `3 errors, 1 warning in 2 files`; `no problems` for none.
#[must_use]
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let files: BTreeSet<_> = diagnostics.iter().map(|diagnostic| diagnostic.span.file).collect();
    let parts: Vec<String> = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| plural(count, what))
        .collect();
    if parts.is_empty() {
        return "no problems".to_owned();
    }
    format!("{} in {}", parts.join(", "), plural(files.len(), "file"))
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

#[cfg(test)]
mod tests;
