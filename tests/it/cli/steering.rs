//! Two processes: one makes a run, the other pauses it, cancels it, or pauses, drains, terminates and sets its agents.

use std::process::Stdio;

use serde_json::{Value, json};

use super::project::{Project, Started};

/// What the run has to say before anybody acts.
const BEGUN: &str = "one: started";
/// How long a simulated answer takes: longer than it takes to be heard.
const SLOW: [&str; 5] = ["run", "flow.yaml", "--mock", "--mock-latency", "2s"];

const AGENTS: &str = "\
[agents.writer]
model = \"openai/gpt-5-mini\"
temperature = 0.5
capabilities = [\"work\"]

[agents.critic]
model = \"openai/gpt-5-mini\"
capabilities = [\"work\"]
";

const FLOW: &str = "\
nodes:
  one: { agent: writer, prompt: One }
  two: { agent: writer, prompt: 'Two {{ one }}' }
  other: { agent: critic, prompt: Other }
outputs:
  two: '{{ two }}'
";

fn project() -> Project {
    Project::new().with("agents.toml", AGENTS).with("flow.yaml", FLOW)
}

fn start(project: &Project) -> Started {
    project.start(&SLOW, BEGUN)
}

fn events(project: &Project) -> Vec<Value> {
    project.run(&["runs", "events", "last", "--format", "json"]).json().as_array().unwrap().clone()
}

fn kinds(project: &Project) -> Vec<String> {
    events(project).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_run_is_paused_by_another_process_and_gone_on_with() {
    let project = project();
    let mut run = start(&project);
    project.run(&["pause", "last"]).exit(0).says("is to pause: it begins nothing").prints_nothing();
    run.wait_for("the run is paused (by ");
    assert_eq!(project.run(&["ps", "--format", "json"]).json()["runs"][0]["state"], "paused");
    project.run(&["pause", "last"]).exit(0).says("is to pause already");
    let ran = run.end();
    ran.exit(3).says("is paused; go on with: agentflow resume ").prints_nothing();
    assert_eq!(project.last_status(), "paused");
    project.run(&["ps"]).exit(0).prints("paused").prints("gone");
    // Nobody works on it, and it is paused already.
    project.run(&["pause", "last"]).exit(0);
    project.run(&["resume", "last"]).exit(0).says("the run goes on (by ").prints("Simulated");
    let kinds = kinds(&project);
    let place = |kind: &str| kinds.iter().position(|other| other == kind).unwrap();
    assert!(place("run_paused") < place("run_resumed") && place("run_resumed") < place("run_continued"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "model_responded").count(), 3, "nothing is asked twice");
}

#[test]
fn a_resume_has_the_process_go_on_that_still_holds_the_run() {
    let project = project();
    let mut run = start(&project);
    project.run(&["pause", "last"]).exit(0);
    run.wait_for("the run is paused (by ");
    project.run(&["resume", "last"]).exit(0).says("goes on in process ").prints_nothing();
    run.end().exit(0).says("the run goes on (by ").prints("Simulated");
    assert!(!kinds(&project).contains(&"run_resumed".to_owned()));
}

#[test]
fn a_run_is_cancelled_by_another_process_with_what_it_has_in_flight() {
    let project = project();
    let run = project.start(&["run", "flow.yaml", "--mock", "--mock-latency", "600s"], BEGUN);
    project.run(&["cancel", "last"]).exit(0).says("is to be cancelled: process ").prints_nothing();
    run.end().exit(1).says("the run is cancelled (by ").prints_nothing();
    assert_eq!(project.last_status(), "cancelled");
    project.run(&["cancel", "last"]).exit(2).says("has been cancelled, and cannot be cancelled");
    project.run(&["pause", "last"]).exit(2).says("has been cancelled, and cannot be paused");
    project.run(&["runs", "show", "last"]).exit(0).prints("cancelled");
    project.run(&["resume", "last"]).exit(1);
}

#[test]
fn a_run_that_no_process_holds_is_cancelled_at_once_and_not_paused() {
    let project = project();
    let run = start(&project);
    run.signal(rustix::process::Signal::KILL);
    run.end();
    project.run(&["pause", "last"]).exit(2).says("no process works on run ").says("it is interrupted");
    project.run(&["cancel", "last"]).exit(0).says("is cancelled").prints_nothing();
    assert_eq!(project.last_status(), "cancelled");
    project.run(&["runs", "verify", "last"]).exit(0);
    let project = Project::new();
    project.run(&["pause", "last"]).exit(2).says("there is no run `last`").prints_nothing();
    project.run(&["cancel", "ffff"]).exit(2).says("there is no run `ffff`").prints_nothing();
}

#[test]
fn an_agent_is_paused_set_and_resumed_while_its_run_goes_on_and_the_events_tell_it_all() {
    let project = project();
    let mut run = start(&project);
    let watching = project.start(&["runs", "watch", "last"], BEGUN);
    project.run(&["agents", "pause", "writer"]).exit(0).says("agent writer is paused: it takes no further step").prints_nothing();
    run.wait_for("agent writer is paused (by ");
    project.run(&["agents", "pause", "writer"]).exit(0).says("is paused already");
    run.wait_for("other: succeeded");
    let live = project.run(&["ps", "--format", "json"]).json()["runs"][0].clone();
    assert_eq!((&live["state"], &live["held_agents"]), (&json!("running"), &json!({"writer": "paused"})), "{live:#}");
    project.run(&["ps"]).exit(0).prints("running (writer paused)");
    let set = ["agents", "set", "writer", "temperature=0.1", "max_concurrent=2", "model=openai/gpt-5"];
    project.run(&set).exit(0).says("agent writer is set to model=openai/gpt-5 temperature=0.1 max_concurrent=2");
    run.wait_for("agent writer is set to model=openai/gpt-5 temperature=0.1 max_concurrent=2 (by ");
    project.run(&["agents", "resume", "writer"]).exit(0).says("agent writer is active");
    run.end().exit(0).prints("Simulated");
    watching.end().exit(0).says("agent writer is paused (by ").says("agent writer is active (by ");
    let all = events(&project);
    let two = all.iter().rfind(|event| event["type"] == "model_responded").unwrap();
    assert_eq!((&two["node"], &two["model"]), (&"two".into(), &"openai/gpt-5".into()));
    assert_eq!(two["overrides"], json!({"model": "openai/gpt-5", "temperature": 0.1, "max_concurrent": 2}));
    let steered: Vec<_> = all.iter().filter(|event| event["agent"] == "writer" && event["by"].is_string()).collect();
    let told: Vec<_> = steered.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["agent_paused", "agent_changed", "agent_resumed"]);
    // It holds for later runs, is shown with its history, and is taken back.
    let shown = project.run(&["agents", "show", "writer", "--format", "json"]).json();
    assert_eq!((&shown["state"], &shown["overrides"]["temperature"]), (&"active".into(), &json!(0.1)));
    let history: Vec<_> = shown["history"].as_array().unwrap().iter().map(|entry| entry["change"].as_str().unwrap()).collect();
    assert_eq!(history, ["paused", "model=openai/gpt-5 temperature=0.1 max_concurrent=2", "resumed"]);
    project.run(&["agents", "show", "writer"]).exit(0).prints("set to").prints("changes").prints("resumed, by ");
    project.run(&["agents", "list"]).exit(0).prints("openai/gpt-5 (set)");
    project.run(&["agents", "reset", "writer", "model"]).exit(0).says("is set to temperature=0.1 max_concurrent=2");
    project.run(&["agents", "reset", "writer"]).exit(0).says("agent writer is as its author wrote it");
    project.run(&["agents", "reset", "writer"]).exit(0).says("as its author wrote it already");
}

#[test]
fn a_run_that_waits_for_a_paused_agent_ends_after_a_while_and_says_so() {
    let project = project();
    project.run(&["agents", "pause", "writer"]).exit(0);
    let mut command = project.command(&["run", "flow.yaml", "--mock"]);
    command.env("AGENTFLOW_HOLD_MS", "300");
    let ran = project.ran(command);
    ran.exit(3).says(
        "waits for agent writer, which is paused; let it go on with: agentflow agents resume writer, then: agentflow resume ",
    );
    assert_eq!(project.last_status(), "waiting");
    project.run(&["agents", "resume", "writer"]).exit(0);
    project.run(&["resume", "last"]).exit(0).prints("Simulated");
}

#[test]
fn a_terminated_agent_fails_its_nodes_and_is_chosen_last() {
    let project = project().with("choose.yaml", "nodes: { any: { agent: { capability: work }, prompt: Hi } }\n");
    let mut run = start(&project);
    project.run(&["agents", "terminate", "writer"]).exit(0).says("agent writer is terminated: nodes that ask it fail");
    run.wait_for("agent writer is terminated (by ");
    run.end().exit(1).says("agent `writer` was terminated by ").says("agentflow agents resume writer");
    let found = project.run(&["agents", "find", "--capability", "work", "--format", "json"]).json();
    let names: Vec<_> = found["agents"].as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["critic", "writer"]);
    project.run(&["agents", "resume", "writer"]).exit(0);
    project.run(&["agents", "terminate", "critic"]).exit(0);
    project.run(&["run", "choose.yaml", "--mock"]).exit(0);
    let why = events(&project).iter().find_map(|event| event["chosen"].as_str().map(str::to_owned)).unwrap();
    assert!(why.contains("the best that is not terminated of 2 agents"), "{why}");
}

#[test]
fn what_an_agent_does_at_the_moment_is_shown() {
    let project = project();
    let run = start(&project);
    project
        .run(&["agents", "drain", "writer", "critic"])
        .exit(0)
        .says("agent writer is draining: it goes on with what it has begun");
    let status = project.run(&["agents", "status", "--format", "json"]).json();
    assert_eq!(
        (&status[1]["name"], &status[1]["state"], &status[1]["under_way"]),
        (&"writer".into(), &"draining".into(), &json!(1))
    );
    assert_eq!(status[1]["changed"]["change"], "draining");
    project.run(&["agents", "status"]).exit(0).prints("UNDER WAY").prints("draining");
    project.run(&["agents", "resume", "writer", "critic"]).exit(0);
    run.end().exit(0);
    let status = project.run(&["agents", "status", "--format", "json"]).json();
    assert_eq!((&status[0]["state"], &status[0]["under_way"]), (&"active".into(), &json!(0)));
}

#[test]
fn what_cannot_be_done_to_an_agent_is_told_and_changes_nothing() {
    let project =
        project().with("own.yaml", "agents: { local: { model: mock/m } }\nnodes: { a: { agent: local, prompt: Hi } }\n");
    project.run(&["agents", "pause", "writr"]).exit(2).says("there is no agent `writr`").says("did you mean `writer`?");
    project.run(&["agents", "pause", "writer", "nobody"]).exit(2).says("there is no agent `nobody`");
    project.run(&["agents", "pause", "local"]).exit(2).says("--workflow FILE");
    project.run(&["agents", "pause", "local", "--workflow", "own.yaml"]).exit(0);
    for (setting, says) in [
        ("temprature=1", "did you mean `temperature`?"),
        ("temperature=hot", "write a number from 0 to 2"),
        ("temperature=2.5", "`temperature` cannot be 2.5"),
        ("max_concurrent=0", "`max_concurrent` cannot be 0"),
        ("max_concurrent=many", "write a whole number"),
        ("model=gpt-5", "`gpt-5` is no model"),
        ("model=opnai/gpt-5", "did you mean `openai/gpt-5`?"),
        ("tools=command", "what an agent may do is in the manifest only"),
        ("permissions=run:*", "what an agent may do is in the manifest only"),
        ("temperature", "write NAME=VALUE"),
    ] {
        project.run(&["agents", "set", "writer", setting]).exit(2).says(says).prints_nothing();
    }
    project.run(&["agents", "reset", "writer", "modell"]).exit(2).says("did you mean `model`?");
    let shown = project.run(&["agents", "show", "writer", "--format", "json"]).json();
    assert_eq!((&shown["state"], shown.get("history")), (&"active".into(), None));
}

#[test]
fn what_two_processes_do_at_once_is_both_done() {
    let project = project();
    project.run(&["agents", "pause", "writer"]).exit(0);
    let heats: Vec<String> = (1..7).map(|n| format!("temperature=1.{n}")).collect();
    let started: Vec<_> = (heats.iter())
        .map(|heat| {
            let mut command = project.command(&["agents", "set", "writer", heat]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut process in started {
        assert!(process.wait().unwrap().success());
    }
    let shown = project.run(&["agents", "show", "writer", "--format", "json"]).json();
    let mut changes: Vec<_> = shown["history"].as_array().unwrap().iter().map(|entry| entry["change"].clone()).collect();
    assert_eq!(changes.len(), 7, "{changes:?}");
    changes.sort_by_key(ToString::to_string);
    assert_eq!(changes[1..], heats.iter().map(|heat| json!(heat)).collect::<Vec<_>>());
}
