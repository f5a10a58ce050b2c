//! What was read to its end is removed, and nothing else.

use std::time::Duration;

use agentflow::store::{StreamId, this_process};
use serde_json::json;

use super::{Fixture, drain, line, notes, numbers, take, up_to};

#[tokio::test]
async fn what_was_read_to_its_end_is_removed() {
    for fixture in [Fixture::in_memory(), Fixture::sqlite().await] {
        let mailbox = &fixture.mailbox;
        for part in 0..4 {
            mailbox.send(&line("run", part * 1_000..(part + 1) * 1_000)).await.unwrap();
            assert_eq!(drain(mailbox, "a").await.len(), 1_000);
        }
        let streams = fixture.store.streams("mailbox/").await.unwrap();
        assert_eq!(streams.iter().map(agentflow::store::StreamId::as_str).collect::<Vec<_>>(), ["mailbox/reviews/0000000003"]);
        // The numbers go on, and the line is remembered.
        assert_eq!(mailbox.send(&line("run", 3_990..4_001)).await.unwrap().fresh, 1);
        assert_eq!(numbers(&take(mailbox, "a", up_to(9)).await), [4_000]);
    }
}

#[tokio::test]
async fn one_unread_message_keeps_its_stream_and_no_other() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..5_000)).await.unwrap();
    let mut all = Vec::new();
    while all.len() < 5_000 {
        all.extend(numbers(&take(mailbox, "a", up_to(1_000)).await));
        let confirmed: Vec<_> = all.iter().copied().filter(|number| *number != 1_500).collect();
        mailbox.confirm("a", &confirmed).await.unwrap();
    }
    assert_eq!(fixture.store.streams("mailbox/").await.unwrap().len(), 2);
    mailbox.settle("a", &std::collections::BTreeSet::new()).await.unwrap();
    let left = take(mailbox, "b", up_to(9)).await;
    assert_eq!((numbers(&left), &left[0].message.body), (vec![1_500], &json!(1_500)));
}

#[tokio::test]
async fn a_look_at_what_is_gone_goes_on_behind_it() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..2_100)).await.unwrap();
    drain(mailbox, "a").await;
    let (stored, next) = mailbox.messages(0, 10_000).await.unwrap();
    assert_eq!((stored.first().unwrap().number, stored.len(), next), (2_048, 52, 2_100));
}

#[tokio::test]
async fn what_a_dead_process_left_is_removed_when_the_next_one_reads_first() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..2_100)).await.unwrap();
    drain(mailbox, "a").await;
    // As it is when a process dies after it has written the cursor.
    let segment = StreamId::new("mailbox/reviews/0000000001");
    fixture.store.claim(&segment, &this_process(), Duration::ZERO).await.unwrap();
    assert_eq!(fixture.store.streams("mailbox/").await.unwrap().len(), 2);
    assert_eq!(take(&fixture.elsewhere().await, "a", up_to(9)).await, []);
    let left = fixture.store.streams("mailbox/").await.unwrap();
    assert_eq!(left, [StreamId::new("mailbox/reviews/0000000002")]);
}
