//! Adding to memory: from what is read to chunks with vectors. Reading and dividing go on while vectors are made; only so much is held
//! as two batches have. Dropping the future ends it between two batches: what is complete is there, and adding again goes on.

mod batch;
mod target;

use futures::{StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::{
    error::{Error, Result},
    memory::{
        AddObserver, AddReport, Added, Document, Item, Memory, NewChunk, NewDocument, Pending, ReadItem, StoredChunk,
        documents::whole,
        pending::{MODIFIED, blocking},
        prepare::{Division, Prepared, check_source},
    },
    model::CollectionName,
};

pub(super) use batch::Batch;
pub(super) use target::Target;

/// How many documents are read and divided at once.
const READ_AT_ONCE: usize = 2;
/// How many documents wait for their vectors.
const WAITING: usize = 4;

/// How documents are added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddOptions {
    /// By what vectors are made in a collection that is not there yet, instead of what the manifest says.
    pub embedder: Option<String>,
}

/// What became of one document before its vectors were made.
pub(super) enum Step {
    /// It was there as it is.
    Unchanged(String),
    /// It is divided.
    Ready(Box<Prepared>),
    /// It could not be read or divided.
    Failed(String, Error),
}

impl Memory {
    /// Adds items to a collection, which is made when it is not there; one that is there as it is costs nothing.
    ///
    /// # Errors
    /// `Invalid` when the manifest names another embedder than the collection was made with, and for an item that is no text; those of
    /// the embedder and of the index. The other items may be there.
    pub async fn add(&self, name: &CollectionName, items: Vec<Item>) -> Result<Added> {
        let pending = items.into_iter().map(Pending::from);
        let report = self.add_all(name, pending, &AddOptions::default(), &()).await?;
        report.failed.into_iter().next().map_or(Ok(report.added), |(_, error)| Err(error))
    }

    /// Adds what is read one after the other to a collection, which is made when it is not there. What cannot be read is told, and the
    /// rest is added.
    ///
    /// # Errors
    /// `Invalid` when the collection was made with another embedder than the manifest or the options name; those of the embedder and of
    /// the index. What was added before stays.
    pub async fn add_all(
        &self,
        name: &CollectionName,
        pending: impl IntoIterator<Item = Pending, IntoIter: Send>,
        options: &AddOptions,
        observer: &dyn AddObserver,
    ) -> Result<AddReport> {
        let target = Target::find(self, name, options.embedder.as_deref()).await?;
        if let Some(embedder) = &target.embedder {
            // Tokens are counted before the first text is embedded.
            embedder.prepare().await?;
        }
        let division = target.division(&self.settings(name));
        let (sender, mut steps) = mpsc::channel(WAITING);
        let read = async move {
            let mut prepared =
                stream::iter(pending.into_iter().map(|pending| self.prepare(name, pending, &division, target.exists)))
                    .buffered(READ_AT_ONCE);
            while let Some(step) = prepared.next().await {
                // Nobody takes it any more: the other side has failed.
                if sender.send(step).await.is_err() {
                    break;
                }
            }
        };
        let mut batch = Batch::new(self.index(), name, target.clone(), observer);
        let put = async move {
            while let Some(step) = steps.recv().await {
                batch.take(step?).await?;
            }
            batch.finish().await
        };
        let ((), report) = futures::future::join(read, put).await;
        report
    }

    /// Reads and divides one document, unless it is there as it is.
    ///
    /// # Errors
    /// Those of the index, which end all of it; that of the document is a step.
    async fn prepare(&self, name: &CollectionName, pending: Pending, division: &Division, exists: bool) -> Result<Step> {
        let (source, read) = pending.read().await;
        let of_content = division.clone();
        let hashed = match read.and_then(|read| check_source(&read.item.source).map(|()| read)) {
            Ok(read) => blocking(move || Ok((of_content.hash_of(&read.item.content), read))).await,
            Err(error) => Err(error),
        };
        let (hash, ReadItem { item, note }) = match hashed {
            Ok(hashed) => hashed,
            Err(error) => return Ok(Step::Failed(source, error)),
        };
        let known = if exists { self.index().document(name, &item.source, &item.scope).await? } else { None };
        if let Some(known) = known.filter(|known| known.hash == hash) {
            if known.metadata == item.metadata && known.untrusted == item.untrusted {
                return Ok(Step::Unchanged(source));
            }
            if let Some((known, chunks)) = whole(self.index().as_ref(), name, &known, true).await?
                && known.hash == hash
            {
                return Ok(Step::Ready(Box::new(noted_anew(known, chunks, item))));
            }
        }
        let division = division.clone();
        Ok(match blocking(move || division.divide(item, hash)).await {
            Ok(mut prepared) => {
                prepared.notes.extend(note);
                Step::Ready(Box::new(prepared))
            }
            Err(error) => Step::Failed(source, error),
        })
    }
}

/// The document as it is, but for what is noted about it.
fn noted_anew(known: Document, chunks: Vec<StoredChunk>, item: Item) -> Prepared {
    let mut before = known.metadata.clone();
    let mut now = item.metadata.clone();
    before.remove(MODIFIED);
    now.remove(MODIFIED);
    let is_news = before != now || known.untrusted != item.untrusted;
    let chunk = |chunk: StoredChunk| NewChunk {
        position: chunk.position,
        text: chunk.text,
        hash: chunk.hash,
        tokens: chunk.tokens,
        vector: chunk.vector,
    };
    let document = NewDocument {
        source: known.source,
        scope: known.scope,
        hash: known.hash,
        bytes: known.bytes,
        writer: item.writer,
        untrusted: item.untrusted,
        metadata: item.metadata,
        chunks: chunks.into_iter().map(chunk).collect(),
    };
    Prepared { document, texts: Vec::new(), notes: Vec::new(), is_news }
}
