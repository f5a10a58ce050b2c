//! Part 10: messages, while those who send and receive them are killed. What was sent is received once, in order.

mod between;
mod worker;

use super::part::Part;

/// What came of one half of the part.
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
    let between = between::processes(&part, target);
    part.figure("between processes", between.messages);
    part.figure("kills of processes", between.kills);
    let mut problems = between.problems;
    let least = target / if Part::is_full() { 2_000 } else { 1_000 };
    if between.kills < least {
        problems.push(format!("only {} processes were killed", between.kills));
    }
    part.finish(between.messages, &problems);
}
