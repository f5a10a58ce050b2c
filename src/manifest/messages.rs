//! What a workflow says of messages: mailboxes, and nodes that send, receive and wait.

use std::time::Duration;

use crate::{
    diagnostic::{Span, Spanned},
    manifest::Tree,
};

/// An entry of `mailboxes:`.
#[derive(Debug, Clone, PartialEq)]
pub struct MailboxManifest {
    /// The whole entry.
    pub span: Span,
    /// The types of messages to all that it gets from the beginning.
    pub subscribe: Vec<Spanned<String>>,
    /// How many messages may wait in it.
    pub limit: Option<Spanned<u32>>,
    /// How long a message waits in it at most.
    pub ttl: Option<Spanned<Duration>>,
}

/// `send:`, a node.
#[derive(Debug, Clone, PartialEq)]
pub struct SendManifest {
    /// The whole entry.
    pub span: Span,
    /// To whom, a template: a mailbox, `all`, `project:NAME`.
    pub to: Spanned<String>,
    /// Its type, a template.
    pub kind: Spanned<String>,
    /// What it says: a value, a template or a tree of them.
    pub body: Option<Tree>,
    /// How long it is of use.
    pub ttl: Option<Spanned<Duration>>,
}

/// `receive:`, a node.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiveManifest {
    /// The whole entry.
    pub span: Span,
    /// From where, a template.
    pub mailbox: Spanned<String>,
    /// Of what type only, a template.
    pub kind: Option<Spanned<String>>,
    /// How many.
    pub count: Option<Spanned<u32>>,
    /// How long it waits for them.
    pub timeout: Option<Spanned<Duration>>,
    /// What follows when they are not there by then: `fail` or `take`.
    pub on_timeout: Option<Spanned<String>>,
}

/// `wait: { message: … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitMessageManifest {
    /// The whole entry.
    pub span: Span,
    /// Where it is to arrive, a template.
    pub mailbox: Spanned<String>,
    /// Of what type only, a template.
    pub kind: Option<Spanned<String>>,
    /// How long it is waited for.
    pub timeout: Option<Spanned<Duration>>,
    /// What follows when it is not there by then: `fail` or `continue`.
    pub on_timeout: Option<Spanned<String>>,
}
