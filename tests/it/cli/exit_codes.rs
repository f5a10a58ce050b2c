//! One test per exit code that this version can give. The mapping as a whole is tested beside its code.

use rustix::process::Signal;

use super::project::{CHAIN, HELLO, Project};

/// A manifest whose mock provider fails in node `greet` and never anywhere else.
const REFUSING: &str = "[providers.mock]\nanswers = { greet = [{ error = { status = 400, message = \"no such thing\" } }] }\n";

#[test]
fn zero_for_a_run_that_succeeded() {
    Project::new().with("hello.yaml", HELLO).run(&["run", "hello.yaml", "--mock"]).exit(0);
}

#[test]
fn one_for_a_run_with_a_failed_node() {
    let project = Project::new().with("hello.yaml", HELLO).with("agents.toml", REFUSING);
    let ran = project.run(&["run", "hello.yaml", "--mock"]);
    ran.exit(1).prints_nothing();
    insta::assert_snapshot!(ran);
    assert_eq!(project.last_status(), "failed");
}

#[test]
fn zero_when_the_workflow_says_that_it_goes_on() {
    let lenient = HELLO.replace("prompt:", "on_error: { use: nothing }, prompt:");
    let project = Project::new().with("hello.yaml", lenient).with("agents.toml", REFUSING);
    let ran = project.run(&["run", "hello.yaml", "--mock"]);
    ran.exit(0);
    assert_eq!(ran.stdout, "nothing\n");
}

#[test]
fn two_for_wrong_usage() {
    Project::new().run(&["run"]).exit(2).says("<WORKFLOW>");
    Project::new().run(&["run", "x.yaml", "--mock-seed", "1"]).exit(2).says("--mock");
    Project::new().run(&["run", "x.yaml", "--mock", "--mock-latency", "soon"]).exit(2).says("soon");
    Project::new().run(&["run", "x.yaml", "-i", "novalue"]).exit(2).says("KEY=VALUE");
    Project::new().run(&["run", "x.yaml", "--model", "writer"]).exit(2).says("PROVIDER/MODEL");
}

#[test]
fn two_for_a_workflow_with_errors() {
    let project = Project::new().with("bad.yaml", "nodes:\n  a: { value: '{{ nope }}' }\n");
    let ran = project.run(&["run", "bad.yaml", "--mock"]);
    ran.exit(2).says("AF022").prints_nothing();
    assert!(!project.path(".agentflow").exists(), "nothing was started");
}

#[test]
fn two_for_a_model_that_cannot_be_asked() {
    let project = Project::new().with("hello.yaml", HELLO);
    let ran = project.run(&["run", "hello.yaml"]);
    ran.exit(2);
    insta::assert_snapshot!(ran);
    assert!(!project.path(".agentflow").exists(), "nothing was started");
}

#[test]
fn two_for_an_agent_without_a_model() {
    let project = Project::new().with("hello.yaml", HELLO.replace("model: openai/gpt-5-mini, ", ""));
    let ran = project.run(&["run", "hello.yaml"]);
    ran.exit(2);
    insta::assert_snapshot!(ran);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
}

#[test]
fn four_for_a_store_of_a_newer_version() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    let file = rusqlite::Connection::open(project.path(".agentflow/agentflow.db")).unwrap();
    file.pragma_update(None, "user_version", 999).unwrap();
    drop(file);
    for args in [&["run", "hello.yaml", "--mock"][..], &["runs", "list"], &["resume", "last"]] {
        project.run(args).exit(4).says("has version 999").prints_nothing();
    }
}

#[test]
fn four_for_a_log_that_was_changed() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    let file = rusqlite::Connection::open(project.path(".agentflow/agentflow.db")).unwrap();
    let changed = file.execute("UPDATE records SET body = replace(body, 'greet', 'groet') WHERE seq = 1", []).unwrap();
    assert_eq!(changed, 1);
    drop(file);
    project.run(&["resume", "last"]).exit(4).says("record 1").prints_nothing();
    project.run(&["runs", "show", "last"]).exit(4).says("record 1");
}

#[test]
fn five_while_another_process_runs_the_run() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let started = project.start(&["run", "chain.yaml", "--mock", "--mock-latency", "60s"], "first: started");
    project.run(&["resume", "last"]).exit(5).says("process").prints_nothing();
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
}

#[test]
fn seven_when_a_budget_is_spent() {
    let limited = format!("limits: {{ max_tokens: 5 }}\n{CHAIN}");
    let project = Project::new().with("chain.yaml", limited);
    project.run(&["run", "chain.yaml", "--mock"]).exit(7).says("max_tokens").prints_nothing();
}

#[test]
fn seventy_five_when_the_store_cannot_be_used() {
    let project = Project::new().with("hello.yaml", HELLO).with("file", "");
    let ran = project.run(&["run", "hello.yaml", "--mock", "--store", "sqlite:file/state.db"]);
    ran.exit(75).prints_nothing();
    project.run(&["run", "hello.yaml", "--mock", "--store", "sqlite:/proc/agentflow/state.db"]).exit(75);
    project.run(&["run", "hello.yaml", "--mock", "--store", "sqlite:/dev/full/state.db"]).exit(75);
}

#[test]
fn a_hundred_and_thirty_after_an_interrupt_and_the_run_goes_on_later() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let mut started = project.start(&["run", "chain.yaml", "--mock", "--mock-latency", "700ms"], "first: started");
    started.signal(Signal::INT);
    started.wait_for("stopping");
    let ran = started.end();
    ran.exit(130).says("agentflow resume").prints_nothing();
    assert_eq!(project.last_status(), "interrupted");
    let resumed = project.run(&["resume", "last"]);
    resumed.exit(0).prints("Simulated answer");
    // The call that was in flight at the signal was let come to its end, and is not made again.
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    let calls = events.as_array().unwrap().iter().filter(|event| event["type"] == "model_responded").count();
    assert_eq!(calls, 2, "{events:#}");
}

#[test]
fn a_hundred_and_forty_three_after_a_termination_and_the_second_signal_ends_at_once() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let mut started = project.start(&["run", "chain.yaml", "--mock", "--mock-latency", "600s"], "first: started");
    started.signal(Signal::TERM);
    started.wait_for("stopping");
    started.signal(Signal::TERM);
    started.end().exit(143).says("agentflow resume");
}
