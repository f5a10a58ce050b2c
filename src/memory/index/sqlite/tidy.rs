//! What is done after a write, in short transactions: rows of what is gone are removed, codes are made, words are merged. What a process
//! that died has left is found here, too.

use std::{ops::Range, time::Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::memory::index::sqlite::{
    chunks,
    failure::Failure,
    fold, schema,
    writer::{Writer, is_over},
};

/// After how long a document that is not complete is taken for left behind.
const LEFT_BEHIND: SignedDuration = SignedDuration::from_mins(10);
/// How many removals of a collection stay listed, for processes that have its codes.
const LISTED: i64 = 4_096;
/// How much of the words is merged in one transaction, in pages of 4 KiB.
const MERGED_PAGES: i64 = 16;
/// How many rows are removed with one statement.
const ROWS: i64 = 16;

/// Does what is to be done for a collection.
pub(super) fn collection(writer: &mut Writer, collection: i64, codes_from: u64) -> Result<(), Failure> {
    for first in writer.read(|connection| left_behind(connection, collection))? {
        writer.transaction(|connection| give_up(connection, collection, first))?;
    }
    while let Some(numbers) = writer.read(|connection| uncleared(connection, collection))? {
        clear(writer, collection, &numbers)?;
    }
    forget_removals(writer, collection)?;
    while writer.read(|connection| fold::is_due(connection, collection, codes_from))? {
        writer.transaction(|connection| fold::next(connection, collection, codes_from))?;
    }
    writer.repeat(|connection| merge_words(connection, collection))
}

/// Removes the rows of collections that were removed.
pub(super) fn dropped(writer: &mut Writer) -> Result<(), Failure> {
    let find = |connection: &Connection| -> Result<Option<i64>, Failure> {
        if !schema::is_there(connection)? {
            return Ok(None);
        }
        Ok(connection.prepare_cached("SELECT id FROM memory_dropped LIMIT 1")?.query_row([], |row| row.get(0)).optional()?)
    };
    while let Some(id) = writer.read(find)? {
        writer.repeat(|connection| drop_some(connection, id))?;
    }
    Ok(())
}

/// Gives up a document that is not complete.
pub(super) fn give_up(connection: &Connection, collection: i64, first: u32) -> Result<(), Failure> {
    // Nobody has seen it, so nobody has to be told: it is listed as if it had gone before all changes.
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO memory_removed (collection, change, first, chunks) \
             SELECT collection, 0, first, chunks FROM memory_staged WHERE collection = ?1 AND first = ?2",
        )?
        .execute(params![collection, first])?;
    connection
        .prepare_cached("DELETE FROM memory_staged WHERE collection = ?1 AND first = ?2")?
        .execute(params![collection, first])?;
    Ok(())
}

/// Merges some of the words; tells whether there may be more to merge.
pub(super) fn merge_words(connection: &Connection, collection: i64) -> Result<bool, Failure> {
    let words = schema::words_table(collection);
    let before = connection.total_changes();
    connection.prepare_cached(&format!("INSERT INTO {words} ({words}, rank) VALUES ('merge', ?1)"))?.execute([MERGED_PAGES])?;
    // The statement itself counts as one change.
    Ok(connection.total_changes() - before >= 2)
}

/// The documents that are not complete and that nobody completes any more, by their first chunks.
fn left_behind(connection: &Connection, collection: i64) -> Result<Vec<u32>, Failure> {
    let before = Timestamp::now().saturating_sub(LEFT_BEHIND).map_or(0, |before: Timestamp| before.as_microsecond());
    let mut select = connection.prepare_cached("SELECT first FROM memory_staged WHERE collection = ?1 AND touched_at < ?2")?;
    let found = select.query_map([collection, before], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The chunks of a document that is gone whose rows are there.
fn uncleared(connection: &Connection, collection: i64) -> Result<Option<(i64, Range<u32>)>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT change, first, first + chunks FROM memory_removed WHERE collection = ?1 AND cleared = 0 LIMIT 1",
    )?;
    Ok(select.query_row([collection], |row| Ok((row.get(0)?, row.get(1)?..row.get(2)?))).optional()?)
}

fn clear(writer: &mut Writer, collection: i64, (change, numbers): &(i64, Range<u32>)) -> Result<(), Failure> {
    let mut left = numbers.clone();
    writer.repeat(|connection| {
        let begun = Instant::now();
        for number in left.by_ref() {
            chunks::clear(connection, collection, &(number..number + 1))?;
            chunks::clear_words(connection, collection, number)?;
            if is_over(begun) {
                return Ok(true);
            }
        }
        connection
            .prepare_cached("UPDATE memory_removed SET cleared = 1 WHERE collection = ?1 AND change = ?2 AND first = ?3")?
            .execute(params![collection, change, numbers.start])?;
        Ok(false)
    })
}

/// Keeps the list of removals short: who has not read them by then reads all codes anew.
fn forget_removals(writer: &mut Writer, collection: i64) -> Result<(), Failure> {
    let oldest = |connection: &Connection| -> Result<Option<i64>, Failure> {
        let mut select = connection.prepare_cached(
            "SELECT change FROM memory_removed WHERE collection = ?1 AND cleared = 1 ORDER BY change DESC LIMIT 1 OFFSET ?2",
        )?;
        Ok(select.query_row([collection, LISTED], |row| row.get(0)).optional()?)
    };
    let Some(oldest) = writer.read(oldest)? else { return Ok(()) };
    writer.transaction(|connection| {
        connection
            .prepare_cached("UPDATE memory_collections SET forgotten = max(forgotten, ?2) WHERE id = ?1")?
            .execute([collection, oldest])?;
        Ok(())
    })?;
    writer.repeat(|connection| {
        let mut delete = connection.prepare_cached(
            "DELETE FROM memory_removed WHERE (collection, change, first) IN (SELECT collection, change, first FROM memory_removed \
             WHERE collection = ?1 AND change <= ?2 AND cleared = 1 LIMIT ?3)",
        )?;
        until_over(|| delete.execute([collection, oldest, ROWS]))
    })
}

/// Removes some of what is left of a collection; tells whether there is more.
fn drop_some(connection: &Connection, id: i64) -> Result<bool, Failure> {
    let rows = [chunks::row_of(id, 0), chunks::row_of(id + 1, 0) - 1, ROWS];
    for table in ["memory_chunks", "memory_vectors", "memory_codes"] {
        let mut delete = connection.prepare_cached(&format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)"
        ))?;
        if until_over(|| delete.execute(rows))? {
            return Ok(true);
        }
    }
    for (table, key) in
        [("memory_documents", "id"), ("memory_removed", "collection, change, first"), ("memory_staged", "collection, first")]
    {
        let mut delete = connection.prepare_cached(&format!(
            "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE collection = ?1 LIMIT ?2)"
        ))?;
        if until_over(|| delete.execute([id, ROWS]))? {
            return Ok(true);
        }
    }
    if drop_some_words(connection, id)? {
        return Ok(true);
    }
    connection.prepare_cached("DELETE FROM memory_dropped WHERE id = ?1")?.execute([id])?;
    Ok(false)
}

/// Removes some of the words of a collection, and the table itself in the end: to remove it as it is would take as long as it is large.
fn drop_some_words(connection: &Connection, id: i64) -> Result<bool, Failure> {
    let words = schema::words_table(id);
    let mut find = connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = ?1")?;
    if !find.exists([&words])? {
        return Ok(false);
    }
    // What FTS5 keeps its words in. The first rows of `data` are its own.
    for (part, key, which) in [("data", "id", "id > 10"), ("idx", "segid, term", "true"), ("docsize", "id", "true")] {
        let mut delete = connection.prepare_cached(&format!(
            "DELETE FROM {words}_{part} WHERE ({key}) IN (SELECT {key} FROM {words}_{part} WHERE {which} LIMIT ?1)"
        ))?;
        if until_over(|| delete.execute([ROWS]))? {
            return Ok(true);
        }
    }
    connection.execute_batch(&format!("DROP TABLE {words}"))?;
    Ok(false)
}

/// Does `step` until it removes nothing any more, or the time is over; tells whether it may remove more.
fn until_over(mut step: impl FnMut() -> rusqlite::Result<usize>) -> Result<bool, Failure> {
    let begun = Instant::now();
    while step()? > 0 {
        if is_over(begun) {
            return Ok(true);
        }
    }
    Ok(false)
}
