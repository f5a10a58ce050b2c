//! Why an evaluation stopped, and where.

use std::ops::Range;

use crate::template::code::Node;

/// Why an evaluation stopped, and at which part of the source.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) range: Option<Range<usize>>,
}

pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, range: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the innermost place.
    pub(super) fn at(mut self, node: &Node) -> Self {
        self.range.get_or_insert_with(|| node.range.clone());
        self
    }
}

impl From<minijinja::Error> for Fault {
    fn from(error: minijinja::Error) -> Self {
        Self::new(error.detail().map_or_else(|| error.kind().to_string(), str::to_owned))
    }
}
