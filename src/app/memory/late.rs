//! An index that is opened when it is first used: who only names memory makes no file.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::{
    app::project::StorePlace,
    error::{Error, ErrorKind, Result},
    memory::{Collection, Document, Filter, Index, NewDocument, Search, SqliteIndex, StoredChunk, TextHash},
    model::{CollectionName, Passage, Scope},
    store,
};

/// The index in the file of a store, or one that ends with the process where the store does.
#[derive(Debug)]
pub(super) struct LateIndex {
    place: StorePlace,
    opened: OnceCell<Arc<dyn Index>>,
}

impl LateIndex {
    /// The one at `place`.
    pub(super) fn at(place: StorePlace) -> Self {
        Self { place, opened: OnceCell::new() }
    }

    /// The index, made if it is not there.
    async fn made(&self) -> Result<&Arc<dyn Index>> {
        let open = || async {
            let Some(path) = self.place.file().map(PathBuf::from) else {
                return match self.place.url.as_str() {
                    "memory:" => Ok(Arc::new(SqliteIndex::in_memory()) as Arc<dyn Index>),
                    url => Err(Error::new(ErrorKind::Invalid, format!("memory cannot be kept at `{url}`"))
                        .hint("use `--store sqlite:PATH`")),
                };
            };
            // The file is the store's, which makes and checks it.
            store::open(&self.place.url, self.place.synchronous).await?;
            Ok(Arc::new(SqliteIndex::open(path).await?) as Arc<dyn Index>)
        };
        self.opened.get_or_try_init(open).await
    }

    /// The index, if it is there: looking makes no file.
    async fn there(&self) -> Result<Option<&Arc<dyn Index>>> {
        let is_missing =
            |file: &std::path::Path| file.symlink_metadata().is_err_and(|err| err.kind() == std::io::ErrorKind::NotFound);
        if self.opened.get().is_none() && self.place.file().is_some_and(is_missing) {
            return Ok(None);
        }
        self.made().await.map(Some)
    }

    /// The index, in which `name` is looked for.
    async fn with(&self, name: &CollectionName) -> Result<&Arc<dyn Index>> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no collection `{name}`"));
        self.there().await?.ok_or_else(missing)
    }
}

#[async_trait]
impl Index for LateIndex {
    async fn collections(&self) -> Result<Vec<Collection>> {
        match self.there().await? {
            Some(index) => index.collections().await,
            None => Ok(Vec::new()),
        }
    }

    async fn collection(&self, name: &CollectionName) -> Result<Option<Collection>> {
        match self.there().await? {
            Some(index) => index.collection(name).await,
            None => Ok(None),
        }
    }

    async fn make(&self, name: &CollectionName, embedder: &str, dimension: usize) -> Result<Collection> {
        self.made().await?.make(name, embedder, dimension).await
    }

    async fn drop_collection(&self, name: &CollectionName) -> Result<bool> {
        match self.there().await? {
            Some(index) => index.drop_collection(name).await,
            None => Ok(false),
        }
    }

    async fn replace(&self, name: &CollectionName, fresh: &CollectionName) -> Result<()> {
        self.with(fresh).await?.replace(name, fresh).await
    }

    async fn documents(
        &self,
        name: &CollectionName,
        filter: &Filter,
        after: Option<(&str, &Scope)>,
        limit: usize,
    ) -> Result<Vec<Document>> {
        self.with(name).await?.documents(name, filter, after, limit).await
    }

    async fn document(&self, name: &CollectionName, source: &str, scope: &Scope) -> Result<Option<Document>> {
        self.with(name).await?.document(name, source, scope).await
    }

    async fn chunks(&self, name: &CollectionName, source: &str, scope: &Scope, vectors: bool) -> Result<Vec<StoredChunk>> {
        self.with(name).await?.chunks(name, source, scope, vectors).await
    }

    async fn known_vectors(&self, name: &CollectionName, hashes: &[TextHash]) -> Result<HashMap<TextHash, Vec<f32>>> {
        self.with(name).await?.known_vectors(name, hashes).await
    }

    async fn put(&self, name: &CollectionName, documents: Vec<NewDocument>) -> Result<()> {
        self.with(name).await?.put(name, documents).await
    }

    async fn remove(&self, name: &CollectionName, documents: &[(String, Scope)]) -> Result<usize> {
        self.with(name).await?.remove(name, documents).await
    }

    async fn search(&self, name: &CollectionName, search: &Search<'_>) -> Result<Vec<Passage>> {
        self.with(name).await?.search(name, search).await
    }

    async fn size(&self, name: &CollectionName) -> Result<u64> {
        self.with(name).await?.size(name).await
    }
}
