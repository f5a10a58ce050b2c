//! Problems in an author's files: positions, codes, and how a problem is shown.
//!
//! `manifest` and `plan` collect [`Diagnostic`]s over [`Sources`]; `codes` explains each code; `render` shows them as text, JSON,
//! SARIF or GitHub annotations.

mod codes;
mod source;

use std::fmt;

pub use codes::ALL_CODES;
pub use source::{DiskFiles, FileId, Files, SourceFile, Sources, Span, Spanned, StoredFiles};

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
