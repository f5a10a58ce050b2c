//! What is to be added, before it has been read: many documents do not fit into memory at once.

use std::fmt;

use futures::future::{BoxFuture, FutureExt as _};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::Item,
};

/// Something to be added that is read when its turn has come.
pub struct Pending {
    source: String,
    read: BoxFuture<'static, Result<Item>>,
}

impl Pending {
    /// What is called `source`, and read by waiting for `read`.
    pub fn new(source: impl Into<String>, read: impl Future<Output = Result<Item>> + Send + 'static) -> Self {
        Self { source: source.into(), read: read.boxed() }
    }

    /// What is called `source`, and read by a function that may block.
    pub fn blocking(source: impl Into<String>, read: impl FnOnce() -> Result<Item> + Send + 'static) -> Self {
        Self::new(source, blocking(read))
    }

    /// What it is called.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its name, and what it is when it has been read.
    pub(super) async fn read(self) -> (String, Result<Item>) {
        (self.source, self.read.await)
    }
}

impl From<Item> for Pending {
    fn from(item: Item) -> Self {
        Self { source: item.source.clone(), read: async { Ok(item) }.boxed() }
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
