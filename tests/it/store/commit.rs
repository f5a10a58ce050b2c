//! Several changes in one step: all or none, and streams that many append to.

use std::sync::Arc;

use agentflow::{
    ErrorKind,
    store::{Digest, Key, SHARED, Store, StreamId, Version, Write},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::store::{Fixture, HOUR, Log, on_every_backend, on_every_durable_backend, refused, stranger};

on_every_backend! {
    all_of_several_writes_are_made
    nothing_at_all_may_be_written
    a_refused_put_leaves_everything
    a_refused_delete_leaves_everything
    a_refused_append_leaves_everything
    a_body_too_large_leaves_everything
    one_thing_is_not_changed_twice
    versions_grow_as_with_single_writes
    a_commit_that_is_refused_does_not_fail_its_neighbours
    the_first_shared_append_makes_the_stream
    of_shared_appends_with_the_same_number_one_wins
    a_shared_append_leaves_no_gap
    a_claim_ends_the_sharing
    a_shared_append_does_not_reach_a_claimed_stream
    the_epochs_of_a_removed_stream_are_not_given_to_a_shared_one
    a_shared_stream_is_removed_by_anybody
    two_documents_are_never_seen_apart
}

mod durable {
    use super::{on_every_durable_backend, two_stores_share_a_stream, what_was_made_together_outlives_the_store};

    on_every_durable_backend! {
        what_was_made_together_outlives_the_store
        two_stores_share_a_stream
    }
}

fn put(key: &str, expected: Version, value: Value) -> Write {
    Write::Put { key: Key::new(key), expected, value }
}

fn delete(key: &str, expected: Version) -> Write {
    Write::Delete { key: Key::new(key), expected }
}

/// The appending side of a stream that nobody claims.
fn shared(name: &str) -> Log {
    Log { stream: StreamId::new(name), epoch: SHARED, next: 0, last: Digest::ZERO }
}

impl Log {
    /// The write that appends the next `count` records.
    fn write(&mut self, count: usize) -> Write {
        let expected = self.next;
        Write::Append { stream: self.stream.clone(), epoch: self.epoch, expected, records: self.records(count) }
    }
}

async fn value(store: &Arc<dyn Store>, key: &str) -> Option<(u64, Value)> {
    store.get(&Key::new(key)).await.unwrap().map(|document| (document.version.0, document.value))
}

async fn all_of_several_writes_are_made(fixture: Fixture) {
    let store = &fixture.store;
    let mut log = fixture.log("run/a").await;
    store.put(&Key::new("old"), Version::ABSENT, &json!(1)).await.unwrap();
    let writes = [put("new", Version::ABSENT, json!({"x": 1})), delete("old", Version(1)), log.write(3), shared("b").write(1)];
    store.commit(&writes).await.unwrap();
    assert_eq!(value(store, "new").await, Some((1, json!({"x": 1}))));
    assert_eq!(value(store, "old").await, None);
    assert_eq!((log.read(store).await.len(), shared("b").read(store).await.len()), (3, 1));
}

async fn nothing_at_all_may_be_written(fixture: Fixture) {
    fixture.store.commit(&[]).await.unwrap();
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
}

/// Makes `bad` between writes that are good, which it is to stop.
async fn stops(fixture: &Fixture, bad: Write, kind: ErrorKind) {
    let store = &fixture.store;
    let mut log = fixture.log("run/good").await;
    store.put(&Key::new("good"), Version::ABSENT, &json!(1)).await.unwrap();
    let writes = [log.write(1), put("new", Version::ABSENT, json!(1)), bad, delete("good", Version(1)), shared("c").write(1)];
    refused(store.commit(&writes).await, kind);
    assert_eq!(log.read(store).await, []);
    assert_eq!((value(store, "new").await, value(store, "good").await), (None, Some((1, json!(1)))));
    assert_eq!(store.streams("c").await.unwrap(), []);
}

async fn a_refused_put_leaves_everything(fixture: Fixture) {
    stops(&fixture, put("bad", Version(1), json!(1)), ErrorKind::Conflict).await;
}

async fn a_refused_delete_leaves_everything(fixture: Fixture) {
    stops(&fixture, delete("bad", Version(1)), ErrorKind::Conflict).await;
}

async fn a_refused_append_leaves_everything(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.epoch -= 1;
    stops(&fixture, log.write(1), ErrorKind::Fenced).await;
}

async fn a_body_too_large_leaves_everything(fixture: Fixture) {
    stops(&fixture, put("bad", Version::ABSENT, json!("x".repeat(agentflow::store::MAX_BODY))), ErrorKind::Invalid).await;
}

async fn one_thing_is_not_changed_twice(fixture: Fixture) {
    let writes = [put("a", Version::ABSENT, json!(1)), shared("a").write(1), put("a", Version(1), json!(2))];
    let error = refused(fixture.store.commit(&writes).await, ErrorKind::Invalid);
    assert_eq!(error.to_string(), "document `a` cannot be changed twice in one step");
    let mut log = shared("a");
    refused(fixture.store.commit(&[log.write(1), log.write(1)]).await, ErrorKind::Invalid);
    // A stream and a document of one name are two things.
    fixture.store.commit(&writes[..2]).await.unwrap();
}

async fn versions_grow_as_with_single_writes(fixture: Fixture) {
    let store = &fixture.store;
    store.commit(&[put("a", Version::ABSENT, json!(1))]).await.unwrap();
    store.commit(&[put("a", Version(1), json!(2))]).await.unwrap();
    assert_eq!(value(store, "a").await, Some((2, json!(2))));
    store.commit(&[delete("a", Version(2))]).await.unwrap();
    store.commit(&[put("a", Version::ABSENT, json!(3))]).await.unwrap();
    assert!(value(store, "a").await.unwrap().0 > 2);
}

async fn a_commit_that_is_refused_does_not_fail_its_neighbours(fixture: Fixture) {
    let store = &fixture.store;
    let good = [put("a", Version::ABSENT, json!(1)), shared("a").write(1)];
    let bad = [put("b", Version::ABSENT, json!(1)), put("c", Version(7), json!(1))];
    let (d, one_more) = (Key::new("d"), json!(1));
    let (one, two, three) = futures::join!(store.commit(&good), store.commit(&bad), store.put(&d, Version::ABSENT, &one_more));
    one.unwrap();
    refused(two, ErrorKind::Conflict);
    three.unwrap();
    assert_eq!(value(store, "b").await, None);
}

async fn the_first_shared_append_makes_the_stream(fixture: Fixture) {
    let mut log = shared("box/a");
    let mut written = log.append(&fixture.store, 2).await;
    written.extend(log.append(&fixture.store, 3).await);
    assert_eq!(log.read(&fixture.store).await, written);
    assert_eq!(fixture.store.streams("box/").await.unwrap(), [log.stream]);
}

async fn of_shared_appends_with_the_same_number_one_wins(fixture: Fixture) {
    let mut racers = JoinSet::new();
    for n in 0..20 {
        let store = Arc::clone(&fixture.store);
        racers.spawn(async move {
            let mut log = shared("box/a");
            let record = log.record("racer", &n.to_string());
            store.append(&log.stream, SHARED, 0, &[record]).await
        });
    }
    let results = racers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|error| error.kind() == ErrorKind::Conflict));
    assert_eq!(shared("box/a").read(&fixture.store).await.len(), 1);
}

async fn a_shared_append_leaves_no_gap(fixture: Fixture) {
    let mut log = shared("box/a");
    log.records(1);
    let records = log.records(1);
    refused(fixture.store.append(&log.stream, SHARED, 1, &records).await, ErrorKind::Conflict);
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
}

async fn a_claim_ends_the_sharing(fixture: Fixture) {
    let mut log = shared("box/a");
    log.append(&fixture.store, 1).await;
    let epoch = fixture.store.claim(&log.stream, &stranger(1), HOUR).await.unwrap();
    assert_eq!(epoch, 1);
    let (next, records) = (log.next, log.clone().records(1));
    refused(fixture.store.append(&log.stream, SHARED, next, &records).await, ErrorKind::Fenced);
    log.epoch = epoch;
    log.append(&fixture.store, 1).await;
    assert_eq!(log.read(&fixture.store).await.len(), 2);
}

async fn a_shared_append_does_not_reach_a_claimed_stream(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 1).await;
    let records = log.clone().records(1);
    refused(fixture.store.append(&log.stream, SHARED, 1, &records).await, ErrorKind::Fenced);
}

async fn the_epochs_of_a_removed_stream_are_not_given_to_a_shared_one(fixture: Fixture) {
    let store = &fixture.store;
    let old = fixture.log("box/a").await;
    store.renew(&old.stream, old.epoch, std::time::Duration::ZERO).await.unwrap();
    store.remove_stream(&old.stream).await.unwrap();
    shared("box/a").append(store, 1).await;
    let records = old.clone().records(1);
    refused(store.append(&old.stream, old.epoch, 0, &records).await, ErrorKind::Fenced);
    let epoch = store.claim(&old.stream, &stranger(2), HOUR).await.unwrap();
    assert!(epoch > old.epoch, "{epoch}");
}

async fn a_shared_stream_is_removed_by_anybody(fixture: Fixture) {
    let mut log = shared("box/a");
    log.append(&fixture.store, 2).await;
    fixture.store.remove_stream(&log.stream).await.unwrap();
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
    shared("box/a").append(&fixture.store, 1).await;
}

/// Money goes from one account to the other; whoever reads both with one listing sees the same sum.
async fn two_documents_are_never_seen_apart(fixture: Fixture) {
    let store = &fixture.store;
    store.commit(&[put("account/a", Version::ABSENT, json!(100)), put("account/b", Version::ABSENT, json!(0))]).await.unwrap();
    let mut movers = JoinSet::new();
    for _ in 0..4 {
        let store = Arc::clone(store);
        movers.spawn(async move {
            let mut moved = 0;
            while moved < 10 {
                let both = store.list("account/", None, 2).await.unwrap();
                let [(_, a), (_, b)] = &both[..] else { panic!("{both:?}") };
                let (from, to) = (a.value.as_i64().unwrap(), b.value.as_i64().unwrap());
                assert_eq!(from + to, 100);
                let writes = [put("account/a", a.version, json!(from - 1)), put("account/b", b.version, json!(to + 1))];
                match store.commit(&writes).await {
                    Ok(()) => moved += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                }
            }
        });
    }
    movers.join_all().await;
    assert_eq!(value(store, "account/b").await.unwrap().1, json!(40));
}

async fn what_was_made_together_outlives_the_store(fixture: Fixture) {
    let mut log = shared("box/a");
    fixture.store.commit(&[log.write(2), put("a", Version::ABSENT, json!(1))]).await.unwrap();
    let fixture = fixture.reopen().await;
    assert_eq!((log.read(&fixture.store).await.len(), value(&fixture.store, "a").await), (2, Some((1, json!(1)))));
    log.append(&fixture.store, 1).await;
}

async fn two_stores_share_a_stream(fixture: Fixture) {
    let other = fixture.open_again().await;
    let mut log = shared("box/a");
    for turn in 0..20 {
        log.append(if turn % 2 == 0 { &fixture.store } else { &other }, 1).await;
    }
    let mut behind = log.clone();
    log.append(&other, 1).await;
    let record = behind.record("late", "1");
    refused(fixture.store.append(&behind.stream, SHARED, record.seq, &[record]).await, ErrorKind::Conflict);
    assert_eq!(log.read(&fixture.store).await.len(), 21);
}
