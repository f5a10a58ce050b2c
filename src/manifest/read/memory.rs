//! What a tree says of memory → its types.

use super::values::{count32, entries, number, text, texts};
use crate::{
    diagnostic::Spanned,
    manifest::{AgentMemoryManifest, ConversationManifest, MemoryManifest, RecallManifest, RememberManifest, Tree},
};

pub(super) fn collection(tree: &Tree) -> MemoryManifest {
    MemoryManifest {
        span: tree.span,
        description: tree.get("description").and_then(text),
        embedder: tree.get("embedder").and_then(text),
        path: tree.get("path").map(texts).unwrap_or_default(),
        ignore: tree.get("ignore").map(texts).unwrap_or_default(),
        chunk: tree.get("chunk").and_then(count32),
        overlap: tree.get("overlap").and_then(count32),
    }
}

/// The keys about memory of an agent, or of a node that runs one.
pub(super) fn of_agent(tree: &Tree) -> AgentMemoryManifest {
    AgentMemoryManifest {
        recall: tree.get("recall").and_then(recall),
        remember: tree.get("remember").and_then(remember),
        conversation: tree.get("conversation").and_then(conversation),
    }
}

pub(super) fn recall(tree: &Tree) -> Option<RecallManifest> {
    Some(RecallManifest {
        span: tree.span,
        collection: text(tree).or_else(|| text(tree.get("collection")?))?,
        query: tree.get("query").and_then(text),
        k: tree.get("k").and_then(count32),
        min_score: tree.get("min_score").and_then(number),
        by: tree.get("by").and_then(text),
        filter: entries(tree.get("filter"), |_, value| Some(value.clone())),
        sources: tree.get("sources").map(texts).unwrap_or_default(),
        scope: tree.get("scope").map(texts).unwrap_or_default(),
        trusted_only: tree.get("trusted_only").and_then(|tree| Some(Spanned::new(tree.as_bool()?, tree.span))),
        max_tokens: tree.get("max_tokens").and_then(count32),
    })
}

pub(super) fn remember(tree: &Tree) -> Option<RememberManifest> {
    Some(RememberManifest {
        span: tree.span,
        collection: text(tree).or_else(|| text(tree.get("collection")?))?,
        documents: tree.get("documents").cloned(),
        metadata: entries(tree.get("metadata"), |_, value| Some(value.clone())),
        scope: tree.get("scope").and_then(text),
    })
}

fn conversation(tree: &Tree) -> Option<ConversationManifest> {
    Some(ConversationManifest {
        span: tree.span,
        name: text(tree).or_else(|| text(tree.get("name")?))?,
        scope: tree.get("scope").and_then(text),
        max_tokens: tree.get("max_tokens").and_then(count32),
        keep: tree.get("keep").and_then(count32),
        summarizer: tree.get("summarizer").and_then(text),
    })
}
