//! Part 2: a run is killed up to ten times, at moments that nobody chose, and goes on each time.

use std::{process::Output, time::Duration, time::Instant};

use serde_json::Value;

use super::{
    course::WAITS,
    lab::{Lab, Running, told, was_killed, work_off},
    ledger::Ledger,
    part::Part,
    workload::{self, Workload},
};

const LEASE: Duration = Duration::from_millis(60);
const MOST_KILLS: u64 = 10;

/// A workload as it is undisturbed.
struct Known {
    workload: &'static Workload,
    outputs: Value,
    /// How long it takes.
    time: Duration,
}

#[derive(Default)]
struct Came {
    kills: u64,
    /// Kills of a run that was in the log already.
    resumed: u64,
    lost: u64,
    tool_calls: u64,
    tool_calls_lost: u64,
    decisions: u64,
    problems: Vec<String>,
}

#[test]
fn part_2_random_kills() {
    let mut part = Part::begin(2);
    let target = part.volume(16, 1_500);
    let known: Vec<Known> =
        workload::all().filter(|workload| !workload.is_large && !workload.is_steered).map(Known::look).collect();
    let came = work_off((0..target).collect(), |number| {
        let known = &known[usize::try_from(number).unwrap() % known.len()];
        let mut came = kill_and_go_on(known, part.random(number));
        came.problems.iter_mut().for_each(|problem| *problem = format!("{}, run {number}: {problem}", known.workload.name));
        came
    });
    let sum = |count: fn(&Came) -> u64| came.iter().map(count).sum::<u64>();
    let kills = sum(|came| came.kills);
    let mut problems: Vec<_> = came.iter().flat_map(|came| came.problems.clone()).collect();
    if kills < target {
        problems.push(format!("only {kills} processes were killed in {target} runs"));
    }
    part.figure("kills", kills);
    part.figure("kills of a recorded run", sum(|came| came.resumed));
    part.figure("most kills of a run", came.iter().map(|came| came.kills).max().unwrap_or(0));
    part.figure("calls lost in flight", sum(|came| came.lost));
    part.figure("calls of tools", sum(|came| came.tool_calls));
    part.figure("of them lost in flight", sum(|came| came.tool_calls_lost));
    part.figure("decisions of people", sum(|came| came.decisions));
    part.finish(came.len() as u64, &problems);
}

impl Known {
    fn look(workload: &'static Workload) -> Self {
        let lab = Lab::new(workload);
        let begun = Instant::now();
        let output = Ledger::new(&lab).go_on(LEASE);
        assert!(output.status.success(), "{}: {}", workload.name, told(&output));
        Self { workload, outputs: serde_json::from_slice(&output.stdout).unwrap(), time: begun.elapsed() }
    }
}

fn kill_and_go_on(known: &Known, mut random: fastrand::Rng) -> Came {
    let lab = Lab::new(known.workload);
    let mut ledger = Ledger::new(&lab);
    let mut came = Came::default();
    let kills = random.u64(1..=MOST_KILLS);
    for _ in 0..kills {
        // Short lives are wanted more than long ones: the moments right after a beginning are the rare ones.
        let time = known.time.mul_f64(random.f64() * random.f64());
        let output = live(&lab, &lab.next(ledger.run()), time);
        ledger.after(&output);
        if output.status.code() == Some(WAITS) {
            // Who answers may be killed, too; the run waits until somebody does.
            if let Some(answer) = ledger.answers(LEASE).first().filter(|_| random.bool()) {
                let answer: Vec<_> = answer.iter().map(String::as_str).collect();
                let output = live(&lab, &answer, known.time.mul_f64(random.f64() * random.f64()));
                came.kills += u64::from(was_killed(&output));
                ledger.after(&output);
            } else {
                ledger.answer(LEASE);
            }
            continue;
        }
        if !was_killed(&output) {
            break;
        }
        came.kills += 1;
        came.resumed += u64::from(ledger.run().is_some());
    }
    let output = ledger.go_on(LEASE);
    ledger.finish(&output, &known.outputs);
    ledger.verify(LEASE);
    came.tool_calls = ledger.effects.done();
    came.tool_calls_lost = ledger.effects.lost;
    came.decisions = ledger.effects.decided();
    came.lost = ledger.lost;
    came.problems = ledger.problems;
    came
}

/// A process that has so much time.
fn live(lab: &Lab<'_>, arguments: &[&str], time: Duration) -> Output {
    Running::start(lab.agentflow(arguments, LEASE)).end_or_killed_after(time)
}
