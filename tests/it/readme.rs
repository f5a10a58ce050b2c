//! What the README and the pages beside it say of this project: its workflows run with `--mock`, the tests that are named are there,
//! mistakes get the codes that are told. Examples and commands of all pages are tried by `guide`.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::guide::{files_below, root};

/// A copy of the project's workflows in a folder of its own, so that no run is kept in the repository.
pub(crate) fn project() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["agents.toml", "README.md"] {
        fs::copy(root().join(name), folder.path().join(name)).unwrap();
    }
    for name in ["workflows", "prompts", "evals"] {
        copy_folder(&root().join(name), &folder.path().join(name));
    }
    folder
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A command in `folder` that sees neither the keys nor the settings of whoever runs the tests.
pub(crate) fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_remove("CI");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AGENTFLOW_") || name.ends_with("_API_KEY") {
            command.env_remove(name);
        }
    }
    command
}

fn agentflow(folder: &Path, arguments: &[&str]) -> Output {
    command(env!("CARGO_BIN_EXE_agentflow"), folder).args(arguments).output().unwrap()
}

#[track_caller]
pub(crate) fn succeeds(output: &Output, what: &str) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

/// Runs a workflow of the project with simulated answers and returns its outputs.
#[track_caller]
fn run(workflow: &str, more: &[&str]) -> Value {
    let project = project();
    let arguments = [&["run", workflow, "--mock", "--output", "json"], more].concat();
    let stdout = succeeds(&agentflow(project.path(), &arguments), workflow);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{workflow}: stdout is no JSON: {error}\n{stdout}"))
}

#[track_caller]
fn gives(outputs: &Value, names: &[&str]) {
    let found: Vec<_> = outputs.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, names);
}

#[test]
fn all_workflows_are_valid_and_without_warnings() {
    let project = project();
    let files = files_below(&project.path().join("workflows")).into_iter().map(|path| path.display().to_string());
    let files: Vec<_> = files.filter(|path| !path.contains(".snap.")).collect();
    assert!(files.len() >= 7, "{files:?}");
    let arguments: Vec<&str> = ["validate", "--format", "json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let stdout = succeeds(&agentflow(project.path(), &arguments), "validate");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["problems"], Value::Array(Vec::new()));
}

#[test]
fn decision_runs_with_simulated_answers() {
    let outputs = run("workflows/decision.yaml", &[]);
    gives(&outputs, &["decision", "goals", "alternatives", "recommendation", "still_unknown"]);
    assert!(outputs["decision"]["decision"].is_string());
    assert!(outputs["goals"].is_array());
    assert!(outputs["still_unknown"].is_array());
}

#[test]
fn review_change_reads_a_diff_from_standard_input() {
    use std::{io::Write as _, process::Stdio};

    let project = project();
    let mut child = command(env!("CARGO_BIN_EXE_agentflow"), project.path())
        .args(["run", "workflows/review-change.yaml", "-i", "diff=-", "--mock", "--output", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+two\n").unwrap();
    let stdout = succeeds(&child.wait_with_output().unwrap(), "review-change");
    gives(&serde_json::from_str(&stdout).unwrap(), &["verdict", "summary", "risk", "findings", "dropped"]);
}

#[test]
fn research_looks_into_material_only_when_there_is_some() {
    let names = ["title", "text", "sources", "open_questions", "accepted"];
    gives(&run("workflows/research.yaml", &[]), &names);
    gives(&run("workflows/research.yaml", &["-i", "material=@README.md"]), &names);
}

#[test]
fn the_other_workflows_run_with_simulated_answers() {
    gives(&run("workflows/hello.yaml", &["-i", "name=Ada"]), &["greeting"]);
    gives(&run("workflows/repo-report.yaml", &["-i", "write=true"]), &["title", "text", "unseen", "written_to"]);
    gives(&run("workflows/announce.yaml", &[]), &["released", "last_draft"]);
    gives(&run("workflows/triage.toml", &[]), &["kind", "urgency", "reply", "internal_note"]);
    gives(&run("workflows/ask-docs.yaml", &[]), &["found", "answer", "citations"]);
    gives(&run("workflows/debate.yaml", &[]), &["verdict", "reasons", "conceded", "decided"]);
    gives(&run("workflows/hierarchy.yaml", &[]), &["text", "approved", "open_questions"]);
    gives(&run("workflows/peer-review.yaml", &[]), &["text", "accepted", "open_problems"]);
    gives(&run("workflows/auction.yaml", &[]), &["winner", "bids", "result", "left_to_do"]);
    gives(&run("workflows/remembering.yaml", &[]), &["cause", "action", "known_before", "helped", "lesson", "kept"]);
    let question = ["-i", "question=What is it for?", "-i", "material=@README.md"];
    gives(&run("workflows/parts/lookup.yaml", &question), &["question", "found", "answer", "passages"]);
}

#[test]
fn the_tests_that_the_table_of_attacks_names_are_there() {
    let mut sources = String::new();
    for folder in ["src", "tests/it"] {
        for path in files_below(&root().join(folder)).iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let page = fs::read_to_string(root().join("docs/tools.md")).unwrap();
    let table = page.split("## Attacks").nth(1).unwrap();
    let cells = table.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.rsplit('|').nth(1));
    let names: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        let is_there = match name.strip_prefix('…') {
            Some(end) => sources.contains(&format!("{end}(")),
            None => sources.contains(&format!("fn {name}(")),
        };
        assert!(is_there, "there is no test `{name}`");
    }
}

#[test]
fn common_mistakes_get_the_codes_that_the_page_says() {
    let page = fs::read_to_string(root().join("docs/format.md")).unwrap();
    let table = page.split("## Common mistakes").nth(1).unwrap();
    let folder = TempDir::new().unwrap();
    let check = |nodes: &str, code: &str| {
        assert!(table.contains(code), "the table does not name {code}");
        let agent = "agents: { helper: { model: openai/x, capabilities: [code-review] } }";
        fs::write(
            folder.path().join("w.yaml"),
            format!("inputs: {{ x: {{ type: boolean, default: true }} }}\n{agent}\n{nodes}\n"),
        )
        .unwrap();
        let output = agentflow(folder.path(), &["validate", "--format", "json", "w.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{nodes}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors: Vec<_> = found["problems"].as_array().unwrap().iter().filter(|one| one["severity"] == "error").collect();
        assert!(errors.iter().any(|one| one["code"] == code), "{nodes}: {found:#}");
    };
    check("nodes: { n: { agent: helper, prompt: {{ inputs.x }} } }", "AF002");
    check("nodes: { n: { value: 1, when: '{{ inputs.x }}' } }", "AF021");
    check("nodes: { l: { loop: { max: 2 }, nodes: { draft: { value: 1 } } }, n: { value: '{{ draft }}' } }", "AF022");
    check("nodes: { build-report: { value: 1 }, n: { value: '{{ build-report }}' } }", "AF022");
    check(
        "nodes: { c: { value: { score: 1 }, when: inputs.x }, d: { value: 1 }, n: { value: '{{ d }} {{ c.score }}' } }",
        "AF026",
    );
    check("nodes: { l: { loop: { max: 2 }, nodes: { x: { value: '{{ loop.previous.x }}' } } } }", "AF026");
    check("nodes: { a: { value: '{{ b }}' }, b: { value: '{{ a }}' } }", "AF040");
    check("nodes: { l: { loop: { until: x }, nodes: { x: { value: true } } } }", "AF042");
    check("nodes: { n: { agent: helper, prompt: x, output: str } }", "AF012");
    check("nodes: { n: { agent: helper, prompt: x, temperature: '0.2' } }", "AF004");
    check("nodes: { n: { agent: helper, prompt: x, timeout: 30 } }", "AF008");
    check("nodes: { n: { agent: code-review, prompt: x } }", "AF031");
    check("nodes: { n: { agent: helper, prompt: x, prompt_file: y.md } }", "AF018");
}
