//! How often the disk is flushed: the program itself, watched from outside by strace.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::strace;

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

    fn finish(&self, command: &mut Command, arguments: &[&str]) -> Output {
        let store = format!("sqlite:{}", self.store().display());
        command
            .args(arguments)
            .args(["--store", &store])
            .current_dir(self.folder.path())
            .env("AGENTFLOW_STORE_PATIENCE_MS", "100")
            .stdin(Stdio::null());
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
}

#[test]
fn a_disk_that_stays_full_ends_the_run_with_what_was_in_hand_and_the_way_on() {
    if !strace::works() {
        return;
    }
    let chain = Chain::of_agents(3);
    // Makes the store, and tells how often it is written to.
    let output = chain.traced(&["-e", "trace=pwrite64"], &["run", "chain.yaml", "--mock", "--quiet"]);
    assert!(output.status.success(), "{output:?}");
    let output = chain.traced(
        &["-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC:when=20+"],
        &["run", "chain.yaml", "--mock", "--quiet"],
    );
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{errors}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(errors.matches("nothing new starts").count(), 1, "told once: {errors}");
    for text in ["no space is left for store", "1 answer of models and", "free some space", "go on with: agentflow resume 0"] {
        assert!(errors.contains(text), "{text:?} is not said: {errors}");
    }
}

#[test]
fn a_chain_of_agents_flushes_once_a_node() {
    if strace::works() {
        let (short, long) = (Chain::of_agents(5).flushes(), Chain::of_agents(25).flushes());
        assert_eq!(long - short, 20, "{short} flushes for 5 nodes, {long} for 25");
    }
}

#[test]
fn a_run_flushes_only_what_it_rests_on() {
    if strace::works() {
        let chain = Chain::of_agents(1);
        // Makes the store.
        chain.flushes();
        // The run and its first attempt; the answer with the end of the run. Taking the run and giving it back flush nothing.
        assert_eq!(chain.flushes(), 2);
    }
}

#[test]
fn nodes_that_only_compute_flush_nothing() {
    if strace::works() {
        let chain = |count| Chain::new(count, "value: 1", "value: '{{ BEFORE + 1 }}'").flushes();
        let (short, long) = (chain(5), chain(25));
        // What nobody waits for is written after a while all the same, and a busy machine takes that while.
        assert!(long <= short + 1, "{short} flushes for 5 nodes, {long} for 25");
    }
}
