//! A collection written out, to be kept or taken elsewhere.

use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{
        Documents, Filter, LEXICAL, Memory,
        documents::whole,
        transfer::{DocumentLine, FORMAT, Header, VERSION},
    },
    model::CollectionName,
};

impl Memory {
    /// Gives a collection line by line to `write`, each without its line break; with `vectors`, they need not be made anew when it is
    /// read. Returns how many documents it has.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection; those of the index and of `write`.
    pub async fn export(
        &self,
        name: &CollectionName,
        vectors: bool,
        write: &mut (dyn FnMut(&str) -> Result<()> + Send),
    ) -> Result<usize> {
        let collection = self.collection(name).await?;
        let vectors = vectors && collection.embedder != LEXICAL;
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            collection: collection.name,
            embedder: collection.embedder,
            dimension: collection.dimension,
            vectors,
        };
        write(&line(&header)?)?;
        let (mut count, mut documents) = (0, Documents::of(self.index().as_ref(), name, Filter::default()));
        while let Some(document) = documents.next().await? {
            if let Some((document, chunks)) = whole(self.index().as_ref(), name, &document, vectors).await? {
                write(&line(&DocumentLine::of(document, chunks))?)?;
                count += 1;
            }
        }
        Ok(count)
    }
}

fn line(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|err| Error::new(ErrorKind::Internal, "a document cannot be written as JSON").source(err))
}
