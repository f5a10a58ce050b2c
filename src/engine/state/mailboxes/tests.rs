//! Random histories of mailboxes against a naive model, which looks through everything each time.

use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_assert_eq, prop_oneof, proptest};
use serde_json::json;

use super::*;
use crate::model::{Mailbox, Recipient, Sender};

/// Something that happens to the mailboxes.
#[derive(Debug, Clone)]
enum Deed {
    /// A message of a type comes into a mailbox, with a time to live in seconds.
    Put { mailbox: usize, kind: usize, ttl: Option<i64> },
    /// An instance takes the first messages of a type, or of any.
    Take { by: u32, mailbox: usize, kind: Option<usize>, most: usize },
    /// What an instance took has become part of its outcome.
    Keep { by: u32 },
    /// What an instance took waits again.
    GiveBack { by: u32 },
    /// So many seconds pass, and all that is dead by then is given up.
    Pass { seconds: i64 },
}

const KINDS: [&str; 3] = ["finding", "note", "task"];
const MAILBOXES: usize = 3;

fn deed() -> impl Strategy<Value = Deed> {
    let kind = 0..KINDS.len();
    prop_oneof![
        6 => (0..MAILBOXES, kind.clone(), prop::option::of(1_i64..20))
            .prop_map(|(mailbox, kind, ttl)| Deed::Put { mailbox, kind, ttl }),
        4 => (0_u32..4, 0..MAILBOXES, prop::option::of(kind), 1_usize..4)
            .prop_map(|(by, mailbox, kind, most)| Deed::Take { by, mailbox, kind, most }),
        1 => (0_u32..4).prop_map(|by| Deed::Keep { by }),
        2 => (0_u32..4).prop_map(|by| Deed::GiveBack { by }),
        1 => (1_i64..8).prop_map(|seconds| Deed::Pass { seconds }),
        1 => Just(Deed::Pass { seconds: 0 }),
    ]
}

/// A message as the model knows it.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    mailbox: usize,
    number: u64,
    kind: usize,
    expires: Option<Timestamp>,
    /// `None` while it waits.
    away: Option<Away>,
    taken: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Away {
    By(u32),
    ForGood,
}

/// The mailboxes and the model side by side.
struct Both {
    real: Mailboxes,
    ids: Vec<BoxId>,
    model: Vec<Known>,
    now: Timestamp,
    seq: Seq,
    /// What waited before each event.
    before: Vec<Vec<(usize, u64)>>,
    sent: usize,
}

impl Both {
    fn new() -> Self {
        let mut real = Mailboxes::default();
        let names = ["alpha", "beta", "gamma"].map(|name| MailboxName::new(name).unwrap());
        let ids = names.iter().map(|name| real.open(FrameId(0), name, Bounds::default())).collect();
        Self { real, ids, model: Vec::new(), now: Timestamp::UNIX_EPOCH, seq: 0, before: Vec::new(), sent: 0 }
    }

    /// The next event happens.
    fn event(&mut self) -> Seq {
        self.before.push(self.waiting());
        self.seq += 1;
        self.seq - 1
    }

    fn waiting(&self) -> Vec<(usize, u64)> {
        let waiting = self.model.iter().filter(|known| known.away.is_none());
        let mut waiting: Vec<_> = waiting.map(|known| (known.mailbox, known.number)).collect();
        waiting.sort_unstable();
        waiting
    }

    fn apply(&mut self, deed: &Deed) {
        match *deed {
            Deed::Put { mailbox, kind, ttl } => {
                let number = self.model.iter().filter(|known| known.mailbox == mailbox).count() as u64 + 1;
                let expires = ttl.map(|ttl| self.now + SignedDuration::from_secs(ttl));
                self.sent += 1;
                let message = Message {
                    id: MessageId::of(&self.sent.to_string()),
                    from: Sender::default(),
                    to: Recipient::Mailbox(Mailbox::Run(self.real.get(self.ids[mailbox]).name.clone())),
                    kind: MessageType::new(KINDS[kind]).unwrap(),
                    body: json!(self.sent),
                    at: self.now,
                    expires_at: expires,
                };
                let seq = self.event();
                self.real.put(&Arc::new(message), vec![(self.ids[mailbox], number)], seq).unwrap();
                self.model.push(Known { mailbox, number, kind, expires, away: None, taken: 0 });
            }
            Deed::Take { by, mailbox, kind, most } => {
                let fits = |known: &&mut Known| {
                    known.mailbox == mailbox && known.away.is_none() && kind.is_none_or(|kind| known.kind == kind)
                };
                let before = self.waiting();
                let mut numbers = Vec::new();
                for known in self.model.iter_mut().filter(fits).take(most) {
                    known.away = Some(Away::By(by));
                    known.taken += 1;
                    numbers.push(known.number);
                }
                let kind = kind.map(|kind| MessageType::new(KINDS[kind]).unwrap());
                let first = self.real.get(self.ids[mailbox]).first(kind.as_ref(), most);
                assert_eq!(first.iter().map(|(number, _)| *number).collect::<Vec<_>>(), numbers);
                self.before.push(before);
                self.seq += 1;
                self.real.take(InstanceId(by), self.ids[mailbox], &numbers, self.seq - 1).unwrap();
            }
            Deed::Keep { by } => {
                for known in self.model.iter_mut().filter(|known| known.away == Some(Away::By(by))) {
                    known.away = Some(Away::ForGood);
                }
                self.real.keep(InstanceId(by));
            }
            Deed::GiveBack { by } => {
                let seq = self.event();
                for known in self.model.iter_mut().filter(|known| known.away == Some(Away::By(by))) {
                    known.away = None;
                }
                self.real.give_back(InstanceId(by), seq);
            }
            Deed::Pass { seconds } => {
                self.now += SignedDuration::from_secs(seconds);
                while let Some((id, number, reason)) = self.real.dead(self.now) {
                    let seq = self.event();
                    let now = self.now;
                    let mailbox = self.ids.iter().position(|known| *known == id).unwrap();
                    let known = self.model.iter_mut().find(|known| (known.mailbox, known.number) == (mailbox, number)).unwrap();
                    match reason {
                        DeadReason::Expired => assert!(known.expires.is_some_and(|at| at <= now)),
                        DeadReason::Undelivered => assert!(known.taken >= MOST_TAKEN),
                    }
                    assert_eq!(known.away.replace(Away::ForGood), None, "only what waits is given up");
                    self.real.give_up(id, number, seq).unwrap();
                }
                let is_dead = |known: &&Known| known.expires.is_some_and(|at| at <= self.now) || known.taken >= MOST_TAKEN;
                assert_eq!(self.model.iter().filter(|known| known.away.is_none()).find(is_dead), None);
            }
        }
    }

    /// What the mailboxes show of one time.
    fn seen(&self, at: Option<Seq>) -> Vec<(usize, u64)> {
        let of = |(mailbox, id): (usize, &BoxId)| {
            self.real.get(*id).seen(at).into_iter().map(move |(number, _)| (mailbox, number)).collect::<Vec<_>>()
        };
        self.ids.iter().enumerate().flat_map(of).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mailboxes_hold_what_a_naive_model_holds(deeds in prop::collection::vec(deed(), 0..120)) {
        let mut both = Both::new();
        for deed in &deeds {
            both.apply(deed);
            prop_assert_eq!(both.seen(None), both.waiting());
            for (mailbox, id) in both.ids.iter().enumerate() {
                for (kind, name) in KINDS.iter().enumerate() {
                    let waits = |known: &&Known| known.mailbox == mailbox && known.kind == kind && known.away.is_none();
                    let counted = both.real.get(*id).count(Some(&MessageType::new(*name).unwrap()));
                    prop_assert_eq!(counted, both.model.iter().filter(waits).count());
                }
            }
        }
        for (at, before) in both.before.iter().enumerate() {
            prop_assert_eq!(&both.seen(Some(at as Seq)), before, "before event {}", at);
        }
    }
}

fn message(key: &str, kind: &str) -> Arc<Message> {
    Arc::new(Message {
        id: MessageId::of(key),
        from: Sender::default(),
        to: Recipient::Subscribers,
        kind: MessageType::new(kind).unwrap(),
        body: json!({"text": "hello"}),
        at: Timestamp::UNIX_EPOCH,
        expires_at: None,
    })
}

#[test]
fn a_message_wakes_one_of_those_that_want_it_and_the_next_when_that_one_leaves() {
    let mut mailboxes = Mailboxes::default();
    let id = mailboxes.open(FrameId(0), &MailboxName::new("a").unwrap(), Bounds::default());
    let wants = |count| WaitsFor::Messages(Wanted { mailbox: id, kind: None, count });
    for (instance, count) in [(1, 2), (2, 1), (3, 1)] {
        mailboxes.wait(InstanceId(instance), wants(count));
    }
    assert_eq!(mailboxes.put(&message("one", "note"), vec![(id, 1)], 0).unwrap(), [InstanceId(2)]);
    assert_eq!(mailboxes.put(&message("two", "note"), vec![(id, 2)], 1).unwrap(), [InstanceId(2)]);
    mailboxes.take(InstanceId(2), id, &[1], 2).unwrap();
    assert_eq!(mailboxes.wait_no_more(InstanceId(2)), Some(InstanceId(3)));
    mailboxes.take(InstanceId(3), id, &[2], 3).unwrap();
    assert_eq!(mailboxes.wait_no_more(InstanceId(3)), None, "there are no two for the last one");
}

#[test]
fn who_waits_for_room_is_woken_when_something_is_taken() {
    let mut mailboxes = Mailboxes::default();
    let bounds = Bounds { messages: 1, ..Bounds::default() };
    let id = mailboxes.open(FrameId(0), &MailboxName::new("a").unwrap(), bounds);
    assert!(mailboxes.get(id).has_room(10));
    mailboxes.put(&message("one", "note"), vec![(id, 1)], 0).unwrap();
    assert!(!mailboxes.get(id).has_room(0));
    mailboxes.wait(InstanceId(7), WaitsFor::Room(id));
    assert_eq!(mailboxes.take(InstanceId(8), id, &[1], 1).unwrap(), [InstanceId(7)]);
}

#[test]
fn a_body_that_is_larger_than_the_mailbox_goes_into_an_empty_one_only() {
    let mut mailboxes = Mailboxes::default();
    let bounds = Bounds { bytes: 20, ..Bounds::default() };
    let id = mailboxes.open(FrameId(0), &MailboxName::new("a").unwrap(), bounds);
    assert!(mailboxes.get(id).has_room(1_000));
    mailboxes.put(&message("one", "note"), vec![(id, 1)], 0).unwrap();
    assert!(mailboxes.get(id).has_room(4) && !mailboxes.get(id).has_room(5), "`{{\"text\":\"hello\"}}` has 16 bytes");
}

#[test]
fn a_log_that_sends_a_message_twice_or_takes_what_is_not_there_does_not_fit() {
    let mut mailboxes = Mailboxes::default();
    let id = mailboxes.open(FrameId(0), &MailboxName::new("a").unwrap(), Bounds::default());
    mailboxes.put(&message("one", "note"), vec![(id, 1)], 0).unwrap();
    let doubled = mailboxes.put(&message("one", "note"), vec![(id, 2)], 1).unwrap_err();
    assert_eq!(doubled.kind(), ErrorKind::Divergent);
    let skipped = mailboxes.put(&message("two", "note"), vec![(id, 9)], 1).unwrap_err();
    assert_eq!(skipped.kind(), ErrorKind::Divergent);
    assert_eq!(mailboxes.take(InstanceId(1), id, &[7], 2).unwrap_err().kind(), ErrorKind::Divergent);
}
