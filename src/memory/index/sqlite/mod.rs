//! Memory in the file of the store: tables of its own, beside those of the store, over connections of its own.
//!
//! The truth are rows: documents, chunks, a vector for each, and the words of a collection (FTS5). A search by meaning looks at each vector
//! (sqlite-vec) where they are few; where they are many, at codes in memory, a quarter as large, and compares exactly what seems near.
//!
//! `connections`, `writer`, `lock` and `pace`: who may do something when. `schema`, `collections`, `documents` and `chunks`: the tables. `put` and `tidy`: what is
//! written, and what is done afterwards. `search`: what is found, with `filter`, `spans`, `glob`, `words`, `vector`, `best`; and for large
//! collections `codes`, `fold`, `table` and `tables`.

mod best;
mod chunks;
mod codes;
mod collections;
mod connections;
mod documents;
mod extension;
mod failure;
mod filter;
mod fold;
mod glob;
mod lock;
mod pace;
mod put;
mod schema;
mod search;
mod size;
mod spans;
mod table;
mod tables;
mod tidy;
mod vector;
mod words;
mod writer;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::task::spawn_blocking;

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{
        Collection, Document, Filter, Index, NewDocument, Search, StoredChunk, TextHash,
        index::sqlite::{
            connections::{Connections, Place},
            failure::Failure,
            search::Searching,
            tables::Tables,
            writer::Writer,
        },
    },
    model::{CollectionName, Passage, Scope},
};

/// Up to how many chunks are all compared exactly, unless it is told otherwise.
const EXACT_UP_TO: u64 = 20_000;

/// Collections in an SQLite file, which the store has made. Several processes may have it open.
#[derive(Debug, Clone)]
pub struct SqliteIndex {
    connections: Arc<Connections>,
    tables: Arc<Tables>,
    exact_up_to: u64,
}

impl SqliteIndex {
    /// Opens the memory in the file at `path`, which is there. Its tables are made with the first collection.
    ///
    /// # Errors
    /// `StoreUnavailable` when the file cannot be read; `Corrupt` for memory that is damaged or of a newer version.
    pub async fn open(path: PathBuf) -> Result<Self> {
        let index = Self::at(Place::File(path));
        index.read(|connection| schema::is_there(connection).map(drop)).await?;
        Ok(index)
    }

    /// Memory that ends with this index.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::at(Place::Memory)
    }

    fn at(place: Place) -> Self {
        Self { connections: Arc::new(Connections::new(place)), tables: Arc::default(), exact_up_to: EXACT_UP_TO }
    }

    /// Has searches among more than `chunks` chunks go by codes first.
    #[must_use]
    pub fn exact_up_to(mut self, chunks: u64) -> Self {
        self.exact_up_to = chunks;
        self
    }

    /// Does `work` on a reading connection, on a thread that may block.
    async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static) -> Result<T> {
        let connections = Arc::clone(&self.connections);
        spawn_blocking(move || connections.read(work)).await.unwrap_or_else(|error| Err(ended(error)))
    }

    /// Does `work` with the writer, on a thread that may block; what it wrote is durable in the end. It is done to its end even if nobody waits.
    async fn write<T: Send + 'static>(&self, work: impl FnOnce(&mut Writer) -> Result<T, Failure> + Send + 'static) -> Result<T> {
        let connections = Arc::clone(&self.connections);
        spawn_blocking(move || connections.write(work)).await.unwrap_or_else(|error| Err(ended(error)))
    }
}

fn ended(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a thread of memory has ended").source(error)
}

#[async_trait]
impl Index for SqliteIndex {
    async fn collections(&self) -> Result<Vec<Collection>> {
        self.read(|connection| Ok(collections::list(connection)?.into_iter().map(|found| found.shown).collect())).await
    }

    async fn collection(&self, name: &CollectionName) -> Result<Option<Collection>> {
        let name = name.clone();
        self.read(move |connection| Ok(collections::find(connection, &name)?.map(|found| found.shown))).await
    }

    async fn make(&self, name: &CollectionName, embedder: &str, dimension: usize) -> Result<Collection> {
        let (name, embedder) = (name.clone(), embedder.to_owned());
        self.write(move |writer| {
            // One that is there is found without a lock.
            let is_there = writer.read(|connection| Ok(collections::find(connection, &name)?.is_some()))?;
            let made = writer.transaction(|connection| collections::make(connection, &name, &embedder, dimension))?;
            if !is_there {
                writer.finish()?;
            }
            Ok(made.shown)
        })
        .await
    }

    async fn drop_collection(&self, name: &CollectionName) -> Result<bool> {
        let name = name.clone();
        self.write(move |writer| {
            let was_there = writer.transaction(|connection| collections::remove(connection, &name))?;
            tidy::dropped(writer)?;
            if was_there {
                writer.finish()?;
            }
            Ok(was_there)
        })
        .await
    }

    async fn replace(&self, name: &CollectionName, fresh: &CollectionName) -> Result<()> {
        let (name, fresh) = (name.clone(), fresh.clone());
        self.write(move |writer| {
            writer.transaction(|connection| collections::replace(connection, &name, &fresh))?;
            tidy::dropped(writer)?;
            writer.finish()
        })
        .await
    }

    async fn documents(
        &self,
        name: &CollectionName,
        filter: &Filter,
        after: Option<(&str, &Scope)>,
        limit: usize,
    ) -> Result<Vec<Document>> {
        let (name, filter) = (name.clone(), filter.clone());
        let after = after.map(|(source, scope)| (source.to_owned(), scope.clone()));
        self.read(move |connection| {
            let collection = collections::get(connection, &name)?;
            let after = after.as_ref().map(|(source, scope)| (source.as_str(), scope));
            documents::list(connection, collection.id, &filter, after, limit)
        })
        .await
    }

    async fn document(&self, name: &CollectionName, source: &str, scope: &Scope) -> Result<Option<Document>> {
        let (name, source, scope) = (name.clone(), source.to_owned(), scope.clone());
        self.read(move |connection| {
            let collection = collections::get(connection, &name)?;
            Ok(documents::find(connection, collection.id, &source, &scope)?.map(|found| found.shown))
        })
        .await
    }

    async fn chunks(&self, name: &CollectionName, source: &str, scope: &Scope, vectors: bool) -> Result<Vec<StoredChunk>> {
        let (name, source, scope) = (name.clone(), source.to_owned(), scope.clone());
        self.read(move |connection| {
            let collection = collections::get(connection, &name)?;
            let Some(document) = documents::find(connection, collection.id, &source, &scope)? else { return Ok(Vec::new()) };
            let dimension = collection.shown.dimension;
            let mut vector = chunks::Vectors::of(connection, collection.id, dimension)?;
            let read = |number| {
                let vector = if vectors && dimension > 0 { Some(vector.get(number)?) } else { None };
                Ok(StoredChunk { vector, ..chunks::get(connection, collection.id, number)? })
            };
            document.numbers.map(read).collect()
        })
        .await
    }

    async fn known_vectors(&self, name: &CollectionName, hashes: &[TextHash]) -> Result<HashMap<TextHash, Vec<f32>>> {
        let (name, hashes) = (name.clone(), hashes.to_vec());
        self.read(move |connection| {
            let collection = collections::get(connection, &name)?;
            let dimension = collection.shown.dimension;
            let mut known = HashMap::new();
            if dimension > 0 {
                for hash in hashes {
                    if let Some(vector) = chunks::known_vector(connection, collection.id, dimension, &hash)? {
                        known.insert(hash, vector);
                    }
                }
            }
            Ok(known)
        })
        .await
    }

    async fn put(&self, name: &CollectionName, documents: Vec<NewDocument>) -> Result<()> {
        let (name, codes_from) = (name.clone(), self.exact_up_to);
        self.write(move |writer| {
            let collection = writer.read(|connection| collections::get(connection, &name))?;
            put::check(collection.shown.dimension, &documents)?;
            put::put(writer, collection.id, &documents)?;
            tidy::collection(writer, collection.id, codes_from)?;
            writer.finish()
        })
        .await
    }

    async fn remove(&self, name: &CollectionName, documents: &[(String, Scope)]) -> Result<usize> {
        let (name, documents, codes_from) = (name.clone(), documents.to_vec(), self.exact_up_to);
        self.write(move |writer| {
            let collection = writer.read(|connection| collections::get(connection, &name))?;
            let mut count = 0;
            for several in documents.chunks(8) {
                count += writer.transaction(|connection| {
                    let mut count = 0;
                    for (source, scope) in several {
                        count += usize::from(documents::remove(connection, collection.id, source, scope)?);
                    }
                    Ok(count)
                })?;
            }
            tidy::collection(writer, collection.id, codes_from)?;
            writer.finish()?;
            Ok(count)
        })
        .await
    }

    async fn search(&self, name: &CollectionName, search: &Search<'_>) -> Result<Vec<Passage>> {
        let (vector, words) = (search.vector.map(<[f32]>::to_vec), search.words.map(str::to_owned));
        let wanted = Search { vector: None, words: None, ..search.clone() };
        let (k, min_score, filter) = (wanted.k, wanted.min_score, wanted.filter);
        let (name, tables, exact_up_to) = (name.clone(), Arc::clone(&self.tables), self.exact_up_to);
        let connections = Arc::clone(&self.connections);
        let searching = spawn_blocking(move || {
            let search = Search { vector: vector.as_deref(), words: words.as_deref(), k, min_score, filter };
            loop {
                let found = connections.read(|connection| {
                    let collection = collections::get(connection, &name)?;
                    Searching { connection, collection: &collection, tables: &tables, exact_up_to }.find(&search)
                })?;
                if let Some(found) = found {
                    return Ok(found);
                }
            }
        });
        searching.await.unwrap_or_else(|error| Err(ended(error)))
    }

    async fn size(&self, name: &CollectionName) -> Result<u64> {
        let name = name.clone();
        self.read(move |connection| {
            let collection = collections::get(connection, &name)?;
            size::of(connection, &collection)
        })
        .await
    }
}
