//! A collection as text: a line of JSON about it, then one for each document. Written by `export`, read by `import`.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{Document, StoredChunk, TextHash, embedded::embedded},
    model::{CollectionName, Position, Scope, Value, Writer},
};

/// What the first line calls itself.
pub(super) const FORMAT: &str = "agentflow-memory";
/// The version that is written; later ones are refused.
pub(super) const VERSION: u32 = 1;
/// The most numbers of a vector.
const MAX_DIMENSION: usize = 65_536;
/// The longest name of an embedder, in bytes.
const MAX_EMBEDDER: usize = 300;
/// The most chunks of a document.
const MAX_CHUNKS: usize = 1_000_000;
/// The longest text of a chunk, and the largest metadata of a document, in bytes.
const MAX_TEXT: usize = 1 << 20;
/// How far the length of a vector may be from 1: a little less than the index lets through.
const TOLERANCE: f32 = 9e-4;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) collection: CollectionName,
    pub(super) embedder: String,
    pub(super) dimension: usize,
    /// Whether chunks come with their vectors.
    pub(super) vectors: bool,
}

/// A line about a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentLine {
    pub(super) source: String,
    pub(super) scope: Scope,
    pub(super) hash: TextHash,
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) writer: Writer,
    pub(super) untrusted: bool,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub(super) metadata: serde_json::Map<String, Value>,
    pub(super) chunks: Vec<ChunkLine>,
}

/// A chunk in the line of its document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChunkLine {
    pub(super) position: Position,
    pub(super) text: String,
    pub(super) hash: TextHash,
    pub(super) tokens: u32,
    /// Its numbers, of 32 bits, the lowest byte first, in base 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vector: Option<String>,
}

impl DocumentLine {
    pub(super) fn of(document: Document, chunks: Vec<StoredChunk>) -> Self {
        let chunk = |chunk: StoredChunk| ChunkLine {
            position: chunk.position,
            text: chunk.text,
            hash: chunk.hash,
            tokens: chunk.tokens,
            vector: chunk.vector.map(|vector| written(&vector)),
        };
        Self {
            source: document.source,
            scope: document.scope,
            hash: document.hash,
            bytes: document.bytes,
            writer: document.writer,
            untrusted: document.untrusted,
            metadata: document.metadata,
            chunks: chunks.into_iter().map(chunk).collect(),
        }
    }
}

impl Header {
    /// # Errors
    /// `Invalid` for another format or a later version, and for what no collection is like.
    pub(super) fn check(&self) -> Result<()> {
        if self.format != FORMAT {
            return Err(invalid(format!("its format is `{}`, not `{FORMAT}`", shown(&self.format))));
        }
        if self.version > VERSION || self.version == 0 {
            let text = format!("it is of version {} of the format; this agentflow reads up to {VERSION}", self.version);
            return Err(invalid(text).hint("use a newer agentflow"));
        }
        if self.dimension > MAX_DIMENSION {
            return Err(invalid(format!("its vectors have {} numbers; {MAX_DIMENSION} are the most", self.dimension)));
        }
        let is_name = |text: &str| !text.is_empty() && text.len() <= MAX_EMBEDDER && !text.chars().any(char::is_control);
        if !is_name(&self.embedder) {
            return Err(invalid(format!("`{}` is no name of an embedder", shown(&self.embedder))));
        }
        if self.vectors && self.dimension == 0 {
            return Err(invalid("it has vectors without numbers"));
        }
        Ok(())
    }
}

impl DocumentLine {
    /// Its chunks with their vectors and with what is embedded for each, when all of it is as it has to be.
    ///
    /// # Errors
    /// `Invalid`, saying what is not.
    pub(super) fn checked(&self, header: &Header) -> Result<Vec<(StoredChunk, String)>> {
        super::prepare::check_source(&self.source)?;
        if !is_hash(&self.hash) {
            return Err(invalid(format!("`{}` is no hash of a document", shown(&self.hash))));
        }
        if self.chunks.len() > MAX_CHUNKS {
            return Err(invalid(format!("it has {} chunks; {MAX_CHUNKS} are the most", self.chunks.len())));
        }
        let metadata = serde_json::to_string(&self.metadata).map_or(usize::MAX, |text| text.len());
        if metadata > MAX_TEXT {
            return Err(invalid(format!("its metadata has {metadata} bytes; {MAX_TEXT} are the most")));
        }
        let numbered = self.chunks.iter().enumerate();
        numbered
            .map(|(at, chunk)| chunk.checked(&self.source, header).map_err(|err| err.context(format!("chunk {at}"))))
            .collect()
    }
}

impl ChunkLine {
    fn checked(&self, source: &str, header: &Header) -> Result<(StoredChunk, String)> {
        if self.text.trim().is_empty() || self.text.len() > MAX_TEXT {
            return Err(invalid(format!("its text has {} bytes; 1 to {MAX_TEXT} are right", self.text.len())));
        }
        let Position { first_line, last_line, .. } = self.position;
        if first_line > last_line {
            return Err(invalid(format!("it begins in line {first_line} and ends in line {last_line}")));
        }
        let vector = match (&self.vector, header.vectors) {
            (Some(text), true) => Some(vector(text, header.dimension)?),
            (None, false) => None,
            (Some(_), false) => return Err(invalid("it has a vector, and the first line says that none has")),
            (None, true) => return Err(invalid("it has no vector, and the first line says that all have")),
        };
        let chunk = StoredChunk {
            position: self.position.clone(),
            text: self.text.clone(),
            hash: self.hash.clone(),
            tokens: self.tokens,
            vector,
        };
        // INVARIANT: a vector is found again by this hash, for other documents as well.
        let embedded = embedded(source, &chunk).ok_or_else(|| invalid("its hash is not that of its text"))?;
        Ok((chunk, embedded))
    }
}

fn written(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    BASE64.encode(&bytes)
}

fn vector(text: &str, dimension: usize) -> Result<Vec<f32>> {
    let bytes = BASE64.decode(text.as_bytes()).map_err(|err| invalid("its vector is no base 64").source(err))?;
    if bytes.len() != dimension * size_of::<f32>() {
        let text = format!("its vector has {} bytes; {dimension} numbers have {}", bytes.len(), dimension * size_of::<f32>());
        return Err(invalid(text));
    }
    let (numbers, _) = bytes.as_chunks();
    let vector: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !vector.iter().all(|number| number.is_finite()) {
        return Err(invalid("its vector has numbers that are none"));
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if (length - 1.0).abs() > TOLERANCE {
        return Err(invalid(format!("its vector is of length {length}, not 1")));
    }
    Ok(vector)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, text)
}

/// A text of strangers in a message.
fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}
