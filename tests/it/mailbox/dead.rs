//! Dead letters: what reached nobody, why, and how it is sent again.

use agentflow::{
    ErrorKind,
    mailbox::{Letter, Limits, ProjectMailbox, Reason, Standing},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Fixture, bodies, briefly, message, notes, numbers, take, up_to};

/// A letter that has outlived its time.
fn old(number: u64) -> Letter {
    let mut message = message("note", json!(number));
    message.expires_at = Some(Timestamp::now() - SignedDuration::from_secs(1));
    Letter::new(message)
}

async fn reasons(mailbox: &ProjectMailbox) -> Vec<(u64, Reason)> {
    let dead = mailbox.dead_letters(None, 100).await.unwrap();
    dead.into_iter().map(|letter| (letter.number, letter.reason)).collect()
}

#[tokio::test]
async fn a_message_that_five_readers_did_not_confirm_is_dead() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..2)).await.unwrap();
    for delivery in 1..=5 {
        let taken = take(mailbox, &format!("reader-{delivery}"), briefly(1)).await;
        assert_eq!((taken[0].number, taken[0].deliveries), (0, delivery));
    }
    assert_eq!(numbers(&take(mailbox, "b", up_to(9)).await), [1]);
    let reason = Reason::NotConfirmed { deliveries: 5, reader: "reader-5".to_owned() };
    assert_eq!(reason.to_string(), "it was taken 5 times, and no reader confirmed it; the last was `reader-5`");
    assert_eq!(reasons(mailbox).await, [(0, reason)]);
    assert_eq!(mailbox.overview().await.unwrap().dead, 1);
}

#[tokio::test]
async fn a_message_that_outlived_its_time_is_dead() {
    let fixture = Fixture::sqlite().await;
    let mailbox = &fixture.mailbox;
    let mut letters = notes(0..1);
    letters.extend((1..400).map(old));
    letters.extend(notes(400..401));
    mailbox.send(&letters).await.unwrap();
    assert_eq!(numbers(&take(mailbox, "a", up_to(9)).await), [0]);
    assert_eq!(numbers(&take(mailbox, "a", up_to(9)).await), [400]);
    assert_eq!(mailbox.overview().await.unwrap().dead, 399);
    assert!(reasons(mailbox).await.iter().all(|(_, reason)| *reason == Reason::Expired));
}

#[tokio::test]
async fn what_outlived_its_time_makes_room() {
    let fixture = Fixture::in_memory();
    let mailbox = fixture.limited(Limits { messages: 3, ..Limits::default() });
    mailbox.send(&[old(0), old(1)]).await.unwrap();
    assert_eq!(mailbox.send(&notes(2..6)).await.unwrap().accepted, 3);
    assert_eq!(mailbox.overview().await.unwrap().dead, 2);
}

#[tokio::test]
async fn making_room_takes_nothing_from_readers_that_are_late() {
    let fixture = Fixture::in_memory();
    let mailbox = fixture.limited(Limits { messages: 1, ..Limits::default() });
    mailbox.send(&notes(0..1)).await.unwrap();
    take(&mailbox, "a", briefly(1)).await;
    assert_eq!(mailbox.send(&notes(1..2)).await.unwrap().accepted, 0);
    assert_eq!(mailbox.overview().await.unwrap().taken, 1);
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_as_a_new_message() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&[old(7), old(8)]).await.unwrap();
    assert_eq!(take(mailbox, "a", up_to(9)).await, []);
    assert!(mailbox.replay(1).await.unwrap());
    let taken = take(mailbox, "a", up_to(9)).await;
    assert_eq!((numbers(&taken), bodies(&taken), taken[0].deliveries), (vec![2], vec![json!(8)], 1));
    assert_eq!(reasons(mailbox).await, [(0, Reason::Expired)]);
    let error = mailbox.replay(1).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::NotFound, "mailbox `project:reviews` has no dead letter 1")
    );
}

#[tokio::test]
async fn a_dead_letter_waits_for_room() {
    let fixture = Fixture::in_memory();
    let mailbox = fixture.limited(Limits { messages: 1, ..Limits::default() });
    mailbox.send(&[old(0)]).await.unwrap();
    mailbox.send(&notes(1..2)).await.unwrap();
    assert!(!mailbox.replay(0).await.unwrap());
    assert_eq!(mailbox.overview().await.unwrap().dead, 1);
}

#[tokio::test]
async fn whoever_looks_sees_what_has_become_of_each_message() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    let letters: Vec<_> = notes(0..1).into_iter().chain([old(1)]).chain(notes(2..5)).collect();
    mailbox.send(&letters).await.unwrap();
    take(mailbox, "a", up_to(1)).await;
    mailbox.confirm("a", &[0]).await.unwrap();
    take(mailbox, "a", up_to(1)).await;
    let (all, next) = mailbox.messages(0, 100).await.unwrap();
    let standings: Vec<_> = all.iter().map(|stored| stored.standing).collect();
    assert_eq!(standings, [Standing::Done, Standing::Done, Standing::Taken, Standing::Waiting, Standing::Waiting]);
    assert_eq!(next, 5);
    let (page, next) = mailbox.messages(1, 2).await.unwrap();
    assert_eq!((page.len(), next), (2, 3));
    let unread: Vec<_> = mailbox.unread(2).await.unwrap().into_iter().map(|stored| stored.number).collect();
    assert_eq!(unread, [2, 3]);
    let overview = &agentflow::mailbox::mailboxes(&fixture.store).await.unwrap()[0];
    assert_eq!((overview.waiting, overview.taken, overview.dead, overview.sent), (2, 1, 1, 5));
}
