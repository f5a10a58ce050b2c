//! What a real program did, recorded: its steps, what it had shown by when, and what was in its store in the end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use agentflow::{
    engine::read_run,
    model::{Event, RunId},
    store::{self, StreamId, Synchronous},
};
use serde_json::Value;
use tempfile::TempDir;

use super::trace::{Deed, Step, read, traced};

/// A run's events as they were shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) run: RunId,
    pub(super) event: Value,
    /// From where on in the trace somebody may have seen it.
    pub(super) from: usize,
}

/// One or several processes after each other, over one store.
pub(super) struct History {
    pub(super) name: &'static str,
    pub(super) synchronous: Synchronous,
    pub(super) steps: Vec<Step>,
    pub(super) shown: Vec<Shown>,
    /// Each run with all its events.
    pub(super) runs: Vec<(RunId, Vec<Event>)>,
    /// What each run gave in the end.
    pub(super) outputs: Vec<Vec<u8>>,
    folder: TempDir,
}

/// What is run.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    pub(super) workflow: String,
    pub(super) synchronous: Synchronous,
    /// How often, each time by a process of its own.
    pub(super) times: usize,
    /// At which flush the first process dies; the run goes on in the next one.
    pub(super) dies_at: Option<u32>,
    /// So much that SQLite copies its log while the run goes on.
    pub(super) writes_much: bool,
}

/// A program of agentflow in `folder`, which asks nobody.
pub(super) fn in_folder(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env_remove("AGENTFLOW_STORE").env_remove("AGENTFLOW_MANIFEST").stdin(Stdio::null());
}

/// Where the store is in the folder that was watched, and in those that are made of it.
pub(super) fn store_in(folder: &Path) -> PathBuf {
    folder.join("watched/state/runs.db")
}

impl History {
    /// Runs what `recipe` says, under strace.
    pub(super) async fn record(recipe: &Recipe) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let watched = root.join("watched");
        fs::create_dir(&watched).unwrap();
        fs::write(root.join("flow.yaml"), &recipe.workflow).unwrap();
        let mode = if recipe.synchronous == Synchronous::Normal { "normal" } else { "full" };
        fs::write(root.join("agents.toml"), format!("[store]\nsynchronous = \"{mode}\"\n")).unwrap();
        let url = format!("sqlite:{}", store_in(&root).display());
        let program = Path::new(env!("CARGO_BIN_EXE_agentflow"));
        let mut text = String::new();
        for time in 0..recipe.times {
            let trace = root.join("trace");
            let dies_at = recipe.dies_at.filter(|_| time == 0);
            let mut command = traced(program, &trace, dies_at);
            let goes_on = recipe.dies_at.is_some() && time > 0;
            command.args(if goes_on { &["resume", "last"][..] } else { &["run", "flow.yaml", "--mock"] });
            command.args(["--output", "jsonl", "--quiet", "--store", &url]);
            in_folder(&mut command, &root);
            let output = command.output().unwrap();
            assert_eq!(output.status.success(), dies_at.is_none(), "{}", String::from_utf8_lossy(&output.stderr));
            text.push_str(&fs::read_to_string(trace).unwrap());
        }
        let steps = read(&text, &watched);
        let shown = shown(&steps);
        let store = store::open(&url, Synchronous::Full).await.unwrap();
        let mut runs = Vec::new();
        let mut outputs = Vec::new();
        for stream in store.streams(StreamId::RUNS).await.unwrap() {
            let run: RunId = stream.as_str().trim_start_matches(StreamId::RUNS).parse().unwrap();
            runs.push((run, read_run(&store, run).await.unwrap().events));
            outputs.push(result_of(run, &root).unwrap());
        }
        assert_eq!(runs.len(), if recipe.dies_at.is_some() { 1 } else { recipe.times });
        Self { name: recipe.name, synchronous: recipe.synchronous, steps, shown, runs, outputs, folder }
    }

    /// The folder the programs were in.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }
}

/// What `agentflow resume` gives for a run whose store is in `folder`.
pub(super) fn result_of(run: RunId, folder: &Path) -> Result<Vec<u8>, String> {
    let url = format!("sqlite:{}", store_in(folder).display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentflow"));
    command.args(["resume", &run.to_string(), "--quiet", "--store", &url]);
    in_folder(&mut command, folder);
    let output = command.output().unwrap();
    if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The events in what was written to standard output.
fn shown(steps: &[Step]) -> Vec<Shown> {
    let mut all = Vec::new();
    let mut run = None;
    let mut text = Vec::new();
    for step in steps {
        let Deed::Show(bytes) = &step.deed else { continue };
        text.extend_from_slice(bytes);
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = text.drain(..whole).collect();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).unwrap();
            if event["type"] == "run_created" {
                run = Some(event["run"].as_str().unwrap().parse().unwrap());
            }
            all.push(Shown { run: run.unwrap(), event, from: step.began });
        }
    }
    all
}
