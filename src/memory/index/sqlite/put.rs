//! Puts documents: small ones several at a time, each in one transaction; large ones a part at a time, where nobody sees them until
//! they are complete.

use std::time::Instant;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{
        NewDocument,
        index::sqlite::{
            chunks::Adding,
            documents,
            failure::Failure,
            tidy, vector,
            writer::{Writer, is_over},
        },
    },
};

/// How many chunks a document has at most that is put in one transaction.
const WHOLE: usize = 16;
/// After how many transactions words are merged.
const MERGE_AFTER: u32 = 8;

/// Refuses documents with vectors that do not belong there.
pub(super) fn check(dimension: usize, documents: &[NewDocument]) -> Result<()> {
    for document in documents {
        for (number, chunk) in (1..).zip(&document.chunks) {
            let checked = match &chunk.vector {
                Some(_) if dimension == 0 => Err(Error::new(ErrorKind::Invalid, "the collection has no vectors")),
                Some(vector) => vector::check(vector, dimension),
                None if dimension > 0 => Err(Error::new(ErrorKind::Invalid, "the vector is missing")),
                None => Ok(()),
            };
            checked.map_err(|error| error.context(format!("chunk {number} of `{}`", document.source.escape_debug())))?;
        }
    }
    Ok(())
}

/// Puts documents that have been checked.
pub(super) fn put(writer: &mut Writer, collection: i64, documents: &[NewDocument]) -> Result<(), Failure> {
    let mut rest = documents;
    let mut transactions = 0;
    while let Some(next) = rest.first() {
        let done = if next.chunks.len() > WHOLE {
            put_in_parts(writer, collection, next, &mut transactions)?;
            1
        } else {
            let several = rest.iter().take_while(|document| document.chunks.len() <= WHOLE);
            writer.transaction(|connection| put_whole(connection, collection, several))?
        };
        rest = &rest[done..];
        merge_now_and_then(writer, collection, &mut transactions)?;
    }
    Ok(())
}

/// Puts documents until the time is over; returns how many.
fn put_whole<'d>(
    connection: &Connection,
    collection: i64,
    documents: impl Iterator<Item = &'d NewDocument>,
) -> Result<usize, Failure> {
    let begun = Instant::now();
    let mut adding = Adding::to(connection, collection)?;
    let mut done = 0;
    for document in documents {
        let (first, _) = documents::reserve(connection, collection, document.chunks.len())?;
        for (number, chunk) in (first..).zip(&document.chunks) {
            adding.add(number, chunk)?;
        }
        documents::publish(connection, collection, document, first)?;
        done += 1;
        if is_over(begun) {
            break;
        }
    }
    Ok(done)
}

fn put_in_parts(writer: &mut Writer, collection: i64, document: &NewDocument, transactions: &mut u32) -> Result<(), Failure> {
    let first = writer.transaction(|connection| {
        let (first, count) = documents::reserve(connection, collection, document.chunks.len())?;
        connection
            .prepare_cached("INSERT INTO memory_staged (collection, first, chunks, touched_at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![collection, first, count, Timestamp::now().as_microsecond()])?;
        Ok(first)
    })?;
    let parts = add_parts(writer, collection, document, first, transactions).and_then(|()| {
        writer.transaction(|connection| {
            let mut delete = connection.prepare_cached("DELETE FROM memory_staged WHERE collection = ?1 AND first = ?2")?;
            still_there(delete.execute(params![collection, first])?)?;
            documents::publish(connection, collection, document, first)
        })
    });
    if parts.is_err() {
        // Cleaned up now, if that can be done; otherwise it is found later, and the first error says more.
        drop(writer.transaction(|connection| tidy::give_up(connection, collection, first)));
    }
    parts
}

/// Adds the chunks of a document, where nobody sees them.
fn add_parts(
    writer: &mut Writer,
    collection: i64,
    document: &NewDocument,
    first: u32,
    transactions: &mut u32,
) -> Result<(), Failure> {
    let mut chunks = (first..).zip(&document.chunks).peekable();
    while chunks.peek().is_some() {
        writer.transaction(|connection| {
            let begun = Instant::now();
            connection
                .prepare_cached("UPDATE memory_staged SET touched_at = ?3 WHERE collection = ?1 AND first = ?2")?
                .execute(params![collection, first, Timestamp::now().as_microsecond()])
                .map_err(Failure::from)
                .and_then(still_there)?;
            let mut adding = Adding::to(connection, collection)?;
            for (number, chunk) in &mut chunks {
                adding.add(number, chunk)?;
                if is_over(begun) {
                    break;
                }
            }
            Ok(())
        })?;
        merge_now_and_then(writer, collection, transactions)?;
    }
    Ok(())
}

fn still_there(rows: usize) -> Result<(), Failure> {
    if rows == 1 {
        return Ok(());
    }
    let text = "the collection was removed, or this took so long that it was taken for left behind";
    Err(Error::new(ErrorKind::Conflict, text).hint("add it again").into())
}

fn merge_now_and_then(writer: &mut Writer, collection: i64, transactions: &mut u32) -> Result<(), Failure> {
    *transactions += 1;
    if transactions.is_multiple_of(MERGE_AFTER) {
        writer.transaction(|connection| tidy::merge_words(connection, collection))?;
    }
    Ok(())
}
