//! Documents: compare-and-set by version, listed by prefix in pages.

use agentflow::{
    ErrorKind,
    store::{Key, StreamId, Version},
};
use serde_json::{Value, json};

use crate::store::{Fixture, on_every_backend, refused};

on_every_backend! {
    a_document_that_is_not_there_is_none
    a_document_comes_back_with_its_version
    every_write_raises_the_version
    creating_what_is_there_is_a_conflict
    writing_an_old_version_is_a_conflict
    writing_a_version_never_given_is_a_conflict
    writing_what_is_not_there_is_a_conflict
    a_conflict_leaves_the_document
    a_deleted_document_is_gone
    deleting_an_old_version_is_a_conflict
    deleting_what_is_not_there_is_a_conflict
    the_versions_of_a_deleted_document_are_not_given_again
    every_json_value_comes_back
    the_order_of_keys_in_an_object_is_kept
    any_key_is_taken
    a_large_document_comes_back
    a_document_too_large_is_invalid
    a_document_too_deep_to_be_read_is_invalid
    documents_and_streams_have_names_of_their_own
    documents_are_listed_by_prefix_in_byte_order
    documents_are_listed_in_pages
    a_page_may_begin_after_a_key_that_is_not_there
    a_page_after_a_key_outside_the_prefix
    a_listing_of_nothing
}

fn key(text: &str) -> Key {
    Key::new(text)
}

async fn put(fixture: &Fixture, name: &str, value: Value) -> Version {
    fixture.store.put(&key(name), Version::ABSENT, &value).await.unwrap()
}

async fn value(fixture: &Fixture, name: &str) -> Option<Value> {
    fixture.store.get(&key(name)).await.unwrap().map(|document| document.value)
}

async fn a_document_that_is_not_there_is_none(fixture: Fixture) {
    assert_eq!(fixture.store.get(&key("a")).await.unwrap(), None);
}

async fn a_document_comes_back_with_its_version(fixture: Fixture) {
    let version = put(&fixture, "a", json!({"x": 1})).await;
    assert_eq!(version, Version(1));
    let document = fixture.store.get(&key("a")).await.unwrap().unwrap();
    assert_eq!((document.version, document.value), (version, json!({"x": 1})));
}

async fn every_write_raises_the_version(fixture: Fixture) {
    let mut version = put(&fixture, "a", json!(0)).await;
    for n in 1..10 {
        let next = fixture.store.put(&key("a"), version, &json!(n)).await.unwrap();
        assert!(next > version);
        version = next;
        let document = fixture.store.get(&key("a")).await.unwrap().unwrap();
        assert_eq!((document.version, document.value), (version, json!(n)));
    }
}

async fn creating_what_is_there_is_a_conflict(fixture: Fixture) {
    put(&fixture, "a", json!(1)).await;
    let error = refused(fixture.store.put(&key("a"), Version::ABSENT, &json!(2)).await, ErrorKind::Conflict);
    assert_eq!(error.to_string(), "document `a` is there already");
}

async fn writing_an_old_version_is_a_conflict(fixture: Fixture) {
    let old = put(&fixture, "a", json!(1)).await;
    fixture.store.put(&key("a"), old, &json!(2)).await.unwrap();
    let error = refused(fixture.store.put(&key("a"), old, &json!(3)).await, ErrorKind::Conflict);
    assert_eq!(error.to_string(), "document `a` has version 2, not 1");
}

async fn writing_a_version_never_given_is_a_conflict(fixture: Fixture) {
    let version = put(&fixture, "a", json!(1)).await;
    refused(fixture.store.put(&key("a"), Version(version.0 + 1), &json!(2)).await, ErrorKind::Conflict);
}

async fn writing_what_is_not_there_is_a_conflict(fixture: Fixture) {
    let error = refused(fixture.store.put(&key("a"), Version(1), &json!(2)).await, ErrorKind::Conflict);
    assert_eq!(error.to_string(), "document `a` is not there");
    assert_eq!(value(&fixture, "a").await, None);
}

async fn a_conflict_leaves_the_document(fixture: Fixture) {
    let version = put(&fixture, "a", json!("kept")).await;
    refused(fixture.store.put(&key("a"), Version(9), &json!("other")).await, ErrorKind::Conflict);
    refused(fixture.store.delete(&key("a"), Version(9)).await, ErrorKind::Conflict);
    let document = fixture.store.get(&key("a")).await.unwrap().unwrap();
    assert_eq!((document.version, document.value), (version, json!("kept")));
}

async fn a_deleted_document_is_gone(fixture: Fixture) {
    let version = put(&fixture, "a", json!(1)).await;
    put(&fixture, "b", json!(2)).await;
    fixture.store.delete(&key("a"), version).await.unwrap();
    assert_eq!(value(&fixture, "a").await, None);
    assert_eq!(value(&fixture, "b").await, Some(json!(2)));
    assert_eq!(fixture.store.list("", None, 10).await.unwrap().len(), 1);
}

async fn deleting_an_old_version_is_a_conflict(fixture: Fixture) {
    let old = put(&fixture, "a", json!(1)).await;
    fixture.store.put(&key("a"), old, &json!(2)).await.unwrap();
    refused(fixture.store.delete(&key("a"), old).await, ErrorKind::Conflict);
    assert_eq!(value(&fixture, "a").await, Some(json!(2)));
}

async fn deleting_what_is_not_there_is_a_conflict(fixture: Fixture) {
    refused(fixture.store.delete(&key("a"), Version(1)).await, ErrorKind::Conflict);
    refused(fixture.store.delete(&key("a"), Version::ABSENT).await, ErrorKind::Conflict);
}

async fn the_versions_of_a_deleted_document_are_not_given_again(fixture: Fixture) {
    let old = put(&fixture, "a", json!(1)).await;
    fixture.store.delete(&key("a"), old).await.unwrap();
    let new = put(&fixture, "a", json!(2)).await;
    assert!(new > old);
    // Who read the first document must not overwrite the second.
    refused(fixture.store.put(&key("a"), old, &json!(3)).await, ErrorKind::Conflict);
}

async fn every_json_value_comes_back(fixture: Fixture) {
    let values = json!([
        null,
        true,
        false,
        0,
        -1,
        u64::MAX,
        i64::MIN,
        0.1,
        1e300,
        -0.0,
        5e-324,
        "",
        "\u{0}\u{1f}\u{7f}\"\\/",
        "🦀 \u{2028}",
        [],
        {},
        [[[]]],
        {"": {"": null}}
    ]);
    for (n, written) in values.as_array().unwrap().iter().enumerate() {
        put(&fixture, &n.to_string(), written.clone()).await;
        assert_eq!(value(&fixture, &n.to_string()).await.as_ref(), Some(written));
    }
    put(&fixture, "all", values.clone()).await;
    assert_eq!(value(&fixture, "all").await, Some(values));
}

async fn the_order_of_keys_in_an_object_is_kept(fixture: Fixture) {
    let written = r#"{"z":1,"a":2,"m":{"y":1,"b":2}}"#;
    put(&fixture, "a", serde_json::from_str(written).unwrap()).await;
    assert_eq!(value(&fixture, "a").await.unwrap().to_string(), written);
}

async fn any_key_is_taken(fixture: Fixture) {
    let keys = ["", " ", "\0", "a\0", "a\0b", "'", "%", "ключ/日本", "🦀", "a/b/c", &"k".repeat(10_000)];
    for (n, name) in keys.iter().enumerate() {
        put(&fixture, name, json!(n)).await;
    }
    for (n, name) in keys.iter().enumerate() {
        assert_eq!(value(&fixture, name).await, Some(json!(n)), "{name:?}");
    }
    assert_eq!(fixture.store.list("", None, 100).await.unwrap().len(), keys.len());
}

async fn a_large_document_comes_back(fixture: Fixture) {
    let large = json!("é".repeat(4 << 20));
    put(&fixture, "a", large.clone()).await;
    assert!(value(&fixture, "a").await == Some(large));
}

async fn a_document_too_large_is_invalid(fixture: Fixture) {
    let large = json!("x".repeat(agentflow::store::MAX_BODY));
    refused(fixture.store.put(&key("a"), Version::ABSENT, &large).await, ErrorKind::Invalid);
    assert_eq!(value(&fixture, "a").await, None);
}

async fn a_document_too_deep_to_be_read_is_invalid(fixture: Fixture) {
    let nested = |levels: usize| {
        (0..levels).fold(Value::Null, |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) })
    };
    put(&fixture, "deep", nested(127)).await;
    assert_eq!(value(&fixture, "deep").await, Some(nested(127)));
    refused(fixture.store.put(&key("deeper"), Version::ABSENT, &nested(128)).await, ErrorKind::Invalid);
    assert_eq!(value(&fixture, "deeper").await, None);
}

async fn documents_and_streams_have_names_of_their_own(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    put(&fixture, "run/a", json!(1)).await;
    log.append(&fixture.store, 1).await;
    assert_eq!(value(&fixture, "run/a").await, Some(json!(1)));
    assert_eq!(fixture.store.streams("").await.unwrap(), [StreamId::new("run/a")]);
    assert_eq!(fixture.store.list("", None, 10).await.unwrap().len(), 1);
}

async fn listed(fixture: &Fixture, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let after = after.map(Key::new);
    let page = fixture.store.list(prefix, after.as_ref(), limit).await.unwrap();
    page.into_iter().map(|(key, _)| key.as_str().to_owned()).collect()
}

async fn documents_are_listed_by_prefix_in_byte_order(fixture: Fixture) {
    for name in ["b/2", "b/10", "a", "b/é", "b", "b/B", "c/1", "b%"] {
        put(&fixture, name, json!(name)).await;
    }
    assert_eq!(listed(&fixture, "b/", None, 100).await, ["b/10", "b/2", "b/B", "b/é"]);
    assert_eq!(listed(&fixture, "", None, 100).await, ["a", "b", "b%", "b/10", "b/2", "b/B", "b/é", "c/1"]);
    assert_eq!(listed(&fixture, "b%", None, 100).await, ["b%"]);
    for (key, document) in fixture.store.list("b/", None, 100).await.unwrap() {
        assert_eq!((document.value, document.version), (json!(key.as_str()), Version(1)));
    }
}

async fn documents_are_listed_in_pages(fixture: Fixture) {
    for n in 0..25 {
        put(&fixture, &format!("doc/{n:02}"), json!(n)).await;
    }
    put(&fixture, "dod", json!(null)).await;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = listed(&fixture, "doc/", after.as_deref(), 10).await;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        all.extend(page);
    }
    assert_eq!(all, (0..25).map(|n| format!("doc/{n:02}")).collect::<Vec<_>>());
}

async fn a_page_may_begin_after_a_key_that_is_not_there(fixture: Fixture) {
    for name in ["a/1", "a/3"] {
        put(&fixture, name, json!(1)).await;
    }
    assert_eq!(listed(&fixture, "a/", Some("a/2"), 10).await, ["a/3"]);
    assert_eq!(listed(&fixture, "a/", Some("a/3"), 10).await, [""; 0]);
}

async fn a_page_after_a_key_outside_the_prefix(fixture: Fixture) {
    for name in ["a/1", "b/1", "c/1"] {
        put(&fixture, name, json!(1)).await;
    }
    assert_eq!(listed(&fixture, "b/", Some("a/1"), 10).await, ["b/1"]);
    assert_eq!(listed(&fixture, "b/", Some("b/"), 10).await, ["b/1"]);
    assert_eq!(listed(&fixture, "b/", Some("c/1"), 10).await, [""; 0]);
}

async fn a_listing_of_nothing(fixture: Fixture) {
    assert_eq!(listed(&fixture, "", None, 10).await, [""; 0]);
    put(&fixture, "a", json!(1)).await;
    assert_eq!(listed(&fixture, "", None, 0).await, [""; 0]);
    assert_eq!(listed(&fixture, "b", None, usize::MAX).await, [""; 0]);
}
