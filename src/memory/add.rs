//! Adding to memory: from what was read to chunks with vectors.

use crate::{
    error::Result,
    memory::{Added, Content, Item, LEXICAL, Memory, NewChunk, NewDocument},
    model::{CollectionName, Position},
};

use sha2::{Digest as _, Sha256};

impl Memory {
    /// Adds items to a collection, which is made when it is not there; one that is there as it is costs nothing.
    ///
    /// # Errors
    /// `Invalid` when the manifest names another embedder than the collection was made with; those of the embedder and of the index.
    /// Items before the one that failed may be there.
    pub async fn add(&self, name: &CollectionName, items: Vec<Item>) -> Result<Added> {
        let mut added = Added::default();
        for item in items {
            let text = match item.content {
                Content::Text(text) => text,
                Content::Bytes { bytes, .. } => String::from_utf8_lossy(&bytes).into_owned(),
            };
            let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
            self.index().make(name, LEXICAL, 0).await?;
            if self.index().document(name, &item.source, &item.scope).await?.is_some_and(|known| known.hash == hash) {
                added.unchanged += 1;
                continue;
            }
            let chunk =
                NewChunk { position: Position::default(), text: text.clone(), hash: hash.clone(), tokens: 0, vector: None };
            let document = NewDocument {
                source: item.source,
                scope: item.scope,
                hash,
                bytes: text.len() as u64,
                writer: item.writer,
                untrusted: item.untrusted,
                metadata: item.metadata,
                chunks: vec![chunk],
            };
            self.index().put(name, vec![document]).await?;
            added.added += 1;
            added.chunks += 1;
        }
        Ok(added)
    }
}
