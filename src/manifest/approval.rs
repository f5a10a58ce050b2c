//! What a workflow says of waiting: for a person, for a time.

use std::time::Duration;

use crate::{
    diagnostic::{Span, Spanned},
    manifest::{Schema, WaitMessageManifest},
};

/// `approval:`, a node.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalManifest {
    /// The whole entry.
    pub span: Span,
    /// What the person is asked, a template.
    pub message: Spanned<String>,
    /// What they can choose.
    pub options: Vec<Spanned<String>>,
    /// What they fill in.
    pub form: Option<Schema>,
    /// How long the question is open.
    pub timeout: Option<Spanned<Duration>>,
    /// What is taken as the answer when nobody gave one: an option, or `fail`.
    pub on_timeout: Option<Spanned<String>>,
}

/// `wait:`, a node: exactly one of its keys but for those of a message is written.
#[derive(Debug, Clone, PartialEq)]
pub enum WaitManifest {
    /// So long, from its beginning.
    For(Spanned<Duration>),
    /// Until then: a template that gives a time.
    Until(Spanned<String>),
    /// Until a message is there.
    Message(WaitMessageManifest),
}
