//! What stands in the file for memory: tables beside those of the store, made with the first collection, with a version of their own.

use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    error::{Error, ErrorKind},
    memory::index::sqlite::failure::Failure,
};

/// The version of the tables; a file of a newer one is refused.
const VERSION: i64 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// Whether the tables are there.
///
/// # Errors
/// `Corrupt` for those of another version.
pub(super) fn is_there(connection: &Connection) -> Result<bool, Failure> {
    let mut find = connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'memory_schema'")?;
    if !find.exists([])? {
        return Ok(false);
    }
    let mut select = connection.prepare_cached("SELECT version FROM memory_schema")?;
    let version: Option<i64> = select.query_row([], |row| row.get(0)).optional()?;
    if version == Some(VERSION) {
        return Ok(true);
    }
    let found = version.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
    let text = format!("memory has {found}; this agentflow reads version {VERSION}");
    Err(Error::new(ErrorKind::Corrupt, text).hint("upgrade agentflow, or name another store with `--store sqlite:PATH`").into())
}

/// Makes the tables, within the transaction that is open, unless they are there.
pub(super) fn make(connection: &Connection) -> Result<(), Failure> {
    if !is_there(connection)? {
        connection.execute_batch(SCHEMA)?;
    }
    Ok(())
}

/// The table with the words of a collection.
pub(super) fn words_table(collection: i64) -> String {
    format!("memory_words_{collection}")
}

/// Makes the table with the words of a collection.
///
/// Words are merged by the index itself, in short steps: what FTS5 does by itself takes as long as it takes, in a transaction that
/// others wait for.
pub(super) fn make_words(connection: &Connection, collection: i64) -> rusqlite::Result<()> {
    let table = words_table(collection);
    connection.execute_batch(&format!(
        "CREATE VIRTUAL TABLE {table} USING fts5 (\
             text, hash, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2');\
         INSERT INTO {table} ({table}, rank) VALUES ('automerge', 0);\
         INSERT INTO {table} ({table}, rank) VALUES ('crisismerge', 1500);"
    ))
}
