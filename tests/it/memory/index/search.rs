//! Searches: by meaning, by words, by both, under filters.

use agentflow::{
    ErrorKind,
    memory::{Filter, NewDocument, Search},
    model::Scope,
};
use serde_json::json;

use super::{Fixture, document, name, near, on_every_index, said, sources, unit};

on_every_index! {
    the_nearest_are_found_first_and_equals_in_the_order_they_were_added
    what_is_not_similar_enough_is_left_out
    words_are_found_whatever_their_form
    identifiers_are_found_whole_and_in_parts
    what_is_first_in_both_orders_scores_one
    a_filter_leaves_as_many_as_there_are
    what_cannot_be_searched_is_refused
    a_search_finds_at_most_a_thousand
}

async fn the_nearest_are_found_first_and_equals_in_the_order_they_were_added(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let at = |degrees: f32| Some(vec![degrees.to_radians().cos(), degrees.to_radians().sin(), 0.0]);
    let put = vec![
        document("far", &[("x", at(80.0)), ("y", at(170.0))]),
        document("same", &[("x", at(10.0)), ("y", at(10.0))]),
        document("near", &[("x", at(5.0))]),
        document("again", &[("x", at(10.0))]),
    ];
    fixture.index.put(&docs, put).await.unwrap();
    let query = at(0.0).unwrap();
    let found = fixture.index.search(&docs, &near(&query, 5)).await.unwrap();
    assert_eq!(sources(&found), ["near:1", "same:1", "same:2", "again:1", "far:1"]);
    assert!((found[0].score - 5_f64.to_radians().cos()).abs() < 1e-6, "{}", found[0].score);
    assert!(found.iter().all(|passage| passage.similarity == Some(passage.score)));
    assert_eq!(found[0].position.heading.as_deref(), Some("Top"));
    assert_eq!(fixture.index.search(&docs, &near(&query, 0)).await.unwrap(), []);
}

async fn what_is_not_similar_enough_is_left_out(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let put = vec![document("a", &[("word", Some(unit(&[1.0, 0.0, 0.0]))), ("word", Some(unit(&[1.0, 1.0, 0.0])))])];
    fixture.index.put(&docs, put).await.unwrap();
    let query = unit(&[1.0, 0.0, 0.0]);
    for words in [None, Some("word")] {
        let search = |least| Search { words, min_score: Some(least), ..near(&query, 9) };
        assert_eq!(sources(&fixture.index.search(&docs, &search(0.8)).await.unwrap()), ["a:1"]);
        assert_eq!(fixture.index.search(&docs, &search(0.7)).await.unwrap().len(), 2);
        assert_eq!(fixture.index.search(&docs, &search(2.0)).await.unwrap(), []);
    }
}

async fn words_are_found_whatever_their_form(fixture: Fixture) {
    let docs = name("words");
    fixture.index.make(&docs, "lexical", 0).await.unwrap();
    let put = vec![
        document("runs", &[("A run is recorded.", None)]),
        document("cafe", &[("Das Café öffnet um NEUN.", None)]),
        document("other", &[("Nothing of this.", None)]),
    ];
    fixture.index.put(&docs, put).await.unwrap();
    for (words, wanted) in [
        ("running", &["runs:1"][..]),
        ("recording RUNS", &["runs:1"]),
        ("cafe", &["cafe:1"]),
        ("CAFÉ", &["cafe:1"]),
        ("offnet neun", &["cafe:1"]),
        ("unheard", &[]),
        ("?!", &[]),
    ] {
        let found = fixture.index.search(&docs, &said(words, 9)).await.unwrap();
        assert_eq!(sources(&found), wanted, "{words}");
        assert!(found.iter().all(|passage| passage.score > 0.0 && passage.similarity.is_none()));
    }
}

async fn identifiers_are_found_whole_and_in_parts(fixture: Fixture) {
    let docs = name("words");
    fixture.index.make(&docs, "lexical", 0).await.unwrap();
    let put = vec![
        document("whole", &[("uses crash_point! from std::fmt in file.rs", None)]),
        document("apart", &[("the point of a crash, the fmt of a std, rs of a file", None)]),
    ];
    fixture.index.put(&docs, put).await.unwrap();
    for words in ["crash_point", "std::fmt", "file.rs", "where is crash_point?"] {
        assert_eq!(sources(&fixture.index.search(&docs, &said(words, 9)).await.unwrap()), ["whole:1", "apart:1"], "{words}");
    }
    for words in ["crash", "fmt", "rs"] {
        assert_eq!(fixture.index.search(&docs, &said(words, 9)).await.unwrap().len(), 2, "{words}");
    }
}

async fn what_is_first_in_both_orders_scores_one(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let (x, y) = (unit(&[1.0, 0.0, 0.0]), unit(&[0.0, 1.0, 0.0]));
    let put = vec![
        document("meaning", &[("nothing", Some(unit(&[1.0, 0.1, 0.0])))]),
        document("both", &[("apple apple", Some(x.clone()))]),
        document("words", &[("an apple and much else that is of no importance", Some(y))]),
    ];
    fixture.index.put(&docs, put).await.unwrap();
    let found = fixture.index.search(&docs, &Search { words: Some("apples"), ..near(&x, 9) }).await.unwrap();
    assert_eq!(found[0].source, "both");
    assert!((found[0].score - 1.0).abs() < 1e-12);
    // Second by words and third by meaning, after second by meaning alone.
    assert_eq!(sources(&found[1..]), ["words:1", "meaning:1"]);
    let wanted = [f64::midpoint(11.0 / 12.0, 11.0 / 13.0), 11.0 / 12.0 / 2.0];
    for (passage, wanted) in found[1..].iter().zip(wanted) {
        assert!((passage.score - wanted).abs() < 1e-12, "{passage:?}");
    }
    assert!(found.iter().all(|passage| passage.similarity.is_some()));
}

async fn a_filter_leaves_as_many_as_there_are(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let agent: Scope = "agent:a".parse().unwrap();
    let mut put = Vec::new();
    for n in 0..300_u16 {
        // The farther away, the rarer.
        let vector = unit(&[100.0, f32::from(n), 0.0]);
        let metadata = json!({"n": n, "tags": [if n % 2 == 0 { "even" } else { "odd" }, "all"]});
        put.push(NewDocument {
            scope: if n >= 290 { agent.clone() } else { Scope::Project },
            untrusted: n % 3 == 0,
            metadata: metadata.as_object().unwrap().clone(),
            ..document(&format!("d/{n}.md"), &[("word", Some(vector))])
        });
    }
    fixture.index.put(&docs, put).await.unwrap();
    let query = unit(&[1.0, 0.0, 0.0]);
    let metadata = |value: serde_json::Value| value.as_object().unwrap().clone();
    let all = Filter::default;
    for (filter, wanted) in [
        (all(), 300),
        (Filter { scopes: vec![agent.clone()], ..all() }, 10),
        (Filter { scopes: vec![agent.clone(), Scope::Project], ..all() }, 300),
        (Filter { scopes: vec!["run:01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()], ..all() }, 0),
        (Filter { trusted_only: true, ..all() }, 200),
        (Filter { metadata: metadata(json!({"n": 299})), ..all() }, 1),
        (Filter { metadata: metadata(json!({"n": [298, 299, 300]})), ..all() }, 2),
        (Filter { metadata: metadata(json!({"tags": "odd"})), ..all() }, 150),
        (Filter { metadata: metadata(json!({"tags": "odd", "n": 2})), ..all() }, 0),
        (Filter { metadata: metadata(json!({"absent": null})), ..all() }, 0),
        (Filter { sources: vec!["d/29?.md".to_owned()], ..all() }, 10),
        (Filter { sources: vec!["*.md".to_owned(), "x/**".to_owned()], ..all() }, 0),
        (Filter { sources: vec!["**/*.md".to_owned()], scopes: vec![agent], trusted_only: true, ..all() }, 7),
    ] {
        let by_meaning = fixture.index.search(&docs, &Search { filter: filter.clone(), ..near(&query, 400) }).await.unwrap();
        let by_words = fixture.index.search(&docs, &Search { filter: filter.clone(), ..said("words", 400) }).await.unwrap();
        let listed = fixture.index.documents(&docs, &filter, None, 400).await.unwrap();
        assert_eq!((by_meaning.len(), by_words.len(), listed.len()), (wanted, wanted, wanted), "{filter:?}");
        let one = fixture.index.search(&docs, &Search { filter: filter.clone(), ..near(&query, 1) }).await.unwrap();
        assert_eq!(one.first(), by_meaning.first());
    }
}

async fn what_cannot_be_searched_is_refused(fixture: Fixture) {
    let (docs, lexical) = (fixture.collection("docs").await, name("lexical"));
    fixture.index.make(&lexical, "lexical", 0).await.unwrap();
    let x = unit(&[1.0, 0.0, 0.0]);
    let (short, bad) = ([1.0, 0.0], [f32::NAN, 0.0, 0.0]);
    for (collection, search) in [
        (&docs, near(&short, 1)),
        (&docs, near(&bad, 1)),
        (&lexical, near(&x, 1)),
        (&docs, Search { min_score: Some(0.5), ..said("word", 1) }),
        (&docs, Search { min_score: Some(f64::NAN), ..near(&x, 1) }),
        (&docs, Search { filter: Filter { sources: vec!["*".repeat(5_000)], ..Filter::default() }, ..near(&x, 1) }),
        (&docs, Search { filter: Filter { sources: vec!["*".to_owned(); 100], ..Filter::default() }, ..near(&x, 1) }),
    ] {
        let error = fixture.index.search(collection, &search).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{search:?}");
    }
}

async fn a_search_finds_at_most_a_thousand(fixture: Fixture) {
    let docs = fixture.collection("docs").await;
    let x = unit(&[1.0, 0.0, 0.0]);
    let chunks = vec![("word", Some(x.clone())); 1_200];
    fixture.index.put(&docs, vec![document("a", &chunks)]).await.unwrap();
    for search in [near(&x, usize::MAX), said("word", usize::MAX), Search { words: Some("word"), ..near(&x, usize::MAX) }] {
        assert_eq!(fixture.index.search(&docs, &search).await.unwrap().len(), 1_000);
    }
}
