//! The statements for chunks: their texts, vectors and words. A chunk has a number within its collection; those of a document stand side
//! by side.

use std::ops::Range;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use crate::{
    memory::{
        NewChunk, StoredChunk,
        index::sqlite::{
            failure::{Failure, damaged},
            schema, vector,
        },
    },
    model::Position,
};

/// The row of a chunk.
pub(super) fn row_of(collection: i64, number: u32) -> i64 {
    collection << 32 | i64::from(number)
}

/// The number of the chunk in a row.
pub(super) fn number_of(row: i64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the lower half is the number")]
    let number = row as u32;
    number
}

/// The rows of `numbers`: the first and the last.
pub(super) fn rows_of(collection: i64, numbers: &Range<u32>) -> (i64, i64) {
    (row_of(collection, numbers.start), row_of(collection, numbers.end) - 1)
}

/// Adds chunks.
pub(super) struct Adding<'c> {
    collection: i64,
    chunk: CachedStatement<'c>,
    vector: CachedStatement<'c>,
    words: CachedStatement<'c>,
}

impl<'c> Adding<'c> {
    pub(super) fn to(connection: &'c Connection, collection: i64) -> rusqlite::Result<Self> {
        let words = schema::words_table(collection);
        Ok(Self {
            collection,
            chunk: connection.prepare_cached(
                "INSERT INTO memory_chunks (id, first_line, last_line, page, heading, hash, tokens, text) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
            vector: connection.prepare_cached("INSERT INTO memory_vectors (id, vector) VALUES (?1, ?2)")?,
            words: connection.prepare_cached(&format!("INSERT INTO {words} (rowid, text, hash) VALUES (?1, ?2, ?3)"))?,
        })
    }

    pub(super) fn add(&mut self, number: u32, chunk: &NewChunk) -> rusqlite::Result<()> {
        let (row, at) = (row_of(self.collection, number), &chunk.position);
        let columns = params![row, at.first_line, at.last_line, at.page, at.heading, chunk.hash, chunk.tokens, chunk.text];
        self.chunk.execute(columns)?;
        if let Some(numbers) = &chunk.vector {
            self.vector.execute(params![row, vector::to_bytes(numbers)])?;
        }
        self.words.execute(params![number, chunk.text, hash_word(&chunk.hash)])?;
        Ok(())
    }
}

/// The word by which a hash is found: the beginning tells nearly all apart. The words are a place where adding is cheap; a tree
/// of hashes would change in another place with every chunk.
fn hash_word(hash: &str) -> String {
    hash.chars().take(24).collect()
}

/// Reads vectors.
pub(super) struct Vectors<'c> {
    collection: i64,
    dimension: usize,
    select: CachedStatement<'c>,
}

impl<'c> Vectors<'c> {
    pub(super) fn of(connection: &'c Connection, collection: i64, dimension: usize) -> rusqlite::Result<Self> {
        let select = connection.prepare_cached("SELECT vector FROM memory_vectors WHERE id = ?1")?;
        Ok(Self { collection, dimension, select })
    }

    /// # Errors
    /// `Corrupt` when there is none, or it is none.
    pub(super) fn get(&mut self, number: u32) -> Result<Vec<f32>, Failure> {
        let found = self.select.query_row([row_of(self.collection, number)], |row| Ok(self::read(row, self.dimension)));
        found.optional()?.unwrap_or_else(|| Err(damaged("a vector in memory")))
    }

    /// The cosine of the angle between a chunk and `query`.
    pub(super) fn similarity(&mut self, number: u32, query: &[f32]) -> Result<f64, Failure> {
        Ok(vector::dot(&self.get(number)?, query))
    }
}

fn read(row: &rusqlite::Row<'_>, dimension: usize) -> Result<Vec<f32>, Failure> {
    let bytes = row.get_ref(0)?.as_blob().map_err(|_| damaged("a vector in memory"))?;
    vector::from_bytes(bytes, dimension)
}

/// Calls `each` with the vectors of `numbers`, in order, as far as they are there.
pub(super) fn each_vector(
    connection: &Connection,
    collection: i64,
    dimension: usize,
    numbers: &Range<u32>,
    mut each: impl FnMut(u32, &[f32]),
) -> Result<(), Failure> {
    let mut select = connection.prepare_cached("SELECT vector, id FROM memory_vectors WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
    let mut rows = select.query(rows_of(collection, numbers))?;
    while let Some(row) = rows.next()? {
        each(number_of(row.get(1)?), &read(row, dimension)?);
    }
    Ok(())
}

/// The vector of a chunk with this hash, if there is one.
pub(super) fn known_vector(
    connection: &Connection,
    collection: i64,
    dimension: usize,
    hash: &str,
) -> Result<Option<Vec<f32>>, Failure> {
    let words = schema::words_table(collection);
    let sql = format!("SELECT rowid FROM {words} WHERE {words} MATCH 'hash : ' || ?1");
    let mut find = connection.prepare_cached(&sql)?;
    let mut found = find.query([format!("\"{}\"", hash_word(hash).replace(['"', '\0'], " "))])?;
    let mut check = connection.prepare_cached("SELECT 1 FROM memory_chunks WHERE id = ?1 AND hash = ?2")?;
    while let Some(row) = found.next()? {
        let number: u32 = row.get(0)?;
        if check.exists(params![row_of(collection, number), hash])? {
            return Vectors::of(connection, collection, dimension)?.get(number).map(Some);
        }
    }
    Ok(None)
}

/// A chunk without its vector.
pub(super) fn get(connection: &Connection, collection: i64, number: u32) -> Result<StoredChunk, Failure> {
    let mut select = connection
        .prepare_cached("SELECT first_line, last_line, page, heading, hash, tokens, text FROM memory_chunks WHERE id = ?1")?;
    let found = select.query_row([row_of(collection, number)], |row| {
        let position = Position { first_line: row.get(0)?, last_line: row.get(1)?, page: row.get(2)?, heading: row.get(3)? };
        Ok(StoredChunk { position, hash: row.get(4)?, tokens: row.get(5)?, text: row.get(6)?, vector: None })
    });
    found.optional()?.ok_or_else(|| damaged("a chunk in memory"))
}

/// Removes the rows of `numbers`.
pub(super) fn clear(connection: &Connection, collection: i64, numbers: &Range<u32>) -> rusqlite::Result<()> {
    let rows = rows_of(collection, numbers);
    connection.prepare_cached("DELETE FROM memory_chunks WHERE id BETWEEN ?1 AND ?2")?.execute(rows)?;
    connection.prepare_cached("DELETE FROM memory_vectors WHERE id BETWEEN ?1 AND ?2")?.execute(rows)?;
    Ok(())
}

/// Removes the words of one chunk, if it has any.
pub(super) fn clear_words(connection: &Connection, collection: i64, number: u32) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM {} WHERE rowid = ?1", schema::words_table(collection));
    connection.prepare_cached(&sql)?.execute([number])?;
    Ok(())
}
