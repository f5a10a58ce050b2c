//! One tree for YAML, TOML and JSON: every value and every key knows where it is written.

use crate::{diagnostic::Span, manifest::Entries};

/// A value with its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// Where the value is written; for strings, with their quotes.
    pub span: Span,
    /// The value.
    pub kind: TreeKind,
}

/// What a [`Tree`] holds.
#[derive(Debug, Clone, PartialEq)]
pub enum TreeKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order written, without duplicate keys.
    Map(Entries<Tree>),
}
