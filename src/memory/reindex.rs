//! Vectors made anew: into a collection beside the old one, which is searched until the new one is complete and takes its place.

use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{
        AddObserver, Added, Document, Documents, Filter, LEXICAL, Memory, NewChunk, NewDocument, StoredChunk,
        add::{Batch, Step, Target},
        documents::whole,
        embedded::embedded,
        prepare::{Prepared, text_hash},
    },
    model::CollectionName,
};

/// What the names of collections begin with that are being made; no other may be called so.
const FRESH: &str = "reindex--";
/// How often documents are looked for that were added meanwhile, before the new collection takes the place of the old one.
const ROUNDS: usize = 5;

/// The collection that is made in the place of `name`.
pub(super) fn fresh_name(name: &CollectionName) -> CollectionName {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(name.as_str().as_bytes()));
    CollectionName::new(format!("{FRESH}{}", &hash[..32])).expect("a name of ours is one")
}

/// Whether it is one that is being made.
pub(super) fn is_fresh(name: &CollectionName) -> bool {
    name.as_str().starts_with(FRESH)
}

impl Memory {
    /// Makes all vectors of a collection anew: by `embedder`, or by the one that the manifest names, or by the one they were made by.
    /// When it is interrupted, the collection is as it was, and the next time goes on.
    ///
    /// The texts stay divided as they are; where the manifest says otherwise, they are divided anew when they are next added.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection; `Conflict` when it is added to all the while; those of the embedder and the index.
    pub async fn reindex(&self, name: &CollectionName, embedder: Option<&str>, observer: &dyn AddObserver) -> Result<Added> {
        let old = self.collection(name).await?;
        let written = || self.written(name).map(|settings| settings.embedder.clone());
        let wanted = embedder.map(str::to_owned).or_else(written).unwrap_or(old.embedder);
        let embedder = if wanted == LEXICAL { None } else { Some(self.embedders().find(&wanted)?) };
        let fresh = fresh_name(name);
        let id = embedder.as_ref().map_or(LEXICAL, |embedder| embedder.id());
        // What is left of an attempt with another embedder is of no use.
        let left = self.index().collection(&fresh).await?.filter(|left| left.embedder == id);
        let (exists, dimension) = (left.is_some(), left.map(|left| left.dimension));
        if !exists {
            self.index().drop_collection(&fresh).await?;
        }
        let target = Target { embedder, exists, dimension };
        let mut making = Making { memory: self, name, fresh: &fresh, batch: Batch::new(self.index(), &fresh, target, observer) };
        for _ in 0..ROUNDS {
            let before = self.collection(name).await?;
            making.round().await?;
            if self.collection(name).await?.changed_at == before.changed_at {
                making.batch.make().await?;
                self.index().replace(name, &fresh).await?;
                return Ok(making.batch.finish().await?.added);
            }
        }
        let text = format!("collection `{name}` changes faster than its vectors are made");
        Err(Error::new(ErrorKind::Conflict, text).hint("end what adds to it, and try again: what was made is kept"))
    }
}

/// A collection that is being made.
struct Making<'a> {
    memory: &'a Memory,
    name: &'a CollectionName,
    fresh: &'a CollectionName,
    batch: Batch<'a>,
}

impl Making<'_> {
    /// Brings the new collection up to the old one.
    async fn round(&mut self) -> Result<()> {
        let index = self.memory.index().as_ref();
        let mut documents = Documents::of(index, self.name, Filter::default());
        while let Some(document) = documents.next().await? {
            let there =
                if self.batch.exists() { index.document(self.fresh, &document.source, &document.scope).await? } else { None };
            if there.is_some_and(|there| is_same(&there, &document)) {
                self.batch.take(Step::Unchanged(document.source)).await?;
            } else if let Some((document, chunks)) = whole(index, self.name, &document, false).await? {
                let prepared = self.prepare(document, chunks);
                self.batch.take(Step::Ready(Box::new(prepared))).await?;
            }
        }
        self.batch.flush().await?;
        if !self.batch.exists() {
            return Ok(());
        }
        let mut copies = Documents::of(index, self.fresh, Filter::default());
        while let Some(copy) = copies.next().await? {
            if index.document(self.name, &copy.source, &copy.scope).await?.is_none() {
                index.remove(self.fresh, &[(copy.source, copy.scope)]).await?;
            }
        }
        Ok(())
    }

    fn prepare(&self, document: Document, chunks: Vec<StoredChunk>) -> Prepared {
        let (mut texts, mut new) = (Vec::with_capacity(chunks.len()), Vec::with_capacity(chunks.len()));
        for chunk in chunks {
            let text = embedded(&document.source, &chunk).unwrap_or_else(|| chunk.text.clone());
            new.push(NewChunk {
                position: chunk.position,
                text: chunk.text,
                hash: text_hash(&text),
                tokens: self.batch.count(&text),
                vector: None,
            });
            texts.push(text);
        }
        Prepared { document: with_chunks(document, new), texts, notes: Vec::new(), is_news: true }
    }
}

/// Whether one is a copy of the other.
fn is_same(one: &Document, other: &Document) -> bool {
    one.hash == other.hash && one.metadata == other.metadata && one.untrusted == other.untrusted && one.chunks == other.chunks
}

/// The document as it is, with these chunks.
pub(super) fn with_chunks(document: Document, chunks: Vec<NewChunk>) -> NewDocument {
    NewDocument {
        source: document.source,
        scope: document.scope,
        hash: document.hash,
        bytes: document.bytes,
        writer: document.writer,
        untrusted: document.untrusted,
        metadata: document.metadata,
        chunks,
    }
}
