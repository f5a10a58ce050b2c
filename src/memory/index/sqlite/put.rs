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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::{
            NewChunk,
            index::sqlite::{
                collections,
                connections::{Connections, Place},
            },
        },
        model::{CollectionName, Position, Scope},
    };

    fn document(source: &str, chunks: usize) -> NewDocument {
        let chunk = |n| NewChunk {
            position: Position::default(),
            text: format!("{source} {n} {}", "word ".repeat(100)),
            hash: format!("{source}{n}"),
            tokens: 1,
            vector: Some(vec![0.6, 0.8]),
        };
        NewDocument {
            source: source.to_owned(),
            scope: Scope::Project,
            hash: String::new(),
            bytes: 0,
            writer: crate::model::Writer::default(),
            untrusted: false,
            metadata: serde_json::Map::new(),
            chunks: (0..chunks).map(chunk).collect(),
        }
    }

    /// An empty collection of vectors of two numbers.
    fn collection() -> (Connections, CollectionName, i64) {
        let connections = Connections::new(Place::Memory);
        let name = CollectionName::new("docs").unwrap();
        let made = connections.write(|writer| writer.transaction(|connection| collections::make(connection, &name, "mock", 2)));
        (connections, name, made.unwrap().id)
    }

    /// How many chunks, vectors and words there are, visible or not.
    fn rows(connection: &Connection, collection: i64) -> Result<[i64; 3], Failure> {
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
        Ok([
            count("SELECT count(*) FROM memory_chunks")?,
            count("SELECT count(*) FROM memory_vectors")?,
            count(&format!("SELECT count(*) FROM memory_words_{collection} WHERE memory_words_{collection} MATCH 'word'"))?,
        ])
    }

    #[test]
    fn what_was_left_behind_is_cleaned_up_later() {
        let (connections, name, id) = collection();
        let whole = document("whole", 3);
        // As by a process that died before the end.
        let left = document("left", 40);
        let begin = |writer: &mut Writer| {
            put(writer, id, std::slice::from_ref(&whole))?;
            writer.transaction(|connection| {
                documents::reserve(connection, id, 40)?;
                let mut adding = Adding::to(connection, id)?;
                (3..).zip(&left.chunks[..20]).try_for_each(|(number, chunk)| adding.add(number, chunk))?;
                connection.execute(
                    "INSERT INTO memory_staged VALUES (?1, 3, 40, ?2)",
                    params![id, Timestamp::now().as_microsecond()],
                )?;
                Ok(())
            })?;
            // Somebody may be at it still.
            tidy::collection(writer, id, 0)?;
            writer.read(|connection| rows(connection, id))
        };
        assert_eq!(connections.write(begin).unwrap(), [23, 23, 23]);
        let shown = connections.read(|connection| collections::get(connection, &name)).unwrap().shown;
        assert_eq!((shown.documents, shown.chunks), (1, 3));
        let later = |writer: &mut Writer| {
            writer.transaction(|connection| Ok(connection.execute("UPDATE memory_staged SET touched_at = 0", [])?))?;
            put(writer, id, &[document("next", 1)])?;
            tidy::collection(writer, id, 0)?;
            writer.read(|connection| rows(connection, id))
        };
        assert_eq!(connections.write(later).unwrap(), [4, 4, 4]);
    }

    #[test]
    fn nothing_half_added_is_visible_when_the_disk_is_full() {
        let (connections, name, id) = collection();
        let limit = |pages: i64| {
            let limit = |writer: &mut Writer| {
                writer.read(|connection| Ok(connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?))
            };
            connections.write(limit).unwrap();
        };
        let put = |documents: &[NewDocument]| {
            connections.write(|writer| {
                put(writer, id, documents)?;
                tidy::collection(writer, id, 0)
            })
        };
        put(&[document("first", 5)]).unwrap();
        limit(100);
        let error = put(&[document("large", 2_000)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
        assert!(error.to_string().starts_with("no space is left for memory in"), "{error}");
        let error = put(&vec![document("small", 10); 100]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
        let shown = || connections.read(|connection| collections::get(connection, &name)).unwrap().shown;
        assert!(shown().documents <= 2 && shown().chunks == 5 + 10 * (shown().documents - 1), "{:?}", shown());
        limit(100_000);
        put(&[document("large", 2_000), document("small", 10)]).unwrap();
        assert_eq!((shown().documents, shown().chunks), (3, 2_015));
        let left = connections.write(|writer| writer.read(|connection| rows(connection, id))).unwrap();
        assert_eq!(left, [2_015; 3]);
    }

    #[test]
    fn a_collection_that_goes_in_the_middle_is_told() {
        let (connections, name, id) = collection();
        let put = |writer: &mut Writer| {
            writer.transaction(|connection| collections::remove(connection, &name))?;
            put(writer, id, &[document("late", 1)])
        };
        assert_eq!(connections.write(put).unwrap_err().kind(), ErrorKind::NotFound);
        connections.write(tidy::dropped).unwrap();
        let left = connections.write(|writer| {
            writer.read(|connection| {
                Ok(connection.query_row("SELECT count(*) FROM memory_chunks", [], |row| row.get::<_, i64>(0))?)
            })
        });
        assert_eq!(left.unwrap(), 0);
    }
}
