//! Problems in an author's files: positions, codes, and how a problem is shown.
//!
//! `manifest` and `plan` collect [`Diagnostic`]s over [`Sources`]; `codes` explains each code; `render` shows them as text, JSON,
//! SARIF or GitHub annotations.

mod align;
mod codes;
mod explain;
mod render;
mod source;

use std::fmt;

pub use codes::ALL_CODES;
pub use explain::explain;
pub use render::{DiagnosticFormat, render, summary};
pub use source::{
    DiskFiles, FileId, Files, MAX_FILE_BYTES, Position, SourceFile, Sources, Span, Spanned, StoredFiles, decode_text,
};

pub use crate::error::nearest;

/// The code of a sort of problem, e.g. `AF012`; `agentflow explain AF012` tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AF{:03}", self.0)
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be run.
    Error,
    /// The file can be run, but probably does not do what is meant.
    Warning,
}

/// A further place that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub message: String,
}

/// A problem in an author's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which sort of problem.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong; lower case, no full stop, names in backticks.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What belongs to the place, below its caret.
    pub label: Option<String>,
    /// Further places.
    pub related: Vec<Label>,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A problem that keeps the file from being run.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), span, label: None, related: Vec::new(), hint: None }
    }

    /// A problem that lets the file be run.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Says what belongs below the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a further place.
    #[must_use]
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Label { span, message: message.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
