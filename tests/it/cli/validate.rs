//! `agentflow validate`: all problems of all files, in every format.

use super::project::{HELLO, Project};

const BAD: &str = "\
name: bad
inputs: { unused: string }
nodes:
  a: { value: '{{ nope }}' }
  b: { agent: nobody, prompt: '{{ a }}' }
";

#[test]
fn every_file_is_told_on_a_line_when_all_is_well() {
    let project =
        Project::new().with("workflows/b.yaml", HELLO).with("workflows/sub/a.yml", HELLO).with("workflows/notes.txt", "x");
    let project = project.with("workflows/b.test.yaml", "workflow: b.yaml\n").with("workflows/.hidden/c.yaml", "broken");
    let ran = project.run(&["validate"]);
    ran.exit(0);
    assert_eq!(ran.stdout, "workflows/b.yaml: ok\nworkflows/sub/a.yml: ok\n");
    assert_eq!(ran.stderr, "");
}

#[test]
fn problems_are_told_with_place_code_and_hint() {
    let ran = Project::new().with("bad.yaml", BAD).with("good.yaml", HELLO).run(&["validate", "bad.yaml", "good.yaml"]);
    ran.exit(2);
    insta::assert_snapshot!(ran);
}

#[test]
fn the_other_formats_are_documents() {
    let project = Project::new().with("bad.yaml", BAD);
    let run = |format| {
        let ran = project.run(&["validate", "bad.yaml", "--format", format]);
        ran.exit(2);
        ran
    };
    let json = run("json").json();
    let problems = json["problems"].as_array().expect("a list of problems");
    assert_eq!(json["permissions"], serde_json::json!([]));
    assert_eq!(problems.len(), 3, "{json:#}");
    assert_eq!(run("sarif").json()["version"], "2.1.0");
    let github = run("github").stdout;
    assert!(github.contains("::error file=bad.yaml,line=4") && github.contains("::warning file=bad.yaml"), "{github}");
}

const TOOLS: &str = "\
permissions: [\"net:*.example.com\", \"fs:read:docs/**\", \"secret:TOKEN\"]
agents:
  reader: { model: openai/gpt-5-mini, tools: [calculator, read_file], permissions: [\"fs:read:**\"] }
nodes:
  notes: { agent: reader, prompt: Read. }
  post:
    tool: http_post
    args: { url: \"https://api.example.com/x\", body: \"{{ notes }}\", headers: { key: \"{{ secrets.TOKEN }}\" } }
    permissions: [\"net:api.example.com\", \"secret:TOKEN\"]
    approve: human
";

#[test]
fn what_a_workflow_asks_for_is_shown() {
    let project = Project::new().with("flow.yaml", TOOLS);
    let ran = project.run(&["validate", "flow.yaml"]);
    ran.exit(0);
    assert_eq!(
        ran.stdout,
        "\
flow.yaml: ok
  NODE   TOOLS                  EFFECT                       MAY TOUCH
  notes  calculator, read_file  read                         fs:read:docs/**
  post   http_post              write, approved by a person  net:api.example.com, secret:TOKEN
"
    );
    let asked = &project.run(&["validate", "flow.yaml", "--format", "json"]).json()["permissions"][0];
    assert_eq!(asked["permissions"], serde_json::json!(["fs:read:docs/**", "net:api.example.com", "secret:TOKEN"]));
    assert_eq!(asked["nodes"][0]["levels"][1]["owner"], "agent `reader`");
    assert_eq!(asked["nodes"][1]["approved_by_a_person"], true);
}

#[test]
fn warnings_fail_only_when_asked() {
    let project = Project::new().with("warned.yaml", HELLO.replace("'Say hello to {{ inputs.name }}'", "Hello"));
    let ran = project.run(&["validate", "warned.yaml"]);
    ran.exit(0).prints("warning[AF060]").prints("warned.yaml: ok with 1 warning");
    project.run(&["validate", "warned.yaml", "--strict"]).exit(2).prints("warned.yaml: failed");
}

#[test]
fn standard_input_is_a_file_called_stdin() {
    let project = Project::new();
    let ran = project.run_with_stdin(&["validate", "-"], HELLO);
    ran.exit(0);
    assert_eq!(ran.stdout, "<stdin>: ok\n");
    project.run_with_stdin(&["validate", "-"], BAD).exit(2).prints("<stdin>:4:");
}

#[test]
fn a_problem_of_a_shared_manifest_is_told_once() {
    let project = Project::new()
        .with("agents.toml", "[agents.a]\nmodel = \"openai/x\"\nmodle = 1\n")
        .with("workflows/a.yaml", HELLO)
        .with("workflows/b.yaml", HELLO);
    let ran = project.run(&["validate"]);
    ran.exit(2);
    assert_eq!(ran.stdout.matches("AF003").count(), 1, "{ran}");
    ran.prints("workflows/a.yaml: failed").prints("workflows/b.yaml: failed");
}

#[test]
fn nothing_to_validate_is_told() {
    Project::new().run(&["validate"]).exit(2).says("there is no folder `workflows`").prints_nothing();
    Project::new().with("workflows/readme.md", "").run(&["validate"]).exit(2).says("no workflow in the folder");
}
