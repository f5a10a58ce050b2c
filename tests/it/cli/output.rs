//! Standard output carries what was asked for, and nothing else; standard error is talk.

use std::{fs::OpenOptions, process::Stdio};

use super::project::{CHAIN, HELLO, Project};

fn hello() -> Project {
    Project::new().with("hello.yaml", HELLO)
}

const SEVERAL: &str = "\
name: several
nodes:
  a: { value: { x: 1, y: [true] } }
outputs:
  text: two words
  data: '{{ a }}'
";

#[test]
fn one_text_is_printed_alone() {
    let ran = hello().run(&["run", "hello.yaml", "--mock", "-q"]);
    ran.exit(0);
    assert!(ran.stdout.starts_with("Simulated answer") && ran.stdout.ends_with('\n'), "{ran}");
    // That answers are simulated is said also to those who want to hear nothing else.
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    ran.says("SIMULATED");
}

#[test]
fn several_outputs_have_headings() {
    let ran = Project::new().with("s.yaml", SEVERAL).run(&["run", "s.yaml", "-q"]);
    ran.exit(0);
    insta::assert_snapshot!(ran);
}

#[test]
fn json_is_one_document() {
    let ran = Project::new().with("s.yaml", SEVERAL).run(&["run", "s.yaml", "--output", "json"]);
    ran.exit(0);
    assert_eq!(ran.json(), serde_json::json!({"text": "two words", "data": {"x": 1, "y": [true]}}));
}

#[test]
fn jsonl_is_every_event_on_a_line() {
    let ran = hello().run(&["run", "hello.yaml", "--mock", "--output", "jsonl"]);
    ran.exit(0);
    let events: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run_created", "attempt_started", "model_responded", "node_succeeded", "run_finished"]);
    assert!(events.iter().zip(0..).all(|(event, seq)| event["seq"] == seq), "{events:#?}");
    assert_eq!(events[3]["node"], "greet");
    assert!(events[4]["outputs"]["greeting"].as_str().unwrap().starts_with("Simulated"));
}

#[test]
fn progress_is_told_in_plain_lines_where_there_is_no_terminal() {
    let ran = hello().run(&["run", "hello.yaml", "--mock"]);
    insta::assert_snapshot!(ran);
}

#[test]
fn a_log_is_written_with_v() {
    let ran = hello().run(&["run", "hello.yaml", "--mock", "-vv"]);
    ran.exit(0);
    assert!(ran.stdout.starts_with("Simulated answer") && ran.stdout.lines().count() == 1, "{ran}");
    ran.says("compiled").says("opening the store").says("node_succeeded");
}

#[test]
fn colours_follow_the_option() {
    let project = hello();
    let escapes = |args: &[&str]| project.run(args).stderr.contains('\u{1b}');
    assert!(!escapes(&["run", "hello.yaml", "--mock"]), "no terminal, no colours");
    assert!(escapes(&["run", "hello.yaml", "--mock", "--color", "always"]));
    assert!(!escapes(&["run", "hello.yaml", "--color", "never"]));
    let mut command = project.command(&["run", "hello.yaml"]);
    command.env("AGENTFLOW_COLOR", "always");
    assert!(project.ran(command).stderr.contains('\u{1b}'), "the variable mirrors the option");
}

#[test]
fn the_environment_mirrors_the_global_options() {
    let project = hello();
    let mut command = project.command(&["run", "hello.yaml", "--mock"]);
    command.env("AGENTFLOW_STORE", "sqlite:elsewhere.db").env("AGENTFLOW_QUIET", "1");
    let ran = project.ran(command);
    ran.exit(0);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    assert!(project.path("elsewhere.db").is_file() && !project.path(".agentflow").exists());
}

#[test]
fn a_reader_that_goes_away_ends_neither_the_run_nor_the_program() {
    for form in ["text", "json", "jsonl"] {
        let project = Project::new().with("chain.yaml", CHAIN);
        let args = ["run", "chain.yaml", "--mock", "--mock-latency", "50ms", "--output", form];
        let mut child = project.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{form}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(project.last_status(), "succeeded");
    }
}

#[test]
fn a_full_disk_at_the_other_end_is_an_error_but_the_run_is_kept() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for form in ["text", "json", "jsonl"] {
        let project = hello();
        let mut command = project.command(&["run", "hello.yaml", "--mock", "--output", form]);
        command.stdout(full()).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{form}: {stderr}");
        assert!(stderr.contains("cannot write to standard output"), "{stderr}");
        assert_eq!(project.last_status(), "succeeded");
    }
}

#[test]
fn a_standard_error_that_is_full_or_closed_does_not_matter() {
    let project = hello();
    let mut command = project.command(&["run", "hello.yaml", "--mock"]);
    command.stderr(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let ran = project.ran(command);
    ran.exit(0).prints("Simulated answer");
    // The log goes there, too, while the run goes on.
    let args = ["run", "hello.yaml", "--mock", "--mock-latency", "50ms", "-vv"];
    let mut command = project.command(&args);
    command.stderr(OpenOptions::new().write(true).open("/dev/full").unwrap());
    project.ran(command).exit(0).prints("Simulated answer");
    let mut child = project.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(project.last_status(), "succeeded");
}

#[test]
fn what_a_model_says_reaches_a_pipe_as_it_is() {
    let manifest = "[providers.mock]\nanswers = { greet = [\"a\\u001b[31mb\"] }\n";
    let ran = hello().with("agents.toml", manifest).run(&["run", "hello.yaml", "--mock"]);
    assert_eq!(ran.stdout, "a\u{1b}[31mb\n");
}

#[test]
fn what_a_server_says_reaches_the_terminal_without_escapes() {
    let manifest = "[providers.mock]\nanswers = { greet = [{ error = { status = 400, message = \"\\u001b]0;title\\u0007\\u001b[2Jgone\" } }] }\n";
    let ran = hello().with("agents.toml", manifest).run(&["run", "hello.yaml", "--mock"]);
    ran.exit(1).says("gone");
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stderr.contains('\u{7}'), "{ran}");
}

#[test]
fn a_dry_run_tells_the_plan_and_runs_nothing() {
    let project = Project::new().with(
        "flow.yaml",
        "\
name: flow
inputs: { topics: { type: array, items: { type: string }, default: [a, b] } }
limits: { max_cost_usd: 0.5 }
agents:
  writer: { model: openai/gpt-5-mini }
  local: { model: ollama/qwen3:8b, capabilities: [judging] }
nodes:
  draft: { map: inputs.topics, as: topic, agent: writer, prompt: 'Write about {{ topic }}' }
  judge:
    agent: { capability: judging }
    prompt: 'Judge {{ draft }}'
    output: { kind: good | bad }
    route: { on: judge.kind, cases: { good: publish, bad: again } }
  again: { agent: writer, prompt: Again, loop: { max: 4, until: loop.iteration > 2 } }
  publish: { value: '{{ draft }}' }
outputs: { text: '{{ publish | default(again) }}' }
",
    );
    let ran = project.run(&["run", "flow.yaml", "--dry-run"]);
    ran.exit(0);
    insta::assert_snapshot!(ran);
    assert!(!project.path(".agentflow").exists());
    let json = project.run(&["run", "flow.yaml", "--dry-run", "--output", "json"]).json();
    assert_eq!(json["calls"]["least"], 3);
    assert_eq!(json["unpriced"], serde_json::json!(["ollama/qwen3:8b"]));
    project.run(&["run", "flow.yaml", "--dry-run", "--mock"]).exit(0).prints("answers are simulated");
}

#[test]
fn a_workflow_may_come_from_standard_input() {
    let project = Project::new();
    let ran = project.run_with_stdin(&["run", "-", "--mock", "-q"], HELLO);
    ran.exit(0).prints("Simulated answer");
    project.run(&["resume", "last"]).exit(0).prints("Simulated answer");
}

#[test]
fn another_model_may_be_named_for_a_run() {
    let project = hello();
    project.run(&["run", "hello.yaml", "--mock", "--model", "writer=ollama/qwen3:8b"]).exit(0);
    let shown = project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!(shown["nodes"][0]["model"], "ollama/qwen3:8b");
    project.run(&["run", "hello.yaml", "--mock", "--model", "riter=ollama/qwen3:8b"]).exit(2).says("riter");
}
