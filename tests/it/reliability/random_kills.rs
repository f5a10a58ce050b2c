//! Part 2: a run is killed up to ten times, at moments that nobody chose, and goes on each time.

use std::{process::Output, time::Duration, time::Instant};

use serde_json::Value;

use super::{
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
    problems: Vec<String>,
}

#[test]
fn part_2_random_kills() {
    let mut part = Part::begin(2);
    let target = part.volume(8, 1_500);
    let known: Vec<Known> = workload::ALL.iter().filter(|workload| !workload.is_large).map(Known::look).collect();
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
    part.finish(came.len() as u64, &problems);
}

impl Known {
    fn look(workload: &'static Workload) -> Self {
        let lab = Lab::new(workload);
        let begun = Instant::now();
        let output = Running::start(lab.agentflow(&lab.run("json"), LEASE)).end();
        assert!(output.status.success(), "{}: {}", workload.name, told(&output));
        Self { workload, outputs: serde_json::from_slice(&output.stdout).unwrap(), time: begun.elapsed() }
    }
}

fn kill_and_go_on(known: &Known, mut random: fastrand::Rng) -> Came {
    let lab = Lab::new(known.workload);
    let mut ledger = Ledger::new(&lab);
    let mut came = Came::default();
    let kills = random.u64(1..=MOST_KILLS);
    let life = |ledger: &Ledger<'_>, time: Option<Duration>| -> Output {
        let arguments = match ledger.run() {
            Some(run) => vec!["resume", run, "--output", "json"],
            None => lab.run("json"),
        };
        let process = Running::start(lab.agentflow(&arguments, LEASE));
        match time {
            Some(time) => process.end_or_killed_after(time),
            None => process.end(),
        }
    };
    for _ in 0..kills {
        // Short lives are wanted more than long ones: the moments right after a beginning are the rare ones.
        let time = known.time.mul_f64(random.f64() * random.f64());
        let output = life(&ledger, Some(time));
        ledger.after(&output);
        if !was_killed(&output) {
            ledger.finish(&output, &known.outputs);
            break;
        }
        came.kills += 1;
        came.resumed += u64::from(ledger.run().is_some());
    }
    let output = life(&ledger, None);
    ledger.after(&output);
    ledger.finish(&output, &known.outputs);
    came.lost = ledger.lost;
    came.problems = ledger.problems;
    came
}
