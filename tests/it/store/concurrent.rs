//! Many at once: order, isolation, races with one winner, futures that are dropped.

use std::{sync::Arc, time::Duration};

use agentflow::{
    ErrorKind,
    store::{Digest, Key, StreamId, Version, verify_chain},
};
use futures::{FutureExt as _, future::join_all, poll};
use serde_json::json;
use tokio::task::JoinSet;

use crate::store::{Fixture, HOUR, Log, on_every_backend, refused, stranger};

on_every_backend! {
    appends_under_way_together_take_effect_in_order
    one_refused_append_does_not_fail_the_others
    calls_of_all_sorts_under_way_together_take_effect_in_order
    a_claim_between_appends_fences_those_behind_it
    many_streams_are_written_at_once
    of_appends_with_the_same_number_one_wins
    of_creations_one_wins
    no_increment_is_lost
    every_claim_gets_an_epoch_of_its_own
    a_future_that_was_never_polled_writes_nothing
    a_future_dropped_midway_leaves_the_stream_whole
    a_reader_sees_whole_appends_in_order
}

async fn appends_under_way_together_take_effect_in_order(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let records = log.records(300);
    let appends = records.chunks(1).map(|one| fixture.store.append(&log.stream, log.epoch, one[0].seq, one));
    for result in join_all(appends).await {
        result.unwrap();
    }
    assert_eq!(log.read(&fixture.store).await, records);
}

async fn one_refused_append_does_not_fail_the_others(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let mut other = fixture.log("run/b").await;
    let (records, others) = (log.records(3), other.records(1));
    let unknown = StreamId::new("run/unknown");
    let (first, wrong, fenced, missing, second, neighbour, third) = futures::join!(
        fixture.store.append(&log.stream, log.epoch, 0, &records[..1]),
        fixture.store.append(&log.stream, log.epoch, 0, &records[..1]),
        fixture.store.append(&log.stream, log.epoch - 1, 1, &records[1..2]),
        fixture.store.append(&unknown, 1, 0, &records[..1]),
        fixture.store.append(&log.stream, log.epoch, 1, &records[1..2]),
        fixture.store.append(&other.stream, other.epoch, 0, &others),
        fixture.store.append(&log.stream, log.epoch, 2, &records[2..]),
    );
    refused(wrong, ErrorKind::Conflict);
    refused(fenced, ErrorKind::Fenced);
    refused(missing, ErrorKind::NotFound);
    for result in [first, second, neighbour, third] {
        result.unwrap();
    }
    assert_eq!(log.read(&fixture.store).await, records);
    assert_eq!(other.read(&fixture.store).await, others);
}

async fn calls_of_all_sorts_under_way_together_take_effect_in_order(fixture: Fixture) {
    let (stream, key) = (StreamId::new("run/a"), Key::new("a"));
    let owner = stranger(1);
    let mut log = Log { stream: stream.clone(), epoch: 1, next: 0, last: Digest::ZERO };
    let records = log.records(1);
    let (one, two) = (json!(1), json!(2));
    let (epoch, appended, created, written, given_back, removed, deleted) = futures::join!(
        fixture.store.claim(&stream, &owner, HOUR),
        fixture.store.append(&stream, 1, 0, &records),
        fixture.store.put(&key, Version::ABSENT, &one),
        fixture.store.put(&key, Version(1), &two),
        fixture.store.renew(&stream, 1, Duration::ZERO),
        fixture.store.remove_stream(&stream),
        fixture.store.delete(&key, Version(2)),
    );
    assert_eq!((epoch.unwrap(), created.unwrap(), written.unwrap()), (1, Version(1), Version(2)));
    for result in [appended, given_back, removed, deleted] {
        result.unwrap();
    }
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
    assert_eq!(fixture.store.get(&key).await.unwrap(), None);
}

async fn a_claim_between_appends_fences_those_behind_it(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let records = log.records(2);
    let owner = stranger(1);
    let (before, claimed, behind) = futures::join!(
        fixture.store.append(&log.stream, log.epoch, 0, &records[..1]),
        fixture.store.claim(&log.stream, &owner, HOUR),
        fixture.store.append(&log.stream, log.epoch, 1, &records[1..]),
    );
    before.unwrap();
    claimed.unwrap();
    refused(behind, ErrorKind::Fenced);
    assert_eq!(log.read(&fixture.store).await, records[..1]);
}

async fn many_streams_are_written_at_once(fixture: Fixture) {
    let mut writers = JoinSet::new();
    for n in 0..40 {
        let store = Arc::clone(&fixture.store);
        writers.spawn(async move {
            let mut log = Log::claim(&store, &format!("run/{n}")).await;
            for _ in 0..10 {
                log.append(&store, 2).await;
            }
            assert_eq!(log.read(&store).await.len(), 20);
        });
    }
    writers.join_all().await;
    assert_eq!(fixture.store.streams("run/").await.unwrap().len(), 40);
}

async fn of_appends_with_the_same_number_one_wins(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    let mut racers = JoinSet::new();
    for n in 0..20 {
        let (store, mut log) = (Arc::clone(&fixture.store), log.clone());
        racers.spawn(async move {
            let record = log.record("racer", &n.to_string());
            store.append(&log.stream, log.epoch, 0, &[record]).await.map(|()| n.to_string())
        });
    }
    let results = racers.join_all().await;
    let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|error| error.kind() == ErrorKind::Conflict));
    let [winner] = winners[..] else { panic!("{} winners", winners.len()) };
    assert_eq!(log.read(&fixture.store).await[0].body, *winner);
}

async fn of_creations_one_wins(fixture: Fixture) {
    let key = Key::new("a");
    let values: Vec<_> = (0..20).map(|n| json!(n)).collect();
    let results = join_all(values.iter().map(|value| fixture.store.put(&key, Version::ABSENT, value))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let winner = results.iter().position(Result::is_ok).unwrap();
    assert_eq!(fixture.store.get(&key).await.unwrap().unwrap().value, json!(winner));
}

async fn no_increment_is_lost(fixture: Fixture) {
    let key = Key::new("counter");
    fixture.store.put(&key, Version::ABSENT, &json!(0)).await.unwrap();
    let mut counters = JoinSet::new();
    for _ in 0..8 {
        let (store, key) = (Arc::clone(&fixture.store), key.clone());
        counters.spawn(async move {
            let mut done = 0;
            while done < 10 {
                let document = store.get(&key).await.unwrap().unwrap();
                let next = json!(document.value.as_u64().unwrap() + 1);
                match store.put(&key, document.version, &next).await {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                }
            }
        });
    }
    counters.join_all().await;
    assert_eq!(fixture.store.get(&key).await.unwrap().unwrap().value, json!(80));
}

async fn every_claim_gets_an_epoch_of_its_own(fixture: Fixture) {
    let mut claims = JoinSet::new();
    for n in 0..30 {
        let store = Arc::clone(&fixture.store);
        claims.spawn(async move { store.claim(&StreamId::new("run/a"), &stranger(n), Duration::ZERO).await.unwrap() });
    }
    let mut epochs = claims.join_all().await;
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=30).collect::<Vec<_>>());
}

async fn a_future_that_was_never_polled_writes_nothing(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let records = log.clone().records(1);
    drop(fixture.store.append(&log.stream, log.epoch, 0, &records));
    assert_eq!(log.read(&fixture.store).await, []);
    log.append(&fixture.store, 1).await;
}

async fn a_future_dropped_midway_leaves_the_stream_whole(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    for _ in 0..20 {
        let expected = log.next;
        let records = log.records(3);
        let mut append = fixture.store.append(&log.stream, log.epoch, expected, &records).boxed();
        drop(poll!(append.as_mut()));
        drop(append);
        // It was handed over with the first poll, so what comes behind it comes after it.
        log.append(&fixture.store, 1).await;
    }
    assert_eq!(log.read(&fixture.store).await.len(), 80);
}

async fn a_reader_sees_whole_appends_in_order(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let (store, stream) = (Arc::clone(&fixture.store), log.stream.clone());
    let reader = tokio::spawn(async move {
        let mut seen = 0;
        while seen < 120 {
            let records = store.read(&stream, 0, usize::MAX).await.unwrap();
            assert!(records.len() >= seen && records.len() % 3 == 0, "{} after {seen}", records.len());
            verify_chain(&stream, 0, Digest::ZERO, &records).unwrap();
            seen = records.len();
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..40 {
        log.append(&fixture.store, 3).await;
        tokio::task::yield_now().await;
    }
    reader.await.unwrap();
}
