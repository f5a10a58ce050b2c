//! Removing documents and collections.

use crate::{
    error::Result,
    memory::{Documents, Filter, Memory},
    model::{CollectionName, Scope},
};

impl Memory {
    /// Removes the documents whose sources fit one of the globs, whatever their scopes; returns their names.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection; those of the index.
    pub async fn remove(&self, name: &CollectionName, sources: &[String]) -> Result<Vec<(String, Scope)>> {
        self.collection(name).await?;
        let found = self.named(name, sources).await?;
        self.index().remove(name, &found).await?;
        Ok(found)
    }

    /// The documents whose sources are, or fit, one of `sources`.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection; those of the index.
    pub async fn named(&self, name: &CollectionName, sources: &[String]) -> Result<Vec<(String, Scope)>> {
        self.collection(name).await?;
        let filter = Filter { sources: sources.to_vec(), ..Filter::default() };
        let (mut found, mut documents) = (Vec::new(), Documents::of(self.index().as_ref(), name, filter));
        while let Some(document) = documents.next().await? {
            found.push((document.source, document.scope));
        }
        Ok(found)
    }

    /// Removes a collection with all it has; tells whether it was there.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn forget(&self, name: &CollectionName) -> Result<bool> {
        let fresh = super::reindex::fresh_name(name);
        self.index().drop_collection(&fresh).await?;
        self.index().drop_collection(name).await
    }
}
