//! What becomes of an item before anything is embedded: its hash, and where that is new, its text in chunks.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{Content, DivideLimits, ExtractLimits, Item, NewChunk, NewDocument, Source, TextHash, divide, extract},
    provider::Embedder,
};

/// Stands for the way documents are divided; another way has another number, so that all are divided anew.
const WAY: &str = "divided-1";
/// How many digits at the end of a document's hash tell how it was divided.
const OF_WAY: usize = 8;
/// What is said of texts that nodes and agents write.
const WRITTEN: &str = "text/markdown; charset=utf-8";
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
    /// Whether it says anything else than the one that is there, but for when its file was last written.
    pub(super) is_news: bool,
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
            Content::Text(text) => (WRITTEN, text.as_bytes()),
            Content::Bytes { bytes, media_type } => (media_type.as_deref().unwrap_or("bytes"), bytes.as_slice()),
        };
        hash.update(format!("{media_type}\n{}\n", bytes.len()).as_bytes());
        hash.update(bytes);
        let mut hash = data_encoding::HEXLOWER.encode(&hash.finalize());
        hash.truncate(hash.len() - OF_WAY);
        hash + &self.way()
    }

    /// Whether the document with this hash was divided as documents are now.
    pub(super) fn made(&self, hash: &str) -> bool {
        hash.ends_with(&self.way())
    }

    /// What tells ways of dividing apart.
    fn way(&self) -> String {
        let way = format!("{WAY} {} {}", self.chunk_tokens, self.overlap_tokens);
        let mut hash = data_encoding::HEXLOWER.encode(&Sha256::digest(way.as_bytes()));
        hash.truncate(OF_WAY);
        hash
    }

    /// Divides an item whose hash is `hash`. Takes as long as the item is large.
    ///
    /// # Errors
    /// Those of reading it as text.
    pub(super) fn divide(&self, item: Item, hash: TextHash) -> Result<Prepared> {
        let (bytes, media_type) = match item.content {
            Content::Text(text) => (text.into_bytes(), Some(WRITTEN.to_owned())),
            Content::Bytes { bytes, media_type } => (bytes, media_type),
        };
        let size = bytes.len() as u64;
        let source = Source { name: item.source, bytes, media_type };
        let text = extract(&source, &ExtractLimits::default())?;
        let embedder = self.embedder.as_deref();
        let chunk_tokens = embedder.map_or(self.chunk_tokens, |embedder| embedder.max_tokens().min(self.chunk_tokens));
        let limits = DivideLimits { chunk_tokens, overlap_tokens: self.overlap_tokens };
        let count = |text: &str| embedder.map_or_else(|| words(text), |embedder| embedder.count_tokens(text));
        let (mut chunks, mut texts) = (Vec::new(), Vec::new());
        for piece in divide(&text, &limits, &count) {
            chunks.push(NewChunk {
                position: piece.position,
                text: piece.text,
                hash: piece.hash,
                tokens: u32::try_from(piece.tokens).unwrap_or(u32::MAX),
                vector: None,
            });
            texts.push(piece.embedded);
        }
        let document = NewDocument {
            source: source.name,
            scope: item.scope,
            hash,
            bytes: size,
            writer: item.writer,
            untrusted: item.untrusted,
            metadata: item.metadata,
            chunks,
        };
        Ok(Prepared { document, texts, notes: text.notes, is_news: true })
    }
}

/// How many tokens a text has, about, where no embedder counts them: a word is one for each four letters.
pub(super) fn words(text: &str) -> usize {
    text.split_whitespace().map(|word| word.chars().count().div_ceil(4)).sum()
}

/// What tells texts that are embedded apart.
pub(super) fn text_hash(text: &str) -> TextHash {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
