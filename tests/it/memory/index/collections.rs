//! Collections: made, found, replaced, removed.

use agentflow::ErrorKind;

use super::{Fixture, document, name, near, on_every_index, said, sources, unit};

on_every_index! {
    nothing_is_there_before_something_is_made
    a_collection_is_made_once
    another_embedder_or_dimension_is_refused_with_a_way_out
    what_is_counted_is_what_is_there
    a_removed_collection_leaves_nothing
    a_fresh_collection_takes_the_place_of_another
    collections_do_not_see_each_other
}

async fn nothing_is_there_before_something_is_made(fixture: Fixture) {
    let index = &fixture.index;
    assert_eq!(index.collections().await.unwrap(), []);
    assert_eq!(index.collection(&name("docs")).await.unwrap(), None);
    assert!(!index.drop_collection(&name("docs")).await.unwrap());
    let errors = [
        index.search(&name("docs"), &said("x", 1)).await.map(drop),
        index.put(&name("docs"), Vec::new()).await,
        index.replace(&name("docs"), &name("fresh")).await,
        index.remove(&name("docs"), &[]).await.map(drop),
        index.size(&name("docs")).await.map(drop),
        index.known_vectors(&name("docs"), &[]).await.map(drop),
    ];
    for error in errors {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

async fn a_collection_is_made_once(fixture: Fixture) {
    let made = fixture.index.make(&name("docs"), "mock", 3).await.unwrap();
    assert_eq!((made.embedder.as_str(), made.dimension, made.documents), ("mock", 3, 0));
    assert_eq!(fixture.open_again().await.make(&name("docs"), "mock", 3).await.unwrap(), made);
    fixture.index.make(&name("a"), "lexical", 0).await.unwrap();
    let names: Vec<_> = fixture.index.collections().await.unwrap().into_iter().map(|one| one.name.to_string()).collect();
    assert_eq!(names, ["a", "docs"]);
}

async fn another_embedder_or_dimension_is_refused_with_a_way_out(fixture: Fixture) {
    fixture.index.make(&name("docs"), "mock", 3).await.unwrap();
    for (embedder, dimension) in [("mock", 4), ("other", 3), ("lexical", 0)] {
        let error = fixture.index.make(&name("docs"), embedder, dimension).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().starts_with("collection `docs` was made by `mock` (3 numbers a vector), not by"), "{error}");
        assert!(error.hints()[0].contains("agentflow memory reindex docs"), "{:?}", error.hints());
    }
}

async fn what_is_counted_is_what_is_there(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = Some(unit(&[1.0, 0.0, 0.0]));
    let two = document("a.md", &[("four", x.clone()), ("fünf", x.clone())]);
    fixture.index.put(&docs, vec![two, document("b.md", &[("six", x.clone())]), document("empty.md", &[])]).await.unwrap();
    let found = fixture.index.collection(&docs).await.unwrap().unwrap();
    assert_eq!((found.documents, found.chunks, found.tokens, found.text_bytes), (3, 3, 21, 12));
    assert!(found.changed_at >= found.created_at);
    let size = fixture.index.size(&docs).await.unwrap();
    assert!(size > 3 * 3 * 4, "{size}");
    fixture.index.put(&docs, vec![document("a.md", &[("seven", x)])]).await.unwrap();
    let found = fixture.index.collection(&docs).await.unwrap().unwrap();
    assert_eq!((found.documents, found.chunks, found.tokens, found.text_bytes), (3, 2, 14, 8));
}

async fn a_removed_collection_leaves_nothing(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    let chunks = vec![("word", Some(x.clone())); 100];
    fixture.index.put(&docs, vec![document("a.md", &chunks), document("b.md", &chunks[..3])]).await.unwrap();
    assert!(fixture.index.drop_collection(&docs).await.unwrap());
    assert_eq!(fixture.index.collections().await.unwrap(), []);
    assert_eq!(fixture.index.search(&docs, &near(&x, 3)).await.unwrap_err().kind(), ErrorKind::NotFound);
    fixture.collection("docs").await;
    assert_eq!(fixture.index.search(&docs, &near(&x, 3)).await.unwrap(), []);
    assert_eq!(fixture.index.search(&docs, &said("word", 3)).await.unwrap(), []);
}

async fn a_fresh_collection_takes_the_place_of_another(fixture: Fixture) {
    let (docs, fresh) = (fixture.collection("docs").await, name("docs-fresh"));
    let x = unit(&[1.0, 0.0, 0.0]);
    fixture.index.put(&docs, vec![document("old.md", &[("word", Some(x.clone()))])]).await.unwrap();
    fixture.index.make(&fresh, "other", 2).await.unwrap();
    fixture.index.put(&fresh, vec![document("new.md", &[("word", Some(unit(&[0.0, 1.0])))])]).await.unwrap();
    fixture.index.replace(&docs, &fresh).await.unwrap();
    let found = fixture.index.collection(&docs).await.unwrap().unwrap();
    assert_eq!((found.embedder.as_str(), found.dimension, found.documents), ("other", 2, 1));
    assert_eq!(fixture.index.collection(&fresh).await.unwrap(), None);
    assert_eq!(sources(&fixture.index.search(&docs, &said("word", 9)).await.unwrap()), ["new.md:1"]);
    assert_eq!(sources(&fixture.index.search(&docs, &near(&unit(&[1.0, 1.0]), 9)).await.unwrap()), ["new.md:1"]);
    // What was not there before is made by it.
    fixture.index.replace(&name("other"), &docs).await.unwrap();
    assert_eq!(fixture.index.collections().await.unwrap().len(), 1);
}

async fn collections_do_not_see_each_other(fixture: Fixture) {
    let (one, two) = (fixture.collection("one").await, fixture.collection("two").await);
    let x = unit(&[1.0, 0.0, 0.0]);
    for (collection, source) in [(&one, "1.md"), (&two, "2.md")] {
        fixture.index.put(collection, vec![document(source, &[("word", Some(x.clone()))])]).await.unwrap();
    }
    assert_eq!(sources(&fixture.index.search(&one, &near(&x, 9)).await.unwrap()), ["1.md:1"]);
    assert_eq!(sources(&fixture.index.search(&two, &said("word", 9)).await.unwrap()), ["2.md:1"]);
    fixture.index.drop_collection(&one).await.unwrap();
    assert_eq!(sources(&fixture.index.search(&two, &near(&x, 9)).await.unwrap()), ["2.md:1"]);
}
