//! What is remembered beyond a run: documents in collections, cut into chunks, found again by meaning and by words.
//!
//! A source ([`Source`]) becomes text with positions ([`extract`]), then chunks ([`divide`]), then vectors (an
//! [`Embedder`](crate::provider::Embedder)), and goes into an [`Index`]. [`Memory`] does all of it for those above.

mod add;
mod index;
mod service;

pub use index::{Collection, Document, Filter, Index, NewChunk, NewDocument, Search, StoredChunk, TextHash};
pub use service::{Added, CollectionSettings, Content, Embedders, Item, LEXICAL, Memory, Query, SearchBy};
