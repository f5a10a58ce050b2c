//! Part 5: two processes on one run. Of two that go on at the same time, one is refused; one that was stopped past its lease, and then
//! continued, writes nothing any more.

use std::{process::Output, time::Duration};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    lab::{Lab, Recorded, Running, told, until, work_off},
    ledger::Ledger,
    part::Part,
    workload::{Call, Says, Workload},
};

/// Longer than any of these runs takes.
const LONG_LEASE: Duration = Duration::from_secs(30);
/// Over soon after its process was stopped.
const SHORT_LEASE: Duration = Duration::from_millis(150);
const LOCKED: i32 = 5;

/// Each call is out for long enough that a second process comes upon a run under way.
const WORKLOAD: Workload = Workload {
    name: "two runners",
    files: &[(
        "flow.yaml",
        r#"
agents: { a: { model: lab/small } }
nodes:
  one: { agent: a, prompt: "[[one]]" }
  two: { agent: a, prompt: "[[two]] {{ one }}" }
  three: { agent: a, prompt: "[[three]] {{ two }}" }
outputs: { three: "{{ three }}" }
"#,
    )],
    calls: &[
        Call::new("one", Says::Answer("first")),
        Call::new("two", Says::After(150, "second")),
        Call::new("three", Says::After(60, "third")),
    ],
    ..Workload::EMPTY
};

/// What came of a try.
#[derive(Default)]
struct Came {
    /// Whether the two really met.
    met: bool,
    stale: bool,
    problems: Vec<String>,
}

#[test]
fn part_5_two_runners_on_one_run() {
    let mut part = Part::begin(5);
    let target = part.volume(8, 200);
    let outputs = serde_json::json!({ "three": "third" });
    // A machine that stands still for a while lets one end before the other begins: some more than wanted are made.
    let tries = target + target / 10 + 2;
    let came = work_off((0..tries).collect(), |number| {
        let mut came = if number % 2 == 0 { at_once(&outputs) } else { stopped_past_its_lease(&outputs, part.random(number)) };
        came.problems.iter_mut().for_each(|problem| *problem = format!("try {number}: {problem}"));
        came
    });
    let met = came.iter().filter(|came| came.met).count();
    let stale = came.iter().filter(|came| came.met && came.stale).count();
    let problems: Vec<_> = came.iter().flat_map(|came| came.problems.clone()).collect();
    part.figure("began at once", met - stale);
    part.figure("stopped past the lease", stale);
    part.finish(met as u64, &problems);
}

/// A run whose process has died with one answer in the log.
fn left_behind<'a>(lab: &'a Lab<'a>) -> Ledger<'a> {
    let mut command = lab.agentflow(&lab.run("json"), LONG_LEASE);
    command.env("AGENTFLOW_CRASH", "durable.model-responded:1");
    let mut ledger = Ledger::new(lab);
    ledger.after(&Running::start(command).end());
    ledger
}

fn resume(lab: &Lab<'_>, run: &str, lease: Duration) -> Running {
    Running::start(lab.agentflow(&["resume", run, "--output", "json"], lease))
}

/// Two processes go on with a run that is left behind.
fn at_once(outputs: &Value) -> Came {
    let lab = Lab::new(&WORKLOAD);
    let mut ledger = left_behind(&lab);
    let run = ledger.run().unwrap().to_owned();
    let before = lab.records().len();
    let (one, other) = (resume(&lab, &run, LONG_LEASE), resume(&lab, &run, LONG_LEASE));
    let pids = [one.pid(), other.pid()];
    let ends = [one.end(), other.end()];
    let (winner, loser) = if ends[0].status.success() { (0, 1) } else { (1, 0) };
    let mut came = Came { met: !ends[loser].status.success(), ..Came::default() };
    ledger.after(&ends[winner]);
    ledger.finish(&ends[winner], outputs);
    came.problems = ledger.problems;
    came.problems.extend(times_resumed(&lab.records()[before..], 1));
    if came.met {
        came.problems.extend(refused(&ends[loser], pids[winner]));
    } else if serde_json::from_slice::<Value>(&ends[loser].stdout).ok().as_ref() != Some(outputs) {
        came.problems.push(format!("the second gave other outputs: {}", told(&ends[loser])));
    }
    came
}

/// A process is stopped in the middle of a call until its lease is over and another one goes on; then it is continued, while that one
/// is at work or when it has ended.
fn stopped_past_its_lease(outputs: &Value, mut random: fastrand::Rng) -> Came {
    let lab = Lab::new(&WORKLOAD);
    let stale = Running::start(lab.agentflow(&lab.run("json"), SHORT_LEASE));
    until("the second call is out", || lab.asked_by_now().len() >= 2);
    stale.signal(Signal::STOP);
    let before = lab.records();
    let run = before[0].run.clone();
    let mut came = Came { met: true, stale: true, ..Came::default() };
    if before.last().is_some_and(|record| record.kind == "run_finished") {
        // It was faster than the signal.
        stale.signal(Signal::CONT);
        stale.end();
        return Came::default();
    }
    // It is refused for as long as the lease lasts, by name.
    let mut next = resume(&lab, &run, LONG_LEASE);
    let mut ended = None;
    until("the lease is over", || {
        ended = next.has_ended();
        let Some(output) = &ended else { return has_resumed(&lab, before.len()) };
        if output.status.success() {
            return true;
        }
        came.problems.extend(refused(output, stale.pid()));
        next = resume(&lab, &run, LONG_LEASE);
        false
    });
    let is_early = random.bool();
    if is_early {
        stale.signal(Signal::CONT);
    }
    let end = ended.unwrap_or_else(|| next.end());
    let records = lab.records();
    stale.signal(Signal::CONT);
    let stale = stale.end();
    if stale.status.code() != Some(LOCKED)
        || !told(&stale).contains("was taken over by another process")
        || !stale.stdout.is_empty()
    {
        came.problems.push(format!("the stale process ended with {}", told(&stale)));
    }
    if lab.records() != records {
        came.problems.push("the stale process wrote".to_owned());
    }
    if !end.status.success() || serde_json::from_slice::<Value>(&end.stdout).ok().as_ref() != Some(outputs) {
        came.problems.push(format!("the run did not come to its end: {}", told(&end)));
    }
    if !records.starts_with(&before) {
        came.problems.push("records of the stale process are gone".to_owned());
    }
    came.problems.extend(times_resumed(&records[before.len()..], 1));
    let answers = records.iter().filter(|record| record.kind == "model_responded").count();
    // The second call was out when its process was stopped; the stale process makes none any more.
    let asked = lab.asked().len();
    if (answers, asked) != (3, 4) {
        came.problems.push(format!("{answers} answers are in the log, and {asked} calls were made, not 3 and 4"));
    }
    came
}

/// Whether another process has written that it goes on.
fn has_resumed(lab: &Lab<'_>, before: usize) -> bool {
    lab.records().len() > before
}

fn times_resumed(records: &[Recorded], expected: usize) -> Option<String> {
    let times = records.iter().filter(|record| record.kind == "run_resumed").count();
    (times != expected).then(|| format!("the run was gone on with {times} times"))
}

/// What is wrong with how a second process was refused, if anything is.
fn refused(output: &Output, holder: i32) -> Option<String> {
    let is_named = told(output).contains(&format!("is held by process {holder} on host"));
    let right = output.status.code() == Some(LOCKED) && is_named && output.stdout.is_empty();
    (!right).then(|| format!("a second process ended with {}; process {holder} holds the run", told(output)))
}
