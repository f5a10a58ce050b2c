//! All documents of a collection, page by page.

use crate::{
    error::Result,
    memory::{Document, Filter, Index, StoredChunk},
    model::{CollectionName, Scope},
};

/// How many documents a page has.
const PAGE: usize = 256;

/// Goes through the documents of a collection in the order of their sources and scopes, those that are added meanwhile included.
#[derive(Debug)]
pub struct Documents<'a> {
    index: &'a dyn Index,
    name: &'a CollectionName,
    filter: Filter,
    page: std::vec::IntoIter<Document>,
    last: Option<(String, Scope)>,
    is_over: bool,
}

impl<'a> Documents<'a> {
    /// Those of the collection `name` that `filter` lets through.
    #[must_use]
    pub fn of(index: &'a dyn Index, name: &'a CollectionName, filter: Filter) -> Self {
        Self { index, name, filter, page: Vec::new().into_iter(), last: None, is_over: false }
    }

    /// The next one; `None` after the last.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn next(&mut self) -> Result<Option<Document>> {
        loop {
            if let Some(document) = self.page.next() {
                return Ok(Some(document));
            }
            if self.is_over {
                return Ok(None);
            }
            let after = self.last.as_ref().map(|(source, scope)| (source.as_str(), scope));
            let page = self.index.documents(self.name, &self.filter, after, PAGE).await?;
            self.is_over = page.len() < PAGE;
            self.last = page.last().map(|last| (last.source.clone(), last.scope.clone()));
            self.page = page.into_iter();
        }
    }
}

/// A document with its chunks, both of one moment; `None` when it is gone.
///
/// # Errors
/// Those of the index.
pub(super) async fn whole(
    index: &dyn Index,
    name: &CollectionName,
    document: &Document,
    vectors: bool,
) -> Result<Option<(Document, Vec<StoredChunk>)>> {
    let mut document = document.clone();
    loop {
        let chunks = index.chunks(name, &document.source, &document.scope, vectors).await?;
        // Another one may have taken its place between the two questions.
        match index.document(name, &document.source, &document.scope).await? {
            None => return Ok(None),
            Some(now) if now.hash == document.hash && now.added_at == document.added_at => return Ok(Some((now, chunks))),
            Some(now) => document = now,
        }
    }
}
