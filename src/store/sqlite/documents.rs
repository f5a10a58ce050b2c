//! The statements for documents.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
    store::{
        record::{Key, Version, Versioned},
        rules,
        sqlite::failure::Failure,
    },
};

pub(super) fn get(connection: &Connection, key: &Key) -> Result<Option<Versioned<Value>>, Failure> {
    let mut select = connection.prepare_cached("SELECT version, value FROM documents WHERE key = ?1")?;
    let found = select.query_row([key.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional()?;
    Ok(found.map(|(version, text)| decode(key, version, &text)).transpose()?)
}

/// Checks what `put` checks, and returns the version that is there.
pub(super) fn check_put(connection: &Connection, key: &Key, expected: Version) -> Result<Version, Failure> {
    let stored = stored_version(connection, key)?;
    rules::check_version(key, stored, expected)?;
    Ok(stored)
}

pub(super) fn put(connection: &Connection, key: &Key, expected: Version, text: &str) -> Result<Version, Failure> {
    let stored = check_put(connection, key, expected)?;
    let before = if stored == Version::ABSENT { highest_deleted(connection)? } else { stored.0 };
    let version = before + 1;
    connection
        .prepare_cached(
            "INSERT INTO documents (key, version, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value",
        )?
        .execute(params![key.as_str(), version.cast_signed(), text])?;
    Ok(Version(version))
}

/// Checks what `delete` checks, and returns the version that is there.
pub(super) fn check_delete(connection: &Connection, key: &Key, expected: Version) -> Result<Version, Failure> {
    let stored = stored_version(connection, key)?;
    rules::check_deletion(key, stored, expected)?;
    Ok(stored)
}

pub(super) fn delete(connection: &Connection, key: &Key, expected: Version) -> Result<(), Failure> {
    let stored = check_delete(connection, key, expected)?;
    let mut floor = connection.prepare_cached("UPDATE removed SET highest = max(highest, ?1) WHERE what = 'version'")?;
    floor.execute([stored.0.cast_signed()])?;
    connection.prepare_cached("DELETE FROM documents WHERE key = ?1")?.execute([key.as_str()])?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    prefix: &str,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<(Key, Versioned<Value>)>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT key, version, value FROM documents WHERE key >= ?1 AND (?2 IS NULL OR key > ?2) ORDER BY key LIMIT ?3",
    )?;
    // The start alone bounds the search; the end is where the keys leave the prefix.
    let start = after.map_or(prefix, |after| after.as_str().max(prefix));
    let mut rows = select.query(params![start, after.map(Key::as_str), i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(prefix) {
            break;
        }
        let key = Key::new(key);
        let document = decode(&key, row.get(1)?, &row.get::<_, String>(2)?)?;
        documents.push((key, document));
    }
    Ok(documents)
}

fn stored_version(connection: &Connection, key: &Key) -> rusqlite::Result<Version> {
    let mut select = connection.prepare_cached("SELECT version FROM documents WHERE key = ?1")?;
    let stored = select.query_row([key.as_str()], |row| row.get::<_, i64>(0)).optional()?;
    Ok(stored.map_or(Version::ABSENT, |version| Version(version.cast_unsigned())))
}

fn highest_deleted(connection: &Connection) -> rusqlite::Result<u64> {
    let mut select = connection.prepare_cached("SELECT highest FROM removed WHERE what = 'version'")?;
    select.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

fn decode(key: &Key, version: i64, text: &str) -> Result<Versioned<Value>> {
    let value = serde_json::from_str(text)
        .map_err(|error| Error::new(ErrorKind::Corrupt, format!("document `{key}` is damaged")).source(error))?;
    Ok(Versioned { version: Version(version.cast_unsigned()), value })
}
