//! Records in pages, streams by prefix.

use agentflow::store::StreamId;

use crate::store::{Fixture, on_every_backend};

on_every_backend! {
    an_unknown_stream_is_empty
    past_the_end_there_is_nothing
    pages_join_up
    a_limit_of_zero_gives_nothing
    a_read_begins_where_it_is_told
    streams_are_listed_in_byte_order
    streams_are_listed_by_prefix
    a_prefix_is_taken_literally
    a_prefix_knows_upper_and_lower_case
    a_prefix_may_be_a_whole_name
    a_stream_without_records_is_listed
}

async fn an_unknown_stream_is_empty(fixture: Fixture) {
    assert_eq!(fixture.store.read(&StreamId::new("run/a"), 0, 10).await.unwrap(), []);
    assert_eq!(fixture.store.streams("").await.unwrap(), []);
}

async fn past_the_end_there_is_nothing(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 3).await;
    for from in [3, 4, 1 << 31, u64::from(u32::MAX), 1 << 32, i64::MAX as u64, u64::MAX] {
        assert_eq!(fixture.store.read(&log.stream, from, 10).await.unwrap(), [], "{from}");
    }
}

async fn pages_join_up(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let written = log.append(&fixture.store, 25).await;
    let mut read = Vec::new();
    loop {
        let page = fixture.store.read(&log.stream, read.len() as u64, 10).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() == 10 || read.len() == 20);
        read.extend(page);
    }
    assert_eq!(read, written);
}

async fn a_limit_of_zero_gives_nothing(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    log.append(&fixture.store, 3).await;
    assert_eq!(fixture.store.read(&log.stream, 0, 0).await.unwrap(), []);
}

async fn a_read_begins_where_it_is_told(fixture: Fixture) {
    let mut log = fixture.log("run/a").await;
    let mut other = fixture.log("run/b").await;
    let written = log.append(&fixture.store, 5).await;
    other.append(&fixture.store, 5).await;
    assert_eq!(fixture.store.read(&log.stream, 3, usize::MAX).await.unwrap(), written[3..]);
    assert_eq!(fixture.store.read(&log.stream, 1, 2).await.unwrap(), written[1..3]);
}

async fn listed(fixture: &Fixture, prefix: &str) -> Vec<String> {
    fixture.store.streams(prefix).await.unwrap().iter().map(|stream| stream.as_str().to_owned()).collect()
}

async fn streams_are_listed_in_byte_order(fixture: Fixture) {
    for name in ["run/b", "run/é", "run/B", "run/a", "run/", "run/10", "run/9", "run/🦀"] {
        fixture.log(name).await;
    }
    assert_eq!(listed(&fixture, "").await, ["run/", "run/10", "run/9", "run/B", "run/a", "run/b", "run/é", "run/🦀"]);
}

async fn streams_are_listed_by_prefix(fixture: Fixture) {
    for name in ["mailbox/a", "run/a", "run/ab", "run/b", "runs", "ru"] {
        fixture.log(name).await;
    }
    assert_eq!(listed(&fixture, "run/").await, ["run/a", "run/ab", "run/b"]);
    assert_eq!(listed(&fixture, "run/a").await, ["run/a", "run/ab"]);
    assert_eq!(listed(&fixture, "run/c").await, [""; 0]);
    assert_eq!(listed(&fixture, "zzz").await, [""; 0]);
}

async fn a_prefix_is_taken_literally(fixture: Fixture) {
    for name in ["a%c", "a*c", "a?c", "a_c", "abc", "é/1", "é/2", "\u{10ffff}x"] {
        fixture.log(name).await;
    }
    assert_eq!(listed(&fixture, "a%").await, ["a%c"]);
    assert_eq!(listed(&fixture, "a_").await, ["a_c"]);
    assert_eq!(listed(&fixture, "a*").await, ["a*c"]);
    assert_eq!(listed(&fixture, "é/").await, ["é/1", "é/2"]);
    assert_eq!(listed(&fixture, "\u{10ffff}").await, ["\u{10ffff}x"]);
}

async fn a_prefix_knows_upper_and_lower_case(fixture: Fixture) {
    for name in ["Run/a", "run/a"] {
        fixture.log(name).await;
    }
    assert_eq!(listed(&fixture, "run").await, ["run/a"]);
}

async fn a_prefix_may_be_a_whole_name(fixture: Fixture) {
    fixture.log("run/a").await;
    assert_eq!(listed(&fixture, "run/a").await, ["run/a"]);
    assert_eq!(listed(&fixture, "run/a/").await, [""; 0]);
}

async fn a_stream_without_records_is_listed(fixture: Fixture) {
    fixture.log("run/a").await;
    assert_eq!(listed(&fixture, "run/").await, ["run/a"]);
}
