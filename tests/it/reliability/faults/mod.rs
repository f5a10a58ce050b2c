//! Part 6: providers that fail in every way, on a virtual clock, over real sockets.

mod cuts;
mod memory;
mod real_time;
mod reference;
mod scenarios;
mod trial;

use serde_json::json;
use tokio::runtime::Handle;

use self::{reference::Policy, scenarios::Protocol};
use super::part::Part;

/// How often each scenario is tried in full.
const SEEDS: u64 = 20;

#[test]
fn part_6_provider_faults() {
    let mut part = Part::begin(6);
    let scenarios = scenarios::all();
    let count = u64::try_from(scenarios.len()).unwrap();
    let volume = part.volume(count, count * SEEDS);
    let real_time = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut violations = Vec::new();
    let (mut attempts, mut delays, mut hops) = (0, 0, 0);
    for number in 0..volume {
        let scenario = &scenarios[usize::try_from(number % count).unwrap()];
        let mut rng = part.random(number);
        let fault = (scenario.fault)(&mut rng);
        // The first round is about what nodes have that say nothing.
        let policy = if number < count { Policy::usual() } else { Policy::draw(&mut rng) };
        let counted = trial::run(&fault, &policy, &mut rng, real_time.handle());
        violations.extend(counted.violations.into_iter().map(|what| format!("{}, try {number}: {what}", scenario.name)));
        attempts += counted.attempts;
        delays += counted.delays;
        hops += counted.hops;
    }
    part.figure("scenarios", count);
    part.figure("attempts", attempts);
    part.figure("delays compared", delays);
    part.figure("hops", hops);
    cut_streams(&mut part, &mut violations, real_time.handle());
    memory_taken(&mut part, &mut violations);
    part.finish(volume, &violations);
}

/// Cuts streams after each of their bytes; a slice cuts them after some.
fn cut_streams(part: &mut Part, violations: &mut Vec<String>, real_time: &Handle) {
    let step = if Part::is_full() { 1 } else { 60 };
    let first = part.random(u64::MAX).usize(0..step);
    let cut_after: Vec<usize> = cuts::PLACES.skip(first).step_by(step).collect();
    let (mut places, mut void) = (0, 0);
    for protocol in [Protocol::OpenAi, Protocol::Anthropic] {
        for framing in ["close", "length", "chunked"] {
            let cuts = cuts::run(protocol, framing, &cut_after, real_time);
            if cuts.void == 0 || cuts.whole == 0 {
                violations.push(format!("{protocol:?}, {framing}: {} cuts were void and {} were not", cuts.void, cuts.whole));
            }
            violations.extend(cuts.violations);
            places += cuts.void + cuts.whole;
            void += cuts.void;
        }
    }
    part.figure("cuts", places);
    part.figure("of them void", void);
}

/// Weighs processes that are answered with bombs; a slice weighs two of them.
fn memory_taken(part: &mut Part, violations: &mut Vec<String>) {
    let Some(base) = memory::peak(&json!("ok")) else {
        part.figure("memory", "not told by this system");
        return;
    };
    let mut bombs = memory::bombs();
    if !Part::is_full() {
        part.random(u64::MAX).shuffle(&mut bombs);
        bombs.truncate(2);
    }
    let mut most = 0;
    for (name, reply) in bombs {
        let taken = memory::peak(&reply).unwrap_or(u64::MAX).saturating_sub(base);
        if taken > memory::LIMIT {
            violations.push(format!("{name}: {taken} MiB over the {base} MiB of an ordinary answer"));
        }
        most = most.max(taken);
    }
    part.figure("MiB over base", most);
}
