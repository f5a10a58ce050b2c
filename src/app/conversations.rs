//! The conversations that agents go on with, for people: found by name, and by scope where several have one name.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    agent::{Conversation, ConversationId, conversations, remove_conversation},
    error::{Error, ErrorKind, Result},
    model::Scope,
    store::Store,
};

/// One conversation in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConversationSummary {
    /// Whose it is.
    pub scope: Scope,
    /// What it is called.
    pub name: String,
    /// How many turns it had, those included that are not kept word by word any more.
    pub turns: u64,
    /// How many are kept word by word.
    pub kept: usize,
    /// How many a summary stands for.
    pub summarized: u64,
    /// The tokens of those that are kept word by word.
    pub tokens: usize,
    /// When it was gone on with last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

impl From<&Conversation> for ConversationSummary {
    fn from(conversation: &Conversation) -> Self {
        Self {
            scope: conversation.id.scope.clone(),
            name: conversation.id.name.clone(),
            turns: conversation.total(),
            kept: conversation.turns.len(),
            summarized: conversation.summary.as_ref().map_or(0, |summary| summary.turns),
            tokens: conversation.turns.iter().map(|turn| turn.tokens).sum(),
            last: conversation.turns.back().map(|turn| turn.at),
        }
    }
}

/// All conversations, by scope and name.
///
/// # Errors
/// Those of the store; `Corrupt` for a document that cannot be read.
pub async fn list(store: &Arc<dyn Store>) -> Result<Vec<ConversationSummary>> {
    Ok(conversations(store).await?.iter().map(ConversationSummary::from).collect())
}

/// The conversation called `name`.
///
/// # Errors
/// `NotFound` when there is none, `Invalid` when several scopes have one and none is said; those of [`list`].
pub async fn find(store: &Arc<dyn Store>, name: &str, scope: Option<&Scope>) -> Result<Conversation> {
    let all = conversations(store).await?;
    let is_meant = |found: &Conversation| found.id.name == name && scope.is_none_or(|scope| found.id.scope == *scope);
    let mut found: Vec<Conversation> = all.into_iter().filter(is_meant).collect();
    if found.len() > 1 {
        let scopes: Vec<String> = found.iter().map(|found| format!("`{}`", found.id.scope)).collect();
        let message = format!("several conversations are called `{}`: of {}", name.escape_debug(), scopes.join(", "));
        return Err(Error::new(ErrorKind::Invalid, message).hint("say whose with `--scope`"));
    }
    found.pop().ok_or_else(|| {
        let of = scope.map(|scope| format!(" of `{scope}`")).unwrap_or_default();
        Error::new(ErrorKind::NotFound, format!("there is no conversation `{}`{of}", name.escape_debug()))
            .hint("`agentflow conversations list` shows those there are")
    })
}

/// Removes the conversation called so for good; returns which it was. One whose scope is said need not be readable.
///
/// # Errors
/// As [`find`].
pub async fn remove(store: &Arc<dyn Store>, name: &str, scope: Option<&Scope>) -> Result<ConversationId> {
    if let Some(scope) = scope {
        let id = ConversationId::new(scope.clone(), name)?;
        if remove_conversation(store, &id).await? {
            return Ok(id);
        }
    }
    let id = find(store, name, scope).await?.id;
    remove_conversation(store, &id).await?;
    Ok(id)
}
