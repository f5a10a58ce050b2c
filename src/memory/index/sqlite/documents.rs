//! The statements for documents: what is visible.

use std::ops::Range;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    error::{Error, ErrorKind},
    memory::{
        Document, Filter, NewDocument,
        index::sqlite::{
            failure::{Failure, damaged},
            filter::Chosen,
        },
    },
    model::Scope,
};

/// A document with where its chunks are.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) shown: Document,
    /// The numbers of its chunks.
    pub(super) numbers: Range<u32>,
}

const COLUMNS: &str = "source, scope, hash, bytes, writer, untrusted, metadata, added_at, first, chunks, tokens";

/// The document of this source and scope.
pub(super) fn find(connection: &Connection, collection: i64, source: &str, scope: &Scope) -> Result<Option<Stored>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM memory_documents WHERE collection = ?1 AND source = ?2 AND scope = ?3");
    let mut select = connection.prepare_cached(&sql)?;
    select.query_row(params![collection, source, scope.to_string()], |row| Ok(read(row))).optional()?.transpose()
}

/// The document that has a chunk of this number.
pub(super) fn of_chunk(connection: &Connection, collection: i64, number: u32) -> Result<Stored, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM memory_documents WHERE collection = ?1 AND first <= ?2 AND chunks > 0 ORDER BY first DESC LIMIT 1"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let found = select.query_row(params![collection, number], |row| Ok(read(row))).optional()?.transpose()?;
    found.filter(|found| found.numbers.contains(&number)).ok_or_else(|| damaged("a document in memory"))
}

/// Whether a chunk is one of a document that is visible.
pub(super) fn is_visible(connection: &Connection, collection: i64, number: u32) -> rusqlite::Result<bool> {
    let mut select = connection.prepare_cached(
        "SELECT first + chunks FROM memory_documents WHERE collection = ?1 AND first <= ?2 AND chunks > 0 ORDER BY first DESC LIMIT 1",
    )?;
    let end: Option<i64> = select.query_row(params![collection, number], |row| row.get(0)).optional()?;
    Ok(end.is_some_and(|end| i64::from(number) < end))
}

/// Up to `limit` documents that `filter` lets through, by source, then scope.
pub(super) fn list(
    connection: &Connection,
    collection: i64,
    filter: &Filter,
    after: Option<(&str, &Scope)>,
    limit: usize,
) -> Result<Vec<Document>, Failure> {
    let chosen = Chosen::by(filter)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM memory_documents WHERE collection = ?1 AND (?2 IS NULL OR (source, scope) > (?2, ?3)) \
         ORDER BY source, scope"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let scope = after.map(|(_, scope)| scope.to_string());
    let mut rows = select.query(params![collection, after.map(|(source, _)| source), scope])?;
    let mut documents = Vec::new();
    while documents.len() < limit {
        let Some(row) = rows.next()? else { break };
        let document = read(row)?.shown;
        if chosen.lets_through(&document) {
            documents.push(document);
        }
    }
    Ok(documents)
}

/// Takes `count` numbers for chunks: the first of them, and how many.
///
/// # Errors
/// `NotFound` when the collection is gone.
pub(super) fn reserve(connection: &Connection, collection: i64, count: usize) -> Result<(u32, u32), Failure> {
    let count = u32::try_from(count).map_err(|_| Error::new(ErrorKind::Invalid, "a document has too many chunks"))?;
    let mut take = connection
        .prepare_cached("UPDATE memory_collections SET next = next + ?2 WHERE id = ?1 RETURNING next - ?2, next <= 4294967295")?;
    let taken = take.query_row(params![collection, count], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (first, is_left) = taken.ok_or_else(gone)?;
    if is_left {
        return Ok((first, count));
    }
    let text = "the collection has no numbers left for more chunks";
    Err(Error::new(ErrorKind::Invalid, text).hint("make it anew with: agentflow memory reindex COLLECTION").into())
}

fn gone() -> Failure {
    Error::new(ErrorKind::NotFound, "the collection was removed in the meantime").into()
}

/// Makes a document visible whose chunks are there from number `first` on, in place of the one of the same source and scope.
pub(super) fn publish(connection: &Connection, collection: i64, document: &NewDocument, first: u32) -> Result<(), Failure> {
    let before = take(connection, collection, &document.source, &document.scope)?;
    let tokens: i64 = document.chunks.iter().map(|chunk| i64::from(chunk.tokens)).sum();
    let text_bytes: usize = document.chunks.iter().map(|chunk| chunk.text.len()).sum();
    let (chunks, text_bytes) = (count(document.chunks.len()), count(text_bytes));
    let came = Counts { documents: 1, chunks, tokens, text_bytes };
    let change = changed(connection, collection, &came.minus(before.as_ref()))?;
    if let Some(before) = &before {
        list_removed(connection, collection, change, before)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO memory_documents (collection, source, scope, hash, bytes, writer, untrusted, metadata, added_at, first, \
             chunks, tokens, text_bytes, change) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            collection,
            document.source,
            document.scope.to_string(),
            document.hash,
            i64::try_from(document.bytes).unwrap_or(i64::MAX),
            to_json(&document.writer)?,
            document.untrusted,
            to_json(&document.metadata)?,
            Timestamp::now().as_microsecond(),
            first,
            chunks,
            tokens,
            text_bytes,
            change
        ])?;
    Ok(())
}

/// Removes a document; tells whether it was there. Its chunks are left to [`tidy`](super::tidy).
pub(super) fn remove(connection: &Connection, collection: i64, source: &str, scope: &Scope) -> Result<bool, Failure> {
    let Some(before) = take(connection, collection, source, scope)? else { return Ok(false) };
    let change = changed(connection, collection, &Counts::default().minus(Some(&before)))?;
    list_removed(connection, collection, change, &before)?;
    Ok(true)
}

/// What a collection has more, or less.
#[derive(Debug, Default)]
struct Counts {
    documents: i64,
    chunks: i64,
    tokens: i64,
    text_bytes: i64,
}

impl Counts {
    fn minus(self, gone: Option<&Gone>) -> Self {
        let Some(Gone { counts: gone, .. }) = gone else { return self };
        Self {
            documents: self.documents - gone.documents,
            chunks: self.chunks - gone.chunks,
            tokens: self.tokens - gone.tokens,
            text_bytes: self.text_bytes - gone.text_bytes,
        }
    }
}

/// A document that was taken away.
struct Gone {
    first: u32,
    counts: Counts,
}

fn take(connection: &Connection, collection: i64, source: &str, scope: &Scope) -> Result<Option<Gone>, Failure> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM memory_documents WHERE collection = ?1 AND source = ?2 AND scope = ?3 \
         RETURNING first, chunks, tokens, text_bytes",
    )?;
    let gone = delete.query_row(params![collection, source, scope.to_string()], |row| {
        let counts = Counts { documents: 1, chunks: row.get(1)?, tokens: row.get(2)?, text_bytes: row.get(3)? };
        Ok(Gone { first: row.get(0)?, counts })
    });
    Ok(gone.optional()?)
}

/// Counts a change of the collection; its number.
fn changed(connection: &Connection, collection: i64, more: &Counts) -> Result<i64, Failure> {
    let mut update = connection.prepare_cached(
        "UPDATE memory_collections SET change = change + 1, changed_at = ?2, documents = documents + ?3, chunks = chunks + ?4, \
         tokens = tokens + ?5, text_bytes = text_bytes + ?6 WHERE id = ?1 RETURNING change",
    )?;
    let now = Timestamp::now().as_microsecond();
    let columns = params![collection, now, more.documents, more.chunks, more.tokens, more.text_bytes];
    update.query_row(columns, |row| row.get(0)).optional()?.ok_or_else(gone)
}

fn list_removed(connection: &Connection, collection: i64, change: i64, gone: &Gone) -> Result<(), Failure> {
    if gone.counts.chunks > 0 {
        connection
            .prepare_cached("INSERT INTO memory_removed (collection, change, first, chunks) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![collection, change, gone.first, gone.counts.chunks])?;
    }
    Ok(())
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "a document cannot be written as JSON").source(error).into())
}

fn read(row: &Row<'_>) -> Result<Stored, Failure> {
    let bad = || damaged("a document in memory");
    let (first, chunks): (u32, u32) = (row.get(8)?, row.get(9)?);
    let shown = Document {
        source: row.get(0)?,
        scope: row.get::<_, String>(1)?.parse().map_err(|_| bad())?,
        hash: row.get(2)?,
        bytes: row.get::<_, i64>(3)?.cast_unsigned(),
        writer: serde_json::from_str(row.get_ref(4)?.as_str().map_err(|_| bad())?).map_err(|_| bad())?,
        untrusted: row.get(5)?,
        metadata: serde_json::from_str(row.get_ref(6)?.as_str().map_err(|_| bad())?).map_err(|_| bad())?,
        added_at: Timestamp::from_microsecond(row.get(7)?).map_err(|_| bad())?,
        chunks: u64::from(chunks),
        tokens: row.get::<_, i64>(10)?.cast_unsigned(),
    };
    Ok(Stored { shown, numbers: first..first.checked_add(chunks).ok_or_else(bad)? })
}
