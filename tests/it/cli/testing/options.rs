//! The options of the command, and the forms in which it tells.

use std::{fs, process::Command};

use rustix::process::Signal;
use serde_json::Value;

use super::project;
use crate::cli::project::Project;

const TWO: &str = "  - { name: good }
  - name: table
    cases:
      - { name: first, expect: { executed: { review: 2 } } }
      - { expect: { executed: { review: 7 } } }
  - { name: later, skip: not yet }
";

#[test]
fn each_test_has_a_line_and_each_failure_is_told_in_full() {
    let ran = project(TWO).run(&["test"]);
    assert_eq!(ran.code, Some(1));
    let plain: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| {
            line.split_whitespace()
                .filter(|word| word.trim_end_matches(':').strip_suffix('s').is_none_or(|time| time.parse::<f64>().is_err()))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        plain,
        [
            "PASS flow.test.yaml good",
            "PASS flow.test.yaml table [first]",
            "FAIL flow.test.yaml table [2]",
            "SKIP flow.test.yaml later not yet",
            "",
            "failed: table [2] flow.test.yaml:14:9",
            "flow.test.yaml:14:41: executed.review",
            "expected 7",
            "found 2",
            "ran triage → review ×2 → polish ×2 → tell → gate",
            "again agentflow test flow.test.yaml --filter 'table [2]'",
            "",
            "4 tests in 1 failed, 2 passed, 1 skipped",
        ]
    );
}

#[test]
fn tests_are_chosen_by_name_and_end_at_the_first_failure() {
    let project = project(TWO);
    let ran = project.run(&["test", "--filter", "TABLE [f"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("1 test in") && ran.stdout.contains("3 left out"), "{}", ran.stdout);
    assert_eq!(project.run(&["test", "--filter", "/^(good|later)$/"]).code, Some(0));
    let none = project.run(&["test", "--filter", "nothing"]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("no test is called like"), "{}", none.stderr);
    assert!(project.run(&["test", "--filter", "/(/"]).stderr.contains("unclosed group"));
    let fast = project.run(&["test", "--fail-fast", "-j", "1"]);
    assert!(fast.stdout.contains("1 failed, 2 passed, 1 not run"), "{}", fast.stdout);
}

#[test]
fn programs_read_json_and_servers_read_junit() {
    let project = project(TWO);
    let ran = project.run(&["test", "--format", "json", "--junit", "out.xml"]);
    assert_eq!(ran.code, Some(1));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["passed"], &report["failed"], &report["skipped"]), (&2.into(), &1.into(), &1.into()));
    let failed = &report["tests"][2];
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["unmet"][0]["what"], "executed.review");
    assert_eq!(failed["unmet"][0]["at"]["line"], 14);
    let written = fs::read_to_string(project.path("out.xml")).unwrap();
    for part in ["tests=\"4\"", "failures=\"1\"", "skipped=\"1\"", "executed.review: expected 7, found 2", "name=\"table [2]\""] {
        assert!(written.contains(part), "{part}\n{written}");
    }
    let printed = project.run(&["test", "--format", "junit"]).stdout;
    assert!(printed.starts_with("<?xml") && printed.contains("table [first]"), "{printed}");
}

#[test]
fn the_order_is_that_of_the_files_however_many_run_at_once() {
    let many = (0..40).map(|at| format!("  - {{ name: test {at} }}\n")).collect::<Vec<_>>().concat();
    let project = project(&many);
    let names = |jobs: &str| {
        let report: Value = serde_json::from_str(&project.run(&["test", "--format", "json", "-j", jobs]).stdout).unwrap();
        let names = report["tests"].as_array().unwrap().iter().map(|test| test["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let expected: Vec<String> = (0..40).map(|at| format!("test {at}")).collect();
    assert_eq!((names("1"), names("8")), (expected.clone(), expected));
}

#[test]
fn snapshots_are_written_compared_and_cleared_away() {
    let project = project("  - { name: good, snapshot: [outputs, route, nodes, prompts, events] }\n");
    let missing = project.run(&["test"]);
    assert_eq!(missing.code, Some(0));
    assert!(
        missing.stdout.contains("note:") && missing.stdout.contains("there is no snapshot to compare with"),
        "{}",
        missing.stdout
    );
    let mut ci = project.command(&["test"]);
    ci.env("CI", "true");
    assert_eq!(project.ran(ci).code, Some(1));
    assert_eq!(project.run(&["test", "--update"]).code, Some(0));
    let written = fs::read_to_string(project.path("flow.snap.yaml")).unwrap();
    assert!(written.contains("    triage: \"ran ×1\"\n") && written.contains("    glance: skipped\n"), "{written}");
    let ran = project.run(&["test"]);
    assert!(ran.code == Some(0) && !ran.stdout.contains("note:"), "{}", ran.stdout);
    // It is the same each time.
    assert_eq!(project.run(&["test", "--update", "-j", "3"]).code, Some(0));
    assert_eq!(fs::read_to_string(project.path("flow.snap.yaml")).unwrap(), written);

    let changed = fs::read_to_string(project.path("flow.yaml")).unwrap().replace("Sort {{", "Order {{");
    fs::write(project.path("flow.yaml"), changed).unwrap();
    let ran = project.run(&["test"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("-   triage: \"Sort +x\"") && ran.stdout.contains("+   triage: \"Order +x\""), "{}", ran.stdout);

    let tests = fs::read_to_string(project.path("flow.test.yaml")).unwrap().replace("name: good", "name: better");
    fs::write(project.path("flow.test.yaml"), tests).unwrap();
    assert!(project.run(&["test"]).stdout.contains("the snapshot of `good` is of no test any more"));
    project.run(&["test", "--update"]).exit(0);
    assert!(!fs::read_to_string(project.path("flow.snap.yaml")).unwrap().contains("good:"));
}

fn git(project: &Project, arguments: &[&str]) {
    let mut command = Command::new("git");
    command
        .current_dir(project.path("."))
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"])
        .args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_changed_since_a_revision_is_tested_with_its_callers() {
    let test = |workflow: &str| format!("workflow: {workflow}\ntests: [{{ name: of {workflow} }}]\n");
    let project = Project::new()
        .with("inner.yaml", "nodes: { a: { value: 1 } }\noutputs: { a: '{{ a }}' }\n")
        .with("outer.yaml", "nodes: { b: { workflow: inner.yaml } }\n")
        .with("other.yaml", "nodes: { c: { value: 1 } }\n")
        .with("inner.test.yaml", test("inner.yaml"))
        .with("outer.test.yaml", test("outer.yaml"))
        .with("other.test.yaml", test("other.yaml"));
    let outside = project.run(&["test", "--changed", "HEAD"]);
    assert_eq!(outside.code, Some(2));
    assert!(outside.stderr.contains("git cannot tell what changed"), "{}", outside.stderr);
    git(&project, &["init", "-q"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "-qm", "first"]);
    let names = |revision: &str| {
        let ran = project.run(&["test", "--format", "json", "--changed", revision]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        report["tests"].as_array().unwrap().iter().map(|test| test["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("HEAD"), [""; 0]);
    fs::write(project.path("inner.yaml"), "nodes: { a: { value: 2 } }\noutputs: { a: '{{ a }}' }\n").unwrap();
    assert_eq!(names("HEAD"), ["of inner.yaml", "of outer.yaml"]);
    git(&project, &["commit", "-qam", "second"]);
    assert_eq!(names("HEAD"), [""; 0]);
    assert_eq!(names("HEAD~1"), ["of inner.yaml", "of outer.yaml"]);
    for bad in ["no-such", "--output=x"] {
        let ran = project.run(&["test", &format!("--changed={bad}")]);
        assert_eq!(ran.code, Some(2), "{bad}: {}", ran.stderr);
    }
    assert!(!project.path("x").exists());
}

#[test]
fn a_file_that_changes_runs_its_tests_again_until_a_signal_comes() {
    let project = project("  - { name: good }\n");
    let mut started = project.start(&["test", "--watch"], "watching");
    let tests =
        fs::read_to_string(project.path("flow.test.yaml")).unwrap().replace("name: good", "name: good, mocks: { triag: {} }");
    fs::write(project.path("flow.test.yaml"), tests).unwrap();
    started.wait_for("did you mean `triage`?");
    started.signal(Signal::INT);
    let ran = started.end();
    assert_eq!(ran.code, Some(130), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("good"), "{}", ran.stdout);
}

#[test]
fn tests_are_found_by_workflow_and_folder() {
    let project = project("  - { name: good }\n").with("more/other.yaml", "nodes: { a: { value: 1 } }").with(
        "more/other.test.toml",
        "workflow = \"other.yaml\"\n[[tests]]\nname = \"other\"\nexpect = { executed = { a = 1 } }\n",
    );
    let count =
        |args: &[&str]| project.run(&[&["test"], args].concat()).stdout.lines().filter(|line| line.starts_with("PASS")).count();
    assert_eq!(
        (count(&[]), count(&["more"]), count(&["flow.yaml"]), count(&["flow.yaml", "more/other.test.toml"])),
        (2, 1, 1, 2)
    );
    let none = project.run(&["test", "nowhere.yaml"]);
    assert_eq!(none.code, Some(2));
    assert!(project.run(&["validate", "flow.test.yaml", "more/other.test.toml"]).stdout.contains("more/other.test.toml: ok"));
    // The folder of workflows has tests in it that are no workflows.
    assert!(!project.run(&["validate", "more"]).stdout.contains("test.toml"));
}
