//! Part 10: messages, while those who send and receive them are killed. What was sent is received once, in order.

mod between;
mod runs;
mod worker;

use super::{lab::work_off, part::Part};

/// What came of a piece of the part.
#[derive(Debug, Default)]
struct Came {
    messages: u64,
    kills: u64,
    problems: Vec<String>,
}

#[test]
fn part_10_messages_under_kills() {
    let mut part = Part::begin(10);
    let target = part.volume(4_000, 200_000);
    // A third in runs, a third between runs, the rest between processes that do nothing else.
    let runs = (target / 3).div_ceil(runs::EACH);
    let came = work_off((0..2 * runs).collect(), |number| {
        let random = part.random(1_000 + number);
        let mut came = if number % 2 == 0 { runs::within(random) } else { runs::between(random) };
        came.problems.iter_mut().for_each(|problem| *problem = format!("runs {number}: {problem}"));
        (number % 2 == 0, came)
    });
    let (within, between): (Vec<_>, Vec<_>) = came.into_iter().partition(|(is_within, _)| *is_within);
    let (within, between) = (Came::sum(within), Came::sum(between));
    let done = within.messages + between.messages;
    let processes = between::processes(&part, target.saturating_sub(done));
    for (name, came) in [("within runs", &within), ("between runs", &between), ("between processes", &processes)] {
        part.figure(name, came.messages);
        part.figure(&format!("kills {name}"), came.kills);
    }
    let all = Came::sum([within, between, processes].map(|came| (true, came)));
    let mut problems = all.problems;
    let least = target / 500;
    if all.kills < least {
        problems.push(format!("only {} processes were killed", all.kills));
    }
    part.finish(all.messages, &problems);
}

impl Came {
    fn sum(all: impl IntoIterator<Item = (bool, Self)>) -> Self {
        all.into_iter().fold(Self::default(), |mut sum, (_, came)| {
            sum.messages += came.messages;
            sum.kills += came.kills;
            sum.problems.extend(came.problems);
            sum
        })
    }
}
