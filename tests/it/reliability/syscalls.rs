//! Part 3: system calls that fail, and death at them. strace makes the n-th write or flush of a process fail with an I/O error or for
//! want of space, once or from then on, or has the process die there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use agentflow::{
    engine::read_run,
    error::ErrorKind,
    model::{Event, EventBody, RunId},
    store::{self, StreamId, Synchronous},
};
use fastrand::Rng;
use serde_json::Value;
use tempfile::TempDir;

use super::part::Part;
use crate::strace;

/// How long a process waits for a store that is down. Longer than the pauses it makes, so that it tries several times.
const PATIENCE: &str = "200";

/// One answer after the other.
const CHAIN: &str = "
agents: { a: { model: mock/m } }
nodes:
  n0: { agent: a, prompt: begin }
  n1: { agent: a, prompt: 'after {{ n0 }}' }
  n2: { agent: a, prompt: 'after {{ n1 }}' }
  n3: { agent: a, prompt: 'after {{ n2 }}' }
  n4: { agent: a, prompt: 'after {{ n3 }}' }
";

/// Many answers together.
const FAN_OUT: &str = "
agents: { a: { model: mock/m } }
nodes:
  list: { value: '{{ range(12) }}' }
  each: { map: list, agent: a, prompt: '{{ item }}' }
  end: { agent: a, prompt: \"{{ each | join(' ') }}\" }
";

/// Nodes of every kind.
const EVERYTHING: &str = "
agents: { a: { model: mock/m } }
nodes:
  parts: { agent: a, prompt: parts, output: [string] }
  each: { map: parts, as: part, concurrency: 2, agent: a, prompt: '{{ part }}' }
  improve:
    loop: { max: 3 }
    nodes:
      draft: { agent: a, prompt: '{{ each | join }} {{ loop.iteration }}' }
      critique: { agent: a, prompt: '{{ draft }}', output: { score: integer } }
  kind: { value: long, route: { on: kind, cases: { long: shorten, short: keep } } }
  shorten: { agent: a, prompt: '{{ improve.draft }}' }
  keep: { value: '{{ improve.draft }}' }
  final: { value: '{{ shorten | default(keep) }}' }
outputs: { final: '{{ final }}' }
";

/// A workflow with what comes of it when nothing fails.
struct Workload {
    text: &'static str,
    output: Vec<u8>,
    /// How often a thread makes each call, at most.
    calls: BTreeMap<&'static str, u64>,
}

/// What happens to a process.
#[derive(Debug, Clone, Copy)]
struct Fault {
    call: &'static str,
    what: &'static str,
    at: u64,
    /// Whether all later calls fail, too.
    lasting: bool,
}

impl Fault {
    const CALLS: [&'static str; 4] = ["pwrite64", "fsync", "fdatasync", "write"];

    fn any(random: &mut Rng, workload: &Workload) -> Self {
        let known: Vec<_> = workload.calls.iter().collect();
        let (call, most) = known[random.usize(..known.len())];
        // Writes that are not at a place go to pipes and to the program's own wakers, where no disk can fail.
        let whats: &[_] = if *call == "write" { &["signal=SIGKILL"] } else { &["signal=SIGKILL", "error=EIO", "error=ENOSPC"] };
        let what = whats[random.usize(..whats.len())];
        Self { call, what, at: random.u64(1..=*most), lasting: what != "signal=SIGKILL" && random.bool() }
    }

    fn is_death(&self) -> bool {
        self.what == "signal=SIGKILL"
    }

    fn option(&self) -> String {
        let Self { call, what, at, lasting } = self;
        format!("inject={call}:{what}:when={at}{}", if *lasting { "+" } else { "" })
    }
}

/// A folder in which a workload is run.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(workflow: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("flow.yaml"), workflow).unwrap();
        Self { folder }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("runs.db")
    }

    fn trace(&self) -> String {
        fs::read_to_string(self.folder.path().join("trace")).unwrap()
    }

    /// `agentflow` with these arguments, disturbed by `fault` if there is one.
    fn agentflow(&self, arguments: &[&str], options: Option<&[String]>) -> Output {
        let program = env!("CARGO_BIN_EXE_agentflow");
        let mut command = match options {
            None => Command::new(program),
            Some(options) => {
                let mut command = Command::new("strace");
                command.args(["-f", "-qq", "-o"]).arg(self.folder.path().join("trace"));
                command.args(options.iter().flat_map(|option| ["-e", option])).arg(program);
                command
            }
        };
        command.args(arguments).args(["--quiet", "--store", &format!("sqlite:{}", self.store().display())]);
        command.current_dir(self.folder.path()).env("AGENTFLOW_STORE_PATIENCE_MS", PATIENCE).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// The events of the newest run; `None` when it has none.
    async fn events(&self) -> Result<Option<(RunId, Vec<Event>)>, String> {
        if !self.store().exists() {
            return Ok(None);
        }
        let url = format!("sqlite:{}", self.store().display());
        let store = store::open(&url, Synchronous::Full).await.map_err(|error| error.to_string())?;
        let streams = store.streams(StreamId::RUNS).await.map_err(|error| error.to_string())?;
        // A run that died before its first event has a stream, too.
        let Some(stream) = streams.last() else { return Ok(None) };
        let run = stream.as_str().trim_start_matches(StreamId::RUNS).parse().unwrap();
        match read_run(&store, run).await {
            Ok(recorded) => Ok(Some((run, recorded.events))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Workload {
    fn new(text: &'static str) -> Self {
        let place = Place::new(text);
        let traced = format!("trace={}", Fault::CALLS.join(","));
        let ran = place.agentflow(&["run", "flow.yaml", "--mock"], Some(&[traced]));
        assert!(ran.status.success(), "{ran:?}");
        let mut of_thread: HashMap<(String, &'static str), u64> = HashMap::new();
        for line in place.trace().lines() {
            let (thread, rest) = line.split_once(' ').unwrap();
            if let Some(call) = Fault::CALLS.into_iter().find(|call| rest.trim_start().starts_with(&format!("{call}("))) {
                *of_thread.entry((thread.to_owned(), call)).or_default() += 1;
            }
        }
        let mut calls = BTreeMap::new();
        for ((_, call), count) in of_thread {
            let most: &mut u64 = calls.entry(call).or_default();
            *most = count.max(*most);
        }
        Self { text, output: ran.stdout, calls }
    }
}

/// What was counted over all tries.
#[derive(Default)]
struct Counted {
    reached: u64,
    faults: u64,
    killed: u64,
    unavailable: u64,
    went_on: u64,
}

#[tokio::test]
async fn part_3_syscall_faults() {
    let mut part = Part::begin(3);
    let volume = part.volume(20, 200);
    if !strace::works() {
        return;
    }
    let workloads = [CHAIN, FAN_OUT, EVERYTHING].map(Workload::new);
    let mut counted = Counted::default();
    let mut violations = Vec::new();
    for number in 0.. {
        if counted.reached >= volume || number > volume * 3 {
            break;
        }
        let mut random = part.random(number);
        let workload = &workloads[random.usize(..workloads.len())];
        let faults: Vec<_> = (0..random.usize(1..=2)).map(|_| Fault::any(&mut random, workload)).collect();
        if let Err(why) = disturb(workload, &faults, &mut counted).await {
            violations.push(format!("try {number}, {faults:?}: {why}"));
        }
    }
    part.figure("faults", counted.faults);
    part.figure("killed", counted.killed);
    part.figure("ended with 75", counted.unavailable);
    part.figure("went on by themselves", counted.went_on);
    part.finish(counted.reached, &violations);
}

/// Runs the workload, once for each fault, and then without one.
async fn disturb(workload: &Workload, faults: &[Fault], counted: &mut Counted) -> Result<(), String> {
    let place = Place::new(workload.text);
    let mut shown = Vec::new();
    let mut recorded: Vec<Event> = Vec::new();
    let mut disturbed = false;
    for fault in faults {
        let arguments: &[&str] = match place.events().await? {
            None => &["run", "flow.yaml", "--mock", "--output", "jsonl"],
            Some(_) => &["resume", "last", "--output", "jsonl"],
        };
        let trace = format!("trace={}", fault.call);
        let output = place.agentflow(arguments, Some(&[trace, fault.option()]));
        let was_disturbed = fault.is_death() && output.status.code().is_none_or(|code| code == 137)
            || place.trace().lines().any(|line| line.ends_with("(INJECTED)"));
        disturbed |= was_disturbed;
        counted.faults += u64::from(was_disturbed);
        judge(&output, *fault, was_disturbed, counted)?;
        // A line that was cut off by death was not shown.
        let whole = output.stdout.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &output.stdout[..end]);
        let lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        shown.extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        let now = place.events().await?.map(|(_, events)| events).unwrap_or_default();
        if !now.starts_with(&recorded) {
            return Err(format!("what was recorded is there no more: {} events, then {}", recorded.len(), now.len()));
        }
        recorded = now;
    }
    counted.reached += u64::from(disturbed);
    let Some((run, _)) = place.events().await? else {
        return if shown.is_empty() {
            Ok(())
        } else {
            Err(format!("the run is gone, of which {} events were shown", shown.len()))
        };
    };
    let output = place.agentflow(&["resume", &run.to_string()], None);
    if !output.status.success() || output.stdout != workload.output {
        return Err(format!("what comes of it in the end is something else: {output:?}"));
    }
    let events = place.events().await?.map(|(_, events)| events).unwrap_or_default();
    if !events.starts_with(&recorded) {
        return Err("what was recorded is there no more in the end".to_owned());
    }
    calls_once(&events)?;
    all_there(&shown, &events)
}

/// Whether a process may have ended like this.
fn judge(output: &Output, fault: Fault, was_disturbed: bool, counted: &mut Counted) -> Result<(), String> {
    match output.status.code() {
        None | Some(137) if fault.is_death() => counted.killed += 1,
        Some(0) => counted.went_on += u64::from(was_disturbed),
        Some(75) if was_disturbed && !fault.is_death() => counted.unavailable += 1,
        _ => return Err(format!("{}: {output:?}", fault.option())),
    }
    Ok(())
}

/// Whether no call was recorded twice.
fn calls_once(events: &[Event]) -> Result<(), String> {
    let mut known = BTreeSet::new();
    for event in events {
        if let EventBody::ModelResponded { node, attempt, ordinal, .. } = &event.body
            && !known.insert((node.clone(), *attempt, *ordinal))
        {
            return Err(format!("call {ordinal} of attempt {attempt} of `{node}` was recorded twice"));
        }
    }
    Ok(())
}

/// Whether all that was shown is in the log.
pub(super) fn all_there(shown: &[Value], events: &[Event]) -> Result<(), String> {
    for shown in shown {
        let seq = usize::try_from(shown["seq"].as_u64().unwrap()).unwrap();
        let mut told = shown.clone();
        told.as_object_mut().unwrap().retain(|name, _| !["seq", "at", "trace_id", "span_id"].contains(&name.as_str()));
        if events.get(seq).is_none_or(|event| serde_json::to_value(&event.body).unwrap() != told) {
            return Err(format!("event {seq} was shown, and is not in the log: {shown}"));
        }
    }
    Ok(())
}
