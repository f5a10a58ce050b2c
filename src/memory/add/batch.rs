//! Documents on their way into a collection: their texts are embedded together, and those that are known are not embedded again.

use std::{collections::HashMap, sync::Arc};

use super::{Step, Target};
use crate::{
    error::{Error, ErrorKind, Result},
    memory::{
        AddObserver, AddReport, AddStep, Index, NewDocument, TextHash,
        prepare::{Prepared, words},
    },
    model::CollectionName,
    provider::Embedder,
};

/// How many texts make a batch.
const TEXTS: usize = 256;
/// How many documents make a batch.
const DOCUMENTS: usize = 64;

/// What waits for its vectors, and what came of what did before.
pub(in crate::memory) struct Batch<'a> {
    index: &'a Arc<dyn Index>,
    name: &'a CollectionName,
    target: Target,
    observer: &'a dyn AddObserver,
    waiting: Vec<Prepared>,
    report: AddReport,
}

impl<'a> Batch<'a> {
    pub(in crate::memory) fn new(
        index: &'a Arc<dyn Index>,
        name: &'a CollectionName,
        target: Target,
        observer: &'a dyn AddObserver,
    ) -> Self {
        Self { index, name, target, observer, waiting: Vec::new(), report: AddReport::default() }
    }

    /// Takes in what became of a document.
    ///
    /// # Errors
    /// Those of the embedder and of the index.
    pub(in crate::memory) async fn take(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Unchanged(source) => {
                self.report.added.unchanged += 1;
                self.observer.on_step(AddStep::Unchanged { source: &source });
                return Ok(());
            }
            Step::Failed(source, error) => {
                self.observer.on_step(AddStep::Failed { source: &source, error: &error });
                self.report.failed.push((source, error));
                return Ok(());
            }
            Step::Ready(prepared) => self.waiting.push(*prepared),
        }
        let texts: usize = self.waiting.iter().map(|prepared| prepared.texts.len()).sum();
        if texts >= TEXTS || self.waiting.len() >= DOCUMENTS { self.flush().await } else { Ok(()) }
    }

    /// Adds what still waits, and tells what came of all.
    ///
    /// # Errors
    /// As [`Batch::take`].
    pub(in crate::memory) async fn finish(mut self) -> Result<AddReport> {
        self.flush().await?;
        Ok(self.report)
    }

    /// Whether the collection is there.
    pub(in crate::memory) fn exists(&self) -> bool {
        self.target.exists
    }

    /// How many tokens a text has.
    pub(in crate::memory) fn count(&self, text: &str) -> u32 {
        let embedder = self.target.embedder.as_ref();
        let tokens = embedder.map_or_else(|| words(text), |embedder| embedder.count_tokens(text));
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }

    /// Makes the collection, if it is not there.
    ///
    /// # Errors
    /// Those of the embedder and of the index.
    pub(in crate::memory) async fn make(&mut self) -> Result<()> {
        self.target.make(self.index.as_ref(), self.name, None).await
    }

    /// Adds what waits.
    ///
    /// # Errors
    /// Those of the embedder and of the index.
    pub(in crate::memory) async fn flush(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let vectors = self.vectors(&waiting).await?;
        let documents: Vec<NewDocument> = waiting.iter().map(|prepared| with_vectors(&prepared.document, &vectors)).collect();
        let any = documents.iter().flat_map(|document| &document.chunks).find_map(|chunk| chunk.vector.as_deref());
        self.target.make(self.index.as_ref(), self.name, any).await?;
        self.index.put(self.name, documents).await?;
        for Prepared { document, notes, is_news, .. } in waiting {
            if !is_news {
                self.report.added.unchanged += 1;
                self.observer.on_step(AddStep::Unchanged { source: &document.source });
                continue;
            }
            self.report.added.added += 1;
            self.report.added.chunks += document.chunks.len();
            self.observer.on_step(AddStep::Added { source: &document.source, chunks: document.chunks.len() });
            for note in notes {
                self.observer.on_step(AddStep::Noted { source: &document.source, note: &note });
                self.report.notes.push((document.source.clone(), note));
            }
        }
        Ok(())
    }

    /// The vectors of all texts of a batch, by their hashes: those that the collection has, and those that are made.
    async fn vectors(&mut self, waiting: &[Prepared]) -> Result<HashMap<TextHash, Vec<f32>>> {
        let Some(embedder) = self.target.embedder.clone() else { return Ok(HashMap::new()) };
        let mut texts: HashMap<&TextHash, &String> = HashMap::new();
        let mut order = Vec::new();
        for Prepared { document, texts: embedded, .. } in waiting {
            let without = document.chunks.iter().zip(embedded).filter(|(chunk, _)| chunk.vector.is_none());
            for (chunk, text) in without {
                if texts.insert(&chunk.hash, text).is_none() {
                    order.push(chunk.hash.clone());
                }
            }
        }
        let mut vectors = if self.target.exists { self.index.known_vectors(self.name, &order).await? } else { HashMap::new() };
        order.retain(|hash| !vectors.contains_key(hash));
        let new: Vec<String> = order.iter().map(|hash| texts[hash].clone()).collect();
        let observer = self.observer;
        let made = embed_all(embedder.as_ref(), &new, &|texts| observer.on_step(AddStep::Embedded { texts })).await?;
        if let Some(vector) = made.first() {
            self.target.check(self.name, vector)?;
        }
        self.report.added.embedded += made.len();
        vectors.extend(order.into_iter().zip(made));
        Ok(vectors)
    }
}

/// The vectors of `texts`; `tell` is told of each part that the embedder has done.
///
/// # Errors
/// Those of the embedder; `Malformed` when it gives another number of vectors.
async fn embed_all(embedder: &dyn Embedder, texts: &[String], tell: &(dyn Fn(usize) + Send + Sync)) -> Result<Vec<Vec<f32>>> {
    let mut vectors = Vec::with_capacity(texts.len());
    for part in texts.chunks(TEXTS) {
        let made = embedder.embed_telling(part, tell).await?;
        if made.len() != part.len() {
            let text = format!("embedder `{}` gave {} vectors for {} texts", embedder.id(), made.len(), part.len());
            return Err(Error::new(ErrorKind::Malformed, text));
        }
        vectors.extend(made);
    }
    Ok(vectors)
}

/// The document with the vector of each of its chunks.
fn with_vectors(document: &NewDocument, vectors: &HashMap<TextHash, Vec<f32>>) -> NewDocument {
    let mut document = document.clone();
    for chunk in &mut document.chunks {
        if chunk.vector.is_none() {
            chunk.vector = vectors.get(&chunk.hash).cloned();
        }
    }
    document
}
