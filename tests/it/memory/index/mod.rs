//! One set of cases for every index. A new one needs an entry in [`Backend`] and in [`on_every_index`].

mod collections;
mod documents;
mod hostile;
mod killed;
mod random;
mod search;
mod two_processes;

use std::{path::PathBuf, sync::Arc};

use agentflow::{
    memory::{Filter, Index, NewChunk, NewDocument, Search, SqliteIndex},
    model::{CollectionName, Passage, Position, Scope, Writer},
    store::{self, Synchronous},
};
use tempfile::TempDir;

/// What is under test.
#[derive(Debug, Clone, Copy)]
enum Backend {
    InMemory,
    Sqlite,
    /// With a search that goes by codes whatever the size.
    SqliteCodes,
}

/// Makes a test of each case for each index.
macro_rules! on_every_index {
    ($($case:ident)*) => {
        on_every_index!(@ in_memory InMemory $($case)*);
        on_every_index!(@ sqlite Sqlite $($case)*);
        on_every_index!(@ sqlite_codes SqliteCodes $($case)*);
    };
    (@ $module:ident $backend:ident $($case:ident)*) => {
        mod $module {
            use crate::memory::index::{Backend, Fixture};
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(Fixture::new(Backend::$backend).await).await;
                }
            )*
        }
    };
}

use on_every_index;

/// An empty index of one kind.
struct Fixture {
    index: Arc<dyn Index>,
    backend: Backend,
    folder: TempDir,
}

impl Fixture {
    async fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_store(folder.path().join("agentflow.db")).await;
        let index = open(backend, folder.path().join("agentflow.db")).await;
        Self { index, backend, folder }
    }

    /// Opens what this index holds a second time; an index in memory is itself.
    async fn open_again(&self) -> Arc<dyn Index> {
        match self.backend {
            Backend::InMemory => Arc::clone(&self.index),
            backend => open(backend, self.folder.path().join("agentflow.db")).await,
        }
    }

    /// A collection of vectors of three numbers.
    async fn collection(&self, text: &str) -> CollectionName {
        let name = name(text);
        self.index.make(&name, "mock", 3).await.unwrap();
        name
    }
}

/// Makes an empty store at `path`.
async fn make_store(path: PathBuf) {
    let url = format!("sqlite:{}", path.display());
    drop(store::open(&url, Synchronous::Full).await.unwrap());
}

async fn open(backend: Backend, path: PathBuf) -> Arc<dyn Index> {
    match backend {
        Backend::InMemory => Arc::new(SqliteIndex::in_memory()),
        Backend::Sqlite => Arc::new(SqliteIndex::open(path).await.unwrap()),
        Backend::SqliteCodes => Arc::new(SqliteIndex::open(path).await.unwrap().exact_up_to(0)),
    }
}

fn name(text: &str) -> CollectionName {
    CollectionName::new(text).unwrap()
}

/// A document of the project, with one chunk for each text and vector.
fn document(source: &str, chunks: &[(&str, Option<Vec<f32>>)]) -> NewDocument {
    let chunk = |(line, (text, vector)): (u32, &(&str, Option<Vec<f32>>))| NewChunk {
        position: Position { first_line: line, last_line: line, page: None, heading: Some("Top".to_owned()) },
        text: (*text).to_owned(),
        hash: hash(text),
        tokens: 7,
        vector: vector.clone(),
    };
    NewDocument {
        source: source.to_owned(),
        scope: Scope::Project,
        hash: hash(source),
        bytes: 100,
        writer: Writer::default(),
        untrusted: false,
        metadata: serde_json::Map::new(),
        chunks: (1..).zip(chunks).map(chunk).collect(),
    }
}

/// As unlike the others as a hash, and as long.
fn hash(text: &str) -> String {
    let sum = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{sum:016x}").repeat(4)
}

/// The unit vector in the direction of these numbers.
fn unit(numbers: &[f32]) -> Vec<f32> {
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    numbers.iter().map(|number| number / length).collect()
}

/// A search by meaning.
fn near(vector: &[f32], k: usize) -> Search<'_> {
    Search { vector: Some(vector), words: None, k, min_score: None, filter: Filter::default() }
}

/// A search by words.
fn said(words: &str, k: usize) -> Search<'_> {
    Search { vector: None, words: Some(words), k, min_score: None, filter: Filter::default() }
}

/// Where the passages are from, in their order.
fn sources(found: &[Passage]) -> Vec<String> {
    found.iter().map(|passage| passage.citation.clone()).collect()
}
