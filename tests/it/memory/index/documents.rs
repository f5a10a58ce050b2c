//! Documents: put, read back, listed, replaced, removed.

use agentflow::{
    ErrorKind,
    memory::{Filter, NewDocument},
    model::{AgentName, Scope, Writer},
};
use serde_json::json;

use super::{Fixture, document, hash, near, on_every_index, said, sources, unit};

on_every_index! {
    a_document_is_read_as_it_was_put
    a_document_takes_the_place_of_the_one_of_its_source_and_scope
    a_removed_document_is_found_no_more
    documents_are_listed_a_page_at_a_time
    vectors_are_known_by_the_hash_of_their_text
    vectors_that_do_not_belong_there_are_refused
    a_large_document_is_put_as_a_whole
}

async fn a_document_is_read_as_it_was_put(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let metadata = json!({"year": 2024, "tags": ["a", "b"]}).as_object().unwrap().clone();
    let wanted = NewDocument {
        scope: "agent:writer".parse().unwrap(),
        writer: Writer { agent: Some(AgentName::new("writer").unwrap()), ..Writer::default() },
        untrusted: true,
        metadata,
        ..document("notes/ä b.md", &[("one", Some(unit(&[1.0, 2.0, 3.0]))), ("two", Some(unit(&[-1.0, 0.0, 0.5])))])
    };
    fixture.index.put(&docs, vec![wanted.clone()]).await.unwrap();
    let index = fixture.open_again().await;
    let found = index.document(&docs, &wanted.source, &wanted.scope).await.unwrap().unwrap();
    assert_eq!((&found.source, &found.scope, &found.hash), (&wanted.source, &wanted.scope, &wanted.hash));
    assert_eq!((found.bytes, &found.writer, found.untrusted), (wanted.bytes, &wanted.writer, true));
    assert_eq!((&found.metadata, found.chunks, found.tokens), (&wanted.metadata, 2, 14));
    let chunks = index.chunks(&docs, &wanted.source, &wanted.scope, true).await.unwrap();
    for (found, wanted) in chunks.iter().zip(&wanted.chunks) {
        assert_eq!((&found.position, &found.text, &found.hash), (&wanted.position, &wanted.text, &wanted.hash));
        assert_eq!((found.tokens, &found.vector), (wanted.tokens, &wanted.vector));
    }
    let without = index.chunks(&docs, &wanted.source, &wanted.scope, false).await.unwrap();
    assert!(without.len() == 2 && without.iter().all(|chunk| chunk.vector.is_none()));
    assert_eq!(index.document(&docs, &wanted.source, &Scope::Project).await.unwrap(), None);
    assert_eq!(index.chunks(&docs, "other", &wanted.scope, true).await.unwrap(), []);
}

async fn a_document_takes_the_place_of_the_one_of_its_source_and_scope(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    let of_agent = NewDocument { scope: "agent:a".parse().unwrap(), ..document("a.md", &[("old", Some(x.clone()))]) };
    fixture
        .index
        .put(&docs, vec![document("a.md", &[("old", Some(x.clone())), ("older", Some(x.clone()))]), of_agent])
        .await
        .unwrap();
    // The index is asked before as well, so that it has something to keep up.
    assert_eq!(fixture.index.search(&docs, &near(&x, 9)).await.unwrap().len(), 3);
    fixture.index.put(&docs, vec![document("a.md", &[("new", Some(x.clone()))])]).await.unwrap();
    let found = fixture.index.search(&docs, &near(&x, 9)).await.unwrap();
    assert_eq!(found.iter().map(|passage| passage.text.as_str()).collect::<Vec<_>>(), ["old", "new"]);
    assert_eq!(fixture.index.search(&docs, &said("older", 9)).await.unwrap(), []);
    assert_eq!(fixture.index.documents(&docs, &Filter::default(), None, 9).await.unwrap().len(), 2);
}

async fn a_removed_document_is_found_no_more(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    let put = ["a", "b", "c"].map(|source| document(source, &[("word", Some(x.clone())), ("word", Some(x.clone()))])).to_vec();
    fixture.index.put(&docs, put).await.unwrap();
    assert_eq!(fixture.index.search(&docs, &near(&x, 9)).await.unwrap().len(), 6);
    let gone = [("b".to_owned(), Scope::Project), ("d".to_owned(), Scope::Project)];
    assert_eq!(fixture.index.remove(&docs, &gone).await.unwrap(), 1);
    let wanted = ["a:1", "a:2", "c:1", "c:2"];
    assert_eq!(sources(&fixture.index.search(&docs, &near(&x, 9)).await.unwrap()), wanted);
    assert_eq!(sources(&fixture.index.search(&docs, &said("word", 9)).await.unwrap()), wanted);
    assert_eq!(fixture.index.remove(&docs, &gone).await.unwrap(), 0);
    let found = fixture.index.collection(&docs).await.unwrap().unwrap();
    assert_eq!((found.documents, found.chunks), (2, 4));
}

async fn documents_are_listed_a_page_at_a_time(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let scopes: [Scope; 2] = ["agent:a".parse().unwrap(), Scope::Project];
    let mut put = Vec::new();
    for source in ["b", "a", "c"] {
        put.extend(scopes.clone().map(|scope| NewDocument { scope, ..document(source, &[]) }));
    }
    fixture.index.put(&docs, put).await.unwrap();
    let (mut listed, mut after) = (Vec::new(), None::<(String, Scope)>);
    loop {
        let from = after.as_ref().map(|(source, scope)| (source.as_str(), scope));
        let page = fixture.index.documents(&docs, &Filter::default(), from, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.source.clone(), last.scope.clone()));
        listed.extend(page.into_iter().map(|one| (one.source, one.scope)));
    }
    let wanted: Vec<_> =
        ["a", "b", "c"].iter().flat_map(|source| scopes.clone().map(|scope| ((*source).to_owned(), scope))).collect();
    assert_eq!(listed, wanted);
    let filter = Filter { scopes: vec![Scope::Project], sources: vec!["[ab]".to_owned(), "c".to_owned()], ..Filter::default() };
    let page = fixture.index.documents(&docs, &filter, None, 9).await.unwrap();
    assert_eq!(page.into_iter().map(|one| one.source).collect::<Vec<_>>(), ["c"]);
}

async fn vectors_are_known_by_the_hash_of_their_text(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let (x, y) = (unit(&[1.0, 2.0, 0.0]), unit(&[0.0, 1.0, 0.3]));
    fixture.index.put(&docs, vec![document("a", &[("one", Some(x.clone())), ("two", Some(y.clone()))])]).await.unwrap();
    let hashes = ["one", "two", "three"].map(hash);
    let strange = ["", "\"", "text : one", "hash : *", "\0", &"x".repeat(100_000)].map(str::to_owned);
    let known = fixture.index.known_vectors(&docs, &[&hashes[..], &strange[..]].concat()).await.unwrap();
    assert_eq!(known.len(), 2);
    assert_eq!((&known[&hashes[0]], &known[&hashes[1]]), (&x, &y));
}

async fn vectors_that_do_not_belong_there_are_refused(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let lexical = super::name("lexical");
    fixture.index.make(&lexical, "lexical", 0).await.unwrap();
    let good = unit(&[1.0, 0.0, 0.0]);
    let bad = [
        (&docs, None),
        (&docs, Some(vec![1.0, 0.0])),
        (&docs, Some(vec![f32::NAN, 0.0, 0.0])),
        (&docs, Some(vec![f32::INFINITY, 0.0, 0.0])),
        (&docs, Some(vec![0.0, 0.0, 0.0])),
        (&docs, Some(vec![3.0, 4.0, 0.0])),
        (&lexical, Some(good.clone())),
    ];
    for (collection, vector) in bad {
        let good = if collection == &docs { Some(good.clone()) } else { None };
        let put = vec![document("good", &[("word", good)]), document("bad", &[("word", vector.clone())])];
        let error = fixture.index.put(collection, put).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{vector:?}");
        assert!(error.to_string().contains("chunk 1 of `bad`"), "{error}");
        assert_eq!(fixture.index.collection(collection).await.unwrap().unwrap().documents, 0);
    }
}

async fn a_large_document_is_put_as_a_whole(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let vector = |n: u16| vec![(f32::from(n) / 500.0).cos(), (f32::from(n) / 500.0).sin(), 0.0];
    let texts: Vec<_> = (0..700_u16).map(|n| format!("chunk{n}")).collect();
    let chunks: Vec<_> = (0..).zip(&texts).map(|(n, text)| (text.as_str(), Some(vector(n)))).collect();
    for _ in 0..2 {
        fixture.index.put(&docs, vec![document("small", &chunks[..1]), document("large", &chunks)]).await.unwrap();
        let found = fixture.index.collection(&docs).await.unwrap().unwrap();
        assert_eq!((found.documents, found.chunks), (2, 701));
        let found = fixture.index.search(&docs, &near(&vector(699), 2)).await.unwrap();
        assert_eq!(sources(&found), ["large:700", "large:699"]);
        let found = fixture.index.search(&docs, &said("chunk500", 2)).await.unwrap();
        assert_eq!(sources(&found), ["large:501"]);
    }
}
