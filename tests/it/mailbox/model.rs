//! Random senders and readers over one mailbox, against a model of a few lines.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use agentflow::mailbox::{Limits, NoWitness, Wanted};
use fastrand::Rng;
use serde_json::Value;

use super::{Fixture, LONG, line, numbers};

const LINES: [&str; 3] = ["x", "y", "z"];
const READERS: [&str; 3] = ["a", "b", "c"];

/// What the mailbox should hold.
#[derive(Default)]
struct Model {
    /// How far each line has come.
    lines: BTreeMap<&'static str, u64>,
    /// All that was ever accepted, in order.
    all: Vec<Value>,
    waiting: BTreeSet<u64>,
    taken: BTreeMap<u64, &'static str>,
    kept: VecDeque<u64>,
}

#[tokio::test]
async fn senders_and_readers_in_any_order_do_as_the_model_does() {
    for seed in 0..20 {
        let mut random = Rng::with_seed(seed);
        let fixture = Fixture::in_memory();
        // Two handles, as two processes have them: each remembers by itself what it has looked at.
        // Nothing dies of being given back.
        let limits = Limits { deliveries: u32::MAX, ..Limits::default() };
        let handles = [fixture.limited(limits), fixture.limited(limits)];
        let mut model = Model::default();
        for _ in 0..120 {
            let mailbox = &handles[random.usize(..2)];
            let reader = READERS[random.usize(..3)];
            match random.u8(..10) {
                0..4 => {
                    let name = LINES[random.usize(..3)];
                    let next = model.lines.entry(name).or_default();
                    // Begins where it was before, sometimes.
                    let from = next.saturating_sub(random.u64(..3));
                    let to = *next + random.u64(..40);
                    let sent = mailbox.send(&line(name, from + 1..=to)).await.unwrap();
                    assert_eq!(sent.fresh as u64, to - *next, "seed {seed}");
                    for number in *next + 1..=to {
                        model.waiting.insert(model.all.len() as u64);
                        model.all.push(serde_json::json!([name, number]));
                    }
                    *next = to;
                }
                4..8 => {
                    let (at_least, at_most) = (random.usize(1..4), random.usize(4..30));
                    let wanted = Wanted { kind: None, at_least, at_most, lease: LONG };
                    let taken = mailbox.take(reader, wanted, &NoWitness).await.unwrap();
                    let mut expected: Vec<_> = model.waiting.iter().copied().take(at_most).collect();
                    if expected.len() < at_least {
                        expected.clear();
                    }
                    assert_eq!(numbers(&taken), expected, "seed {seed}");
                    for delivery in taken {
                        assert_eq!(delivery.message.body, model.all[usize::try_from(delivery.number).unwrap()]);
                        model.waiting.remove(&delivery.number);
                        model.taken.insert(delivery.number, reader);
                    }
                }
                8 => {
                    let mine: Vec<_> = model.taken.iter().filter(|(_, of)| **of == reader).map(|(number, _)| *number).collect();
                    let some: Vec<_> = mine.into_iter().filter(|_| random.bool()).collect();
                    assert_eq!(mailbox.confirm(reader, &some).await.unwrap().lost, [0; 0]);
                    for number in some {
                        model.taken.remove(&number);
                        model.kept.push_back(number);
                    }
                }
                _ => {
                    mailbox.settle(reader, &BTreeSet::new()).await.unwrap();
                    let back: Vec<_> = model.taken.iter().filter(|(_, of)| **of == reader).map(|(number, _)| *number).collect();
                    for number in back {
                        model.taken.remove(&number);
                        model.waiting.insert(number);
                    }
                }
            }
            let overview = mailbox.overview().await.unwrap();
            let counts = (overview.waiting, overview.taken, overview.dead, overview.sent);
            let expected = (model.waiting.len() as u64, model.taken.len() as u64, 0, model.all.len() as u64);
            assert_eq!(counts, expected, "seed {seed}");
        }
        assert_eq!(model.kept.len() + model.taken.len() + model.waiting.len(), model.all.len());
    }
}
