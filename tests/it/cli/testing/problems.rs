//! Files that are wrong: everything is told before anything is run, with its place.

use super::project;
use crate::cli::project::Project;

#[test]
fn all_that_is_wrong_is_told_and_nothing_is_run() {
    let project = project(
        "  - name: a\n    mocks: { triag: { output: 1 } }\n    expect: { outputs: { text: { matches: '(' } } }\n  - { name: a }\n",
    );
    for args in [&["test"][..], &["validate", "flow.test.yaml"]] {
        let ran = project.run(args);
        assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        for part in [
            "error[AF070]",
            "flow.test.yaml:11:14",
            "did you mean `triage`?",
            "error[AF073]",
            "error[AF006]: there are two tests `a`",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert!(!told.contains("PASS"), "{told}");
    }
    let json = project.run(&["test", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["problems"].as_array().unwrap().len(), 3);
}

#[test]
fn files_that_cannot_be_used_are_told() {
    let check = |name: &str, text: &str, part: &str| {
        let ran = Project::new().with("flow.yaml", "nodes: { a: { value: 1 } }").with(name, text).run(&["test"]);
        assert_eq!(ran.code, Some(2), "{text}\n{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
    };
    check("a.test.yaml", "", "AF005");
    check("a.test.yaml", "tests: [{ name: a }]", "AF005");
    check("a.test.yaml", "workflow: flow.yaml\ntests: []", "AF011");
    check("a.test.yaml", "workflow: no.yaml\ntests: [{ name: a }]", "AF074");
    check("a.test.yaml", "workflow: flow.yaml\nmanifest: no.toml\ntests: [{ name: a }]", "AF074");
    check("a.test.yaml", "workflow: flow.yaml\ntests: [{ name: a, mock: {} }]", "did you mean `mocks`?");
    check("a.test.yaml", "workflow: [\n", "AF002");
    check("a.test.json", "{\"workflow\": 1}", "AF004");
    check("a.test.yaml", "workflow: flow.yaml\ntests: [{ name: a, cassette: no.yaml }]", "there is no cassette `no.yaml`");
    let unreadable = Project::new().with("flow.yaml", "nodes: { a: { value: 1 } }").with("a.snap.yaml", "- 1\n");
    let unreadable = unreadable.with("a.test.yaml", "workflow: flow.yaml\ntests: [{ name: a, snapshot: outputs }]");
    let ran = unreadable.run(&["test"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("the snapshots `a.snap.yaml` cannot be read"), "{}", ran.stderr);
    let ran = Project::new().run(&["test"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("there are no test files here"), "{}", ran.stderr);
}

#[test]
fn a_workflow_with_errors_is_told_with_them() {
    let ran = Project::new()
        .with("flow.yaml", "nodes: { a: { value: '{{ b }}' } }")
        .with("a.test.yaml", "workflow: flow.yaml\ntests: [{ name: a }]")
        .run(&["test"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("AF022") && ran.stderr.contains("AF074"), "{}", ran.stderr);
}
