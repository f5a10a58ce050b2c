//! Processes that send and read, killed and started again until all is sent and read.

use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use agentflow::store::{self, Synchronous};
use fastrand::Rng;

use super::{
    Came,
    worker::{self, Role, Worker},
};
use crate::reliability::{
    lab::{Running, told, was_killed},
    part::Part,
};

/// One mailbox has one reader, which sees every line in order; the other has several, which never see the same message.
const MAILBOXES: [(&str, usize, usize); 2] = [("ordered", 3, 1), ("shared", 3, 3)];
/// Where workers kill themselves.
const POINTS: [&str; 6] =
    ["commit.begun", "commit.written", "commit.record-inserted", "commit.done", "commit.told", "remove.records-gone"];
/// The shortest and the longest life of a process, in milliseconds. The shortest are over before anything is done.
const LIVES: std::ops::Range<u64> = 5..700;
/// How often a process may die by what it says itself: a mistake, not a kill.
const MOST_MISTAKES: usize = 3;

/// Has `count` messages sent and read.
pub(super) fn processes(part: &Part, count: u64) -> Came {
    let folder = tempfile::tempdir().unwrap();
    let mut workers = Vec::new();
    for (mailbox, senders, readers) in MAILBOXES {
        let each = count.div_ceil((MAILBOXES.len() * senders) as u64);
        let roles = (0..senders).map(|_| Role::Sender(each)).chain((0..readers).map(|_| Role::Reader(senders)));
        for (number, role) in roles.enumerate() {
            let name = format!("{}{number}", if matches!(role, Role::Sender(_)) { 's' } else { 'r' });
            let (folder, mailbox) = (folder.path().to_owned(), mailbox.to_owned());
            workers.push(Worker { folder, mailbox, name, role, seed: 0, crash: None });
        }
    }
    let ends: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = workers
            .iter()
            .zip(0..)
            .map(|(worker, number)| scope.spawn(move || live_again_and_again(worker, part.random(number))))
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    let mut came = Came { kills: ends.iter().map(|(kills, _)| kills).sum(), ..Came::default() };
    came.problems.extend(ends.into_iter().flat_map(|(_, problems)| problems));
    for (mailbox, ..) in MAILBOXES {
        check(folder.path(), mailbox, &workers, &mut came);
    }
    came.problems.extend(what_is_left(folder.path()));
    came
}

/// Starts `worker` until it comes to its end; how often it was killed, and what went wrong.
fn live_again_and_again(worker: &Worker, mut random: Rng) -> (u64, Vec<String>) {
    let (mut kills, mut problems) = (0, Vec::new());
    while problems.len() < MOST_MISTAKES {
        let crash = random.bool().then(|| format!("{}:{}", POINTS[random.usize(..POINTS.len())], random.u64(1..60)));
        let life = Worker { seed: random.u64(..), crash, ..worker.clone() };
        let output = Running::start(process(&life)).end_or_killed_after(Duration::from_millis(random.u64(LIVES)));
        if output.status.success() {
            break;
        }
        if was_killed(&output) {
            kills += 1;
        } else {
            let said = String::from_utf8_lossy(&output.stdout).replace('\n', " | ");
            problems.push(format!("{} of `{}`: {}, {said}", worker.name, worker.mailbox, told(&output)));
        }
    }
    (kills, problems)
}

fn process(worker: &Worker) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "reliability::messages::worker::works_for_part_10", "--nocapture", "--test-threads", "1"])
        .env(worker::VARIABLE, serde_json::to_string(worker).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Holds what the readers of `mailbox` have kept against what was sent.
fn check(folder: &Path, mailbox: &str, workers: &[Worker], came: &mut Came) {
    let of_it = || workers.iter().filter(|worker| worker.mailbox == mailbox);
    let readers: Vec<_> = of_it().filter(|worker| matches!(worker.role, Role::Reader(_))).collect();
    let mut times: BTreeMap<(String, u64), u64> = BTreeMap::new();
    for reader in &readers {
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for (_, line, number) in worker::kept(folder, mailbox, &reader.name) {
            if readers.len() == 1 && last.insert(line.clone(), number).is_some_and(|last| last >= number) {
                came.problems.push(format!("`{mailbox}`: {number} of {line} came after a later one"));
            }
            *times.entry((line, number)).or_default() += 1;
        }
    }
    for sender in of_it() {
        let Role::Sender(count) = sender.role else { continue };
        for number in 0..count {
            match times.remove(&(sender.name.clone(), number)) {
                Some(1) => came.messages += 1,
                Some(times) => came.problems.push(format!("`{mailbox}`: {number} of {} was read {times} times", sender.name)),
                None => came.problems.push(format!("`{mailbox}`: {number} of {} is lost", sender.name)),
            }
        }
    }
    came.problems.extend(times.keys().map(|(line, number)| format!("`{mailbox}`: {number} of {line} was never sent")));
}

/// What is wrong with the store when all is read: streams that should be gone, messages that are unread or dead.
fn what_is_left(folder: &Path) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = store::open(&worker::store_url(folder), Synchronous::Normal).await.unwrap();
        let mut problems = Vec::new();
        for overview in agentflow::mailbox::mailboxes(&store).await.unwrap() {
            let streams = store.streams(&format!("mailbox/{}/", overview.name)).await.unwrap().len();
            if (overview.waiting, overview.taken, overview.dead) != (0, 0, 0) || streams > 1 {
                problems.push(format!("{overview:?} is left, in {streams} streams"));
            }
        }
        problems
    })
}
