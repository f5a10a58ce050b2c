//! What is to be added, before it has been read: many documents do not fit into memory at once.

use std::fmt;

use futures::future::{BoxFuture, FutureExt as _};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{Content, ExtractLimits, Item, ReadSource, SourceFile},
    model::{Scope, Value, Writer},
};

/// Something to be added that is read when its turn has come.
pub struct Pending {
    source: String,
    read: BoxFuture<'static, Result<ReadItem>>,
}

/// An item that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadItem {
    /// The item.
    pub item: Item,
    /// What a reader should know of how it was read.
    pub note: Option<String>,
}

/// What is noted about documents that are read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notes {
    /// Whose they are.
    pub scope: Scope,
    /// Whether strangers or models may have written them.
    pub untrusted: bool,
    /// What else is noted, by name.
    pub metadata: serde_json::Map<String, Value>,
}

/// The name under which it is noted when a file was last written: where that and its size are the same, it need not be read again.
pub(super) const MODIFIED: &str = "modified";

impl Pending {
    /// What is called `source`, and read by waiting for `read`.
    pub fn new(source: impl Into<String>, read: impl Future<Output = Result<ReadItem>> + Send + 'static) -> Self {
        Self { source: source.into(), read: read.boxed() }
    }

    /// A file that was found, of which `notes` are noted, and when it was last written.
    #[must_use]
    pub fn file(file: SourceFile, notes: Notes) -> Self {
        let name = file.name.clone();
        let read = move || {
            let ReadSource { source, note, stamp } = file.read(ExtractLimits::default().source_bytes)?;
            let Notes { scope, untrusted, mut metadata } = notes;
            if let Some(stamp) = stamp {
                metadata.entry(MODIFIED).or_insert_with(|| Value::String(stamp.modified.to_string()));
            }
            let content = Content::Bytes { bytes: source.bytes, media_type: source.media_type };
            let item = Item { source: source.name, content, scope, writer: Writer::default(), untrusted, metadata };
            Ok(ReadItem { item, note })
        };
        Self::new(name, blocking(read))
    }

    /// What it is called.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its name, and what it is when it has been read.
    pub(super) async fn read(self) -> (String, Result<ReadItem>) {
        (self.source, self.read.await)
    }
}

impl From<Item> for Pending {
    fn from(item: Item) -> Self {
        Self { source: item.source.clone(), read: async { Ok(ReadItem { item, note: None }) }.boxed() }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Does `work` where it holds nobody up.
///
/// # Errors
/// Its own; `Internal` when it panics.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|err| Error::new(ErrorKind::Internal, "reading a document came to no end").source(err))?
}
