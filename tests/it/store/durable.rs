//! What a durable store holds outlives it, and is shared by all that have it open.

use std::{sync::Arc, time::Duration};

use agentflow::{
    ErrorKind,
    store::{InMemoryStore, Key, Version},
};
use futures::{FutureExt as _, poll};
use serde_json::json;
use tokio::task::JoinSet;

use crate::store::{Fixture, HOUR, Log, on_every_durable_backend, refused, stranger};

on_every_durable_backend! {
    records_outlive_the_store
    documents_outlive_the_store
    epochs_and_leases_outlive_the_store
    removals_outlive_the_store
    what_was_handed_over_is_written_before_the_store_is_closed
    two_stores_see_each_other
    two_stores_fence_each_other
    two_stores_keep_each_other_out
    two_stores_write_at_once
    a_store_that_wrote_much_opens_again
    many_open_an_empty_place_at_once
}

async fn records_outlive_the_store(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let mut written = log.append(&fixture.store, 5).await;
    let fixture = fixture.reopen().await;
    assert_eq!(log.read(&fixture.store).await, written);
    written.extend(log.append(&fixture.store, 5).await);
    let fixture = fixture.reopen().await;
    assert_eq!(log.read(&fixture.store).await, written);
}

async fn documents_outlive_the_store(fixture: Fixture) {
    let version = fixture.store.put(&Key::new("a"), Version::ABSENT, &json!({"x": [1, null]})).await.unwrap();
    let fixture = fixture.reopen().await;
    let document = fixture.store.get(&Key::new("a")).await.unwrap().unwrap();
    assert_eq!((document.version, document.value), (version, json!({"x": [1, null]})));
}

async fn epochs_and_leases_outlive_the_store(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    let fixture = fixture.reopen().await;
    refused(fixture.store.claim(&log.stream, &stranger(2), HOUR).await, ErrorKind::Locked);
    assert_eq!(fixture.store.claim(&log.stream, &stranger(1), HOUR).await.unwrap(), log.epoch + 1);
}

async fn removals_outlive_the_store(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 5).await;
    fixture.store.renew(&log.stream, log.epoch, Duration::ZERO).await.unwrap();
    fixture.store.remove_stream(&log.stream).await.unwrap();
    let old = fixture.store.put(&Key::new("a"), Version::ABSENT, &json!(1)).await.unwrap();
    fixture.store.delete(&Key::new("a"), old).await.unwrap();
    let fixture = fixture.reopen().await;
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
    assert!(fixture.log("run/a").await.epoch > log.epoch);
    assert!(fixture.store.put(&Key::new("a"), Version::ABSENT, &json!(1)).await.unwrap() > old);
}

async fn what_was_handed_over_is_written_before_the_store_is_closed(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let records = log.records(50);
    for record in &records {
        let mut append = fixture.store.append(&log.stream, log.epoch, record.seq, std::slice::from_ref(record)).boxed();
        drop(poll!(append.as_mut()));
    }
    let fixture = fixture.reopen().await;
    assert_eq!(log.read(&fixture.store).await, records);
}

async fn two_stores_see_each_other(fixture: Fixture) {
    let second = fixture.open_again().await;
    let mut log = fixture.log("run/a").await;
    let mut written = log.append(&fixture.store, 1).await;
    assert_eq!(log.read(&second).await, written);
    written.extend(log.append(&second, 1).await);
    assert_eq!(log.read(&fixture.store).await, written);
    written.extend(log.append(&fixture.store, 1).await);
    assert_eq!(log.read(&second).await, written);
}

async fn two_stores_fence_each_other(fixture: Fixture) {
    let second = fixture.open_again().await;
    let log = fixture.log("run/a").await;
    second.claim(&log.stream, &stranger(1), HOUR).await.unwrap();
    refused(fixture.store.append(&log.stream, log.epoch, 0, &[]).await, ErrorKind::Fenced);
    refused(fixture.store.renew(&log.stream, log.epoch, HOUR).await, ErrorKind::Fenced);
}

async fn two_stores_keep_each_other_out(fixture: Fixture) {
    let second = fixture.open_again().await;
    let log = fixture.log("run/a").await;
    refused(second.claim(&log.stream, &stranger(2), HOUR).await, ErrorKind::Locked);
    refused(second.remove_stream(&log.stream).await, ErrorKind::Locked);
}

async fn two_stores_write_at_once(fixture: Fixture) {
    let second = fixture.open_again().await;
    let mut writers = JoinSet::new();
    for (n, store) in [&fixture.store, &second].into_iter().cycle().take(8).enumerate() {
        let store = Arc::clone(store);
        writers.spawn(async move {
            let mut log = Log::claim(&store, &format!("run/{n}")).await;
            for _ in 0..10 {
                log.append(&store, 1).await;
            }
            assert_eq!(log.read(&store).await.len(), 10);
        });
    }
    writers.join_all().await;
    assert_eq!(fixture.store.streams("").await.unwrap().len(), 8);
}

async fn a_store_that_wrote_much_opens_again(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let body = "x".repeat(1 << 20);
    let mut written = Vec::new();
    for seq in 0..12 {
        let record = log.record("large", &body);
        fixture.store.append(&log.stream, log.epoch, seq, std::slice::from_ref(&record)).await.unwrap();
        written.push(record);
    }
    let fixture = fixture.reopen().await;
    assert!(log.read(&fixture.store).await == written);
    log.append(&fixture.store, 1).await;
}

async fn many_open_an_empty_place_at_once(mut fixture: Fixture) {
    fixture.store = Arc::new(InMemoryStore::default());
    for round in 0..5 {
        fixture.url = format!("sqlite:{}", fixture.folder.path().join(format!("{round}/new.db")).display());
        let mut openers = JoinSet::new();
        for n in 0..8 {
            let (url, synchronous) = (fixture.url.clone(), fixture.synchronous);
            openers.spawn(async move {
                let store = agentflow::store::open(&url, synchronous).await.unwrap();
                Log::claim(&store, &format!("run/{n}")).await.append(&store, 1).await;
            });
        }
        openers.join_all().await;
        assert_eq!(fixture.open_again().await.streams("").await.unwrap().len(), 8);
    }
}
