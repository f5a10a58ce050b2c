//! What is remembered beyond a run: documents in collections, cut into chunks, found again by meaning and by words.
//!
//! A source ([`Source`]) becomes text with positions ([`extract`]), then chunks ([`divide`]), then vectors (an
//! [`Embedder`](crate::provider::Embedder)), and goes into an [`Index`]. [`Memory`] does all of it for those above.

mod add;
mod divide;
mod extract;
mod index;
mod pending;
mod prepare;
mod report;
mod service;
mod sources;

pub use add::AddOptions;
pub use divide::{DivideLimits, Piece, divide};
pub use extract::{ExtractLimits, Heading, Language, PDF_THREAD, Source, Text, TextKind, extract};
pub use index::{Collection, Document, Filter, Index, NewChunk, NewDocument, Search, StoredChunk, TextHash};
pub use pending::Pending;
pub use report::{AddObserver, AddReport, AddStep};
pub use service::{Added, CollectionSettings, Content, Embedders, Item, LEXICAL, Memory, Query, SearchBy};
pub use sources::{Found, ReadSource, SourceFile, Sources, Walk};
