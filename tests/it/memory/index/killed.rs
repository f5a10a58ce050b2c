//! A process that adds is killed: every document is there as a whole or not at all.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use agentflow::memory::{Filter, Index as _, SqliteIndex};

use super::{document, make_store, name, near, said, unit};

/// Tells the process that it is the one to be killed, and where it adds.
const VICTIM: &str = "AGENTFLOW_TEST_INDEX_VICTIM";
/// More than fit in one transaction.
const CHUNKS: usize = 120;
const SOURCES: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_whole_after_a_kill() {
    if let Some(path) = env::var_os(VICTIM) {
        return add_for_ever(path.into()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agentflow.db");
    make_store(path.clone()).await;
    let docs = name("docs");
    for round in 0..4 {
        let mut victim = Command::new(env::current_exe().unwrap())
            .args(["memory::index::killed::documents_are_whole_after_a_kill", "--exact"])
            .env(VICTIM, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let index = SqliteIndex::open(path.clone()).await.unwrap();
        // Until it has changed something again, a different number of times each round.
        let before = index.collection(&docs).await.unwrap().map(|found| found.changed_at);
        let mut changes = 0;
        let mut last = before;
        while changes <= round {
            let now = index.collection(&docs).await.unwrap().map(|found| found.changed_at);
            changes += i32::from(now != last);
            last = now;
            assert_eq!(victim.try_wait().unwrap(), None, "it adds for ever");
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        drop(index);
        let index = SqliteIndex::open(path.clone()).await.unwrap();
        let listed = index.documents(&docs, &Filter::default(), None, 99).await.unwrap();
        for one in &listed {
            let chunks = index.chunks(&docs, &one.source, &one.scope, true).await.unwrap();
            assert_eq!(chunks.len(), CHUNKS);
            assert!(chunks.iter().all(|chunk| chunk.text == chunks[0].text), "two generations in one document");
        }
        let found = index.collection(&docs).await.unwrap().unwrap();
        assert_eq!((found.documents, found.chunks), (listed.len() as u64, (listed.len() * CHUNKS) as u64));
        let passages = index.search(&docs, &near(&unit(&[1.0, 1.0, 1.0]), 1_000)).await.unwrap();
        assert_eq!(passages.len(), listed.len() * CHUNKS);
        let passages = index.search(&docs, &said("generation", 1_000)).await.unwrap();
        assert_eq!(passages.len(), listed.len() * CHUNKS);
    }
}

async fn add_for_ever(path: PathBuf) {
    let index = SqliteIndex::open(path).await.unwrap();
    let docs = name("docs");
    index.make(&docs, "mock", 3).await.unwrap();
    for generation in 0_u16.. {
        let text = format!("generation {generation}");
        let vector = Some(unit(&[1.0, f32::from(generation), 1.0]));
        let source = format!("{}", usize::from(generation) % SOURCES);
        index.put(&docs, vec![document(&source, &vec![(text.as_str(), vector); CHUNKS])]).await.unwrap();
    }
}
