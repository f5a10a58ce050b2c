//! What stands in the file: four tables, and views for a person with the `sqlite3` shell.

/// Marks a file as ours ("agfl" in ASCII).
pub(super) const APPLICATION_ID: i32 = 0x6167_666C;

/// The version of the tables and views; a file of another one is refused.
pub(super) const VERSION: i64 = 1;

/// Tables and views. Comments inside a statement are kept by SQLite and shown by `.schema`.
pub(super) const SCHEMA: &str = include_str!("schema.sql");
