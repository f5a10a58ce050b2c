//! What is remembered beyond a run: documents in collections, cut into chunks, found again by meaning and by words.
//!
//! A source ([`Source`]) becomes text with positions ([`extract`]), then chunks ([`divide`]), then vectors (an
//! [`Embedder`](crate::provider::Embedder)), and goes into an [`Index`]. [`Memory`] does all of it for those above.

mod add;
mod divide;
mod documents;
mod embed;
mod embedded;
mod export;
mod extract;
mod import;
mod index;
pub mod models;
mod pending;
mod prepare;
mod reindex;
mod remove;
mod report;
mod service;
mod sources;
mod sync;
mod transfer;

pub use add::AddOptions;
pub use divide::{DivideLimits, Piece, divide};
pub use documents::Documents;
pub use embed::LocalEmbedder;
pub use extract::{ExtractLimits, Heading, Language, PDF_THREAD, Source, Text, TextKind, extract};
pub use import::{ImportOptions, Imported};
pub use index::{Collection, Document, Filter, Index, NewChunk, NewDocument, Search, SqliteIndex, StoredChunk, TextHash};
pub use pending::{Notes, Pending, ReadItem};
pub use report::{AddObserver, AddReport, AddStep};
pub use service::{Added, CollectionSettings, Content, Embedders, Item, LEXICAL, Memory, Query, SearchBy, WordsOnly};
pub use sources::{Found, ReadSource, SourceFile, Sources, Stamp, Walk};
pub use sync::{SyncPlan, Synced};
