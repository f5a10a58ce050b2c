//! One process at a time may write to a stream, and knows when it may not any more.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use agentflow::{
    ErrorKind,
    model::Owner,
    store::{StreamId, this_process},
};

use crate::store::{Fixture, HOUR, on_every_backend, refused, stranger};

on_every_backend! {
    the_first_claim_makes_the_stream
    every_claim_raises_the_epoch
    a_lease_keeps_others_out
    a_refusal_names_the_holder_and_the_end_of_its_lease
    a_lease_of_nothing_keeps_nobody_out
    a_lease_runs_out_by_itself
    a_lease_without_end_is_kept
    the_holder_may_claim_again
    a_live_process_of_this_host_is_respected
    an_ended_process_of_this_host_is_not
    a_claim_keeps_the_records
    a_refused_claim_changes_nothing
    renewing_makes_the_lease_longer
    renewing_for_nothing_gives_the_stream_back
    renewing_keeps_the_epoch
    renewing_with_an_older_epoch_is_fenced
    renewing_an_unknown_stream_is_not_found
    a_removed_stream_is_gone
    removing_what_is_not_there_is_no_error
    a_held_stream_is_not_removed
    a_stream_whose_holder_is_dead_is_removed
    the_epochs_of_a_removed_stream_are_not_given_again
    the_records_of_a_removed_stream_do_not_come_back
    removing_a_stream_leaves_its_neighbours
}

/// Another process of this host that has ended.
fn dead() -> Owner {
    let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
    child.wait().unwrap();
    Owner { process: child.id(), ..this_process() }
}

async fn the_first_claim_makes_the_stream(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    assert_eq!(fixture.store.claim(&stream, &stranger(1), HOUR).await.unwrap(), 1);
    assert_eq!(fixture.store.streams("").await.unwrap(), [stream]);
}

async fn every_claim_raises_the_epoch(fixture: Fixture) {
    let (stream, other) = (StreamId::new("run/a"), StreamId::new("run/b"));
    for epoch in 1..=5 {
        assert_eq!(fixture.store.claim(&stream, &stranger(1), Duration::ZERO).await.unwrap(), epoch);
    }
    assert_eq!(fixture.store.claim(&other, &stranger(1), Duration::ZERO).await.unwrap(), 1);
}

async fn a_lease_keeps_others_out(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    refused(fixture.store.claim(&log.stream, &stranger(2), HOUR).await, ErrorKind::Locked);
    let reused = Owner { started: 2, ..stranger(1) };
    refused(fixture.store.claim(&log.stream, &reused, HOUR).await, ErrorKind::Locked);
}

async fn a_refusal_names_the_holder_and_the_end_of_its_lease(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &stranger(4711), HOUR).await.unwrap();
    let error = refused(fixture.store.claim(&stream, &stranger(2), HOUR).await, ErrorKind::Locked).to_string();
    assert!(error.starts_with("`run/a` is held by process 4711 on host elsewhere, lease until 20"), "{error}");
    assert!(error.ends_with('Z'), "{error}");
}

async fn a_lease_of_nothing_keeps_nobody_out(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &stranger(1), Duration::ZERO).await.unwrap();
    fixture.store.claim(&stream, &stranger(2), Duration::ZERO).await.unwrap();
}

async fn a_lease_runs_out_by_itself(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &stranger(1), Duration::from_millis(20)).await.unwrap();
    // However slow this is, it ends: the awaited condition is that 20 ms have passed.
    while let Err(error) = fixture.store.claim(&stream, &stranger(2), HOUR).await {
        assert_eq!(error.kind(), ErrorKind::Locked);
    }
    refused(fixture.store.claim(&stream, &stranger(1), HOUR).await, ErrorKind::Locked);
}

async fn a_lease_without_end_is_kept(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &stranger(1), Duration::MAX).await.unwrap();
    refused(fixture.store.claim(&stream, &stranger(2), HOUR).await, ErrorKind::Locked);
}

async fn the_holder_may_claim_again(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    assert_eq!(fixture.store.claim(&log.stream, &stranger(1), HOUR).await.unwrap(), log.epoch + 1);
}

async fn a_live_process_of_this_host_is_respected(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &this_process(), HOUR).await.unwrap();
    refused(fixture.store.claim(&stream, &stranger(1), HOUR).await, ErrorKind::Locked);
}

async fn an_ended_process_of_this_host_is_not(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &dead(), HOUR).await.unwrap();
    assert_eq!(fixture.store.claim(&stream, &this_process(), HOUR).await.unwrap(), 2);
}

async fn a_claim_keeps_the_records(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let written = log.append(&fixture.store, 3).await;
    log.epoch = fixture.store.claim(&log.stream, &stranger(1), HOUR).await.unwrap();
    assert_eq!(log.read(&fixture.store).await, written);
    log.append(&fixture.store, 1).await;
    assert_eq!(log.read(&fixture.store).await.len(), 4);
}

async fn a_refused_claim_changes_nothing(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    refused(fixture.store.claim(&log.stream, &stranger(2), Duration::ZERO).await, ErrorKind::Locked);
    refused(fixture.store.claim(&log.stream, &stranger(3), HOUR).await, ErrorKind::Locked);
    log.append(&fixture.store, 1).await;
}

async fn renewing_makes_the_lease_longer(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    let epoch = fixture.store.claim(&stream, &stranger(1), Duration::ZERO).await.unwrap();
    fixture.store.renew(&stream, epoch, HOUR).await.unwrap();
    refused(fixture.store.claim(&stream, &stranger(2), HOUR).await, ErrorKind::Locked);
}

async fn renewing_for_nothing_gives_the_stream_back(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    fixture.store.renew(&log.stream, log.epoch, Duration::ZERO).await.unwrap();
    fixture.store.claim(&log.stream, &stranger(2), HOUR).await.unwrap();
}

async fn renewing_keeps_the_epoch(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    fixture.store.renew(&log.stream, log.epoch, HOUR).await.unwrap();
    log.append(&fixture.store, 1).await;
    fixture.store.renew(&log.stream, log.epoch, HOUR).await.unwrap();
}

async fn renewing_with_an_older_epoch_is_fenced(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    let epoch = fixture.store.claim(&log.stream, &stranger(1), Duration::ZERO).await.unwrap();
    refused(fixture.store.renew(&log.stream, log.epoch, HOUR).await, ErrorKind::Fenced);
    refused(fixture.store.renew(&log.stream, epoch + 1, HOUR).await, ErrorKind::Fenced);
    fixture.store.claim(&log.stream, &stranger(2), HOUR).await.unwrap();
}

async fn renewing_an_unknown_stream_is_not_found(fixture: Fixture) {
    refused(fixture.store.renew(&StreamId::new("run/a"), 1, HOUR).await, ErrorKind::NotFound);
}

async fn a_removed_stream_is_gone(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 3).await;
    fixture.store.renew(&log.stream, log.epoch, Duration::ZERO).await.unwrap();
    fixture.store.remove_stream(&log.stream).await.unwrap();
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
    assert_eq!(log.read(&fixture.store).await, []);
    refused(fixture.store.append(&log.stream, log.epoch, 3, &[]).await, ErrorKind::NotFound);
}

async fn removing_what_is_not_there_is_no_error(fixture: Fixture) {
    fixture.store.remove_stream(&StreamId::new("run/a")).await.unwrap();
}

async fn a_held_stream_is_not_removed(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let written = log.append(&fixture.store, 2).await;
    refused(fixture.store.remove_stream(&log.stream).await, ErrorKind::Locked);
    assert_eq!(log.read(&fixture.store).await, written);
}

async fn a_stream_whose_holder_is_dead_is_removed(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &dead(), HOUR).await.unwrap();
    fixture.store.remove_stream(&stream).await.unwrap();
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
}

async fn the_epochs_of_a_removed_stream_are_not_given_again(fixture: Fixture) {
    let stream = StreamId::new("run/a");
    fixture.store.claim(&stream, &stranger(1), Duration::ZERO).await.unwrap();
    let old = fixture.store.claim(&stream, &stranger(1), Duration::ZERO).await.unwrap();
    fixture.store.remove_stream(&stream).await.unwrap();
    let new = fixture.store.claim(&stream, &stranger(2), HOUR).await.unwrap();
    assert!(new > old, "{new} after {old}");
    refused(fixture.store.append(&stream, old, 0, &[]).await, ErrorKind::Fenced);
}

async fn the_records_of_a_removed_stream_do_not_come_back(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 3).await;
    fixture.store.renew(&log.stream, log.epoch, Duration::ZERO).await.unwrap();
    fixture.store.remove_stream(&log.stream).await.unwrap();
    let mut log = fixture.log("run/a").await;
    assert_eq!(log.read(&fixture.store).await, []);
    log.append(&fixture.store, 1).await;
    assert_eq!(log.read(&fixture.store).await.len(), 1);
}

async fn removing_a_stream_leaves_its_neighbours(fixture: Fixture) {
    let mut logs = Vec::new();
    for name in ["run/a", "run/b", "run/c"] {
        let mut log = fixture.log(name).await;
        log.append(&fixture.store, 4).await;
        logs.push(log);
    }
    fixture.store.renew(&logs[1].stream, logs[1].epoch, Duration::ZERO).await.unwrap();
    fixture.store.remove_stream(&logs[1].stream).await.unwrap();
    logs.remove(1);
    for log in &mut logs {
        log.append(&fixture.store, 1).await;
        assert_eq!(log.read(&fixture.store).await.len(), 5);
    }
}
