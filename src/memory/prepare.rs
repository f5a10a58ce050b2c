//! What becomes of an item before anything is embedded: its hash, and where that is new, its text in chunks.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{Content, Item, NewChunk, NewDocument, TextHash},
    model::Position,
    provider::Embedder,
};

/// Stands for the way documents are divided; another way has another number, so that all are divided anew.
const WAY: &str = "divided-1";
/// The longest name of a document, in bytes.
const MAX_SOURCE: usize = 2_048;

/// How documents are divided.
#[derive(Debug, Clone)]
pub(super) struct Division {
    /// How many tokens a chunk has at most.
    pub(super) chunk_tokens: usize,
    /// How many tokens of a chunk are those of the chunk before.
    pub(super) overlap_tokens: usize,
    /// Who counts tokens, when vectors are made.
    pub(super) embedder: Option<Arc<dyn Embedder>>,
}

/// A document with what has to be embedded for it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The document, without vectors.
    pub(super) document: NewDocument,
    /// What is embedded for each of its chunks.
    pub(super) texts: Vec<String>,
    /// What a reader should know of how it was read.
    pub(super) notes: Vec<String>,
}

/// Refuses names that nobody could cite.
pub(super) fn check_source(source: &str) -> Result<()> {
    let problem = if source.trim().is_empty() {
        "is empty".to_owned()
    } else if source.len() > MAX_SOURCE {
        format!("has {} bytes; {MAX_SOURCE} are the most", source.len())
    } else if source.chars().any(char::is_control) {
        "has control characters".to_owned()
    } else {
        return Ok(());
    };
    let shown: String = source.escape_debug().take(80).collect();
    Err(Error::new(ErrorKind::Invalid, format!("the name `{shown}` of a document {problem}")))
}

impl Division {
    /// What tells an item from others: over its content, and over what decides how it is divided.
    pub(super) fn hash_of(&self, content: &Content) -> TextHash {
        let mut hash = Sha256::new();
        let (media_type, bytes) = match content {
            Content::Text(text) => ("text", text.as_bytes()),
            Content::Bytes { bytes, media_type } => (media_type.as_deref().unwrap_or("bytes"), bytes.as_slice()),
        };
        let head = format!("{WAY}\n{} {}\n{media_type}\n{}\n", self.chunk_tokens, self.overlap_tokens, bytes.len());
        hash.update(head.as_bytes());
        hash.update(bytes);
        data_encoding::HEXLOWER.encode(&hash.finalize())
    }

    /// Divides an item whose hash is `hash`. Takes as long as the item is large.
    ///
    /// # Errors
    /// Those of reading it as text.
    pub(super) fn divide(&self, item: Item, hash: TextHash) -> Result<Prepared> {
        let text = match item.content {
            Content::Text(text) => text,
            Content::Bytes { bytes, .. } => String::from_utf8_lossy(&bytes).into_owned(),
        };
        let tokens = self.embedder.as_ref().map_or(0, |embedder| embedder.count_tokens(&text));
        let bytes = text.len() as u64;
        let chunk = NewChunk {
            position: Position::default(),
            hash: text_hash(&text),
            text: text.clone(),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            vector: None,
        };
        let document = NewDocument {
            source: item.source,
            scope: item.scope,
            hash,
            bytes,
            writer: item.writer,
            untrusted: item.untrusted,
            metadata: item.metadata,
            chunks: vec![chunk],
        };
        Ok(Prepared { document, texts: vec![text], notes: Vec::new() })
    }
}

/// What tells texts that are embedded apart.
pub(super) fn text_hash(text: &str) -> TextHash {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
