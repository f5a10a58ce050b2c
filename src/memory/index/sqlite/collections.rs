//! The statements for collections.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    error::{Error, ErrorKind},
    memory::{
        Collection,
        index::sqlite::{
            failure::{Failure, damaged},
            schema,
        },
    },
    model::CollectionName,
};

/// A collection with what only the tables know.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) shown: Collection,
    /// Grows with each document that comes or goes.
    pub(super) change: i64,
    /// Chunks of lower numbers have codes.
    pub(super) folded: u32,
    /// What was removed is listed for later changes only.
    pub(super) forgotten: i64,
}

const COLUMNS: &str = "id, name, embedder, dimension, created_at, changed_at, documents, chunks, tokens, text_bytes, change, folded, \
                       forgotten";

/// The collection called `name`.
///
/// # Errors
/// `NotFound` when there is none.
pub(super) fn get(connection: &Connection, name: &CollectionName) -> Result<Stored, Failure> {
    find(connection, name)?.ok_or_else(|| missing(name))
}

/// The error for a collection that is not there.
pub(super) fn missing(name: &CollectionName) -> Failure {
    Error::new(ErrorKind::NotFound, format!("there is no collection `{name}`"))
        .hint(format!("make it with: agentflow memory add PATH --collection {name}"))
        .into()
}

/// The collection called `name`, if there is one.
pub(super) fn find(connection: &Connection, name: &CollectionName) -> Result<Option<Stored>, Failure> {
    if !schema::is_there(connection)? {
        return Ok(None);
    }
    let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM memory_collections WHERE name = ?1"))?;
    select.query_row([name.as_str()], |row| Ok(read(row))).optional()?.transpose()
}

/// All collections, by name.
pub(super) fn list(connection: &Connection) -> Result<Vec<Stored>, Failure> {
    if !schema::is_there(connection)? {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM memory_collections ORDER BY name"))?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Makes a collection, or finds it.
///
/// # Errors
/// `Invalid` when it is there with another embedder or dimension.
pub(super) fn make(connection: &Connection, name: &CollectionName, embedder: &str, dimension: usize) -> Result<Stored, Failure> {
    schema::make(connection)?;
    if let Some(found) = find(connection, name)? {
        let shown = &found.shown;
        if shown.embedder == embedder && shown.dimension == dimension {
            return Ok(found);
        }
        let what = |embedder: &str, dimension| match dimension {
            0 => format!("`{embedder}`"),
            _ => format!("`{embedder}` ({dimension} numbers a vector)"),
        };
        let text = format!(
            "collection `{name}` was made by {}, not by {}",
            what(&shown.embedder, shown.dimension),
            what(embedder, dimension)
        );
        return Err(Error::new(ErrorKind::Invalid, text)
            .hint(format!("make its vectors anew with: agentflow memory reindex {name} --embedder {embedder}"))
            .into());
    }
    let dimension = i64::try_from(dimension).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO memory_collections (name, embedder, dimension, created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?4)",
        )?
        .execute(params![name.as_str(), embedder, dimension, Timestamp::now().as_microsecond()])?;
    schema::make_words(connection, connection.last_insert_rowid())?;
    get(connection, name)
}

/// Takes a collection away; its rows are left to [`tidy`](super::tidy). Tells whether it was there.
pub(super) fn remove(connection: &Connection, name: &CollectionName) -> Result<bool, Failure> {
    let Some(found) = find(connection, name)? else { return Ok(false) };
    connection.prepare_cached("DELETE FROM memory_collections WHERE id = ?1")?.execute([found.id])?;
    connection.prepare_cached("INSERT INTO memory_dropped (id) VALUES (?1)")?.execute([found.id])?;
    Ok(true)
}

/// Puts `fresh` in place of `name`.
pub(super) fn replace(connection: &Connection, name: &CollectionName, fresh: &CollectionName) -> Result<(), Failure> {
    let found = get(connection, fresh)?;
    if name == fresh {
        return Ok(());
    }
    remove(connection, name)?;
    let mut rename = connection.prepare_cached("UPDATE memory_collections SET name = ?2 WHERE id = ?1")?;
    rename.execute(params![found.id, name.as_str()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Stored, Failure> {
    let name: String = row.get(1)?;
    let at = |column| -> Result<Timestamp, Failure> {
        Timestamp::from_microsecond(row.get(column)?).map_err(|_| damaged("a collection in memory"))
    };
    let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(Stored {
        id: row.get(0)?,
        shown: Collection {
            name: CollectionName::new(name).map_err(|_| damaged("the name of a collection in memory"))?,
            embedder: row.get(2)?,
            dimension: usize::try_from(count(3)?).map_err(|_| damaged("a collection in memory"))?,
            created_at: at(4)?,
            changed_at: at(5)?,
            documents: count(6)?,
            chunks: count(7)?,
            tokens: count(8)?,
            text_bytes: count(9)?,
        },
        change: row.get(10)?,
        folded: row.get(11)?,
        forgotten: row.get(12)?,
    })
}
