//! The project's own workflows with tools: what they may touch, and that they do it.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::project::{Project, Ran};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workflows of this repository, with a model whose answers are scripted.
fn project(answers: &Value) -> Project {
    project_with(answers, None)
}

/// The same, with other collections of memory than those of the repository.
pub(super) fn project_with(answers: &Value, memory: Option<&Value>) -> Project {
    let manifest = fs::read_to_string(repository().join("agents.toml")).unwrap();
    let mut manifest: toml::Table = manifest.parse().unwrap();
    manifest["defaults"]["model"] = toml::Value::String("mock/scripted".to_owned());
    let provider = toml::Value::try_from(json!({ "mock": { "answers": answers } })).unwrap();
    manifest.insert("providers".to_owned(), provider);
    if let Some(memory) = memory {
        manifest.insert("memory".to_owned(), toml::Value::try_from(memory).unwrap());
    }
    let project = Project::new().with("agents.toml", manifest.to_string());
    let prompts =
        ["agents", "ask-docs", "debate", "decision", "hierarchy", "remembering", "repo-report", "research", "review-change"];
    let folders: Vec<_> = prompts.iter().map(|folder| format!("prompts/{folder}")).collect();
    ["workflows", "workflows/parts"].into_iter().chain(folders.iter().map(String::as_str)).fold(project, with_folder)
}

fn with_folder(project: Project, folder: &str) -> Project {
    let files =
        fs::read_dir(repository().join(folder)).unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
    files.fold(project, |project, file| {
        project.with(&format!("{folder}/{}", file.file_name().to_string_lossy()), fs::read(file.path()).unwrap())
    })
}

/// Makes the folder a repository with three commits of two people.
fn with_history(project: Project) -> Project {
    let project =
        project.with("README.md", "# Tally\n\nCounts votes.\n").with("src/count.c", "int count;\n/* TODO: recount */\n");
    let git = |who: &str, args: &[&str]| {
        let mut git = Command::new("git");
        git.args([
            "-c",
            &format!("user.name={who}"),
            "-c",
            &format!("user.email={who}@example.com"),
            "-c",
            "commit.gpgsign=false",
        ]);
        git.args(args).current_dir(project.path("")).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let output = git.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
    };
    git("Ada", &["init", "--quiet"]);
    git("Ada", &["add", "README.md", "src"]);
    git("Ada", &["commit", "--quiet", "--message", "Begin to count"]);
    git("Ada", &["commit", "--quiet", "--allow-empty", "--message", "Count faster"]);
    git("Bob", &["commit", "--quiet", "--allow-empty", "--message", "Count right"]);
    project
}

const REPORT: &str = "workflows/repo-report.yaml";
const ALLOWED: [&str; 8] = [
    "--allow",
    "fs:read:**",
    "--allow",
    "fs:write:reports/**",
    "--allow",
    "run:git log --oneline --max-count=100",
    "--allow",
    "run:git shortlog --summary --numbered HEAD",
];

fn surveyor() -> Value {
    json!({ "surveyor": [
        { "tools": [
            { "name": "read_file", "arguments": { "path": "src/count.c", "lines": 1 } },
            { "name": "calculator", "arguments": { "expression": "3 / 2" } }
        ] },
        { "title": "Tally, which counts votes", "text": "Begin with `src/count.c`.", "unseen": [] }
    ] })
}

/// The results of tools in the last run, by node.
pub(super) fn results(project: &Project) -> Vec<(String, Value)> {
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    let events = events.as_array().unwrap().iter().filter(|event| event["type"] == "tool_returned");
    events.map(|event| (event["node"].as_str().unwrap().to_owned(), event["result"]["outcome"]["output"].clone())).collect()
}

#[track_caller]
fn result(results: &[(String, Value)], node: &str) -> Value {
    results.iter().find(|(found, _)| found == node).unwrap_or_else(|| panic!("no result of {node}: {results:#?}")).1.clone()
}

#[test]
fn the_workflows_with_tools_may_touch_what_they_say() {
    let project = project(&json!({}));
    let ran = project.run(&["validate", "--strict", REPORT, "workflows/research.yaml", "workflows/review-change.yaml"]);
    ran.exit(0);
    insta::assert_snapshot!(ran);
}

#[test]
fn they_run_with_simulated_answers_and_tools_and_touch_nothing() {
    let project = project(&json!({}));
    for args in [
        &["run", REPORT, "--mock", "-i", "write=true"][..],
        &["run", "workflows/research.yaml", "--mock"],
        &["run", "workflows/review-change.yaml", "--mock", "-i", "diff=x"],
    ] {
        project.run(args).exit(0);
        assert!(results(&project).len() > 1, "{args:?}: no tool was called");
    }
    assert!(!project.path("reports").exists());
}

#[test]
fn a_repository_is_described_from_what_its_tools_find() {
    let project = with_history(project(&surveyor()));
    let ran = project.run(&[&["run", REPORT, "--output", "json"], &ALLOWED[..]].concat());
    ran.exit(0);
    assert_eq!(
        ran.json(),
        json!({
            "title": "Tally, which counts votes",
            "text": "Begin with `src/count.c`.",
            "unseen": [],
            "written_to": "",
        })
    );
    let found = results(&project);
    assert!(result(&found, "files").as_array().unwrap().contains(&json!("src/count.c")), "{found:#?}");
    assert!(result(&found, "notes").as_str().unwrap().contains("src/count.c:2: /* TODO: recount */\n"), "{found:#?}");
    assert_eq!(result(&found, "about"), "# Tally\n\nCounts votes.\n");
    let commits = result(&found, "commits")["stdout"].as_str().unwrap().to_owned();
    let titles: Vec<_> = commits.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(titles, ["Count right", "Count faster", "Begin to count"]);
    assert_eq!(result(&found, "people")["stdout"], "     2\tAda\n     1\tBob\n");
    assert_eq!(result(&found, "average"), json!(1.5));
    // Both calls of one answer are made together, and end in any order.
    let of_report: Vec<_> = found.iter().filter(|(node, _)| node == "report").map(|(_, value)| value).collect();
    assert_eq!(of_report.len(), 2);
    assert!(of_report.contains(&&json!("int count;\n")) && of_report.contains(&&json!(1.5)), "{of_report:?}");
    assert!(!project.path("reports").exists());
}

#[test]
fn the_report_is_written_when_a_person_agrees() {
    let project = with_history(project(&surveyor()));
    project.run(&[&["run", REPORT, "-i", "write=true"], &ALLOWED[..]].concat()).exit(3).says("waits for a person");
    assert!(!project.path("reports").exists());
    project
        .run(&["approve", "last"])
        .exit(0)
        .says("write_file")
        .says("Tally, which counts votes")
        .says("fs:write:reports/repository.md");
    let ran = project.run(&[&["approve", "last", "save", "--resume"], &ALLOWED[..]].concat());
    ran.exit(0).prints("reports/repository.md");
    let written = fs::read_to_string(project.path("reports/repository.md")).unwrap();
    assert_eq!(written, "# Tally, which counts votes\n\nBegin with `src/count.c`.\n");
    project.run(&["audit", "list", "--decision", "approved"]).exit(0).prints("write_file");
    project.run(&["audit", "verify", "last"]).exit(0);
}

#[test]
fn a_report_that_is_refused_is_not_written() {
    let project = with_history(project(&surveyor()));
    project.run(&[&["run", REPORT, "-i", "write=true"], &ALLOWED[..]].concat()).exit(3);
    let ran = project.run(&[&["approve", "last", "save", "--reject", "--resume"], &ALLOWED[..]].concat());
    ran.exit(6).says("a person did not approve this call");
    assert!(!project.path("reports").exists());
    project.run(&["audit", "list", "--decision", "rejected"]).exit(0).prints("write_file");
}

#[test]
fn a_workflow_whose_tools_are_not_permitted_starts_nothing() {
    let project = project(&json!({}));
    let ran = project.run(&["run", "workflows/research.yaml"]);
    ran.exit(6).says("--allow 'net:*'").prints_nothing();
    assert!(project.run_ids().is_empty());
}

#[test]
fn reviewers_read_what_they_may_and_are_told_what_they_may_not() {
    let answers = json!({
        "triager": [{ "summary": "Counts again.", "risk": "low", "areas": [] }],
        "reviewer": [
            { "tools": [
                { "name": "read_file", "arguments": { "path": "src/count.c" } },
                { "name": "read_file", "arguments": { "path": ".env" } },
                { "name": "search_files", "arguments": { "pattern": "recount|PASSWORD" } }
            ] },
            { "findings": [{ "file": "src/count.c", "severity": "minor", "message": "The recount is missing." }] }
        ],
        "evaluator": [{ "kept": [{ "file": "src/count.c", "severity": "minor", "message": "The recount is missing." }], "dropped": [] }],
        "writer": [{ "verdict": "comment", "summary": "It can be merged." }]
    });
    let project = with_history(project(&answers)).with(".env", "PASSWORD=kept-to-ourselves\n");
    let args = ["run", "workflows/review-change.yaml", "-i", "diff=-", "--output", "json"];
    let permissions = ["--allow", "fs:read:**", "--deny", "fs:read:.env"];
    let ran = project.run_with_stdin(&[&args[..], &permissions].concat(), "--- a/src/count.c\n+++ b/src/count.c\n");
    ran.exit(0);
    assert_eq!(ran.json()["findings"][0]["message"], "The recount is missing.");
    let events = project.run(&["runs", "events", "last", "--format", "json"]);
    assert!(events.stdout.contains("int count;") && !events.stdout.contains("kept-to-ourselves"), "{events}");
    let denied = project.run(&["audit", "list", "--decision", "denied"]);
    denied.exit(0).prints(".env");
    assert_eq!(denied.stdout.lines().count(), 2, "{denied}");
}

/// What a simulated tool gives must do for whatever reads a real result.
#[test]
fn simulated_results_have_the_form_of_real_ones() {
    let nodes = "\
permissions: ['fs:read:**', 'fs:write:out/**', 'run:true']
nodes:
  call: { tool: command, args: { program: 'true' }, output: { exit_code: integer, stdout: string, stderr: string } }
  write: { tool: write_file, args: { path: out/a.txt, content: one }, output: { path: string, bytes: integer } }
  edit: { needs: write, tool: edit_file, args: { path: out/a.txt, old: one, new: two }, output: { path: string, replaced: integer } }
  list: { needs: edit, tool: list_files, args: {}, output: [string] }
  read: { needs: edit, tool: read_file, args: { path: out/a.txt }, output: string }
  search: { needs: edit, tool: search_files, args: { pattern: two }, output: string }
";
    let project = Project::new().with("w.yaml", nodes).with("agents.toml", "");
    let shape = |ran: &Ran| -> Vec<(String, Value)> {
        ran.exit(0);
        let mut found = results(&project);
        for (_, value) in &mut found {
            *value = kinds(value);
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found
    };
    let simulated = shape(&project.run(&["run", "w.yaml", "--mock"]));
    assert!(!project.path("out").exists());
    let allow = ["--allow", "fs:read:**", "--allow", "fs:write:out/**", "--allow", "run:true"];
    let real = shape(&project.run(&[&["run", "w.yaml"], &allow[..]].concat()));
    assert_eq!(simulated, real);
    assert_eq!(real.len(), 6);
}

/// The kinds of values, by field.
fn kinds(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), kinds(value))).collect(),
        Value::Array(items) => items.first().map_or_else(|| json!([]), |item| json!([kinds(item)])),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}
