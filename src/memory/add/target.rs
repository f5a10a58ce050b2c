//! The collection that is added to, and by what its vectors are made.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{CollectionSettings, Index, LEXICAL, Memory, prepare::Division, reindex::is_fresh},
    model::CollectionName,
    provider::Embedder,
};

/// What tells the dimension of an embedder of which nobody knows it.
const PROBE: &str = "How many numbers has a vector?";

/// A collection, there or to be made.
#[derive(Debug, Clone)]
pub(in crate::memory) struct Target {
    /// By what vectors are made; `None` where there are none.
    pub(in crate::memory) embedder: Option<Arc<dyn Embedder>>,
    /// Whether it is there.
    pub(in crate::memory) exists: bool,
    /// How many numbers a vector of it has, where that is known.
    pub(in crate::memory) dimension: Option<usize>,
}

impl Target {
    /// The collection called `name`; `wanted` is who makes its vectors when it is not there.
    ///
    /// # Errors
    /// `Invalid` when it was made by another embedder than the manifest or `wanted` names; those of the index.
    pub(in crate::memory) async fn find(memory: &Memory, name: &CollectionName, wanted: Option<&str>) -> Result<Self> {
        if is_fresh(name) {
            let text = format!("`{name}` is what collections are called whose vectors are being made anew");
            return Err(Error::new(ErrorKind::Invalid, text).hint("choose another name"));
        }
        if let (Some(wanted), Some(written)) = (wanted, memory.written(name))
            && memory.id_of(wanted)? != memory.id_of(&written.embedder)?
        {
            let text = format!("the manifest names `{}` for collection `{name}`, not `{wanted}`", written.embedder);
            return Err(Error::new(ErrorKind::Invalid, text).hint("leave `--embedder` out, or change the manifest"));
        }
        if let Some(collection) = memory.index().collection(name).await? {
            if let Some(wanted) = wanted
                && memory.id_of(wanted)? != collection.embedder
            {
                let text =
                    format!("the vectors of collection `{name}` were made by `{}`, not by `{wanted}`", collection.embedder);
                return Err(Error::new(ErrorKind::Invalid, text)
                    .hint(format!("make them anew with: agentflow memory reindex {name} --embedder {wanted}"))
                    .hint("or leave `--embedder` out"));
            }
            return Ok(Self { embedder: memory.embedder_of(&collection)?, exists: true, dimension: Some(collection.dimension) });
        }
        let embedder = wanted.map_or_else(|| memory.settings(name).embedder, str::to_owned);
        let embedder = if embedder == LEXICAL { None } else { Some(memory.embedders().find(&embedder)?) };
        Ok(Self { embedder, exists: false, dimension: None })
    }

    /// How its documents are divided.
    pub(in crate::memory) fn division(&self, settings: &CollectionSettings) -> Division {
        let CollectionSettings { chunk_tokens, overlap_tokens, .. } = *settings;
        Division { chunk_tokens, overlap_tokens, embedder: self.embedder.clone() }
    }

    /// Makes it, if it is not there; `vector` is one of its vectors, where there is one.
    ///
    /// # Errors
    /// Those of the index, and of the embedder, which may have to be asked for its dimension.
    pub(in crate::memory) async fn make(
        &mut self,
        index: &dyn Index,
        name: &CollectionName,
        vector: Option<&[f32]>,
    ) -> Result<()> {
        if self.exists {
            return Ok(());
        }
        let (id, dimension) = match (&self.embedder, vector) {
            (None, _) => (LEXICAL, 0),
            (Some(embedder), Some(vector)) => (embedder.id(), vector.len()),
            (Some(embedder), None) => (embedder.id(), dimension(embedder.as_ref()).await?),
        };
        index.make(name, id, dimension).await?;
        self.exists = true;
        self.dimension = Some(dimension);
        Ok(())
    }

    /// Refuses a vector that does not go with those of the collection.
    ///
    /// # Errors
    /// `Invalid`, with the way on.
    pub(super) fn check(&self, name: &CollectionName, vector: &[f32]) -> Result<()> {
        let Some(dimension) = self.dimension.filter(|dimension| *dimension != vector.len()) else { return Ok(()) };
        let id = self.embedder.as_ref().map_or(LEXICAL, |embedder| embedder.id());
        let text = format!("`{id}` makes vectors of {} numbers now; those of collection `{name}` have {dimension}", vector.len());
        Err(Error::new(ErrorKind::Invalid, text).hint(format!("make all of them anew with: agentflow memory reindex {name}")))
    }
}

/// How many numbers a vector has, asked of the embedder where only an answer tells.
async fn dimension(embedder: &dyn Embedder) -> Result<usize> {
    match embedder.dimension() {
        Some(dimension) => Ok(dimension),
        None => Ok(embedder.embed(&[PROBE.to_owned()]).await?.first().map_or(0, Vec::len)),
    }
}
