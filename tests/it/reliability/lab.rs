//! A folder with a workload, a server that answers it, and the program started there as a process of its own.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::workload::Workload;
use crate::fault_server::{Asked, FaultServer};

/// Longer than anything here takes: who has not ended by then hangs.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(60);
/// How long a pause between two looks at something is, where nobody tells of a change.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// How many tries are made at a time.
const WORKERS: usize = 4;
/// How large the input of a large workload is: five copies of it fill SQLite's log.
const LARGE: usize = 850_000;

pub(crate) struct Lab<'a> {
    pub(crate) workload: &'a Workload,
    folder: TempDir,
    server: FaultServer,
    /// Where the tools of the workload lead to, if it has any.
    effects: Option<FaultServer>,
}

/// A record of a run, as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) run: String,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) at: i64,
    pub(crate) hash: Vec<u8>,
}

impl<'a> Lab<'a> {
    pub(crate) fn new(workload: &'a Workload) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let effects = (!workload.steps.is_empty()).then(|| FaultServer::start(&workload.effects()));
        let url = effects.as_ref().map_or("", FaultServer::url);
        let server = FaultServer::start(&workload.scenario(url));
        for (name, text) in workload.files {
            fs::write(folder.path().join(name), text.trim_start().replace("EFFECTS", url)).unwrap();
        }
        if workload.is_large {
            fs::write(folder.path().join("text.txt"), "x".repeat(LARGE)).unwrap();
        }
        let more = workload.manifest.replace("URL", server.url());
        let manifest = format!("[providers.lab]\nkind = \"openai\"\nbase_url = \"{}/v1\"\n{more}", server.url());
        fs::write(folder.path().join("agents.toml"), manifest).unwrap();
        Self { workload, folder, server, effects }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The arguments that run the workflow from its beginning; standard output carries `form`.
    pub(crate) fn run<'b>(&self, form: &'b str) -> Vec<&'b str> {
        let mut arguments = vec!["run", "flow.yaml", "--output", form];
        if self.workload.is_large {
            arguments.extend(["-i", "text=@text.txt"]);
        }
        arguments
    }

    /// The program in this folder, with a short lease; where it runs a workflow, with what its operator permits.
    pub(crate) fn agentflow(&self, arguments: &[&str], lease: Duration) -> Command {
        let url = self.effects.as_ref().map_or("", FaultServer::url);
        let runs = matches!(arguments, ["run" | "resume", ..]);
        let policy = self.workload.policy.iter().filter(|_| runs).map(|word| word.replace("EFFECTS", url));
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentflow"));
        command
            .args(arguments)
            .args(policy)
            .current_dir(self.folder.path())
            .env_remove("AGENTFLOW_STORE")
            .env("AGENTFLOW_LEASE_MS", lease.as_millis().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What the server was asked, once nothing that was sent to it is still under way.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        asked_in_the_end(&self.server)
    }

    /// What the effect server was asked, once nothing that was sent to it is still under way.
    pub(crate) fn effects(&self) -> Vec<Asked> {
        self.effects.as_ref().map(asked_in_the_end).unwrap_or_default()
    }

    /// What the server has written down by now.
    pub(crate) fn asked_by_now(&self) -> Vec<Asked> {
        self.server.asked()
    }

    /// All records of runs in the store, run after run. The store is copied first: to look at it must not mend it.
    pub(crate) fn records(&self) -> Vec<Recorded> {
        let copy = tempfile::tempdir().unwrap();
        for name in ["agentflow.db", "agentflow.db-wal"] {
            let file = self.path(".agentflow").join(name);
            if file.exists() {
                fs::copy(&file, copy.path().join(name)).unwrap();
            }
        }
        let path = copy.path().join("agentflow.db");
        if path.exists() { read_records(&path) } else { Vec::new() }
    }
}

fn asked_in_the_end(server: &FaultServer) -> Vec<Asked> {
    let port: u16 = server.url().rsplit(':').next().unwrap().parse().unwrap();
    until("the server's connections end", || !has_connections(port));
    server.asked()
}

fn read_records(path: &Path) -> Vec<Recorded> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT substr(streams.id, 5), kind, body, at, hash FROM records JOIN streams ON number = stream \
         WHERE streams.id LIKE 'run/%' ORDER BY records.id";
    let mut select = connection.prepare(sql).unwrap();
    let records = select.query_map([], |row| {
        Ok(Recorded { run: row.get(0)?, kind: row.get(1)?, body: row.get(2)?, at: row.get(3)?, hash: row.get(4)? })
    });
    records.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// Whether anybody is still connected to `port` of this host, or has left something there that was not read yet.
///
/// # Source
/// `proc(5)`, `/proc/net/tcp`: the local address is field 2, the state field 4; `0A` listens, `06` is over.
fn has_connections(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let end = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        fields[1].ends_with(&end) && !["0A", "06"].contains(&fields[3])
    })
}

/// Waits until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < TOO_LONG, "waited {TOO_LONG:?}, but not that {what}");
        thread::park_timeout(LOOK_AGAIN);
    }
}

/// A process under way.
pub(crate) struct Running {
    pid: Pid,
    output: Receiver<Output>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Self::follow(command.spawn().unwrap())
    }

    /// Follows a process that was started.
    pub(crate) fn follow(child: Child) -> Self {
        let pid = Pid::from_child(&child);
        let (told, output) = channel();
        // Ends with the process; nobody may be there to be told.
        thread::spawn(move || told.send(child.wait_with_output().unwrap()).ok());
        Self { pid, output }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        kill_process(self.pid, signal).ok();
    }

    /// Waits for its end. One that hangs is ended by SIGABRT, which counts as no kill.
    pub(crate) fn end(self) -> Output {
        self.end_within(TOO_LONG, Signal::ABORT)
    }

    /// Waits for its end, and kills it when it has not ended within `time`.
    pub(crate) fn end_or_killed_after(self, time: Duration) -> Output {
        self.end_within(time, Signal::KILL)
    }

    fn end_within(self, time: Duration, otherwise: Signal) -> Output {
        match self.output.recv_timeout(time) {
            Ok(output) => output,
            Err(RecvTimeoutError::Timeout) => {
                self.signal(otherwise);
                self.output.recv_timeout(TOO_LONG).unwrap()
            }
            Err(RecvTimeoutError::Disconnected) => panic!("nobody waits for process {}", self.pid()),
        }
    }

    /// Its end, if that has come.
    pub(crate) fn has_ended(&self) -> Option<Output> {
        self.output.try_recv().ok()
    }
}

/// Whether a process was killed, by itself or from outside.
pub(crate) fn was_killed(output: &Output) -> bool {
    output.status.signal() == Some(Signal::KILL.as_raw())
}

/// How a process ended, for messages.
pub(crate) fn told(output: &Output) -> String {
    format!("{}, {}", output.status, String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | "))
}

/// Does `work` for each of `tasks`, several at a time: most of it is waiting for other processes and for the disk.
pub(crate) fn work_off<T: Send, R: Send>(tasks: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let left = Mutex::new(tasks.into_iter());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(task) = next else { break };
                    let result = work(task);
                    done.lock().unwrap().push(result);
                }
            });
        }
    });
    done.into_inner().unwrap()
}
