//! What strangers may write: it is text, and means nothing to the index; and files that were damaged.

use agentflow::{
    ErrorKind,
    memory::{Filter, NewDocument, Search, SqliteIndex},
};
use rusqlite::Connection;
use serde_json::json;

use super::{Backend, Fixture, document, near, on_every_index, said, sources, unit};

on_every_index! {
    strange_text_is_text
    a_strange_query_is_words
    a_query_of_a_megabyte_is_answered
}

const STRANGE: [&str; 16] = [
    "'; DROP TABLE memory_documents; --",
    "\" OR 1=1 --",
    "text : x",
    "hash : \"a\"",
    "{text hash} : x",
    "NEAR(a b, 2)",
    "a AND NOT b",
    "^word*",
    "(((((",
    "\"\"\"",
    "\0",
    "a\0b",
    "\u{202e}\u{feff}𝕏",
    "%s%n",
    "$.a[0]",
    "**/[*]?",
];

async fn strange_text_is_text(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    let put = STRANGE.map(|text| NewDocument {
        metadata: json!({text: text, "x": [text]}).as_object().unwrap().clone(),
        ..document(text, &[(text, Some(x.clone()))])
    });
    fixture.index.put(&docs, put.to_vec()).await.unwrap();
    for text in STRANGE {
        let found = fixture.index.document(&docs, text, &put[0].scope).await.unwrap().unwrap();
        assert_eq!((found.source.as_str(), &found.metadata[text]), (text, &json!(text)));
        let metadata = json!({text: text, "x": text}).as_object().unwrap().clone();
        let filter = Filter { metadata, ..Filter::default() };
        let found = fixture.index.search(&docs, &Search { filter, ..near(&x, 99) }).await.unwrap();
        assert_eq!(found.iter().map(|passage| passage.text.as_str()).collect::<Vec<_>>(), [text]);
        let filter = Filter { sources: vec![text.to_owned()], ..Filter::default() };
        let found = fixture.index.search(&docs, &Search { filter, ..near(&x, 99) }).await.unwrap();
        assert!(found.iter().any(|passage| passage.source == text) || text.contains('*'), "{text}");
    }
    let known = fixture.index.known_vectors(&docs, &STRANGE.map(str::to_owned)).await.unwrap();
    assert!(known.is_empty(), "{known:?}");
}

async fn a_strange_query_is_words(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    fixture.index.put(&docs, vec![document("plain", &[("a word and x", Some(x.clone()))])]).await.unwrap();
    for text in STRANGE {
        for search in [said(text, 9), Search { words: Some(text), ..near(&x, 9) }] {
            fixture.index.search(&docs, &search).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        }
    }
    for text in ["^word*", "text : x", "a AND NOT b", "NOT word"] {
        assert_eq!(sources(&fixture.index.search(&docs, &said(text, 9)).await.unwrap()), ["plain:1"], "{text}");
    }
    // The column of hashes is not searched.
    assert_eq!(fixture.index.search(&docs, &said(&super::hash("a word and x")[..24], 9)).await.unwrap(), []);
}

async fn a_query_of_a_megabyte_is_answered(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    fixture.index.put(&docs, vec![document("plain", &[("needle", Some(x))])]).await.unwrap();
    for text in [
        "x".repeat(1 << 20),
        "( \" ".repeat(1 << 18),
        "needle ".repeat(150_000),
        (0..150_000).map(|n| format!("n{n} ")).collect::<Vec<_>>().concat(),
    ] {
        let found = fixture.index.search(&docs, &said(&text, 9)).await.unwrap();
        assert_eq!(!found.is_empty(), text.starts_with("needle"));
    }
}

/// A file with a collection of 40 chunks, changed by `sql`, and what a search says then.
async fn damaged(backend: Backend, sql: &str) -> ErrorKind {
    let fixture = Fixture::new(backend).await;
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    fixture.index.put(&docs, vec![document("a", &vec![("word", Some(x.clone())); 600])]).await.unwrap();
    Connection::open(fixture.folder.path().join("agentflow.db")).unwrap().execute_batch(sql).unwrap();
    let index = fixture.open_again().await;
    let error = index.search(&docs, &Search { words: Some("word"), ..near(&x, 50) }).await.unwrap_err();
    error.kind()
}

#[tokio::test]
async fn damaged_rows_are_told() {
    for backend in [Backend::Sqlite, Backend::SqliteCodes] {
        for sql in [
            "UPDATE memory_vectors SET vector = x'00'",
            "UPDATE memory_vectors SET vector = zeroblob(16)",
            // Numbers that are none.
            "UPDATE memory_vectors SET vector = x'0000c07f0000c07f0000c07f'",
            "DELETE FROM memory_vectors",
            "DELETE FROM memory_chunks",
            "UPDATE memory_documents SET metadata = '{'",
            "UPDATE memory_documents SET scope = 'nobody'",
            "UPDATE memory_collections SET created_at = 9223372036854775807",
        ] {
            assert_eq!(damaged(backend, sql).await, ErrorKind::Corrupt, "{backend:?}: {sql}");
        }
    }
    for sql in [
        "UPDATE memory_codes SET codes = x'00'",
        "DELETE FROM memory_codes",
        "UPDATE memory_codes SET codes = zeroblob(1792 + 1)",
    ] {
        assert_eq!(damaged(Backend::SqliteCodes, sql).await, ErrorKind::Corrupt, "{sql}");
    }
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused() {
    let fixture = Fixture::new(Backend::Sqlite).await;
    fixture.collection("docs").await;
    let path = fixture.folder.path().join("agentflow.db");
    Connection::open(&path).unwrap().execute_batch("UPDATE memory_schema SET version = 2").unwrap();
    let error = SqliteIndex::open(path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("memory has version 2; this agentflow reads version 1"), "{error}");
    // One that had it open before does not write to it either.
    assert_eq!(fixture.index.collections().await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(fixture.index.make(&super::name("docs"), "mock", 3).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_file_that_is_not_there_or_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agentflow.db");
    assert_eq!(SqliteIndex::open(path.clone()).await.unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert!(!path.exists());
    std::fs::write(&path, "no database, but long enough to be taken for one ".repeat(100)).unwrap();
    assert_eq!(SqliteIndex::open(path).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_store_without_memory_has_no_collections_and_is_not_written_to() {
    let fixture = Fixture::new(Backend::Sqlite).await;
    assert_eq!(fixture.index.collections().await.unwrap(), []);
    let tables: i64 = Connection::open(fixture.folder.path().join("agentflow.db"))
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'memory%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0);
}
