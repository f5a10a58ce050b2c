//! Reading: one reader gets a message, and keeps it or loses it.

use std::collections::{BTreeMap, BTreeSet};

use agentflow::{mailbox::Wanted, model::MessageType};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Fixture, Kept, bodies, briefly, drain, kind, message, notes, numbers, take, up_to};
use agentflow::mailbox::Letter;

#[tokio::test]
async fn two_readers_never_get_the_same_message() {
    let fixture = Fixture::sqlite().await;
    fixture.mailbox.send(&notes(0..400)).await.unwrap();
    let mut readers = JoinSet::new();
    for reader in 0..4 {
        let mailbox = fixture.elsewhere().await;
        readers.spawn(async move {
            let (reader, mut all) = (format!("reader {reader}"), Vec::new());
            loop {
                let some = take(&mailbox, &reader, up_to(7)).await;
                if some.is_empty() {
                    return all;
                }
                mailbox.confirm(&reader, &numbers(&some)).await.unwrap();
                all.extend(numbers(&some));
            }
        });
    }
    let mut all: Vec<_> = readers.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (0..400).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_reader_does_not_confirm_in_time_is_given_to_the_next() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..3)).await.unwrap();
    assert_eq!(numbers(&take(mailbox, "a", briefly(2)).await), [0, 1]);
    let again = take(mailbox, "b", up_to(3)).await;
    assert_eq!(again.iter().map(|delivery| (delivery.number, delivery.deliveries)).collect::<Vec<_>>(), [(0, 2), (1, 2), (2, 1)]);
    // Who comes late is told what it has lost.
    assert_eq!(mailbox.confirm("a", &[0, 1]).await.unwrap().lost, [0, 1]);
    assert_eq!(mailbox.confirm("b", &[0, 1, 2]).await.unwrap().lost, [0; 0]);
}

#[tokio::test]
async fn who_comes_late_keeps_what_nobody_else_took() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..2)).await.unwrap();
    take(mailbox, "a", briefly(2)).await;
    assert_eq!(mailbox.confirm("a", &[0, 1]).await.unwrap().lost, [0; 0]);
    assert_eq!(take(mailbox, "b", up_to(2)).await, []);
}

#[tokio::test]
async fn what_a_reader_has_kept_without_a_confirmation_is_given_to_nobody() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..4)).await.unwrap();
    take(mailbox, "a", briefly(3)).await;
    let next = mailbox.take("b", up_to(9), &Kept(BTreeSet::from([0, 2]))).await.unwrap();
    assert_eq!(numbers(&next), [1, 3]);
    assert_eq!(mailbox.overview().await.unwrap().taken, 2);
}

#[tokio::test]
async fn a_reader_that_begins_anew_keeps_what_it_kept_and_gives_the_rest_back() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    mailbox.send(&notes(0..4)).await.unwrap();
    take(mailbox, "a", up_to(3)).await;
    take(mailbox, "b", up_to(1)).await;
    mailbox.settle("a", &BTreeSet::from([1, 3])).await.unwrap();
    assert_eq!(numbers(&take(mailbox, "a", up_to(9)).await), [0, 2]);
}

#[tokio::test]
async fn a_reader_of_one_type_leaves_the_others() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    let letters: Vec<_> =
        (0..600).map(|number| Letter::new(message(if number % 3 == 0 { "finding" } else { "note" }, json!(number)))).collect();
    mailbox.send(&letters).await.unwrap();
    let (finding, other) = (kind("finding"), kind("other"));
    let wanted = |kind, at_most| Wanted { kind: Some(kind), ..up_to(at_most) };
    let first = take(mailbox, "a", wanted(&finding, 2)).await;
    assert_eq!(bodies(&first), [json!(0), json!(3)]);
    assert_eq!(take(mailbox, "a", wanted(&other, 2)).await, []);
    assert_eq!(take(mailbox, "a", wanted(&finding, 1_000)).await.len(), 198);
    assert_eq!(numbers(&take(mailbox, "b", up_to(3)).await), [1, 2, 4]);
    // One that was looked over before is found when it comes back, and one that comes later, too.
    mailbox.settle("a", &(3..600).collect::<BTreeSet<_>>()).await.unwrap();
    mailbox.send(&[Letter::new(message("finding", json!("new")))]).await.unwrap();
    assert_eq!(bodies(&take(mailbox, "a", wanted(&finding, 9)).await), [json!(0), json!("new")]);
}

#[tokio::test]
async fn none_is_taken_when_there_are_not_enough() {
    let fixture = Fixture::in_memory();
    let mailbox = &fixture.mailbox;
    let three = Wanted { at_least: 3, ..up_to(3) };
    mailbox.send(&notes(0..2)).await.unwrap();
    assert_eq!(take(mailbox, "a", three).await, []);
    assert_eq!(mailbox.overview().await.unwrap().taken, 0);
    mailbox.send(&notes(2..4)).await.unwrap();
    assert_eq!(numbers(&take(mailbox, "a", three).await), [0, 1, 2]);
}

#[tokio::test]
async fn a_mailbox_that_nobody_wrote_to_is_empty() {
    let fixture = Fixture::in_memory();
    assert_eq!(take(&fixture.mailbox, "a", up_to(1)).await, []);
    assert_eq!(drain(&fixture.mailbox, "a").await.len(), 0);
    assert_eq!(agentflow::mailbox::mailboxes(&fixture.store).await.unwrap(), []);
}

#[tokio::test]
async fn readers_of_several_types_share_a_mailbox() {
    let fixture = Fixture::sqlite().await;
    let types: Vec<MessageType> = ["a", "b", "c"].map(kind).into();
    let letters: Vec<_> = (0_usize..300).map(|number| Letter::new(message(types[number % 3].as_str(), json!(number)))).collect();
    fixture.mailbox.send(&letters).await.unwrap();
    let mut readers = JoinSet::new();
    for kind in types.clone() {
        let mailbox = fixture.elsewhere().await;
        readers.spawn(async move {
            let mut all = Vec::new();
            while all.len() < 100 {
                let wanted = Wanted { kind: Some(&kind), ..up_to(9) };
                let some = take(&mailbox, kind.as_str(), wanted).await;
                mailbox.confirm(kind.as_str(), &numbers(&some)).await.unwrap();
                all.extend(some);
            }
            (kind, all)
        });
    }
    let read: BTreeMap<_, _> = readers.join_all().await.into_iter().collect();
    for (nth, kind) in types.iter().enumerate() {
        let expected: Vec<_> = (0..300).skip(nth).step_by(3).map(|number| json!(number)).collect();
        assert_eq!(bodies(&read[kind]), expected);
    }
    assert_eq!(fixture.mailbox.overview().await.unwrap().waiting, 0);
}
