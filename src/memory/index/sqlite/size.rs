//! How large a collection is where it is kept.

use rusqlite::Connection;

use crate::memory::index::sqlite::{chunks::row_of, collections::Stored, failure::Failure, schema};

/// What a page of the file holds, beside its own head.
const PAGE: u64 = 4_088;
/// The longest row that has a page together with others; of a longer one, the rest is on pages of its own.
const LONGEST_ROW: u64 = 4_061;
/// What a row of a chunk takes beside its text: its place, the hash, the keys.
const CHUNK: u64 = 110;
/// What a document takes, with what finds it.
const DOCUMENT: u64 = 500;

/// The bytes that the collection takes, as near as can be told without looking at every page.
pub(super) fn of(connection: &Connection, collection: &Stored) -> Result<u64, Failure> {
    let shown = &collection.shown;
    let words = schema::words_table(collection.id);
    let bytes = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(i64::cast_unsigned);
    let sum = |sql: &str| -> Result<u64, Failure> { Ok(connection.prepare_cached(sql)?.query_row([], bytes)?) };
    let kept_words = sum(&format!("SELECT ifnull(sum(length(block)), 0) FROM {words}_data"))?;
    let mut codes =
        connection.prepare_cached("SELECT ifnull(sum(length(codes)), 0) FROM memory_codes WHERE id BETWEEN ?1 AND ?2")?;
    let codes = codes.query_row([row_of(collection.id, 0), row_of(collection.id + 1, 0) - 1], bytes)?;
    let vectors = shown.chunks.saturating_mul(vector(shown.dimension as u64));
    let chunks = shown.text_bytes.saturating_add(shown.chunks.saturating_mul(CHUNK));
    Ok([kept_words, codes, vectors, chunks, shown.documents.saturating_mul(DOCUMENT)].into_iter().fold(0, u64::saturating_add))
}

/// What a vector of this dimension takes: rows do not stand on two pages, so some of each page is empty.
fn vector(dimension: u64) -> u64 {
    let row = 4 * dimension + 12;
    match dimension {
        0 => 0,
        _ if row <= LONGEST_ROW => 4_096 / (PAGE / row).max(1),
        _ => row.div_ceil(PAGE) * 4_096,
    }
}
