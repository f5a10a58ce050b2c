//! What a crash or a failing disk leaves behind, and how often the disk is flushed: the program itself, watched and disturbed
//! from outside by strace.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rusqlite::Connection;
use tempfile::TempDir;

/// The calls that flush something to a disk.
const FLUSHES: &str = "fsync,fdatasync,sync,syncfs,sync_file_range,msync";

/// A folder with a workflow whose nodes run one after the other, and a place for its runs.
struct Chain {
    folder: TempDir,
}

impl Chain {
    /// `count` nodes, each made of `kind` (in which `BEFORE` stands for the node before).
    fn new(count: usize, first: &str, kind: &str) -> Self {
        let mut text = format!("name: chain\nagents: {{ a: {{ model: mock/m }} }}\nnodes:\n  n0: {{ {first} }}\n");
        for n in 1..count {
            writeln!(text, "  n{n}: {{ {} }}", kind.replace("BEFORE", &format!("n{}", n - 1))).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("chain.yaml"), text).unwrap();
        Self { folder }
    }

    fn of_agents(count: usize) -> Self {
        Self::new(count, "agent: a, prompt: begin", "agent: a, prompt: 'after {{ BEFORE }}'")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("runs.db")
    }

    /// `agentflow` with these arguments, under strace with those options.
    fn traced(&self, options: &[&str], arguments: &[&str]) -> Output {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-y", "-o"]).arg(self.folder.path().join("trace")).args(options);
        self.finish(command.arg(env!("CARGO_BIN_EXE_agentflow")), arguments)
    }

    fn agentflow(&self, arguments: &[&str]) -> Output {
        self.finish(&mut Command::new(env!("CARGO_BIN_EXE_agentflow")), arguments)
    }

    fn finish(&self, command: &mut Command, arguments: &[&str]) -> Output {
        let store = format!("sqlite:{}", self.store().display());
        command.args(arguments).args(["--store", &store]).current_dir(self.folder.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// How often a run of this chain flushes the disk. The folder does not count: SQLite flushes it once for each process.
    fn flushes(&self) -> usize {
        let output = self.traced(&["-e", &format!("trace={FLUSHES}")], &["run", "chain.yaml", "--mock", "--quiet"]);
        assert!(output.status.success(), "{output:?}");
        let trace = fs::read_to_string(self.folder.path().join("trace")).unwrap();
        // A call that another thread interrupts is told on two lines; the second has no parenthesis behind the name.
        let names: Vec<_> = FLUSHES.split(',').map(|name| format!(" {name}(")).collect();
        let folder = self.told_folder();
        trace.lines().filter(|line| names.iter().any(|name| line.contains(name)) && !line.contains(&folder)).count()
    }

    /// The folder as strace shows it as an argument.
    fn told_folder(&self) -> String {
        format!("<{}>", self.folder.path().canonicalize().unwrap().display())
    }

    /// The call that was disturbed, as the last trace tells it.
    fn disturbed(&self) -> Option<String> {
        let trace = fs::read_to_string(self.folder.path().join("trace")).unwrap();
        trace.lines().find(|line| line.ends_with("(INJECTED)")).map(str::to_owned)
    }

    /// What the store holds of its only run: its id, and the recorded calls of each node. Absent when there is no run.
    fn recorded(&self) -> Option<(String, Vec<(String, u32)>)> {
        let path = self.store();
        if !path.exists() {
            return None;
        }
        let connection = Connection::open(path).unwrap();
        let run = connection.query_row("SELECT substr(id, 5) FROM streams", [], |row| row.get(0)).ok()?;
        let mut select = connection.prepare("SELECT node, count(*) FROM model_calls GROUP BY node ORDER BY finished").unwrap();
        let calls = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        Some((run, calls.collect::<rusqlite::Result<_>>().unwrap()))
    }

    /// Goes on with the run, if there is one, and expects that each of `count` nodes was called once.
    fn goes_on(&self, count: usize, after: &str) {
        let Some((run, before)) = self.recorded() else { return };
        let output = self.agentflow(&["resume", &run, "--quiet"]);
        // A run whose first event was not recorded does not exist.
        if has_no_record(&self.store()) {
            assert_eq!(output.status.code(), Some(2), "{after}: {output:?}");
            return;
        }
        assert!(output.status.success(), "{after}: {output:?}");
        let (_, calls) = self.recorded().unwrap();
        assert_eq!(calls.len(), count, "{after}");
        assert!(calls.iter().all(|(_, calls)| *calls == 1), "{after}: {before:?}, then {calls:?}");
    }
}

fn has_no_record(path: &Path) -> bool {
    let records: u32 = Connection::open(path).unwrap().query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
    records == 0
}

/// Whether strace works here; says so when it does not.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn has_strace() -> bool {
    let works =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output().is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: strace is not installed, or may not trace");
    }
    works
}

#[test]
fn a_chain_of_agents_flushes_once_a_node() {
    if has_strace() {
        let (short, long) = (Chain::of_agents(5).flushes(), Chain::of_agents(25).flushes());
        assert_eq!(long - short, 20, "{short} flushes for 5 nodes, {long} for 25");
    }
}

#[test]
fn a_run_flushes_only_what_it_rests_on() {
    if has_strace() {
        let chain = Chain::of_agents(1);
        // Makes the store.
        chain.flushes();
        // The run and its first attempt; the answer with the end of the run. Taking the run and giving it back flush nothing.
        assert_eq!(chain.flushes(), 2);
    }
}

#[test]
fn nodes_that_only_compute_flush_nothing() {
    if has_strace() {
        let chain = |count| Chain::new(count, "value: 1", "value: '{{ BEFORE + 1 }}'").flushes();
        let (short, long) = (chain(5), chain(25));
        // What nobody waits for is written after a while all the same, and a busy machine takes that while.
        assert!(long <= short + 1, "{short} flushes for 5 nodes, {long} for 25");
    }
}

/// Runs a chain of five again and again, disturbed at the first, second, third … call of `name` by `fault`, until one run is not
/// disturbed any more. `check` looks at each run that was.
fn disturb(name: &str, fault: &str, step: usize, check: impl Fn(&Chain, &Output, &str)) {
    if !has_strace() {
        return;
    }
    let mut disturbed = 0;
    for at in (1..).step_by(step) {
        let chain = Chain::of_agents(5);
        let inject = format!("inject={name}:{fault}:when={at}");
        let output = chain.traced(&["-e", &format!("trace={name}"), "-e", &inject], &["run", "chain.yaml", "--mock", "--quiet"]);
        if output.status.success() && chain.disturbed().is_none() {
            break;
        }
        disturbed += 1;
        check(&chain, &output, &inject);
    }
    assert!(disturbed >= 5, "only {disturbed} calls of `{name}` were there to disturb");
}

#[test]
fn a_failed_flush_is_never_counted_as_done() {
    disturb("fsync", "error=EIO", 1, |chain, output, inject| {
        if output.status.success() && chain.disturbed().is_some_and(|line| line.contains(&chain.told_folder())) {
            // SQLite does not insist on the flush of a folder: not every file system knows it.
            return;
        }
        assert_eq!(output.status.code(), Some(75), "{inject}: {output:?}");
        assert!(output.stdout.is_empty(), "{inject}: {output:?}");
        chain.goes_on(5, inject);
    });
}

#[test]
fn a_full_disk_is_told_and_the_run_goes_on_later() {
    disturb("pwrite64", "error=ENOSPC", 3, |chain, output, inject| {
        assert_eq!(output.status.code(), Some(75), "{inject}: {output:?}");
        assert!(output.stdout.is_empty(), "{inject}: {output:?}");
        chain.goes_on(5, inject);
    });
}

#[test]
fn a_run_killed_at_any_flush_goes_on_without_a_repeated_call() {
    disturb("fsync", "signal=SIGKILL", 1, |chain, output, inject| {
        assert!(output.status.code().is_none_or(|code| code == 137), "{inject}: {output:?}");
        chain.goes_on(5, inject);
    });
}
