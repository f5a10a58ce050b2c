//! What is appended is what is read, and nothing else is appended.

use agentflow::{
    ErrorKind,
    store::{MAX_BODY, Record, StreamId},
};
use jiff::Timestamp;

use crate::store::{Fixture, HOUR, on_every_backend, refused, stranger};

on_every_backend! {
    records_come_back_as_they_were_appended
    several_records_come_in_order
    an_append_of_nothing_changes_nothing
    an_append_of_nothing_still_checks_the_epoch
    an_append_of_nothing_still_checks_the_number
    a_number_too_high_is_a_conflict
    a_number_already_used_is_a_conflict
    an_append_of_several_that_conflicts_writes_none
    an_unknown_stream_is_not_found
    an_older_epoch_is_fenced
    an_epoch_never_given_is_fenced
    fencing_is_told_before_conflicts
    streams_do_not_see_each_other
    a_body_of_the_highest_size_comes_back
    a_body_above_the_highest_size_is_invalid
    one_body_too_large_keeps_the_whole_append_out
    any_text_comes_back
    times_keep_their_microseconds
    versions_keep_their_value
    misnumbered_records_are_refused
    ten_thousand_records_go_in_one_append
}

async fn records_come_back_as_they_were_appended(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let first = log.append(&fixture.store, 1).await;
    let second = log.append(&fixture.store, 1).await;
    assert_eq!(log.read(&fixture.store).await, [first, second].concat());
}

async fn several_records_come_in_order(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let written = log.append(&fixture.store, 17).await;
    let read = log.read(&fixture.store).await;
    assert_eq!(read, written);
    assert!(read.iter().map(|record| record.seq).eq(0..17));
}

async fn an_append_of_nothing_changes_nothing(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 0).await;
    assert_eq!(log.read(&fixture.store).await, []);
    log.append(&fixture.store, 2).await;
    log.append(&fixture.store, 0).await;
    assert_eq!(log.read(&fixture.store).await.len(), 2);
}

async fn an_append_of_nothing_still_checks_the_epoch(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    refused(fixture.store.append(&log.stream, log.epoch + 1, 0, &[]).await, ErrorKind::Fenced);
}

async fn an_append_of_nothing_still_checks_the_number(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    refused(fixture.store.append(&log.stream, log.epoch, 1, &[]).await, ErrorKind::Conflict);
}

async fn a_number_too_high_is_a_conflict(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 1).await;
    let skipped = log.clone().records(2).split_off(1);
    let error = refused(fixture.store.append(&log.stream, log.epoch, 2, &skipped).await, ErrorKind::Conflict);
    assert_eq!(error.to_string(), "the next record of `run/a` is number 1, not 2: something else has written to it");
}

async fn a_number_already_used_is_a_conflict(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let again = log.clone().records(1);
    let written = log.append(&fixture.store, 1).await;
    refused(fixture.store.append(&log.stream, log.epoch, 0, &again).await, ErrorKind::Conflict);
    assert_eq!(log.read(&fixture.store).await, written);
}

async fn an_append_of_several_that_conflicts_writes_none(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let again = log.clone().records(5);
    let written = log.append(&fixture.store, 2).await;
    refused(fixture.store.append(&log.stream, log.epoch, 0, &again).await, ErrorKind::Conflict);
    assert_eq!(log.read(&fixture.store).await, written);
}

async fn an_unknown_stream_is_not_found(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let records = log.records(1);
    refused(fixture.store.append(&StreamId::new("run/b"), 1, 0, &records).await, ErrorKind::NotFound);
    assert_eq!(fixture.store.streams("").await.unwrap(), [StreamId::new("run/a")]);
}

async fn an_older_epoch_is_fenced(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let written = log.append(&fixture.store, 1).await;
    fixture.store.claim(&log.stream, &stranger(1), HOUR).await.unwrap();
    let late = log.clone().records(1);
    let error = refused(fixture.store.append(&log.stream, log.epoch, 1, &late).await, ErrorKind::Fenced);
    assert!(error.to_string().starts_with("`run/a` was taken over by another process"), "{error}");
    assert_eq!(log.read(&fixture.store).await, written);
}

async fn an_epoch_never_given_is_fenced(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let records = log.records(1);
    refused(fixture.store.append(&log.stream, 0, 0, &records).await, ErrorKind::Fenced);
    refused(fixture.store.append(&log.stream, log.epoch + 1, 0, &records).await, ErrorKind::Fenced);
    assert_eq!(log.read(&fixture.store).await, []);
}

async fn fencing_is_told_before_conflicts(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    fixture.store.claim(&log.stream, &stranger(1), HOUR).await.unwrap();
    refused(fixture.store.append(&log.stream, log.epoch, 7, &[]).await, ErrorKind::Fenced);
}

async fn streams_do_not_see_each_other(fixture: Fixture) {
    let (mut one, mut two) = (fixture.log("run/a").await, fixture.log("run/aa").await);
    let ones = one.append(&fixture.store, 3).await;
    let twos = two.append(&fixture.store, 2).await;
    assert_eq!(one.read(&fixture.store).await, ones);
    assert_eq!(two.read(&fixture.store).await, twos);
}

async fn a_body_of_the_highest_size_comes_back(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let body = format!("\"{}\"", "é".repeat(MAX_BODY / 2 - 1));
    assert_eq!(body.len(), MAX_BODY);
    let record = log.record("large", &body);
    fixture.store.append(&log.stream, log.epoch, 0, std::slice::from_ref(&record)).await.unwrap();
    assert!(log.read(&fixture.store).await == [record]);
}

async fn a_body_above_the_highest_size_is_invalid(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let record = log.record("large", &"x".repeat(MAX_BODY + 1));
    let error = refused(fixture.store.append(&log.stream, log.epoch, 0, &[record]).await, ErrorKind::Invalid);
    assert_eq!(error.to_string(), "record 0 of `run/a` is 16777217 bytes long; the most is 16777216");
}

async fn one_body_too_large_keeps_the_whole_append_out(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let records = [log.record("small", "1"), log.record("large", &"x".repeat(MAX_BODY + 1)), log.record("small", "2")];
    refused(fixture.store.append(&log.stream, log.epoch, 0, &records).await, ErrorKind::Invalid);
    assert_eq!(log.read(&fixture.store).await, []);
}

async fn any_text_comes_back(fixture: Fixture) {
    let mut log = fixture.log("run/ключ/🦀/a b'\"%_\\").await;
    let texts = [
        "",
        "\0",
        "a\0b",
        "\u{feff}x",
        "\r\n\t",
        "'; DROP TABLE records; --",
        "日本語",
        "e\u{301}",
        "\u{10ffff}",
        "{\"a\":null}",
    ];
    let records: Vec<Record> = texts.iter().map(|text| log.record(text, text)).collect();
    fixture.store.append(&log.stream, log.epoch, 0, &records).await.unwrap();
    assert_eq!(log.read(&fixture.store).await, records);
}

async fn times_keep_their_microseconds(fixture: Fixture) {
    let stream = fixture.log("run/a").await;
    let times = [
        Timestamp::UNIX_EPOCH,
        Timestamp::from_microsecond(-1).unwrap(),
        Timestamp::from_microsecond(1_234_567).unwrap(),
        Timestamp::MIN,
        "9999-12-30T22:00:00Z".parse().unwrap(),
        "2026-11-22T12:34:56.123456789Z".parse().unwrap(),
    ];
    let mut last = agentflow::store::Digest::ZERO;
    let records: Vec<Record> = (0..)
        .zip(times)
        .map(|(seq, at)| {
            let record = Record::seal(last, &stream.stream, seq, at, "test", 1, String::new());
            last = record.hash;
            record
        })
        .collect();
    fixture.store.append(&stream.stream, stream.epoch, 0, &records).await.unwrap();
    let read = stream.read(&fixture.store).await;
    assert_eq!(read, records);
    assert_eq!(read[5].at.to_string(), "2026-11-22T12:34:56.123456Z");
}

async fn versions_keep_their_value(fixture: Fixture) {
    let log = fixture.log("run/a").await;
    let low = Record::seal(agentflow::store::Digest::ZERO, &log.stream, 0, Timestamp::UNIX_EPOCH, "test", 0, String::new());
    let high = Record::seal(low.hash, &log.stream, 1, Timestamp::UNIX_EPOCH, "test", u16::MAX, String::new());
    fixture.store.append(&log.stream, log.epoch, 0, &[low.clone(), high.clone()]).await.unwrap();
    assert_eq!(log.read(&fixture.store).await, [low, high]);
}

async fn misnumbered_records_are_refused(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let mut records = log.records(3);
    records.swap(1, 2);
    refused(fixture.store.append(&log.stream, log.epoch, 0, &records).await, ErrorKind::Internal);
    assert_eq!(log.read(&fixture.store).await, []);
}

async fn ten_thousand_records_go_in_one_append(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let written = log.append(&fixture.store, 10_000).await;
    assert!(log.read(&fixture.store).await == written);
    log.append(&fixture.store, 1).await;
    assert_eq!(log.read(&fixture.store).await.len(), 10_001);
}
