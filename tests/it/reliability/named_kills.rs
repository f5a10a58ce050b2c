//! Part 1: the program dies at each of its crash points, in each workload, the first time it passes and a later time; then goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Output},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    course::WAITS,
    lab::{Lab, Running, told, was_killed, work_off},
    ledger::Ledger,
    part::Part,
    points,
    steered::Steering,
    workload::{self, Workload},
};

/// Short enough that a lease is renewed while a call is out.
const LEASE: Duration = Duration::from_millis(60);
/// Where a run is killed whose resume is to be killed: with an answer in the log, in the middle of an attempt if there is such a place.
const MIDDLES: [&str; 2] = ["journal.told:1", "durable.model-responded:1"];

/// What a process is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Errand {
    Run,
    /// A run that is asked to stop while its first call is out.
    Stop,
    Resume,
    /// `approve`, of a run that waits.
    Answer,
    /// `runs rm`, of a run that has ended.
    Remove,
    /// A run that is steered while it goes on.
    Steer(Steering),
    /// `resume`, of a run that somebody paused.
    GoOn,
    /// `agents set`, before the run.
    Set,
    /// `cancel`, of a run whose process was killed.
    Cancel,
}

const ERRANDS: [Errand; 12] = [
    Errand::Run,
    Errand::Stop,
    Errand::Resume,
    Errand::Answer,
    Errand::Remove,
    Errand::Steer(Steering::Pause),
    Errand::Steer(Steering::Agents),
    Errand::Steer(Steering::Terminate),
    Errand::Steer(Steering::Cancel),
    Errand::GoOn,
    Errand::Set,
    Errand::Cancel,
];

/// What an undisturbed run of a workload gives, and which points each errand passes how often.
struct Known {
    workload: &'static Workload,
    outputs: Value,
    passes: BTreeMap<Errand, BTreeMap<String, u64>>,
    /// Where its runs are killed in the middle; those of one that has none wait there for a person.
    middle: Option<&'static str>,
}

/// One try: who is killed where.
#[derive(Debug, Clone)]
struct Try {
    known: usize,
    errand: Errand,
    point: String,
    hit: u64,
    /// Whether the process that goes on is killed, too: at this point.
    again: Option<String>,
}

/// What came of a try.
#[derive(Default)]
struct Came {
    kills: Vec<String>,
    lost: u64,
    tool_calls: u64,
    tool_calls_lost: u64,
    decisions: u64,
    problems: Vec<String>,
}

#[test]
fn part_1_named_kills() {
    let mut part = Part::begin(1);
    let target = part.volume(20, 480);
    let mut known = work_off(workload::all().enumerate().collect(), |(number, one)| (number, Known::look(one)));
    // They come in any order, and the seed is to mean the same tries again.
    known.sort_by_key(|(number, _)| *number);
    let known: Vec<_> = known.into_iter().map(|(_, known)| known).collect();
    let mut problems = never_passed(&known);
    let mut tries = tries(&known, &part);
    if !Part::is_full() {
        part.random(1).shuffle(&mut tries);
        tries.truncate(usize::try_from(target).unwrap() + 4);
    }
    let came = work_off(tries, |one| {
        let known = &known[one.known];
        let mut came = one.make(known);
        came.problems.iter_mut().for_each(|problem| *problem = format!("{}, {one:?}: {problem}", known.workload.name));
        came
    });
    let kills: Vec<_> = came.iter().flat_map(|came| &came.kills).collect();
    let different: BTreeSet<_> = kills.iter().copied().collect();
    let points = points::all();
    if Part::is_full() {
        let survived: Vec<_> = points.iter().filter(|point| !different.contains(point)).collect();
        problems.extend(survived.iter().map(|point| format!("no process ever died at `{point}`")));
    }
    problems.extend(came.iter().flat_map(|came| came.problems.clone()));
    part.figure("points", points.len());
    part.figure("points killed at", different.len());
    part.figure("workloads", known.len());
    part.figure("runs", came.len());
    let sum = |count: fn(&Came) -> u64| came.iter().map(count).sum::<u64>();
    part.figure("calls lost in flight", sum(|came| came.lost));
    part.figure("calls of tools", sum(|came| came.tool_calls));
    part.figure("of them lost in flight", sum(|came| came.tool_calls_lost));
    part.figure("decisions of people", sum(|came| came.decisions));
    part.finish(kills.len() as u64, &problems);
}

/// Points that no errand in any workload passes.
fn never_passed(known: &[Known]) -> Vec<String> {
    let passed: BTreeSet<_> = known.iter().flat_map(|known| known.passes.values().flat_map(BTreeMap::keys)).collect();
    points::all().iter().filter(|point| !passed.contains(point)).map(|point| format!("`{point}` is never passed")).collect()
}

/// Each point of each workload, in the first errand that passes it: at its first pass and at a later one.
fn tries(known: &[Known], part: &Part) -> Vec<Try> {
    let mut tries = Vec::new();
    for (number, known) in known.iter().enumerate() {
        let mut done = BTreeSet::new();
        for (errand, passes) in ERRANDS.into_iter().filter_map(|errand| Some((errand, known.passes.get(&errand)?))) {
            // An answer passes what a run does, and is to be killed there all the same.
            let is_new = |point: &String| errand == Errand::Answer || !done.contains(point);
            for (point, passes) in passes.iter().filter(|(point, _)| is_new(point)) {
                let mut random = part.random(tries.len() as u64 + 1000);
                let mut hits = vec![1];
                hits.extend((*passes > 1).then(|| random.u64(2..=*passes)));
                for hit in hits {
                    let resumed: Vec<_> = known.passes[&Errand::Resume].keys().collect();
                    let again = random.bool().then(|| resumed[random.usize(..resumed.len())].clone());
                    tries.push(Try { known: number, errand, point: point.clone(), hit, again });
                }
            }
            done.extend(passes.keys());
        }
    }
    tries
}

impl Known {
    /// Does every errand once, undisturbed, and writes down what is passed.
    fn look(workload: &'static Workload) -> Self {
        let mut passes = BTreeMap::new();
        let lab = Lab::new(workload);
        let mut ledger = Ledger::new(&lab);
        let mut output = lab.errand(Errand::Run, None, &[("AGENTFLOW_CRASH_TRACE", "run")]);
        passes.insert(Errand::Run, lab.trace("run"));
        ledger.after(&output);
        let waits = output.status.code() == Some(WAITS);
        if waits {
            lab.errand(Errand::Answer, ledger.run(), &[("AGENTFLOW_CRASH_TRACE", "answer")]);
            passes.insert(Errand::Answer, lab.trace("answer"));
            output = ledger.go_on(LEASE);
        }
        assert!(output.status.success(), "{}: {}", workload.name, told(&output));
        assert_eq!(ledger.problems, [""; 0], "{}", workload.name);
        let outputs = serde_json::from_slice(&output.stdout).unwrap();
        // What is removed is the same, whatever the run was of.
        if workload.steps.is_empty() && !waits {
            let output = lab.errand(Errand::Remove, ledger.run(), &[("AGENTFLOW_CRASH_TRACE", "remove")]);
            assert!(output.status.success(), "{}: {}", workload.name, told(&output));
            passes.insert(Errand::Remove, lab.trace("remove"));
        }

        let passes_by = |middle: &&str| passes[&Errand::Run].contains_key(point_of(middle));
        let middle = workload.middle.or_else(|| MIDDLES.into_iter().find(passes_by)).filter(|_| !waits);
        let lab = Lab::new(workload);
        let mut ledger = Ledger::new(&lab);
        let output = ledger.come_halfway(middle);
        assert!(waits || was_killed(&output), "{}: {}", workload.name, told(&output));
        let output = lab.errand(Errand::Resume, ledger.run(), &[("AGENTFLOW_CRASH_TRACE", "resume")]);
        let is_good = output.status.success() || output.status.code() == Some(WAITS);
        assert!(is_good, "{}: {}", workload.name, told(&output));
        passes.insert(Errand::Resume, lab.trace("resume"));

        let lab = Lab::new(workload);
        lab.errand(Errand::Stop, None, &[("AGENTFLOW_CRASH_TRACE", "stop")]);
        passes.insert(Errand::Stop, lab.trace("stop"));
        if workload.is_steered {
            Self::look_at_steering(workload, middle, &mut passes);
        }
        Self { workload, outputs, passes, middle }
    }
}

impl Known {
    /// The errands of those who steer a run, or its agents.
    fn look_at_steering(workload: &'static Workload, middle: Option<&str>, passes: &mut BTreeMap<Errand, BTreeMap<String, u64>>) {
        let trace = [("AGENTFLOW_CRASH_TRACE", "steered")];
        for errand in ERRANDS.into_iter().filter(|errand| matches!(errand, Errand::Steer(_) | Errand::Set)) {
            let lab = Lab::new(workload);
            lab.errand(errand, None, &trace);
            passes.insert(errand, lab.trace("steered"));
        }
        let lab = Lab::new(workload);
        let mut ledger = Ledger::new(&lab);
        let paused = lab.errand(Errand::Steer(Steering::Pause), None, &[]);
        ledger.after(&paused);
        assert_eq!(paused.status.code(), Some(WAITS), "{}: {}", workload.name, told(&paused));
        lab.errand(Errand::GoOn, ledger.run(), &trace);
        passes.insert(Errand::GoOn, lab.trace("steered"));
        let lab = Lab::new(workload);
        let mut ledger = Ledger::new(&lab);
        ledger.come_halfway(middle);
        lab.errand(Errand::Cancel, ledger.run(), &trace);
        passes.insert(Errand::Cancel, lab.trace("steered"));
    }
}

/// The point in an order such as `journal.told:1`.
fn point_of(orders: &str) -> &str {
    orders.split(':').next().unwrap_or_default()
}

impl Ledger<'_> {
    /// Begins a run that is killed at `middle`, or waits there and is answered.
    fn come_halfway(&mut self, middle: Option<&str>) -> Output {
        let orders: Vec<_> = middle.map(|middle| ("AGENTFLOW_CRASH", middle)).into_iter().collect();
        let output = self.lab.errand(Errand::Run, None, &orders);
        self.after(&output);
        if output.status.code() == Some(WAITS) {
            self.answer(LEASE);
        }
        output
    }
}

impl Try {
    fn make(&self, known: &Known) -> Came {
        let lab = Lab::new(known.workload);
        let mut ledger = Ledger::new(&lab);
        let mut came = Came::default();
        let orders = format!("{}:{}", self.point, self.hit);
        let mut first = match self.errand {
            Errand::Run | Errand::Stop | Errand::Set | Errand::Steer(Steering::Pause | Steering::Agents) => {
                lab.errand(self.errand, None, &[("AGENTFLOW_CRASH", &orders)])
            }
            Errand::Resume => {
                let output = ledger.come_halfway(known.middle);
                came.note(&output, point_of(known.middle.unwrap_or_default()));
                lab.errand(Errand::Resume, ledger.run(), &[("AGENTFLOW_CRASH", &orders)])
            }
            Errand::Answer => {
                let output = lab.errand(Errand::Run, None, &[]);
                ledger.after(&output);
                lab.errand(Errand::Answer, ledger.run(), &[("AGENTFLOW_CRASH", &orders)])
            }
            Errand::Remove => return self.remove(&lab, &orders, known),
            Errand::GoOn => {
                let output = lab.errand(Errand::Steer(Steering::Pause), None, &[]);
                ledger.after(&output);
                lab.errand(Errand::GoOn, ledger.run(), &[("AGENTFLOW_CRASH", &orders)])
            }
            Errand::Steer(Steering::Terminate | Steering::Cancel) | Errand::Cancel => {
                return self.end(&lab, &orders, known.middle);
            }
        };
        came.note(&first, &self.point);
        ledger.after(&first);
        if let Some(again) = self.again.as_ref().filter(|_| ledger.run().is_some()) {
            first = lab.errand(Errand::Resume, ledger.run(), &[("AGENTFLOW_CRASH", &format!("{again}:1"))]);
            came.note(&first, again);
            ledger.after(&first);
        }
        // A run that was not recorded does not exist: it is begun anew. One that has ended gives its outputs again.
        let last = ledger.go_on(LEASE);
        ledger.finish(&last, &known.outputs);
        ledger.verify(LEASE);
        came.lost = ledger.lost;
        came.tool_calls = ledger.effects.done();
        came.tool_calls_lost = ledger.effects.lost;
        came.decisions = ledger.effects.decided();
        came.problems = ledger.problems;
        came
    }

    /// A run that is ended from outside comes to its end, whoever is killed over it.
    fn end(&self, lab: &Lab<'_>, orders: &str, middle: Option<&str>) -> Came {
        let mut came = Came::default();
        let kill = [("AGENTFLOW_CRASH", orders)];
        let output = if self.errand == Errand::Cancel {
            let mut ledger = Ledger::new(lab);
            ledger.come_halfway(middle);
            lab.errand(Errand::Cancel, ledger.run(), &kill)
        } else {
            lab.errand(self.errand, None, &kill)
        };
        came.note(&output, &self.point);
        let Some(run) = lab.records().first().map(|record| record.run.clone()) else { return came };
        if self.errand == Errand::Cancel {
            lab.errand(Errand::Cancel, Some(&run), &[]);
        }
        // One whose process did not live to know that it was to end is resumed.
        let last = lab.errand(Errand::Resume, Some(&run), &[]);
        let ended = lab.records().last().is_some_and(|record| record.kind == "run_finished");
        if !ended || last.status.code().is_none_or(|code| code > 1) {
            came.problems.push(format!("the run did not end: {}", told(&last)));
        }
        came
    }

    /// A removal that is killed has done all or nothing, and can be done again.
    fn remove(&self, lab: &Lab<'_>, orders: &str, known: &Known) -> Came {
        let mut came = Came::default();
        let output = lab.errand(Errand::Run, None, &[]);
        let before = lab.records();
        if !output.status.success() || before.is_empty() {
            came.problems.push(format!("the run did not come to its end: {}", told(&output)));
            return came;
        }
        let run = before[0].run.as_str();
        let output = lab.errand(Errand::Remove, Some(run), &[("AGENTFLOW_CRASH", orders)]);
        came.note(&output, &self.point);
        let after = lab.records();
        if after != before && !after.is_empty() {
            came.problems.push(format!("of {} records, {} are left", before.len(), after.len()));
        }
        let output = lab.errand(Errand::Remove, Some(run), &[]);
        let expected = if after.is_empty() { 2 } else { 0 };
        if output.status.code() != Some(expected) || !lab.records().is_empty() {
            came.problems.push(format!("the removal cannot be done again: {}", told(&output)));
        }
        let output = lab.errand(Errand::Run, None, &[]);
        if serde_json::from_slice::<Value>(&output.stdout).ok().as_ref() != Some(&known.outputs) {
            came.problems.push(format!("another run does not come to its end: {}", told(&output)));
        }
        came
    }
}

impl Came {
    /// Counts a process that really died.
    fn note(&mut self, output: &Output, point: &str) {
        if was_killed(output) {
            self.kills.push(point.to_owned());
        }
    }
}

impl Lab<'_> {
    /// Starts the program for `errand` and waits for its end.
    fn errand(&self, errand: Errand, run: Option<&str>, variables: &[(&str, &str)]) -> Output {
        let arguments = match errand {
            Errand::Run => self.run("json"),
            Errand::Stop | Errand::Steer(_) => self.run("jsonl"),
            Errand::Set => vec!["agents", "set", "a", "temperature=0.5", "--workflow", "flow.yaml"],
            Errand::Cancel => vec!["cancel", run.unwrap()],
            Errand::Resume | Errand::GoOn => vec!["resume", run.unwrap(), "--output", "json"],
            Errand::Answer => vec!["approve", run.unwrap(), "--all"],
            Errand::Remove => vec!["runs", "rm", run.unwrap()],
        };
        let mut command = self.agentflow(&arguments, LEASE);
        command.envs(variables.iter().copied());
        match errand {
            Errand::Stop => stop(command),
            Errand::Steer(steering) => steering.do_with(self, command, LEASE),
            _ => Running::start(command).end(),
        }
    }

    /// How often each point was passed.
    fn trace(&self, name: &str) -> BTreeMap<String, u64> {
        let mut passes = BTreeMap::new();
        for point in fs::read_to_string(self.path(name)).unwrap().lines() {
            *passes.entry(point.to_owned()).or_insert(0) += 1;
        }
        passes
    }
}

/// Asks the process to stop as soon as it has shown that an attempt begins.
fn stop(mut command: Command) -> Output {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = Running::follow(child);
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("attempt_started")));
    running.signal(Signal::TERM);
    // It may have more to say than a pipe holds.
    lines.for_each(drop);
    running.end()
}
