//! `agentflow resume`: a run goes on where its log ends, with what it began with.

use rustix::process::Signal;

use super::project::{CHAIN, HELLO, Project};

#[test]
fn a_killed_run_is_finished_without_repeating_a_recorded_call() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let started =
        project.start(&["run", "chain.yaml", "--mock", "--mock-latency", "400ms", "--mock-seed", "3"], "first: succeeded");
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
    assert_eq!(project.last_status(), "interrupted");
    // What the run needs is stored with it.
    std::fs::remove_file(project.path("chain.yaml")).unwrap();
    let resumed = project.run(&["resume", "last"]);
    resumed.exit(0).says("SIMULATED").prints("Simulated answer of `writer` for `second`").says("simulated + 1 call lost");
    let shown = project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!((&shown["calls"], &shown["lost_calls"]), (&2.into(), &1.into()), "{shown:#}");
    assert_eq!((&shown["nodes"][0]["lost_calls"], &shown["nodes"][1]["lost_calls"]), (&serde_json::Value::Null, &1.into()));
    project.run(&["runs", "show", "last"]).exit(0).prints("simulated + 1 call lost");
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    assert_eq!(project.asked(), ["first", "second"]);
    assert!(events.as_array().unwrap().iter().any(|event| event["type"] == "run_resumed"));
}

#[test]
fn a_run_that_has_ended_gives_its_outputs_again() {
    let project = Project::new().with("hello.yaml", HELLO);
    let first = project.run(&["run", "hello.yaml", "--mock"]);
    let again = project.run(&["resume", "last"]);
    again.exit(0).says("has ended already");
    assert_eq!(first.stdout, again.stdout);
    let json = project.run(&["resume", "last", "--output", "json"]);
    assert_eq!(json.json()["greeting"].as_str().unwrap().to_owned() + "\n", first.stdout);
}

#[test]
fn a_run_that_has_failed_stays_failed() {
    let project = Project::new()
        .with("hello.yaml", HELLO)
        .with("agents.toml", "[providers.mock]\nanswers = { greet = [{ error = { status = 400 } }] }\n");
    project.run(&["run", "hello.yaml", "--mock"]).exit(1);
    project.run(&["resume", "last"]).exit(1).says("greet").prints_nothing();
}

#[test]
fn a_run_that_is_not_there_is_told() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    project.run(&["resume", "ffffffff"]).exit(2).says("there is no run `ffffffff`").prints_nothing();
    project.run(&["resume", "last", "--store", "sqlite:none.db"]).exit(2).says("sqlite:none.db").prints_nothing();
}

#[test]
fn the_command_to_go_on_names_the_store_where_it_would_not_be_found() {
    let project = Project::new().with("sub/chain.yaml", CHAIN);
    let mut started = project.start(&["run", "sub/chain.yaml", "--mock", "--mock-latency", "600s"], "first: started");
    started.signal(Signal::INT);
    started.wait_for("stopping");
    started.signal(Signal::INT);
    let ran = started.end();
    ran.exit(130).says("--store sqlite:sub/.agentflow/agentflow.db");
}

#[test]
fn a_run_that_has_ended_needs_no_key_to_be_looked_at() {
    let never = HELLO.replace("{ agent: writer,", "{ agent: writer, when: 'inputs.name == \"nobody\"',");
    let project = Project::new().with("hello.yaml", never.replace("'{{ greet }}'", "'{{ greet | default(\"silence\") }}'"));
    let mut command = project.command(&["run", "hello.yaml"]);
    command.env("OPENAI_API_KEY", "a-key");
    let ran = project.ran(command);
    ran.exit(0);
    assert_eq!(ran.stdout, "silence\n");
    project.run(&["resume", "last"]).exit(0).prints("silence");
    project.run(&["run", "hello.yaml"]).exit(2).says("OPENAI_API_KEY");
}

#[test]
fn a_run_goes_on_from_another_folder_with_its_manifest() {
    let project = Project::new()
        .with("sub/chain.yaml", CHAIN.replace("agents:\n  writer: { model: openai/gpt-5-mini }\n", ""))
        .with("sub/agents.toml", "[agents.writer]\nmodel = \"openai/gpt-5-mini\"\n");
    let started = project.start(&["run", "sub/chain.yaml", "--mock", "--mock-latency", "400ms"], "first: succeeded");
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
    let mut command = project.command(&["resume", "last"]);
    command.current_dir(project.path("sub"));
    project.ran(command).exit(0).prints("Simulated answer of `writer` for `second`");
}
