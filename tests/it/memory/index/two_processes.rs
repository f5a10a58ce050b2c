//! Two that add and search at once, over connections of their own, as two processes do.

use std::sync::Arc;

use agentflow::memory::Index;

use super::{Backend, Fixture, document, near, said, sources, unit};

#[tokio::test]
async fn what_one_adds_the_other_finds_at_once() {
    for backend in [Backend::Sqlite, Backend::SqliteCodes] {
        let fixture = Fixture::new(backend).await;
        let other = fixture.open_again().await;
        let docs = fixture.collection("docs").await;
        let x = unit(&[1.0, 0.0, 0.0]);
        for n in 0..20_u16 {
            let (one, two) = if n % 2 == 0 { (&fixture.index, &other) } else { (&other, &fixture.index) };
            let put = document(&format!("{n:02}"), &[("word", Some(unit(&[1.0, f32::from(n + 1), 0.0])))]);
            one.put(&docs, vec![put]).await.unwrap();
            if n % 3 == 2 {
                let gone = (format!("{:02}", n - 2), agentflow::model::Scope::Project);
                assert_eq!(one.remove(&docs, &[gone]).await.unwrap(), 1);
            }
            let wanted: Vec<_> = (0..=n).filter(|m| m % 3 != 0 || m + 2 > n).map(|m| format!("{m:02}:1")).collect();
            assert_eq!(sources(&two.search(&docs, &near(&x, 99)).await.unwrap()), wanted);
            assert_eq!(two.search(&docs, &said("words", 99)).await.unwrap().len(), wanted.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_searches_meanwhile_sees_whole_documents() {
    const CHUNKS: usize = 60;
    let fixture = Fixture::new(Backend::SqliteCodes).await;
    let docs = fixture.collection("docs").await;
    let add = |index: Arc<dyn Index>, which: &'static str| {
        let docs = docs.clone();
        tokio::spawn(async move {
            for n in 0..12_u16 {
                let vector = Some(unit(&[1.0, f32::from(n), 1.0]));
                let put = document(&format!("{which}{}", n % 3), &vec![("word", vector); CHUNKS]);
                index.put(&docs, vec![put]).await.unwrap();
            }
        })
    };
    let adding = [add(Arc::clone(&fixture.index), "a"), add(fixture.open_again().await, "b")];
    let reader = fixture.open_again().await;
    let query = unit(&[1.0, 0.0, 0.0]);
    loop {
        let is_over = adding.iter().all(tokio::task::JoinHandle::is_finished);
        for search in [near(&query, 1_000), said("word", 1_000)] {
            let found = reader.search(&docs, &search).await.unwrap();
            assert_eq!(found.len() % CHUNKS, 0);
        }
        if is_over {
            break;
        }
    }
    for one in adding {
        one.await.unwrap();
    }
    assert_eq!(reader.search(&docs, &near(&query, 1_000)).await.unwrap().len(), 6 * CHUNKS);
}
