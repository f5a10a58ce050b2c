//! The conversations in a store: found, added to by compare-and-set, listed, removed.

use std::sync::Arc;

use super::document::{Added, Compaction, Conversation, ConversationId, KeptTurn, PREFIX};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{Store, Version},
};

/// How often an addition is tried when others add at the same time: each of them is one that got through.
const MAX_TRIES: u32 = 100;
/// How many conversations are listed at once.
const PAGE: usize = 100;

/// The conversation called so; an empty one when nothing was said in it.
pub(super) async fn find(store: &Arc<dyn Store>, id: &ConversationId) -> Result<Conversation> {
    Ok(conversation(store, id).await?.unwrap_or_else(|| Conversation::empty(id.clone())))
}

/// Adds a turn, and has a summary take the place of older ones.
///
/// # Errors
/// Those of the store; `Conflict` when others keep adding.
pub(super) async fn add(
    store: &Arc<dyn Store>,
    id: &ConversationId,
    turn: &KeptTurn,
    compaction: Option<&Compaction>,
) -> Result<Added> {
    let key = id.key();
    for _ in 0..MAX_TRIES {
        let (version, mut conversation) = match store.get(&key).await? {
            Some(document) => (document.version, Conversation::read(&key, document)?),
            None => (Version::ABSENT, Conversation::empty(id.clone())),
        };
        let added = conversation.add(turn.clone(), compaction.cloned());
        if !added.is_new {
            return Ok(added);
        }
        let value = serde_json::to_value(&conversation)
            .map_err(|error| Error::new(ErrorKind::Internal, "a conversation cannot be written as JSON").source(error))?;
        match store.put(&key, version, &value).await {
            Ok(_) => return Ok(added),
            Err(error) if error.kind() == ErrorKind::Conflict => tokio::task::yield_now().await,
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("others keep adding to conversation `{id}`")))
}

/// All conversations in `store`, by their keys.
///
/// # Errors
/// Those of the store; `Corrupt` for a document that cannot be read.
pub async fn conversations(store: &Arc<dyn Store>) -> Result<Vec<Conversation>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(PREFIX, after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        for (key, document) in page {
            found.push(Conversation::read(&key, document)?);
            after = Some(key);
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// The conversation called so, if something was said in it.
///
/// # Errors
/// As [`conversations`].
pub async fn conversation(store: &Arc<dyn Store>, id: &ConversationId) -> Result<Option<Conversation>> {
    let key = id.key();
    store.get(&key).await?.map(|document| Conversation::read(&key, document)).transpose()
}

/// Removes a conversation, readable or not; tells whether there was one.
///
/// # Errors
/// Those of the store; `Conflict` when somebody keeps adding to it.
pub async fn remove_conversation(store: &Arc<dyn Store>, id: &ConversationId) -> Result<bool> {
    let key = id.key();
    for _ in 0..MAX_TRIES {
        let Some(document) = store.get(&key).await? else { return Ok(false) };
        match store.delete(&key, document.version).await {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => tokio::task::yield_now().await,
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("others keep adding to conversation `{id}`")))
}
