//! `agentflow test --coverage`: what is told and where, and what it is held to. And: all workflows that are shipped are covered.

use std::fs;

use serde_json::Value;

use crate::cli::project::Project;

const FLOW: &str = "
inputs: { n: integer }
nodes:
  low: { when: inputs.n < 3, value: low }
  high: { when: inputs.n >= 3, value: high }
outputs: { all: '{{ low | default(high | default(none)) }}' }
";
const TESTS: &str = "workflow: sort.yaml\ntests: [{ name: low, inputs: { n: 1 }, expect: { executed: { low: 1 } } }]\n";

fn project() -> Project {
    Project::new().with("flows/sort.yaml", FLOW).with("flows/sort.test.yaml", TESTS)
}

#[test]
fn what_no_test_took_is_told_with_its_place() {
    let ran = project().run(&["test", "flows/sort.yaml", "--coverage"]);
    ran.exit(0)
        .prints("flows/sort.yaml:5:3: high: only skipped")
        .prints("flows/sort.yaml:4:16: low: `when` false: `inputs.n < 3`");
    ran.prints("3 of 6 points of 1 workflow are covered (50 %)");
}

#[test]
fn too_little_coverage_fails_though_all_tests_pass() {
    let project = project();
    let ran = project.run(&["test", "flows", "--fail-under", "nodes=100,conditions=50"]);
    ran.exit(1).says("too little: 50 % of nodes are covered, 100 % have to be").says("coverage: 3 of 6 points");
    assert!(!ran.stderr.contains("of conditions are covered"), "{}", ran.stderr);
    project.run(&["test", "flows", "--fail-under", "50"]).exit(0).says("as much is covered as has to be");
    project.run(&["test", "flows", "--fail-under", "lines=50"]).exit(2).says("`lines` is no sort of points");
}

#[test]
fn a_workflow_without_tests_counts_when_its_folder_is_meant() {
    let project = project().with("flows/other.yaml", "nodes: { a: { value: 1 } }").with("flows/broken.yaml", "nodes: 3");
    let ran = project.run(&["test", "flows", "--coverage"]);
    ran.exit(0).prints("flows/other.yaml:1:10: a: never ran\n    no test runs this workflow: write one");
    ran.says("coverage: `flows/broken.yaml` is not counted, it has errors");
    let ran = project.run(&["test", "flows/sort.test.yaml", "--coverage"]);
    assert!(!ran.stdout.contains("other.yaml"), "{}", ran.stdout);
}

#[test]
fn a_file_is_written_as_it_is_called() {
    let project = project();
    project.run(&["test", "--coverage-out", "coverage.json"]).exit(0).says("in coverage.json");
    let report: Value = serde_json::from_str(&fs::read_to_string(project.path("coverage.json")).unwrap()).unwrap();
    assert_eq!((&report["workflows"][0]["runs"], &report["sorts"]["nodes"]["covered"]), (&1.into(), &1.into()));
    project.run(&["test", "--coverage-out", "coverage.html"]).exit(0);
    assert!(fs::read_to_string(project.path("coverage.html")).unwrap().starts_with("<!doctype html>"));
}

#[test]
fn two_documents_do_not_go_to_standard_output() {
    let project = project();
    for args in [&["--coverage", "--format", "json"][..], &["--coverage-format", "html"]] {
        let ran = project.run(&[&["test"], args].concat());
        ran.exit(2).says("cannot both go to standard output").says("--coverage-out").prints_nothing();
    }
    let ran = project.run(&["test", "--format", "json", "--fail-under", "50"]);
    ran.exit(0);
    serde_json::from_str::<Value>(&ran.stdout).unwrap();
}

#[test]
fn a_workflow_that_is_called_as_a_tool_is_covered_by_the_calls() {
    let caller = "
agents: { boss: { model: openai/gpt-5-mini, tools: ['workflow:sort.yaml'] } }
nodes: { ask: { agent: boss, prompt: Go } }
";
    let tests = "workflow: call.yaml
tests:
  - name: it is called
    agents: { boss: [{ tools: [{ name: 'workflow:sort.yaml', arguments: { n: 7 } }] }, done] }
";
    let project = Project::new().with("sort.yaml", FLOW).with("call.yaml", caller).with("call.test.yaml", tests);
    let ran = project.run(&["test", "--coverage"]);
    ran.exit(0).prints("sort.yaml:4:3: low: only skipped");
    assert!(!ran.stdout.contains("high: only skipped") && !ran.stdout.contains("high: never ran"), "{}", ran.stdout);
}

#[test]
fn every_point_of_the_shipped_workflows_is_taken_by_their_tests() {
    let project = Project::new();
    let mut command = project.command(&["test", "workflows", "--coverage", "--fail-under", "100"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let ran = project.ran(command);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}
