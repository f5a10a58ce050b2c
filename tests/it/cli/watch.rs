//! `agentflow ps` and `agentflow runs watch`: another process looks at a run.

use rustix::process::Signal;

use super::project::{CHAIN, HELLO, Project};

const SLOW: [&str; 5] = ["run", "chain.yaml", "--mock", "--mock-latency", "700ms"];

#[test]
fn runs_under_way_are_listed_with_their_process_and_nodes() {
    let project = Project::new().with("chain.yaml", CHAIN).with("hello.yaml", HELLO);
    project.run(&["ps"]).exit(0).says("no run is under way").prints_nothing();
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    let run = ["run", "chain.yaml", "--mock", "--mock-latency", "600s"];
    let started = project.start(&run, "first: started");
    let live = project.run(&["ps", "--format", "json"]).json();
    let one = &live["runs"][0];
    assert_eq!(live["runs"].as_array().unwrap().len(), 1, "{live:#}");
    assert_eq!((&one["workflow"], &one["state"], &one["holder"]), (&"chain".into(), &"running".into(), &"alive".into()));
    assert_eq!((&one["nodes"], &one["owner"]["process"]), (&serde_json::json!(["first"]), &started.child.id().into()));
    started.signal(Signal::KILL);
    started.end();
    let live = project.run(&["ps", "--format", "json"]).json();
    assert_eq!((&live["runs"][0]["state"], &live["runs"][0]["holder"]), (&"interrupted".into(), &"gone".into()));
    project.run(&["ps"]).exit(0).prints("chain").prints("interrupted").prints("gone").prints("first");
}

#[test]
fn a_run_is_watched_to_its_end() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let started = project.start(&SLOW, "first: started");
    let watched = project.run(&["runs", "watch", "last"]);
    let ran = started.end();
    watched.exit(0).says("first: succeeded").says("second: succeeded").says("succeeded in ");
    assert_eq!(watched.stdout, ran.exit(0).stdout);
    // One that has ended is told as it was.
    let again = project.run(&["runs", "watch", "last", "--output", "jsonl"]);
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    let lines: Vec<serde_json::Value> = again.exit(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(serde_json::Value::Array(lines), events);
    let json = project.run(&["runs", "watch", "last", "--output", "json"]).json();
    assert_eq!(json["text"].as_str().unwrap().trim_end(), ran.stdout.trim_end());
}

#[test]
fn a_failed_run_gives_its_exit_code_to_who_watches_it() {
    let answers = "[providers.mock]\nanswers = { greet = [{ error = { status = 400 } }] }\n";
    let project = Project::new().with("hello.yaml", HELLO).with("agents.toml", answers);
    project.run(&["run", "hello.yaml", "--mock"]).exit(1);
    project.run(&["runs", "watch", "last"]).exit(1).says("node     greet").says("agentflow runs show ").prints_nothing();
    project.run(&["runs", "watch", "ffff"]).exit(2).says("there is no run `ffff`").prints_nothing();
    Project::new().run(&["runs", "watch", "last"]).exit(2).says("there is no run yet");
}

#[test]
fn an_interrupt_ends_only_the_view() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let started = project.start(&["run", "chain.yaml", "--mock", "--mock-latency", "3s"], "first: started");
    let watching = project.start(&["runs", "watch", "last"], "first: started");
    watching.signal(Signal::INT);
    watching.end().exit(130).says("goes on without being watched").prints_nothing();
    started.end().exit(0).says("second: succeeded");
}

#[test]
fn a_run_without_a_process_is_told_and_watched_on() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let started = project.start(&SLOW, "first: succeeded");
    started.signal(Signal::KILL);
    started.end();
    let watching = project.start(&["runs", "watch", "last"], "has ended; go on with: agentflow resume ");
    project.run(&["resume", "last"]).exit(0);
    watching.end().exit(0).says("second: succeeded").prints("Simulated answer of `writer` for `second`");
}
