//! Where chunks and their vectors are kept and found: the [`Index`] trait. Not every store can search vectors, so this is a trait of
//! its own beside `store::Store`.

mod sqlite;

use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    model::{CollectionName, Passage, Position, Scope, Value, Writer},
};

pub use sqlite::SqliteIndex;

/// What tells texts apart: SHA-256, in hex.
pub type TextHash = String;

/// A collection, as the index has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Collection {
    /// What it is called.
    pub name: CollectionName,
    /// By what its vectors were made ([`Embedder::id`](crate::provider::Embedder::id)); `lexical` when it has none.
    pub embedder: String,
    /// How many numbers a vector has; 0 when there are none.
    pub dimension: usize,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something was last added or removed.
    pub changed_at: Timestamp,
    /// How many documents it has.
    pub documents: u64,
    /// How many chunks these have.
    pub chunks: u64,
    /// How many tokens these have, by the embedder's count.
    pub tokens: u64,
    /// How many bytes their texts have, in UTF-8.
    pub text_bytes: u64,
}

/// What is to be put into a collection in place of what was there under the same scope and source.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDocument {
    /// Where it is from: a path from the project's folder with `/`, a URL, or a name.
    pub source: String,
    /// Whose it is.
    pub scope: Scope,
    /// SHA-256 over its content and over how it was divided, in hex: the same when nothing need be done.
    pub hash: TextHash,
    /// How many bytes it had where it was read.
    pub bytes: u64,
    /// Who wrote it.
    pub writer: Writer,
    /// Whether strangers or models may have written it.
    pub untrusted: bool,
    /// What is noted about it, by name: filters look at it.
    pub metadata: serde_json::Map<String, Value>,
    /// Its parts, in order. None for a document without text.
    pub chunks: Vec<NewChunk>,
}

/// A part of a document that is to be put into a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChunk {
    /// Where it stands.
    pub position: Position,
    /// The text, as it is shown.
    pub text: String,
    /// SHA-256 of what was embedded, in hex; chunks of the same hash have the same vector.
    pub hash: TextHash,
    /// How many tokens it has.
    pub tokens: u32,
    /// Of length 1; `None` in collections without vectors.
    pub vector: Option<Vec<f32>>,
}

/// A document of a collection, without its text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Where it is from.
    pub source: String,
    /// Whose it is.
    pub scope: Scope,
    /// See [`NewDocument::hash`].
    pub hash: TextHash,
    /// How many bytes it had where it was read.
    pub bytes: u64,
    /// Who wrote it.
    pub writer: Writer,
    /// Whether strangers or models may have written it.
    pub untrusted: bool,
    /// What is noted about it.
    pub metadata: serde_json::Map<String, Value>,
    /// When it was added, or last replaced.
    pub added_at: Timestamp,
    /// How many chunks it has.
    pub chunks: u64,
    /// How many tokens these have.
    pub tokens: u64,
}

/// A chunk of a collection, with its vector where one is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredChunk {
    /// Where it stands.
    pub position: Position,
    /// The text.
    pub text: String,
    /// SHA-256 of what was embedded, in hex.
    pub hash: TextHash,
    /// How many tokens it has.
    pub tokens: u32,
    /// Its vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
}

/// Which chunks are looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Only what is of one of these scopes; of any when empty.
    pub scopes: Vec<Scope>,
    /// Only documents whose metadata has these values; a list stands for one of its elements.
    pub metadata: serde_json::Map<String, Value>,
    /// Only sources that fit one of these globs (`*` within a part of a path, `**` over parts); any when empty.
    pub sources: Vec<String>,
    /// Only what no stranger and no model may have written.
    pub trusted_only: bool,
}

/// A search, when its query has been embedded.
#[derive(Debug, Clone, PartialEq)]
pub struct Search<'a> {
    /// The query's vector, of length 1: finds by meaning.
    pub vector: Option<&'a [f32]>,
    /// The query's words, as a person wrote them, not in any query language: finds by words. With a vector as well, both
    /// orders are fused by reciprocal ranks.
    pub words: Option<&'a str>,
    /// How many chunks are wanted at most.
    pub k: usize,
    /// The least similarity (cosine) of what is found, by words as well.
    pub min_score: Option<f64>,
    /// Which chunks are looked at.
    pub filter: Filter,
}

/// Keeps collections and finds chunks in them. What is put is seen at once by every search that begins later, in other processes as
/// well; a document is seen as a whole or not at all.
#[async_trait]
pub trait Index: fmt::Debug + Send + Sync {
    /// All collections, by name.
    ///
    /// # Errors
    /// `StoreUnavailable`, `Corrupt`: as those of the store; so in all that follows.
    async fn collections(&self) -> Result<Vec<Collection>>;

    /// The collection called `name`, if there is one.
    async fn collection(&self, name: &CollectionName) -> Result<Option<Collection>>;

    /// Makes a collection of vectors of `dimension` numbers by `embedder` (`lexical`: 0), or finds it.
    ///
    /// # Errors
    /// `Invalid` when it is there with another embedder or dimension, with `agentflow memory reindex` as the hint.
    async fn make(&self, name: &CollectionName, embedder: &str, dimension: usize) -> Result<Collection>;

    /// Removes a collection with all it has; tells whether it was there.
    async fn drop_collection(&self, name: &CollectionName) -> Result<bool>;

    /// Puts the collection `fresh` in place of `name`, in one step: `name` is removed, `fresh` renamed.
    ///
    /// # Errors
    /// `NotFound` when there is no `fresh`.
    async fn replace(&self, name: &CollectionName, fresh: &CollectionName) -> Result<()>;

    /// Up to `limit` documents by source, then scope, of those after `after`.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection; so in all that follows.
    async fn documents(
        &self,
        name: &CollectionName,
        filter: &Filter,
        after: Option<(&str, &Scope)>,
        limit: usize,
    ) -> Result<Vec<Document>>;

    /// The document of this source and scope.
    async fn document(&self, name: &CollectionName, source: &str, scope: &Scope) -> Result<Option<Document>>;

    /// The chunks of a document, in order; with their vectors if `vectors`.
    async fn chunks(&self, name: &CollectionName, source: &str, scope: &Scope, vectors: bool) -> Result<Vec<StoredChunk>>;

    /// The vectors of those texts that the collection has already, by hash.
    async fn known_vectors(&self, name: &CollectionName, hashes: &[TextHash]) -> Result<HashMap<TextHash, Vec<f32>>>;

    /// Puts documents, each in place of the one of the same source and scope. A document is visible as a whole or not at all, whatever
    /// happens; of several documents, some may be there when this fails.
    ///
    /// # Errors
    /// `Invalid` for a vector of another dimension, not of length 1, with numbers that are none, or missing where the collection has
    /// vectors.
    async fn put(&self, name: &CollectionName, documents: Vec<NewDocument>) -> Result<()>;

    /// Removes documents; returns how many were there.
    async fn remove(&self, name: &CollectionName, documents: &[(String, Scope)]) -> Result<usize>;

    /// The best chunks, the best first; of chunks that are equally good, the one added first.
    ///
    /// # Errors
    /// `Invalid` for a vector of another dimension or with numbers that are none, and for `min_score` without a vector.
    async fn search(&self, name: &CollectionName, search: &Search<'_>) -> Result<Vec<Passage>>;

    /// How many bytes the collection takes where it is kept, as near as can be told.
    async fn size(&self, name: &CollectionName) -> Result<u64>;
}
