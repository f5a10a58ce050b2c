//! What CI servers are given: reports of runs, the action, the examples, exit codes.

use std::{fs, path::Path, process::Command};

use super::{
    diff_files::committed,
    project::{CHAIN, HELLO, Project, Ran, redact},
};

const FAILS: &str = "\
name: fails
nodes:
  first: { value: 1 }
  forgiven: { tool: calculator, args: { expression: '{{ \"1 /\" }}' }, on_error: continue }
  broken: { needs: [first, forgiven], map: '[1]', tool: calculator, args: { expression: '{{ \"(\" }}' } }
  after: { needs: broken, value: 2 }
";

/// Times differ from run to run.
fn stable(text: &str) -> String {
    let text = redact(text);
    let mut lines = Vec::new();
    for line in text.lines() {
        let words = line.split_inclusive([' ', '"']).map(|word| {
            let bare = word.trim_end_matches([' ', '"']);
            let is_time =
                bare.len() > 2 && bare.starts_with(|c: char| c.is_ascii_digit()) && (bare.ends_with("ms") || bare.ends_with('s'));
            let is_seconds =
                bare.split_once('.').is_some_and(|(_, rest)| rest.len() == 3 && rest.bytes().all(|b| b.is_ascii_digit()));
            let is_moment = bare.starts_with("20") && bare.ends_with('Z') && bare.contains('T');
            if is_time || is_seconds || is_moment { word.replace(bare, "[time]") } else { word.to_owned() }
        });
        lines.push(words.collect::<String>());
    }
    lines.join("\n")
}

fn read(project: &Project, path: &str) -> String {
    fs::read_to_string(project.path(path)).unwrap_or_else(|err| panic!("{path}: {err}"))
}

#[test]
fn a_run_is_told_as_a_summary_and_as_junit_xml() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock", "--mock-seed", "1", "--summary", "s.md", "--junit", "j.xml"]).exit(0);
    insta::assert_snapshot!("summary_of_a_run", stable(&read(&project, "s.md")));
    insta::assert_snapshot!("junit_of_a_run", stable(&read(&project, "j.xml")));
    project.run(&["run", "hello.yaml", "--mock", "--summary", "s.md", "--junit", "j.xml"]).exit(0);
    assert_eq!(read(&project, "s.md").matches("## ✅ `hello`").count(), 2, "a summary is put behind those that are there");
    assert_eq!(read(&project, "j.xml").matches("<testsuite ").count(), 1, "JUnit XML is of one run");
}

#[test]
fn a_run_that_failed_is_told_with_what_failed_it_and_what_was_forgiven() {
    let project = Project::new().with("fails.yaml", FAILS);
    project.run(&["run", "fails.yaml", "--summary", "s.md", "--junit", "j.xml"]).exit(1);
    insta::assert_snapshot!("summary_of_a_failed_run", stable(&read(&project, "s.md")));
    insta::assert_snapshot!("junit_of_a_failed_run", stable(&read(&project, "j.xml")));
}

#[test]
fn a_recorded_run_is_told_the_same() {
    let project = Project::new().with("chain.yaml", CHAIN);
    project.run(&["run", "chain.yaml", "--mock", "--summary", "s.md", "--junit", "j.xml"]).exit(0);
    assert_eq!(project.run(&["runs", "report", "last"]).exit(0).stdout, read(&project, "s.md"));
    assert_eq!(project.run(&["runs", "report", "last", "--format", "junit"]).exit(0).stdout, read(&project, "j.xml"));
    project.run(&["runs", "report", "ffff"]).exit(2).says("there is no run");
}

#[test]
fn a_run_that_waits_tells_what_it_asks() {
    let project = Project::new().with("gate.yaml", "name: gate\nnodes: { ok: { approval: { message: 'Ship | it?' } } }\n");
    project.run(&["run", "gate.yaml", "--summary", "s.md", "--junit", "j.xml"]).exit(3);
    let (summary, junit) = (read(&project, "s.md"), read(&project, "j.xml"));
    assert!(summary.contains("⏸️ `gate`: waiting") && summary.contains("`ok` asks: `Ship | it?`"), "{summary}");
    assert!(junit.contains("skipped=\"2\"") && junit.contains("waiting: "), "{junit}");
    project.run(&["approve", "last", "ok"]).exit(0);
    project.run(&["resume", "last", "--summary", "s.md"]).exit(0);
    assert!(read(&project, "s.md").contains("✅ `gate`: succeeded"));
}

#[test]
fn a_run_that_could_not_begin_is_told_too() {
    let project = Project::new().with("bad.yaml", "nodes: { a: { value: '{{ b }}' } }").with("hello.yaml", HELLO);
    project.run(&["run", "bad.yaml", "--summary", "s.md", "--junit", "j.xml"]).exit(2);
    assert!(read(&project, "s.md").contains("## ❌ `bad.yaml`: did not begin") && read(&project, "s.md").contains("AF022"));
    assert!(read(&project, "j.xml").contains("errors=\"1\"") && read(&project, "j.xml").contains("AF022"));
    project.run(&["run", "hello.yaml", "--junit", "j.xml"]).exit(2).says("OPENAI_API_KEY");
    assert!(read(&project, "j.xml").contains("OPENAI_API_KEY"));
}

#[test]
fn a_report_that_cannot_be_written_is_found_before_anything_is_asked() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock", "--junit", "no/j.xml"]).exit(2).says("its folder does not exist");
    project.run(&["run", "hello.yaml", "--mock", "--summary", "."]).exit(2).says("it is a folder");
    assert!(!project.path(".agentflow").exists());
}

#[test]
fn what_models_write_is_neither_markup_nor_mention() {
    let flow = "name: x\nnodes: { a: { value: \"<img src=x> @all\\n```\\n# Big | [link](http://e.example)\" } }\noutputs: { a: '{{ a }}' }\n";
    let project = Project::new().with("x.yaml", flow);
    project.run(&["run", "x.yaml", "--summary", "s.md"]).exit(0);
    let summary = read(&project, "s.md");
    // Outputs are JSON in a block; the text itself has a line break escaped there, so no fence begins in it.
    let inside: Vec<&str> = summary.lines().filter(|line| line.contains("@all")).collect();
    assert!(inside.iter().all(|line| line.trim_start().starts_with("\"a\": ")), "{summary}");
}

fn repository(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn no_input_of_the_action_is_text_of_a_script() {
    let action = repository("action.yml");
    let scripts: Vec<&str> = action.lines().filter(|line| line.trim_start().starts_with("run:")).collect();
    assert_eq!(scripts.len(), 3, "{scripts:#?}");
    assert!(scripts.iter().all(|line| !line.contains("${{")), "{scripts:#?}");
    let used = action.matches("${{ inputs.").count();
    let passed = action.lines().filter(|line| line.trim_start().starts_with("INPUT_") && line.contains("${{ inputs.")).count();
    assert_eq!(used, passed, "each input reaches a script as a variable");
}

/// A step of the action, as GitHub runs it.
fn step(project: &Project, step: &str, inputs: &[(&str, &str)]) -> (Ran, String) {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/action")).arg(step).current_dir(project.path(""));
    let output = project.path("github-output");
    fs::write(&output, "").unwrap();
    command.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", project.path("step.md")).envs(inputs.iter().copied());
    command.env("BINARY", assert_cmd::cargo::cargo_bin!("agentflow")).env("TOOLS", project.path("tools"));
    let ran = project.ran(command);
    (ran, fs::read_to_string(output).unwrap())
}

#[test]
fn the_action_runs_a_workflow_with_a_summary_and_junit_xml() {
    let project = Project::new().with("flows/hello.yaml", HELLO);
    let inputs = [
        ("INPUT_COMMAND", "run"),
        ("INPUT_FILES", "hello.yaml\n"),
        ("INPUT_ARGS", "--mock\n-i\nname=the whole world\n"),
        ("INPUT_JUNIT", "j.xml"),
        ("INPUT_FOLDER", "flows"),
    ];
    let (ran, output) = step(&project, "run", &inputs);
    ran.exit(0);
    assert_eq!(output, "exit-code=0\n");
    assert!(read(&project, "step.md").contains("## ✅ `hello`: succeeded"));
    assert!(read(&project, "flows/j.xml").contains("<testsuite name=\"hello\""));
    let mut shown = project.command(&["runs", "show", "last", "--format", "json"]);
    shown.current_dir(project.path("flows"));
    assert_eq!(project.ran(shown).json()["inputs"]["name"], "the whole world");
    let (ran, output) = step(&project, "run", &[("INPUT_COMMAND", "validate"), ("INPUT_FILES", "none.yaml")]);
    ran.exit(2);
    assert_eq!(output, "exit-code=2\n");
}

#[test]
fn what_is_put_into_the_action_is_never_read_as_a_command() {
    let project = Project::new().with("hello.yaml", HELLO);
    let evil = "$(touch owned); `touch owned`; touch owned & \"'\nhello.yaml";
    for name in ["INPUT_FILES", "INPUT_ARGS"] {
        step(&project, "run", &[("INPUT_COMMAND", "validate"), (name, evil)]).0.exit(2);
    }
    for command in ["validate; touch owned", "$(touch owned)", "--version", "run\ntouch owned"] {
        step(&project, "run", &[("INPUT_COMMAND", command)]).0.exit(2);
    }
    step(&project, "run", &[("INPUT_COMMAND", "validate"), ("INPUT_FOLDER", "$(touch owned)")]).0.exit(1);
    // A name is a name, though it looks like an option.
    step(&project, "run", &[("INPUT_COMMAND", "validate"), ("INPUT_FILES", "--help")]).0.exit(2).prints("no file `--help`");
    let (ran, output) = step(&project, "place", &[("INPUT_BINARY", "x\nexit-code=0")]);
    ran.exit(2);
    assert_eq!(output, "");
    assert!(!project.path("owned").exists());
}

#[test]
fn the_action_keeps_the_program_by_what_it_is_built_of() {
    let project = Project::new();
    let (_, here) = step(&project, "place", &[]);
    let (_, again) = step(&project, "place", &[]);
    let (_, tagged) = step(&project, "place", &[("INPUT_VERSION", "v1.0.0")]);
    assert_eq!(here, again);
    let key = |output: &str| output.lines().find_map(|line| line.strip_prefix("key=").map(str::to_owned)).unwrap();
    assert_ne!(key(&here), key(&tagged));
    assert!(here.contains("tools/agentflow/bin/agentflow\n"), "{here}");
}

#[test]
fn the_shell_example_runs_and_ends_with_the_first_failure() {
    let run = |project: &Project, more: &[(&str, &str)]| {
        let binary = Path::new(assert_cmd::cargo::cargo_bin!("agentflow")).parent().unwrap().to_owned();
        let paths = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let path = std::env::join_paths(std::iter::once(binary).chain(paths)).unwrap();
        let mut command = Command::new("sh");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci/shell.sh")).current_dir(project.path(""));
        command.env("PATH", path).envs(more.iter().copied());
        project.ran(command)
    };
    let project = committed(Project::new().with("workflows/hello.yaml", HELLO));
    run(&project, &[]).exit(0);
    for report in ["agentflow.sarif", "junit.xml", "summary.md", "diff.md"] {
        assert!(!read(&project, &format!("ci-reports/{report}")).is_empty(), "{report}");
    }
    let wider = HELLO
        .replace("name: hello\n", "name: hello\npermissions: ['fs:read:**']\n")
        .replace("system: Be brief.", "system: Be brief., tools: [read_file]");
    let project = project.with("workflows/hello.yaml", wider);
    run(&project, &[]).exit(6);
    assert!(read(&project, "ci-reports/diff.md").contains("**Permissions are widened** in `workflows/hello.yaml`"));
    run(&project, &[("FLOW", "workflows/none.yaml")]).exit(2);
}
