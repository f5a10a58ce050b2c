//! The program from its start to its end, as a person or a script feels it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    figure::{Figure, Unit},
    measure::{quantile, show, time},
    store::raw_flushes,
    table::Table,
};

/// The program, built with the same settings as this one.
const PROGRAM: &str = env!("CARGO_BIN_EXE_agentflow");

pub(crate) fn run(table: &mut Table) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let workflow = folder.path().join("one.yaml");
    fs::write(&workflow, "name: one\nagents: { a: { model: mock/m } }\nnodes:\n  only: { agent: a, prompt: Say something. }\n")
        .unwrap();

    let mut version: Vec<_> = (0..30).map(|_| time(|| succeed(Command::new(PROGRAM).arg("--version")))).collect();
    table.keep("version", Figure::of(Unit::Processor, &version));
    table.told("agentflow --version, p50", show(quantile(&mut version, 0.5)));

    let mut first: Vec<_> = (0..15)
        .map(|n| {
            let store = folder.path().join(format!("first-{n}/agentflow.db"));
            time(|| succeed(&mut one_run(&workflow, &store)))
        })
        .collect();
    let first = quantile(&mut first, 0.5);
    let flush = || show(quantile(&mut raw_flushes(&folder.path().join("raw"), 30), 0.5));
    let limit = Duration::from_millis(15);
    table.wanted(
        "run of one mock node, its store made, p50",
        "≤ 15 ms",
        format!("{}; a flush {}", show(first), flush()),
        first <= limit,
    );

    let store = folder.path().join("again/agentflow.db");
    let mut again: Vec<_> = (0..30).map(|_| time(|| succeed(&mut one_run(&workflow, &store)))).collect();
    table.keep("run", Figure::of(Unit::Disk, &again));
    let again = quantile(&mut again, 0.5);
    table.wanted("run of one mock node, p50", "≤ 15 ms", format!("{}; a flush {}", show(again), flush()), again <= limit);

    let what = "run of one mock node: peak memory";
    match peak_memory(&workflow, &store) {
        Some(kib) => {
            table.keep("run-memory", Figure::one(Unit::Kibibytes, f64::from(kib)));
            table.wanted(what, "≤ 30 MB", format!("{:.1} MB", f64::from(kib) / 1024.0), kib <= 30 * 1024);
        }
        None => table.told(what, "not measured: GNU time is not installed"),
    }
}

fn one_run(workflow: &Path, store: &Path) -> Command {
    arguments(Command::new(PROGRAM), workflow, store)
}

fn arguments(mut command: Command, workflow: &Path, store: &Path) -> Command {
    command.args(["run", "--mock", "--quiet", "--store", &format!("sqlite:{}", store.display())]).arg(workflow);
    command
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The peak memory of a run in KiB, by GNU time.
fn peak_memory(workflow: &Path, store: &Path) -> Option<u32> {
    let time = PathBuf::from("/usr/bin/time");
    if !time.exists() {
        return None;
    }
    let told = store.with_file_name("memory");
    let mut command = Command::new(time);
    command.args(["-f", "%M", "-o"]).arg(&told).arg(PROGRAM);
    succeed(&mut arguments(command, workflow, store));
    fs::read_to_string(told).unwrap().trim().parse().ok()
}
