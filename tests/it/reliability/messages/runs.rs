//! Runs that send and take, killed and gone on with until they have come to their end. What they did is read from the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use fastrand::Rng;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::Came;
use crate::reliability::lab::{Running, TOO_LONG, told, was_killed};

/// How many messages a run sends.
pub(super) const EACH: u64 = 400;
/// How many messages are taken at once.
const TAKEN: u64 = 20;
/// Short enough that a run which was killed can be gone on with soon, should its process not be known to be dead.
const LEASE_MS: &str = "60";
/// The longest life of a process, in milliseconds.
const LIFE: u64 = 900;
/// After so many kills in a row before anything was recorded, a process is let live: a run that dies ten times in vain is given up.
const MOST_IN_VAIN: u32 = 8;
/// How often a process may end by what it says itself.
const MOST_MISTAKES: usize = 3;

/// A run by itself: many senders at once into a mailbox that is full soon, and one that takes.
const WITHIN: &str = "
limits: { nodes: 10000, concurrency: 16 }
mailboxes: { desk: { limit: 50 } }
nodes:
  numbers: { value: '{{ range(EACH) | list }}' }
  tell: { map: numbers, as: number, send: { to: desk, type: note, body: '{{ number }}' } }
  take:
    loop: { until: loop.iteration >= TURNS, max: TURNS }
    nodes:
      some: { receive: { mailbox: desk, type: note, count: TAKEN } }
";
/// One that sends to a mailbox of the project, one after the other.
const SENDING: &str = "
limits: { nodes: 10000, iterations: 10000 }
nodes:
  tell:
    loop: { until: loop.iteration >= EACH, max: EACH }
    nodes:
      one: { send: { to: 'project:desk', type: note, body: '{{ loop.iteration }}' } }
";
/// One that takes them.
const TAKING: &str = "
limits: { nodes: 10000 }
nodes:
  take:
    loop: { until: loop.iteration >= TURNS, max: TURNS }
    nodes:
      some: { receive: { mailbox: 'project:desk', type: note, count: TAKEN } }
";

/// A project in a folder of its own.
struct Project(TempDir);

impl Project {
    fn new(flows: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("agents.toml"), "").unwrap();
        for (name, text) in flows {
            let turns = (EACH / TAKEN).to_string();
            let text = text.replace("EACH", &EACH.to_string()).replace("TURNS", &turns).replace("TAKEN", &TAKEN.to_string());
            fs::write(folder.path().join(name), text.trim_start()).unwrap();
        }
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentflow"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("AGENTFLOW_STORE")
            .env("AGENTFLOW_LEASE_MS", LEASE_MS)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `flow`, and goes on with it after each kill until it has succeeded.
    fn live(&self, flow: &str, random: &mut Rng, came: &mut Came) -> Option<String> {
        let mut mistakes = 0;
        let (mut recorded, mut in_vain) = (0, 0);
        loop {
            let run = run_of(self.0.path(), flow);
            let by_now = run.as_deref().map_or(0, |run| self.steps(run));
            in_vain = if by_now > recorded { 0 } else { in_vain + 1 };
            recorded = by_now;
            let command = match &run {
                Some(run) => self.command(&["resume", run]),
                None => self.command(&["run", flow]),
            };
            let time = Duration::from_millis(1 + random.u64(..LIFE) * random.u64(..LIFE) / LIFE);
            let time = if in_vain > MOST_IN_VAIN { TOO_LONG } else { time };
            let output: Output = Running::start(command).end_or_killed_after(time);
            if output.status.success() {
                return run_of(self.0.path(), flow);
            }
            if was_killed(&output) {
                came.kills += 1;
                continue;
            }
            mistakes += 1;
            if mistakes >= MOST_MISTAKES {
                came.problems.push(format!("`{flow}`: {}", told(&output)));
                return run;
            }
        }
    }

    /// How many events of a run there are that a resume does not make by itself.
    fn steps(&self, run: &str) -> i64 {
        let connection = Connection::open(self.0.path().join(".agentflow/agentflow.db")).unwrap();
        let count = "SELECT count(*) FROM events WHERE run = ?1 AND kind NOT IN ('run_resumed', 'attempt_started')";
        connection.query_row(count, [run], |row| row.get(0)).unwrap()
    }

    /// The events of this kind in a run, in order.
    fn events(&self, run: &str, kind: &str) -> Vec<Value> {
        let connection = Connection::open(self.0.path().join(".agentflow/agentflow.db")).unwrap();
        let mut select = connection.prepare("SELECT body FROM events WHERE run = ?1 AND kind = ?2 ORDER BY seq").unwrap();
        let bodies = select.query_map([run, kind], |row| row.get::<_, String>(0)).unwrap();
        bodies.map(|body| serde_json::from_str(&body.unwrap()).unwrap()).collect()
    }
}

/// The run of `flow`, if it was created.
fn run_of(folder: &Path, flow: &str) -> Option<String> {
    let path = folder.join(".agentflow/agentflow.db");
    let connection = path.exists().then(|| Connection::open(path).unwrap())?;
    let name = flow.trim_end_matches(".yaml");
    // The tables may not be there yet.
    connection.query_row("SELECT run FROM runs WHERE workflow = ?1", [name], |row| row.get(0)).ok()
}

/// One run by itself.
pub(super) fn within(mut random: Rng) -> Came {
    let project = Project::new(&[("within.yaml", WITHIN)]);
    let mut came = Came::default();
    let Some(run) = project.live("within.yaml", &mut random, &mut came) else { return came };
    let mut sent = BTreeMap::new();
    for event in project.events(&run, "message_sent") {
        let number = event["deliveries"][0]["number"].as_u64().unwrap();
        let id = event["message"]["id"].as_str().unwrap().to_owned();
        if sent.insert(number, (id, event["message"]["body"].clone())).is_some() {
            came.problems.push(format!("message {number} was sent twice"));
        }
    }
    let bodies: BTreeSet<u64> = sent.values().filter_map(|(_, body)| body.as_u64()).collect();
    if sent.len() as u64 != EACH || bodies.len() as u64 != EACH {
        came.problems.push(format!("{} messages were sent, with {} bodies", sent.len(), bodies.len()));
    }
    let taken: Vec<_> =
        project.events(&run, "messages_taken").iter().flat_map(|event| event["messages"].as_array().unwrap().clone()).collect();
    let numbers: Vec<_> = taken.iter().filter_map(|taken| taken["number"].as_u64()).collect();
    if numbers != (1..=EACH).collect::<Vec<_>>() {
        came.problems.push(format!("these were taken: {numbers:?}"));
    }
    let is_same = |taken: &Value| sent.get(&taken["number"].as_u64().unwrap()).is_some_and(|(id, _)| taken["id"] == id.as_str());
    came.problems.extend(taken.iter().filter(|taken| !is_same(taken)).map(|taken| format!("{taken} is another message")));
    came.messages += numbers.len() as u64;
    came
}

/// Two runs: what the one sends to a mailbox of the project, the other takes.
pub(super) fn between(mut random: Rng) -> Came {
    let project = Project::new(&[("sending.yaml", SENDING), ("taking.yaml", TAKING)]);
    let (mut came, mut other) = (Came::default(), Came::default());
    let mut others = random.fork();
    let (_, run) = thread::scope(|scope| {
        let sender = scope.spawn(|| project.live("sending.yaml", &mut others, &mut other));
        let run = project.live("taking.yaml", &mut random, &mut came);
        (sender.join().unwrap(), run)
    });
    came.kills += other.kills;
    came.problems.extend(other.problems);
    let Some(run) = run else { return came };
    let bodies: Vec<_> = project
        .events(&run, "messages_came")
        .iter()
        .flat_map(|event| event["messages"].as_array().unwrap().clone())
        .filter_map(|came| came["message"]["body"].as_u64())
        .collect();
    if bodies != (1..=EACH).collect::<Vec<_>>() {
        came.problems.push(format!("these came: {bodies:?}"));
    }
    came.messages += bodies.len() as u64;
    came
}
