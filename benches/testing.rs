//! Tests of workflows: how long a thousand take.

use std::{
    fmt::Write as _,
    fs,
    num::NonZeroUsize,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use agentflow::{
    diagnostic::DiskFiles,
    testing::{
        load::{Loader, TestFile},
        suite::{Audience, CaseReport, RunOfCase, SuiteOptions, run_suite},
    },
};

use crate::{
    figure::{Figure, Unit},
    measure::{quantile, show},
    table::Table,
};

/// How many tests are run.
const TESTS: usize = 1_000;

pub(crate) fn run(table: &mut Table) {
    let folder = tempfile::tempdir_in(".").unwrap();
    fs::write(folder.path().join("flow.yaml"), workflow()).unwrap();
    let path = folder.path().join("flow.test.yaml");
    fs::write(&path, tests()).unwrap();
    let begun = Instant::now();
    let file = Loader::new(&DiskFiles, None).load(&path);
    let loaded = begun.elapsed();
    assert!(!file.has_errors(), "{:#?}", file.problems);
    let files = [file];
    let jobs = std::thread::available_parallelism().unwrap();
    let mut times: Vec<Duration> = (0..5).map(|_| round(&files, jobs)).collect();
    table.keep("mocked-test", Figure::of(Unit::Processor, &times).each(TESTS));
    let all = quantile(&mut times, 0.5);
    table.wanted("1,000 mocked tests of a workflow of ten nodes", "≤ 5 s", show(all), all <= Duration::from_secs(5));
    table.told("… one of them", show(all / u32::try_from(TESTS).unwrap()));
    table.told("… reading and checking the file", show(loaded));
}

fn round(files: &[TestFile], jobs: NonZeroUsize) -> Duration {
    let stop = AtomicBool::new(false);
    let options = SuiteOptions { jobs, filter: None, fail_fast: false, live: false, update: false, in_ci: true, stop: &stop };
    let begun = Instant::now();
    let report = run_suite(files, &options, &mut Nobody).unwrap();
    assert_eq!((report.cases.len(), report.has_failed()), (TESTS, false));
    begun.elapsed()
}

struct Nobody;

impl Audience for Nobody {
    fn on_case(&mut self, _report: &CaseReport, _run: Option<RunOfCase<'_>>) {}
}

/// Ten nodes that ask an agent, one after the other, with a route and a map among them.
fn workflow() -> String {
    let mut text = String::from(
        "inputs: { n: integer }\nagents: { writer: { model: openai/gpt-5-mini } }\nnodes:\n  node0: { agent: writer, prompt: 'Begin {{ inputs.n }}', output: { kind: a | b, parts: [string] }, route: { on: node0.kind, cases: { a: node1, b: other } } }\n  other: { value: other }\n  node1: { map: node0.parts, as: part, agent: writer, prompt: 'Write {{ part }}' }\n",
    );
    for at in 2..9 {
        writeln!(text, "  node{at}: {{ agent: writer, prompt: 'Go on after {{{{ node{} }}}}' }}", at - 1).unwrap();
    }
    text + "outputs: { text: '{{ node8 | default(1) }}' }\n"
}

fn tests() -> String {
    let mut text = String::from(
        "workflow: flow.yaml\ndefaults:\n  mocks:\n    node0: { output: { kind: a, parts: [x, y] } }\n    node1: { each: { output: done } }\n",
    );
    for at in 2..9 {
        writeln!(text, "    node{at}: {{ output: text {at} }}").unwrap();
    }
    text.push_str("tests:\n");
    for at in 0..TESTS {
        writeln!(text, "  - {{ name: test {at}, inputs: {{ n: {at} }}, expect: {{ executed: {{ node1: 2, node8: 1 }}, not_executed: [other], outputs: {{ text: text 8 }} }} }}").unwrap();
    }
    text
}
