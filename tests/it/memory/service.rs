//! Adding and making anew, with an embedder that counts what it is asked and fails when it is told to.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use agentflow::{
    Error, ErrorKind, Result,
    memory::{
        AddOptions, CollectionSettings, Content, Embedders, Filter, Found, Item, Memory, Notes, Pending, Query, SearchBy,
        Sources, SqliteIndex, SyncPlan,
    },
    model::{CollectionName, Scope, Writer},
    provider::{Embedder, MockEmbedder},
};
use async_trait::async_trait;
use jiff::Timestamp;

/// The mock's vectors, counted.
#[derive(Debug, Default)]
struct Counted {
    texts: AtomicUsize,
    measured: AtomicUsize,
    fails: AtomicBool,
}

#[async_trait]
impl Embedder for Counted {
    fn id(&self) -> &'static str {
        "counted"
    }

    fn dimension(&self) -> Option<usize> {
        None
    }

    fn max_tokens(&self) -> usize {
        MockEmbedder.max_tokens()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.measured.fetch_add(1, Ordering::Relaxed);
        MockEmbedder.count_tokens(text)
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        if self.fails.load(Ordering::Relaxed) && self.texts.load(Ordering::Relaxed) >= 64 {
            return Err(Error::new(ErrorKind::Transient, "the server is gone"));
        }
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        MockEmbedder.embed(texts).await
    }
}

#[derive(Debug)]
struct OneEmbedder(Arc<Counted>);

impl Embedders for OneEmbedder {
    fn find(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        if name == "mock" { Ok(Arc::new(MockEmbedder)) } else { Ok(Arc::clone(&self.0) as _) }
    }
}

/// Memory in which the collection `docs` is made by an embedder that is counted.
fn memory() -> (Memory, Arc<Counted>, CollectionName) {
    let (counted, name) = (Arc::new(Counted::default()), CollectionName::new("docs").unwrap());
    let settings = CollectionSettings { embedder: "counted".to_owned(), ..CollectionSettings::default() };
    let memory = Memory::new(
        Arc::new(SqliteIndex::in_memory()),
        Arc::new(OneEmbedder(Arc::clone(&counted))),
        BTreeMap::from([(name.clone(), settings)]),
    );
    (memory, counted, name)
}

fn item(at: usize) -> Item {
    Item {
        source: format!("{at:03}.md"),
        content: Content::Text(format!("Document {at}.")),
        scope: Scope::Project,
        writer: Writer::default(),
        untrusted: false,
        metadata: serde_json::Map::new(),
    }
}

async fn count(memory: &Memory, name: &CollectionName) -> usize {
    memory.index().documents(name, &Filter::default(), None, 1_000).await.unwrap().len()
}

#[tokio::test]
async fn the_embedder_is_not_even_asked_to_count_what_is_there_as_it_is() {
    let (memory, counted, name) = memory();
    let items = || (0..10).map(item).collect();
    let added = memory.add(&name, items()).await.unwrap();
    assert_eq!((added.added, added.embedded, counted.texts.load(Ordering::Relaxed)), (10, 10, 10));
    let measured = counted.measured.load(Ordering::Relaxed);
    let again = memory.add(&name, items()).await.unwrap();
    assert_eq!((again.added, again.unchanged, again.embedded), (0, 10, 0));
    assert_eq!((counted.texts.load(Ordering::Relaxed), counted.measured.load(Ordering::Relaxed)), (10, measured));
}

#[tokio::test]
async fn what_was_complete_when_the_embedder_failed_stays_and_adding_again_goes_on() {
    let (memory, counted, name) = memory();
    counted.fails.store(true, Ordering::Relaxed);
    let error = memory.add(&name, (0..100).map(item).collect()).await.unwrap_err();
    assert_eq!((error.kind(), count(&memory, &name).await), (ErrorKind::Transient, 64));
    counted.fails.store(false, Ordering::Relaxed);
    let added = memory.add(&name, (0..100).map(item).collect()).await.unwrap();
    assert_eq!((added.added, added.unchanged, added.embedded), (36, 64, 36));
}

#[tokio::test]
async fn vectors_are_made_anew_beside_the_old_ones_and_an_attempt_that_failed_goes_on() {
    let (memory, counted, name) = memory();
    memory.add(&name, (0..100).map(item).collect()).await.unwrap();
    memory.reindex(&name, Some("mock"), &()).await.unwrap();
    assert_eq!(memory.index().collection(&name).await.unwrap().unwrap().embedder, "mock");
    counted.texts.store(0, Ordering::Relaxed);
    counted.fails.store(true, Ordering::Relaxed);
    memory.reindex(&name, Some("counted"), &()).await.unwrap_err();
    let old = memory.collection(&name).await.unwrap();
    assert_eq!((old.embedder.as_str(), old.documents), ("mock", 100));
    assert_eq!(memory.collections().await.unwrap().len(), 1, "what is being made is nobody's business");
    // Meanwhile one document is gone.
    memory.index().remove(&name, &[("000.md".to_owned(), Scope::Project)]).await.unwrap();
    counted.fails.store(false, Ordering::Relaxed);
    let made = memory.reindex(&name, None, &()).await.unwrap();
    assert_eq!((made.unchanged, made.embedded), (63, 36), "what was made is not made again");
    let new = memory.collection(&name).await.unwrap();
    assert_eq!((new.embedder.as_str(), new.documents), ("counted", 99));
    let query = Query { text: "Document 7".to_owned(), k: 1, min_score: None, by: SearchBy::Meaning, filter: Filter::default() };
    assert_eq!(memory.search(&name, &query).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_vanishes_before_it_is_read_is_told_and_the_others_are_added() {
    let (memory, _, name) = memory();
    let folder = tempfile::tempdir().unwrap();
    for file in ["a.md", "b.md", "c.md"] {
        fs::write(folder.path().join(file), file).unwrap();
    }
    let found = Sources::new(folder.path(), &[]).unwrap().find(".").unwrap();
    let pending: Vec<_> = found
        .map(|found| match found {
            Found::File(file) => Pending::file(file, Notes::default()),
            Found::Skipped { name, why } => panic!("{name}: {why}"),
        })
        .collect();
    fs::remove_file(folder.path().join("b.md")).unwrap();
    fs::write(folder.path().join("c.md"), "changed before it was read").unwrap();
    let report = memory.add_all(&name, pending, &AddOptions::default(), &()).await.unwrap();
    assert_eq!((report.added.added, report.failed.len()), (2, 1));
    assert_eq!((report.failed[0].0.as_str(), report.failed[0].1.kind()), ("b.md", ErrorKind::NotFound));
    let chunks = memory.index().chunks(&name, "c.md", &Scope::Project, false).await.unwrap();
    assert_eq!(chunks[0].text, "changed before it was read");
}

#[tokio::test]
async fn a_file_whose_size_and_time_are_known_is_not_read_again() {
    let (memory, counted, name) = memory();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.md");
    let hour = |ago: u64| SystemTime::from(Timestamp::now()) - Duration::from_secs(3_600 * ago);
    let write = |text: &str, at| {
        fs::write(&path, text).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    };
    let plan =
        SyncPlan { sources: Sources::new(folder.path(), &[]).unwrap(), paths: vec!["*.md".to_owned()], ignore: Vec::new() };
    let (old, new) = (hour(5), hour(2));
    write("first", old);
    assert_eq!(memory.sync(&name, &plan, &()).await.unwrap().report.added.added, 1);
    // Of the same size and time: nobody can tell without reading, and nobody reads.
    write("other", old);
    assert_eq!(memory.sync(&name, &plan, &()).await.unwrap().report.added.unchanged, 1);
    assert_eq!(counted.texts.load(Ordering::Relaxed), 1);
    write("other", new);
    assert_eq!(memory.sync(&name, &plan, &()).await.unwrap().report.added.added, 1);
    // Touched only: it is read, found to be the same, and not read the next time.
    write("other", old);
    let touched = memory.sync(&name, &plan, &()).await.unwrap();
    assert_eq!((touched.report.added.added, touched.report.added.unchanged, touched.removed), (0, 1, 0));
    assert_eq!(counted.texts.load(Ordering::Relaxed), 2);
    fs::remove_file(&path).unwrap();
    let error = memory.sync(&name, &plan, &()).await.unwrap_err();
    assert!(error.to_string().contains("fits no file") && count(&memory, &name).await == 1, "{error}");
    fs::write(folder.path().join("b.md"), "b").unwrap();
    assert_eq!(memory.sync(&name, &plan, &()).await.unwrap().removed, 1);
}
