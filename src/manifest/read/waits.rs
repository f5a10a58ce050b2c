//! Nodes that wait, send and receive: a tree → their types.

use super::values::{count32, duration, text, texts};
use crate::{
    diagnostic::Spanned,
    manifest::{
        ApprovalManifest, MailboxManifest, ReceiveManifest, Schema, SendManifest, Tree, WaitManifest, WaitMessageManifest,
    },
};

/// `form` is the schema of `form`, where there is one.
pub(super) fn approval(tree: &Tree, form: Option<Schema>) -> Option<ApprovalManifest> {
    let written = tree.get("options").map(texts).filter(|options| !options.is_empty());
    let usual = || ["approve", "reject"].map(|option| Spanned::new(option.to_owned(), tree.span)).to_vec();
    Some(ApprovalManifest {
        span: tree.span,
        message: tree.get("message").and_then(text)?,
        options: written.unwrap_or_else(usual),
        form,
        timeout: tree.get("timeout").and_then(duration),
        on_timeout: tree.get("on_timeout").and_then(text),
    })
}

pub(super) fn wait(tree: &Tree) -> Option<WaitManifest> {
    if let Some(tree) = tree.get("for") {
        return duration(tree).map(WaitManifest::For);
    }
    if let Some(tree) = tree.get("until") {
        return text(tree).map(WaitManifest::Until);
    }
    let tree = tree.get("message")?;
    Some(WaitManifest::Message(WaitMessageManifest {
        span: tree.span,
        mailbox: tree.get("mailbox").and_then(text)?,
        kind: tree.get("type").and_then(text),
        timeout: tree.get("timeout").and_then(duration),
        on_timeout: tree.get("on_timeout").and_then(text),
    }))
}

pub(super) fn mailbox(tree: &Tree) -> MailboxManifest {
    MailboxManifest {
        span: tree.span,
        subscribe: tree.get("subscribe").map(texts).unwrap_or_default(),
        limit: tree.get("limit").and_then(count32),
        ttl: tree.get("ttl").and_then(duration),
    }
}

pub(super) fn send(tree: &Tree) -> Option<SendManifest> {
    Some(SendManifest {
        span: tree.span,
        to: tree.get("to").and_then(text)?,
        kind: tree.get("type").and_then(text)?,
        body: tree.get("body").cloned(),
        ttl: tree.get("ttl").and_then(duration),
    })
}

pub(super) fn receive(tree: &Tree) -> Option<ReceiveManifest> {
    Some(ReceiveManifest {
        span: tree.span,
        mailbox: tree.get("mailbox").and_then(text)?,
        kind: tree.get("type").and_then(text),
        count: tree.get("count").and_then(count32),
        timeout: tree.get("timeout").and_then(duration),
        on_timeout: tree.get("on_timeout").and_then(text),
    })
}
