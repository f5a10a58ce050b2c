//! `agentflow runs`: what the store knows, and how runs are named.

use super::project::{CHAIN, HELLO, Project, redact};

fn two_runs() -> Project {
    let project = Project::new().with("hello.yaml", HELLO).with("chain.yaml", CHAIN);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    project.run(&["run", "chain.yaml", "--mock"]).exit(0);
    project
}

#[test]
fn runs_are_listed_newest_first() {
    let project = two_runs();
    let list = project.run(&["runs", "list"]);
    list.exit(0);
    let words: Vec<Vec<&str>> = list.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["RUN", "WORKFLOW", "STATUS", "STARTED", "TIME", "CALLS", "COST"]);
    assert_eq!((words[1][1], words[1][2]), ("chain", "succeeded"));
    assert_eq!((words[2][1], words[2][2]), ("hello", "succeeded"));
    assert_eq!(words.len(), 3);
    assert_eq!(project.run(&["runs", "list", "-n", "1"]).stdout.lines().count(), 2);
    let json = project.run(&["runs", "list", "--format", "json"]).json();
    assert_eq!(json[0]["workflow"], "chain");
    assert_eq!(json[0]["calls"], 2);
    assert!(json[0]["duration_ms"].is_u64() && json[0]["started_at"].is_string());
}

#[test]
fn an_empty_store_has_no_runs_and_none_is_made() {
    let project = Project::new();
    let ran = project.run(&["runs", "list"]);
    ran.exit(0).says("there is no run yet").prints_nothing();
    assert_eq!(project.run(&["runs", "list", "--format", "json"]).json(), serde_json::json!([]));
    project.run(&["runs", "show", "last"]).exit(2).says("there is no run yet");
    project.run(&["resume", "last"]).exit(2).says("there is no run");
    assert!(!project.path(".agentflow").exists(), "looking makes nothing");
}

#[test]
fn a_run_is_shown_with_its_nodes_and_outputs() {
    let project = two_runs();
    let ran = project.run(&["runs", "show", "last"]);
    ran.exit(0);
    let stable: Vec<String> = ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(redact(&stable.join("\n")));
    let json = project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!(json["nodes"][1]["node"], "second");
    assert_eq!(json["nodes"][1]["status"], "succeeded");
    assert!(json["id"].is_string() && json["outputs"]["text"].is_string());
}

#[test]
fn events_are_listed_in_order() {
    let project = two_runs();
    let text = project.run(&["runs", "events", "last"]);
    text.exit(0);
    let kinds: Vec<&str> = text.stdout.lines().skip(1).map(|line| line.split_whitespace().nth(3).unwrap()).collect();
    let json = project.run(&["runs", "events", "last", "--format", "json"]).json();
    let all: Vec<&str> = json.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, all);
    assert_eq!((all[0], all[all.len() - 1]), ("run_created", "run_finished"));
}

#[test]
fn a_run_is_named_by_its_id_a_beginning_of_it_or_last() {
    let project = two_runs();
    let ids = project.run_ids();
    // The ids of two runs have the time of their creation at the beginning, so a long part of them is the same.
    let common = ids[0].bytes().zip(ids[1].bytes()).take_while(|(one, other)| one == other).count();
    let unique = &ids[1][..=common];
    for name in [ids[1].as_str(), unique, &unique.to_uppercase()] {
        let shown = project.run(&["runs", "show", name, "--format", "json"]).json();
        assert_eq!(shown["id"].as_str(), Some(ids[1].as_str()), "{name}");
    }
    project.run(&["runs", "show", &ids[0][..4]]).exit(2).says("2 runs begin with").says(&ids[0]).says(&ids[1]);
    project.run(&["runs", "show", "ffff"]).exit(2).says("there is no run `ffff`").says("agentflow runs list");
    project.run(&["runs", "show", "no such run"]).exit(2).says("there is no run `no such run`");
}

#[test]
fn runs_are_removed_when_all_of_them_are_found() {
    let project = two_runs();
    let ids = project.run_ids();
    project.run(&["runs", "rm", &ids[0], "ffff"]).exit(2).says("there is no run `ffff`");
    assert_eq!(project.run_ids().len(), 2, "nothing was removed");
    project.run(&["runs", "rm", "last"]).exit(0).says(&format!("removed {}", ids[0])).prints_nothing();
    assert_eq!(project.run_ids(), [ids[1].clone()]);
}

#[test]
fn the_store_of_the_manifest_is_found_from_a_folder_below() {
    let project =
        Project::new().with("agents.toml", "[store]\nurl = \"sqlite:state/runs.db\"\n").with("deep/below/hello.yaml", HELLO);
    project.run(&["run", "deep/below/hello.yaml", "--mock"]).exit(0);
    assert!(project.path("state/runs.db").is_file());
    let mut command = project.command(&["runs", "list"]);
    command.current_dir(project.path("deep/below"));
    project.ran(command).exit(0).prints("hello");
}

#[test]
fn a_run_that_another_one_called_is_shown_with_it_and_listed_on_demand() {
    let pair = "
agents:
  writer: { tools: ['agent:critic'] }
  critic: { description: Judges texts. }
nodes: { write: { agent: writer, prompt: Write. } }
";
    let project = Project::new().with("pair.yaml", pair);
    project.run(&["run", "pair.yaml", "--mock"]).exit(0);
    assert_eq!(project.run(&["runs", "list", "--format", "json"]).json().as_array().unwrap().len(), 1);
    let all = project.run(&["runs", "list", "--all", "--format", "json"]).json();
    assert!(all.as_array().unwrap().iter().any(|run| run["workflow"] == "agent:critic"), "{all}");
    let shown = project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!((&shown["workflow"], &shown["called"][0]["tool"]), (&"pair".into(), &"agent:critic".into()));
    assert_eq!(shown["calls"], 3, "the call of the critic counts for its caller");
    let child = shown["called"][0]["run"].as_str().unwrap();
    let parent = project.run(&["runs", "show", child]);
    parent.exit(0);
    let line = format!("for run {}, `agent:critic` of node write", shown["id"].as_str().unwrap());
    let stable: Vec<String> = parent.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(stable.contains(&line), "{}", parent.stdout);
    project.run(&["runs", "verify", "--all"]).exit(0);
    project.run(&["resume", child]).exit(0).says("has ended already");
    project.run(&["fork", child, "--from", "answer"]).exit(2).says("name that run instead");
}
