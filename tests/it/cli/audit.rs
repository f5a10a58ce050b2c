//! `agentflow audit`: what agents did with tools is listed, shown, exported, and verified to the byte.

use std::{sync::Arc, time::Duration};

use agentflow::{
    Error, ErrorKind,
    agent::result_digest,
    engine::read_run,
    model::{
        Access, Approval, ApprovalRequest, Decision, Effect, EventBody, NodePath, Question, QuestionKind, RunId, StepId,
        ToolDenial, ToolIntent, ToolOutcome, ToolResult, Value,
    },
    store::{self, Digest, Record, Store, StreamId, Synchronous, this_process},
};
use serde_json::json;

use super::project::{HELLO, Project, redact};

/// The node of `HELLO`, whose agent calls tools here.
fn node() -> NodePath {
    NodePath::new("greet")
}

fn step(index: u32) -> StepId {
    StepId { turn: 0, index }
}

fn called(index: u32, tool: &str, effect: Effect, access: Access, rule: &str) -> ToolIntent {
    ToolIntent {
        step: step(index),
        tool: tool.to_owned(),
        arguments: json!({"for": tool, "hidden": "\u{1b}[2J\u{202e}"}),
        fingerprint: format!("f{index}"),
        effect,
        key: format!("af1-{index}"),
        accesses: vec![access],
        rules: vec![rule.parse().unwrap()],
        approved: false,
    }
}

fn returned(index: u32, tool: &str, outcome: ToolOutcome) -> EventBody {
    let digest = result_digest(&outcome);
    let duration_ms = if matches!(outcome, ToolOutcome::Output(_)) { 250 } else { 0 };
    let result = ToolResult {
        spend: agentflow::model::Spend::default(),
        step: step(index),
        tool: tool.to_owned(),
        fingerprint: format!("f{index}"),
        outcome,
        notes: Vec::new(),
        digest,
        untrusted: true,
        cached: false,
        duration_ms,
    };
    EventBody::ToolReturned { node: node(), attempt: 1, result }
}

fn failed(message: &str) -> ToolOutcome {
    let error = Error::new(ErrorKind::Denied, message).hint("ask who keeps the policy");
    ToolOutcome::Failed { told: error.message().to_owned(), error: error.to_record() }
}

fn asked(index: u32, tool: &str) -> EventBody {
    let question = Question {
        kind: QuestionKind::Permission,
        tool: tool.to_owned(),
        arguments: json!({"for": tool}),
        effect: Effect::Write,
        accesses: vec![Access::Write { path: "out/report.md".to_owned() }],
        reason: "the policy asks about `fs:write:**`".to_owned(),
        gate: None,
    };
    let request = ApprovalRequest { step: step(index), fingerprint: format!("f{index}"), question };
    EventBody::ApprovalRequested { node: node(), attempt: 1, request }
}

fn answered(index: u32, decision: Decision, by: &str, comment: &str) -> EventBody {
    let approval = Approval {
        step: step(index),
        fingerprint: format!("f{index}"),
        decision,
        option: None,
        form: None,
        by: by.to_owned(),
        comment: Some(comment.to_owned()),
    };
    EventBody::ApprovalGiven { node: node(), attempt: 1, approval }
}

/// An agent that fetches, is denied a program, is approved one file and rejected another.
fn story() -> Vec<EventBody> {
    let host = Access::Net { secure: true, host: "docs.example.com".to_owned(), port: 443 };
    let file = Access::Write { path: "out/report.md".to_owned() };
    let fetch = called(0, "web_fetch", Effect::Read, host, "net:*.example.com");
    let write = ToolIntent { approved: true, ..called(2, "write_file", Effect::Write, file, "fs:write:**") };
    let denial = ToolDenial {
        step: step(1),
        tool: "command".to_owned(),
        arguments: json!({"argv": ["rm", "-rf", "/"]}),
        error: Error::new(ErrorKind::Denied, "`run:rm` is not permitted").to_record(),
    };
    let event = |call| EventBody::ToolCalled { node: node(), attempt: 1, call };
    vec![
        event(fetch),
        returned(0, "web_fetch", ToolOutcome::Output(json!({"page": "=1+1 \u{9b}2J", "size": 0.1}))),
        EventBody::ToolDenied { node: node(), attempt: 1, denial },
        returned(1, "command", failed("`run:rm` is not permitted")),
        asked(2, "write_file"),
        answered(2, Decision::Approve, "alice", "=fine, \"once\"\nonly"),
        event(write),
        returned(2, "write_file", ToolOutcome::Output(json!("written"))),
        asked(3, "edit_file"),
        answered(3, Decision::Reject, "bob", "not that one"),
        returned(3, "edit_file", failed("a person did not approve this call: not that one")),
    ]
}

/// A run like the last one of the project, in which the node does besides what the story tells, as far as it comes.
async fn keep(project: &Project, told: Vec<EventBody>, ends: bool) -> RunId {
    let url = format!("sqlite:{}", project.path(".agentflow/agentflow.db").display());
    let store: Arc<dyn Store> = store::open(&url, Synchronous::Full).await.unwrap();
    let plain: RunId = project.run_ids().last().unwrap().parse().unwrap();
    let events = read_run(&store, plain).await.unwrap().events;
    let (before, after): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| !matches!(event.body.kind(), "node_succeeded" | "run_finished"));
    let at = before.last().unwrap().at;
    let after = after.into_iter().filter(|_| ends);
    let run = RunId::generate();
    let bodies = before.into_iter().map(|event| event.body).chain(told).chain(after.map(|event| event.body));
    let (stream, mut last) = (StreamId::run(run), Digest::ZERO);
    let (mut records, mut calls) = (Vec::new(), 0);
    for (seq, mut body) in (0..).zip(bodies) {
        match &mut body {
            EventBody::RunCreated { run: named, .. } => *named = run,
            EventBody::ToolCalled { .. } => calls += 1,
            EventBody::RunFinished { spend, .. } => spend.tool_calls = calls,
            _ => {}
        }
        let text = serde_json::to_string(&body).unwrap();
        let record = Record::seal(last, &stream, seq, at, body.kind(), EventBody::VERSION, text);
        last = record.hash;
        records.push(record);
    }
    let epoch = store.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
    store.append(&stream, epoch, 0, &records).await.unwrap();
    run
}

/// A project with a run without tools and one that tells the story.
async fn project() -> (Project, RunId) {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    let run = keep(&project, story(), true).await;
    (project, run)
}

fn json_of(project: &Project, args: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = ["audit", "list", "--format", "json"].iter().chain(args).copied().collect();
    project.run(&args).json().as_array().unwrap().clone()
}

fn decisions(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["decision"].as_str().unwrap()).collect()
}

/// Does something to the file of the store.
fn tamper(project: &Project, sql: &str) {
    let file = rusqlite::Connection::open(project.path(".agentflow/agentflow.db")).unwrap();
    assert!(file.execute(sql, []).unwrap() > 0, "{sql}");
}

/// Changes bytes in the file of the store, which is in one piece first.
pub(super) fn change_byte(project: &Project, from: &[u8], to: &[u8]) {
    let path = project.path(".agentflow/agentflow.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(file);
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert_eq!(places.len(), 1);
    bytes[places[0]..][..to.len()].copy_from_slice(to);
    std::fs::write(&path, bytes).unwrap();
}

/// The number of the event that a record of the story is about: its place in it.
fn seq(project: &Project, run: RunId, place: usize) -> u64 {
    json_of(project, &[&run.to_string()])[place]["id"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn records_are_listed_in_order_with_who_decided() {
    let (project, run) = project().await;
    let records = json_of(&project, &[]);
    let expected =
        ["allowed", "returned", "denied", "failed", "asked", "approved", "approved", "returned", "asked", "rejected", "failed"];
    assert_eq!(decisions(&records), expected);
    assert!(
        records.iter().all(|record| record["run"] == json!(run) && record["agent"] == "writer" && record["workflow"] == "hello")
    );
    assert_eq!((&records[6]["by"], &records[6]["effect"]), (&json!("alice"), &json!("write")));
    let text = project.run(&["audit", "list", "last"]);
    text.exit(0);
    assert!(!text.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text}");
    let stable: Vec<String> = text.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(redact(&stable.join("\n")));
}

#[tokio::test]
async fn filters_and_limits_choose_records() {
    let (project, run) = project().await;
    let count = |args: &[&str]| json_of(&project, args).len();
    let id = run.to_string();
    assert_eq!((count(&["--run", &id]), count(&["--run", &project.run_ids()[1]])), (11, 0));
    assert_eq!((count(&["--agent", "writer"]), count(&["--agent", "critic"])), (11, 0));
    assert_eq!((count(&["--tool", "*_file"]), count(&["--tool", "command", "--tool", "web_*"])), (7, 4));
    assert_eq!(decisions(&json_of(&project, &["--decision", "denied,rejected"])), ["denied", "rejected"]);
    assert_eq!((count(&["--since", "1h"]), count(&["--since", "2200-01-01"])), (11, 0));
    assert_eq!(decisions(&json_of(&project, &["-n", "2"])), ["rejected", "failed"]);
    assert_eq!(count(&["-n", "0"]), 11);
    project.run(&["audit", "list", "--decision", "maybe"]).exit(2).says("possible values");
    project.run(&["audit", "list", "--tool", "a b"]).exit(2).says("no name of a tool");
    project.run(&["audit", "list", "ffff"]).exit(2).says("there is no run `ffff`");
    project.run(&["audit", "list", "--agent", "critic"]).exit(0).says("there is no such record").prints_nothing();
}

#[tokio::test]
async fn one_record_is_shown_with_all_that_belongs_to_it() {
    let (project, run) = project().await;
    let write = seq(&project, run, 6);
    let shown = project.run(&["audit", "show", &format!("last:{write}")]);
    shown.exit(0);
    assert!(!shown.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{shown}");
    // What is hidden in an argument is written out.
    shown.prints(r"\u001b[2J\u202e");
    insta::assert_snapshot!(redact(&shown.stdout).replace(&shown.stdout[shown.stdout.find("hash").unwrap()..][10..74], "[hash]"));
    let answer = project.run(&["audit", "show", &format!("{run}:{}", seq(&project, run, 5)), "--format", "json"]).json();
    assert_eq!((&answer["decision"], &answer["call"]["decision"]), (&json!("approved"), &json!("asked")));
    assert_eq!(answer["result"]["outcome"]["output"], "written");
    let denied = project.run(&["audit", "show", &format!("{run}:{}", seq(&project, run, 2))]);
    denied.exit(0).prints("denied").prints("\"-rf\"").prints("hint: ").prints("`run:rm` is not permitted");
    let rejected = project.run(&["audit", "show", &format!("{run}:{}", seq(&project, run, 9))]);
    rejected.exit(0).prints("by        bob").prints("comment   not that one");
    assert!(!rejected.stdout.contains("permitted by"), "{rejected}");
    project.run(&["audit", "show", "last:0"]).exit(2).says("none that the audit is about");
    project.run(&["audit", "show", "last:999"]).exit(2).says("is not there");
    project.run(&["audit", "show", "last"]).exit(2).says("RUN:SEQ");
}

#[tokio::test]
async fn a_good_audit_is_verified_and_one_changed_byte_names_its_record() {
    let (project, run) = project().await;
    let good = project.run(&["audit", "verify", "--all"]);
    good.exit(0).says("2 runs, 0 bad");
    let json = project.run(&["audit", "verify", &run.to_string(), "--format", "json"]).json();
    assert_eq!((json[0]["ok"].as_bool(), json[0]["records"].as_u64()), (Some(true), Some(11)));
    good.prints(json[0]["hash"].as_str().unwrap());
    // Of who approved the call, one letter, in the file itself.
    let bad = seq(&project, run, 5);
    change_byte(&project, br#""by":"alice""#, br#""by":"alicf""#);
    project.run(&["audit", "verify", "--all"]).exit(4).prints(&format!("bad {run}:{bad}")).says("2 runs, 1 bad");
    // What comes before is still to be seen, and it is said that there was more.
    let listed = project.run(&["audit", "list", "last"]);
    listed.exit(4).prints("denied").says("is damaged");
    assert_eq!(listed.stdout.lines().count(), 1 + 5);
    project.run(&["audit", "export", "-o", "audit.jsonl"]).exit(4).says("wrote 5 records");
}

#[tokio::test]
async fn a_log_that_was_written_by_its_rules_and_cannot_be_true_is_found() {
    let (project, _) = project().await;
    let mut forged = story();
    // The whole chain is right, but the result is another than that of which the digest was made.
    let EventBody::ToolReturned { result, .. } = &mut forged[7] else { panic!("a result") };
    result.outcome = ToolOutcome::Output(json!("never written"));
    let run = keep(&project, forged, true).await;
    let ran = project.run(&["audit", "verify", "last"]);
    ran.exit(4).prints(&format!("bad {run}:{}", seq(&project, run, 7))).prints("digest");
    let mut unapproved = story();
    unapproved.remove(5);
    let run = keep(&project, unapproved, true).await;
    project
        .run(&["audit", "verify", "last"])
        .exit(4)
        .prints(&format!("bad {run}:{}", seq(&project, run, 5)))
        .prints("nobody approved");
    let mut uncalled = story();
    uncalled.remove(0);
    let run = keep(&project, uncalled, true).await;
    project
        .run(&["audit", "verify", "last"])
        .exit(4)
        .prints(&format!("bad {run}:{}", seq(&project, run, 0)))
        .prints("no record of that call");
}

#[tokio::test]
async fn what_was_cut_off_written_anew_or_removed_is_told_by_heads_that_were_kept() {
    let (project, run) = project().await;
    project.run(&["audit", "verify", "--all", "--head", "heads"]).exit(0).says("wrote 2 heads");
    let kept = std::fs::read_to_string(project.path("heads")).unwrap();
    assert!(kept.contains(&run.to_string()), "{kept}");
    project.run(&["audit", "verify", "--all", "--against", "heads"]).exit(0);
    // The end is cut off: the chain itself is whole.
    let events: u64 =
        kept.lines().find(|line| line.contains(&run.to_string())).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    tamper(&project, &format!("DELETE FROM records WHERE seq = {} AND stream = (SELECT max(number) FROM streams)", events - 1));
    project.run(&["audit", "verify", "--all"]).exit(0);
    let cut = project.run(&["audit", "verify", "--all", "--against", "heads"]);
    cut.exit(4).prints(&format!("bad {run}:{}", events - 1)).prints("cut off");
    // Heads that tell of it are not written over.
    project.run(&["audit", "verify", "--all", "--head", "heads"]).exit(4);
    assert_eq!(std::fs::read_to_string(project.path("heads")).unwrap(), kept);
    // Another history under the same id, with as many events.
    let other = project.run_ids()[1].clone();
    let hash = kept.lines().last().unwrap().split(' ').next_back().unwrap();
    std::fs::write(project.path("forged"), format!("{other} 2 {hash}\n")).unwrap();
    project.run(&["audit", "verify", &other, "--against", "forged"]).exit(4).prints(&format!("bad {other}:1")).prints("anew");
    project.run(&["runs", "rm", &run.to_string()]).exit(0);
    project.run(&["audit", "verify", "--all", "--against", "heads"]).exit(4).prints(&format!("bad {run}:0")).prints("gone");
    project.run(&["audit", "verify", "--all", "--against", "hello.yaml"]).exit(2).says("line 1 is no head");
    project.run(&["audit", "verify", "--all", "--against", "none"]).exit(2).says("cannot read the heads");
}

#[tokio::test]
async fn exports_hold_every_record() {
    let (project, _) = project().await;
    let listed = json_of(&project, &[]);
    let lines = project.run(&["audit", "export"]);
    lines.exit(0);
    let exported: Vec<Value> = lines.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported, listed);
    project.run(&["audit", "export", "--format", "csv", "-o", "audit.csv", "--decision", "approved"]).exit(0).prints_nothing();
    let csv = std::fs::read_to_string(project.path("audit.csv")).unwrap();
    assert!(csv.starts_with("id,at,run,workflow,node,attempt,agent,step,event,tool,effect,decision,accesses,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 1 + 2);
    // The comment would be a formula, has a quote, a comma and a line break.
    assert!(csv.contains(",alice,\"'=fine, \"\"once\"\"\nonly\","), "{csv}");
    project.run(&["audit", "export", "-o", "no/such/folder"]).exit(2).says("cannot write the records");
}

#[test]
fn where_there_is_no_store_there_is_no_audit_and_none_is_made() {
    let project = Project::new();
    project.run(&["audit", "list"]).exit(0).says("there is no such record").prints_nothing();
    assert_eq!(project.run(&["audit", "list", "--format", "json"]).json(), json!([]));
    project.run(&["audit", "export"]).exit(0).prints_nothing();
    assert_eq!(project.run(&["audit", "export", "--format", "csv"]).stdout.lines().count(), 1);
    project.run(&["audit", "verify", "--all"]).exit(0).says("0 runs");
    project.run(&["audit", "verify", "last"]).exit(2).says("there is no run yet");
    project.run(&["audit", "verify"]).exit(2).says("<RUNS>");
    project.run(&["audit", "show", "last:1"]).exit(2).says("there is no run yet");
    assert!(!project.path(".agentflow").exists(), "looking makes nothing");
}

#[tokio::test]
async fn a_run_is_shown_with_its_calls_of_tools_and_what_it_asks() {
    let (project, run) = project().await;
    let id = run.to_string();
    let shown = project.run(&["runs", "show", &id]);
    shown.exit(0).prints("TOOLS").prints("tools     2 calls");
    let plain = project.run(&["runs", "show", &project.run_ids()[1]]);
    assert!(!plain.stdout.contains("TOOLS"), "{plain}");
    assert_eq!(project.run(&["runs", "show", &id, "--format", "json"]).json()["nodes"][0]["tool_calls"], 2);
    // Two questions, one of which is answered: the run still waits.
    let paused = EventBody::AttemptPaused { node: node(), attempt: 1, until: None, held: false };
    let asking = vec![asked(0, "write_file"), asked(1, "edit_file"), paused, answered(0, Decision::Approve, "alice", "ok")];
    keep(&project, asking, false).await;
    let waiting = project.run(&["runs", "show", "last"]);
    waiting.exit(0).prints("waiting").prints("call 0.1: may `edit_file` be called?").prints("fs:write:out/report.md");
    assert!(!waiting.stdout.contains("may `write_file`"), "{waiting}");
    let json = project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!((&json["status"], &json["questions"][0]["question"]["tool"]), (&json!("waiting"), &json!("edit_file")));
}

#[tokio::test]
async fn events_of_calls_are_told_in_short() {
    let (project, _) = project().await;
    let mut long = story();
    let EventBody::ToolCalled { call, .. } = &mut long[0] else { panic!("a call") };
    call.arguments = json!({"text": "x".repeat(100_000)});
    keep(&project, long, true).await;
    let told = project.run(&["runs", "events", "last"]);
    let line = told.exit(0).stdout.lines().find(|line| line.contains("tool_called")).unwrap();
    assert!(line.contains("web_fetch (read): {\"text\":\"xxx") && line.len() < 300, "{line}");
}
