//! Sending: order, recognition of what was sent before, bounds, many at once.

use agentflow::mailbox::{Limits, Sent};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Fixture, bodies, drain, line, message, notes, numbers, take, up_to};

#[tokio::test]
async fn what_is_sent_is_read_in_order() {
    let fixture = Fixture::sqlite().await;
    let sent = fixture.mailbox.send(&notes(0..1_500)).await.unwrap();
    assert_eq!(sent, Sent { accepted: 1_500, fresh: 1_500 });
    let elsewhere = fixture.elsewhere().await;
    assert_eq!(drain(&elsewhere, "a").await, (0..1_500).map(Value::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_line_sent_again_does_not_arrive_again() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&line("run", [3, 5, 6])).await.unwrap();
    // Sent again from an earlier place on, by somebody who does not know how far the first one came.
    let sent = fixture.elsewhere().await.send(&line("run", [3, 5, 6, 9])).await.unwrap();
    assert_eq!(sent, Sent { accepted: 4, fresh: 1 });
    let read = drain(mailbox, "a").await;
    assert_eq!(read, [3, 5, 6, 9].map(|number| json!(["run", number])));
    // Also when it was read long ago.
    assert_eq!(mailbox.send(&line("run", [5, 9])).await.unwrap(), Sent { accepted: 2, fresh: 0 });
    assert_eq!(drain(mailbox, "a").await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_message_twice_in_one_sending_arrives_once() {
    let fixture = Fixture::in_memory();
    assert_eq!(fixture.mailbox.send(&line("run", [1, 1, 2])).await.unwrap(), Sent { accepted: 3, fresh: 2 });
    assert_eq!(drain(&fixture.mailbox, "a").await.len(), 2);
}

#[tokio::test]
async fn a_letter_without_a_mark_is_always_new() {
    let fixture = Fixture::in_memory();
    fixture.mailbox.send(&notes([1, 1])).await.unwrap();
    assert_eq!(drain(&fixture.mailbox, "a").await, [1, 1].map(Value::from));
}

#[tokio::test]
async fn lines_do_not_disturb_each_other() {
    let fixture = Fixture::in_memory();
    let letters: Vec<_> = line("a", [1, 2]).into_iter().chain(line("b", [1, 2])).collect();
    assert_eq!(fixture.mailbox.send(&letters).await.unwrap().fresh, 4);
}

#[tokio::test]
async fn nothing_is_sent_to_a_full_mailbox_until_somebody_reads() {
    let fixture = Fixture::in_memory();
    let mailbox = fixture.limited(Limits { messages: 3, ..Limits::default() });
    let letters = line("run", 0..5);
    assert_eq!(mailbox.send(&letters).await.unwrap(), Sent { accepted: 3, fresh: 3 });
    assert_eq!(mailbox.send(&letters[3..]).await.unwrap(), Sent { accepted: 0, fresh: 0 });
    // What a reader has, but has not confirmed, may come back: it takes its place still.
    let taken = take(&mailbox, "a", up_to(1)).await;
    assert_eq!(mailbox.send(&letters[3..]).await.unwrap().accepted, 0);
    mailbox.confirm("a", &numbers(&taken)).await.unwrap();
    assert_eq!(mailbox.send(&letters[3..]).await.unwrap(), Sent { accepted: 1, fresh: 1 });
    assert_eq!(drain(&mailbox, "a").await.len(), 3);
    assert_eq!(mailbox.send(&letters).await.unwrap(), Sent { accepted: 5, fresh: 1 });
}

#[tokio::test]
async fn a_mailbox_is_full_by_length_too_but_takes_one_long_message() {
    let fixture = Fixture::in_memory();
    let mailbox = fixture.limited(Limits { bytes: 2_000, ..Limits::default() });
    let long = || agentflow::mailbox::Letter::new(message("note", json!("x".repeat(3_000))));
    assert_eq!(mailbox.send(&[long(), long()]).await.unwrap().accepted, 1);
    drain(&mailbox, "a").await;
    assert_eq!(
        mailbox.send(&notes(0..100)).await.unwrap().accepted,
        2_000 / serde_json::to_string(&message("note", json!(10))).unwrap().len()
    );
}

#[tokio::test]
async fn of_many_senders_at_once_each_keeps_its_order() {
    let fixture = Fixture::sqlite().await;
    let mut senders = JoinSet::new();
    for sender in 0..6 {
        let mailbox = fixture.elsewhere().await;
        senders.spawn(async move {
            for number in 0..40 {
                let sent = mailbox.send(&line(&format!("s{sender}"), [number])).await.unwrap();
                assert_eq!(sent.fresh, 1);
            }
        });
    }
    senders.join_all().await;
    let read = drain(&fixture.mailbox, "a").await;
    assert_eq!(read.len(), 240);
    for sender in 0..6 {
        let of_one: Vec<_> = read.iter().filter(|body| body[0] == json!(format!("s{sender}"))).map(|body| &body[1]).collect();
        assert_eq!(of_one, (0..40).map(Value::from).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn two_that_send_the_same_line_at_once_send_it_once() {
    let fixture = Fixture::sqlite().await;
    let mut senders = JoinSet::new();
    for _ in 0..2 {
        let mailbox = fixture.elsewhere().await;
        senders.spawn(async move {
            let mut fresh = 0;
            for number in 0..60 {
                fresh += mailbox.send(&line("run", number..number + 3)).await.unwrap().fresh;
            }
            fresh
        });
    }
    let fresh: usize = senders.join_all().await.into_iter().sum();
    assert_eq!(fresh, 62);
    let taken = take(&fixture.mailbox, "a", up_to(100)).await;
    assert_eq!(bodies(&taken), (0..62).map(|number| json!(["run", number])).collect::<Vec<_>>());
}
