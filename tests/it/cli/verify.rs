//! `runs verify` and `runs repair`: damage is found at its record, and what comes before it is saved.

use super::project::{CHAIN, HELLO, Project, redact};

fn two_runs() -> Project {
    let project = Project::new().with("hello.yaml", HELLO).with("chain.yaml", CHAIN);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    project.run(&["run", "chain.yaml", "--mock"]).exit(0);
    project
}

/// Does something to the file of the store.
fn tamper(project: &Project, sql: &str) {
    let file = rusqlite::Connection::open(project.path(".agentflow/agentflow.db")).unwrap();
    assert_eq!(file.execute(sql, []).unwrap(), 1, "{sql}");
}

/// The record of the newest run that holds the answer of `second`.
const SECOND_ANSWER: &str = "kind = 'model_responded' AND body ->> '$.node' = 'second'";

#[test]
fn whole_runs_are_told_with_their_events_and_hash() {
    let project = two_runs();
    let ids = project.run_ids();
    let ran = project.run(&["runs", "verify", "--all"]);
    ran.exit(0).prints(&ids[0]).prints(&ids[1]).says("2 runs, 0 damaged");
    let json = project.run(&["runs", "verify", &ids[0], "--format", "json"]).json();
    let events = project.run(&["runs", "events", &ids[0], "--format", "json"]).json();
    assert_eq!(json[0]["events"].as_u64(), Some(events.as_array().unwrap().len() as u64));
    assert_eq!((json[0]["ok"].as_bool(), json[0]["hash"].as_str().unwrap().len()), (Some(true), 64));
    project.run(&["runs", "verify"]).exit(2).says("<RUNS>");
    project.run(&["runs", "repair", "last"]).exit(2).says("nothing is wrong");
    Project::new().run(&["runs", "verify", "--all"]).exit(0).says("0 runs");
}

#[test]
fn a_changed_record_is_found_by_its_number_and_the_other_runs_are_looked_at_too() {
    let project = two_runs();
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    let is_answer = |event: &&serde_json::Value| event["type"] == "model_responded" && event["node"] == "second";
    let bad = events.as_array().unwrap().iter().find(is_answer).unwrap()["seq"].as_u64().unwrap();
    tamper(&project, &format!("UPDATE records SET body = replace(body, 'Simulated', 'Genuine') WHERE {SECOND_ANSWER}"));
    let ran = project.run(&["runs", "verify", "--all"]);
    ran.exit(4).prints("ok").prints(&format!("{bad} events good, bad from record {bad} on")).says("2 runs, 1 damaged");
    let json = project.run(&["runs", "verify", "--all", "--format", "json"]).json();
    assert_eq!((json[0]["ok"].as_bool(), json[1]["ok"].as_bool()), (Some(true), Some(false)));
    assert_eq!(json[1]["problem"]["record"].as_u64(), Some(bad));
    assert_eq!(json[1]["problem"]["lost"].as_u64(), Some(events.as_array().unwrap().len() as u64 - bad));
}

#[test]
fn the_good_part_of_a_damaged_run_is_saved_and_goes_on() {
    let project = two_runs();
    let damaged = project.run_ids()[0].clone();
    let before = project.run(&["resume", &damaged]).stdout;
    tamper(&project, &format!("UPDATE records SET body = replace(body, 'Simulated', 'Genuine') WHERE {SECOND_ANSWER}"));
    project.run(&["resume", &damaged]).exit(4).says("is damaged");
    let repaired = project.run(&["runs", "repair", &damaged]);
    repaired.exit(0).says("1 answer of models among them will be asked and paid for again");
    let new = repaired.stdout.trim();
    insta::assert_snapshot!(redact(&repaired.stderr));
    project.run(&["runs", "verify", new]).exit(0);
    let resumed = project.run(&["resume", new]);
    resumed.exit(0);
    assert_eq!(resumed.stdout, before);
    let shown = project.run(&["runs", "show", new, "--format", "json"]).json();
    assert_eq!((shown["calls"].as_u64(), shown["origin"]["kind"].as_str()), (Some(2), Some("repair")));
    project.run(&["runs", "show", new]).exit(0).prints("repaired");
    // The damaged run is as it was.
    project.run(&["runs", "verify", &damaged]).exit(4);
}

#[test]
fn records_that_are_missing_or_no_text_are_damage_too() {
    let missing = two_runs();
    tamper(&missing, &format!("DELETE FROM records WHERE {SECOND_ANSWER}"));
    missing.run(&["runs", "verify", "last"]).exit(4).prints("bad from record");
    missing.run(&["runs", "repair", "last"]).exit(0);
    let unreadable = two_runs();
    tamper(&unreadable, &format!("UPDATE records SET body = CAST(x'ff00' AS TEXT) WHERE {SECOND_ANSWER}"));
    let ran = unreadable.run(&["runs", "verify", "last", "--format", "json"]);
    ran.exit(4);
    assert!(ran.json()[0]["problem"]["lost"].as_u64().unwrap() > 1, "{ran}");
    unreadable.run(&["runs", "repair", "last"]).exit(0);
    unreadable.run(&["resume", "last"]).exit(0);
}

#[test]
fn a_run_whose_first_record_is_damaged_cannot_be_saved() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    tamper(&project, "UPDATE records SET body = replace(body, 'hello', 'hallo') WHERE kind = 'run_created'");
    project.run(&["runs", "verify", "last"]).exit(4).prints("0 events good, bad from record 0 on");
    project.run(&["runs", "repair", "last"]).exit(4).says("nothing of run").says("can be saved").prints_nothing();
    assert_eq!(project.run(&["runs", "verify", "--all"]).stdout.lines().count(), 1);
}
