//! What `store::open` takes, and how it refuses the rest.

use std::{fs, path::Path, sync::Arc};

use agentflow::{
    ErrorKind,
    store::{self, Store, Synchronous},
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::store::{Log, refused};

async fn open(url: &str) -> agentflow::Result<Arc<dyn Store>> {
    store::open(url, Synchronous::Full).await
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A folder with a store in it that holds a record; nothing has it open.
async fn made() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agentflow.db");
    let store = open(&url(&path)).await.unwrap();
    Log::claim(&store, "run/a").await.append(&store, 1).await;
    drop(store);
    (folder, path)
}

/// Opens the store at `path`: refused with this kind and text, hinted at, and nothing of the file is changed.
async fn check_refused(path: &Path, kind: ErrorKind, text: &str) {
    let before = fs::read(path).ok();
    let error = refused(open(&url(path)).await, kind);
    let expected = text.replace("PATH", &format!("`{}`", path.display()));
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(!error.hints().is_empty());
    assert!(fs::read(path).ok() == before);
}

#[tokio::test]
async fn a_url_names_the_backend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/folders/a store.db");
    for url in ["memory:".to_owned(), url(&file), format!("sqlite://{}", file.display())] {
        assert_eq!(open(&url).await.unwrap().streams("").await.unwrap(), [], "{url}");
    }
}

#[tokio::test]
async fn a_url_of_no_backend_is_invalid_with_a_hint() {
    for (url, text) in [
        ("", "`` is no store URL"),
        ("state.db", "`state.db` is no store URL"),
        ("sqlite:", "`sqlite:` names no file"),
        ("sqlite://", "`sqlite://` names no file"),
        ("sqlite::memory:", "`sqlite::memory:` is no store URL"),
        ("memory:x", "`memory:x` has something after `memory:`"),
        ("mysql://host/db", "`mysql:` is no known sort of store"),
        ("postgres://host/db", "a store at `postgres:` is planned, but this version does not have it yet"),
        ("s3://bucket/prefix", "a store at `s3:` is planned, but this version does not have it yet"),
    ] {
        let error = refused(open(url).await, ErrorKind::Invalid);
        assert_eq!(error.to_string(), text);
        assert_eq!(error.hints().len(), 1, "{url}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.md");
    fs::write(&path, "# Notes\n".repeat(1_000)).unwrap();
    check_refused(&path, ErrorKind::Corrupt, "store PATH is no SQLite database").await;
    fs::write(&path, "short").unwrap();
    check_refused(&path, ErrorKind::Corrupt, "store PATH is no SQLite database").await;
}

#[tokio::test]
async fn a_database_of_another_program_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    check_refused(&path, ErrorKind::Invalid, "PATH is a database of another program").await;
    Connection::open(&path).unwrap().execute_batch("DROP TABLE t; PRAGMA application_id = 7").unwrap();
    check_refused(&path, ErrorKind::Invalid, "PATH is a database of another program").await;
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_named() {
    let (_folder, path) = made().await;
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
    check_refused(&path, ErrorKind::Corrupt, "store PATH has version 2; this agentflow reads version 1").await;
}

#[tokio::test]
async fn a_store_without_its_tables_is_corrupt() {
    let (_folder, path) = made().await;
    Connection::open(&path).unwrap().execute_batch("ALTER TABLE streams RENAME TO elsewhere").unwrap();
    let store = open(&url(&path)).await.unwrap();
    refused(store.streams("").await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_folder_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    check_refused(folder.path(), ErrorKind::StoreUnavailable, "store PATH is a folder").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_device_or_a_pipe_is_no_store() {
    let error = refused(open("sqlite:/dev/null").await, ErrorKind::StoreUnavailable);
    assert_eq!(error.to_string(), "store `/dev/null` is a device or a pipe, not a file");
}

#[tokio::test]
async fn a_place_where_nothing_can_be_made_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    check_refused(&file.join("agentflow.db"), ErrorKind::StoreUnavailable, "store PATH cannot be").await;
    check_refused(Path::new("/proc/agentflow/agentflow.db"), ErrorKind::StoreUnavailable, "store PATH cannot be made").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_or_file_that_cannot_be_written_is_unavailable() {
    use std::os::unix::fs::PermissionsExt as _;

    if rustix::process::geteuid().is_root() {
        println!("skipped: permissions do not bind the superuser");
        return;
    }
    let (folder, path) = made().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    check_refused(&path, ErrorKind::StoreUnavailable, "store PATH cannot be").await;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    check_refused(&folder.path().join("new.db"), ErrorKind::StoreUnavailable, "store PATH cannot be made").await;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_store_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_folder, path) = made().await;
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_new_store_leaves_nothing_beside_it() {
    let (folder, _path) = made().await;
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["agentflow.db", "agentflow.db-shm", "agentflow.db-wal"]);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let path = folder.path().join(format!("{round}.db"));
        fs::write(&path, "").unwrap();
        let mut openers = JoinSet::new();
        for n in 0..4 {
            let url = url(&path);
            openers.spawn(async move {
                let store = open(&url).await.unwrap();
                Log::claim(&store, &format!("run/{n}")).await.append(&store, 1).await;
            });
        }
        openers.join_all().await;
        assert_eq!(open(&url(&path)).await.unwrap().streams("").await.unwrap().len(), 4);
    }
}

#[tokio::test]
async fn the_file_says_whose_it_is() {
    let (_folder, path) = made().await;
    let connection = Connection::open(&path).unwrap();
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("application_id"), rusqlite::types::Value::Integer(0x6167_666c));
    assert_eq!(pragma("user_version"), rusqlite::types::Value::Integer(1));
    assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".to_owned()));
    assert_eq!(pragma("integrity_check"), rusqlite::types::Value::Text("ok".to_owned()));
}

#[tokio::test]
async fn a_store_whose_log_was_switched_off_is_switched_back() {
    let (_folder, path) = made().await;
    Connection::open(&path).unwrap().pragma_update(None, "journal_mode", "delete").unwrap();
    let store = open(&url(&path)).await.unwrap();
    Log::claim(&store, "run/b").await.append(&store, 1).await;
    drop(store);
    let mode: String = Connection::open(&path).unwrap().pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}
