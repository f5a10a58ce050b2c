//! A collection read in that was written out. What is read is a stranger's: all of it is looked at before any of it is added.

use std::io::{self, BufRead, Read as _};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{
        AddObserver, Added, LEXICAL, Memory, NewChunk, NewDocument, StoredChunk,
        add::{Batch, Step, Target},
        pending::blocking,
        prepare::Prepared,
        transfer::{DocumentLine, Header},
    },
    model::CollectionName,
};

/// The longest line, in bytes: a document of 16 MB with its vectors.
const MAX_LINE: u64 = 1 << 30;

/// How a collection is read in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// What it is to be called, instead of what it says.
    pub name: Option<CollectionName>,
    /// Whether all vectors are made anew, those it comes with notwithstanding.
    pub recompute: bool,
    /// Whether all of it counts as written by strangers.
    pub untrusted: bool,
}

/// What was read in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the collection is called.
    pub name: CollectionName,
    /// Whether the vectors are those it came with.
    pub kept_vectors: bool,
    /// What was added.
    pub added: Added,
}

impl Memory {
    /// Reads a collection in, into one that is made, or to what is there. `open` opens it from its beginning; it is read twice, first to
    /// look at all of it.
    ///
    /// Its vectors are kept where they are of the embedder that the collection has here, and made anew elsewhere.
    ///
    /// # Errors
    /// `Invalid`, naming the line, for what is not as it was written; nothing is added then. Those of the embedder and of the index:
    /// documents before may be there.
    pub async fn import<R: BufRead + Send + 'static>(
        &self,
        open: impl Fn() -> Result<R>,
        options: &ImportOptions,
        observer: &dyn AddObserver,
    ) -> Result<Imported> {
        let mut lines = Lines::new(open()?);
        let header;
        (lines, header) = blocking(move || lines.header()).await?;
        let header = {
            let checked = header.clone();
            blocking(move || {
                while let Some(document) = lines.document()? {
                    document.checked(&checked).map_err(|err| lines.at(err))?;
                }
                Ok(())
            })
            .await?;
            header
        };
        let name = options.name.clone().unwrap_or_else(|| header.collection.clone());
        let exists = self.index().collection(&name).await?.is_some();
        let wanted = (!exists && self.written(&name).is_none()).then_some(header.embedder.as_str());
        let target = Target::find(self, &name, wanted).await?;
        let id = target.embedder.as_ref().map_or(LEXICAL, |embedder| embedder.id());
        let kept_vectors = header.vectors && id == header.embedder && !options.recompute;
        let (mut lines, _) = blocking({
            let lines = Lines::new(open()?);
            move || lines.header()
        })
        .await?;
        let mut batch = Batch::new(self.index(), &name, target, observer);
        loop {
            let (back, document) = blocking(move || lines.document().map(|document| (lines, document))).await?;
            lines = back;
            let Some(document) = document else { break };
            // It may be another one by now.
            let chunks = document.checked(&header).map_err(|err| lines.at(err))?;
            let there =
                if batch.exists() { self.index().document(&name, &document.source, &document.scope).await? } else { None };
            let untrusted = document.untrusted || options.untrusted;
            let is_same = there.is_some_and(|there| {
                there.hash == document.hash && there.metadata == document.metadata && there.untrusted == untrusted
            });
            if is_same && !options.recompute {
                batch.take(Step::Unchanged(document.source)).await?;
                continue;
            }
            let prepared = prepared(document, chunks, untrusted, kept_vectors);
            batch.take(Step::Ready(Box::new(prepared))).await?;
        }
        batch.flush().await?;
        batch.make().await?;
        let added = batch.finish().await?.added;
        Ok(Imported { name, kept_vectors, added })
    }
}

fn prepared(line: DocumentLine, chunks: Vec<(StoredChunk, String)>, untrusted: bool, keep: bool) -> Prepared {
    let (mut texts, mut new) = (Vec::with_capacity(chunks.len()), Vec::with_capacity(chunks.len()));
    for (chunk, embedded) in chunks {
        new.push(NewChunk {
            position: chunk.position,
            text: chunk.text,
            hash: chunk.hash,
            tokens: chunk.tokens,
            vector: chunk.vector.filter(|_| keep),
        });
        texts.push(embedded);
    }
    let document = NewDocument {
        source: line.source,
        scope: line.scope,
        hash: line.hash,
        bytes: line.bytes,
        writer: line.writer,
        untrusted,
        metadata: line.metadata,
        chunks: new,
    };
    Prepared { document, texts, notes: Vec::new(), is_news: true }
}

/// The lines of an export, one after the other.
struct Lines<R> {
    reader: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The first line.
    fn header(mut self) -> Result<(Self, Header)> {
        let Some(line) = self.next()? else {
            return Err(Error::new(ErrorKind::Invalid, "the file is empty").hint(HINT));
        };
        let header: Header = serde_json::from_slice(&line).map_err(|err| self.at(not_json(err)).hint(HINT))?;
        header.check().map_err(|err| self.at(err).hint(HINT))?;
        Ok((self, header))
    }

    /// The next document; `None` at the end.
    fn document(&mut self) -> Result<Option<DocumentLine>> {
        let Some(line) = self.next()? else { return Ok(None) };
        serde_json::from_slice(&line).map(Some).map_err(|err| self.at(not_json(err)))
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let mut line = Vec::new();
            let read = (&mut self.reader).take(MAX_LINE).read_until(b'\n', &mut line);
            self.number += 1;
            match read.map_err(|err| self.at(unreadable(err)))? {
                0 => return Ok(None),
                _ if line.len() as u64 == MAX_LINE => {
                    let text = format!("the line has more than {MAX_LINE} bytes");
                    return Err(self.at(Error::new(ErrorKind::Invalid, text)));
                }
                _ if line.iter().all(u8::is_ascii_whitespace) => {}
                _ => return Ok(Some(line)),
            }
        }
    }

    fn at(&self, error: Error) -> Error {
        error.context(format!("line {}", self.number))
    }
}

const HINT: &str = "give what `agentflow memory export` has written";

fn not_json(err: serde_json::Error) -> Error {
    Error::new(ErrorKind::Invalid, "it is not as `memory export` writes it").source(err)
}

fn unreadable(err: io::Error) -> Error {
    Error::new(ErrorKind::Invalid, "it cannot be read").source(err)
}
