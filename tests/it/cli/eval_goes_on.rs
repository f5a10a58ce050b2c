//! An eval that is killed, interrupted or out of money goes on, and asks nothing again that is recorded. The server's log is the oracle.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    eval::{asked, project, says},
    project::Project,
};
use crate::fault_server::FaultServer;

/// One row after the other, each judged.
const EVAL: [&str; 10] = [
    "eval",
    "sort.yaml",
    "--data",
    "rows.jsonl",
    "--score",
    "exact:kind",
    "--score",
    "tone=judge:kind:critic:RUBRIC",
    "--concurrency",
    "1",
];

fn scenario(third: &Value) -> Value {
    let judge = says("RUBRIC", r#"{"reason": "fine", "score": 1}"#);
    json!([judge, says("Sort: [[one]]", "bug"), says("Sort: [[two]]", "question"), third, says("Sort: [[three]]", "bug")])
}

fn asked_for_each(server: &FaultServer) -> [usize; 4] {
    ["Sort: [[one]]", "Sort: [[two]]", "Sort: [[three]]", "RUBRIC"].map(|part| asked(server, part))
}

fn is_whole(project: &Project, args: &[&str]) -> Value {
    let report = project.run(&[args, &["--format", "json"]].concat()).json();
    assert_eq!((&report["complete"], &report["variants"][0]["runs"]), (&json!(true), &json!(3)), "{report:#}");
    assert_eq!(report["variants"][0]["scorers"][0]["mean"], 1.0);
    report
}

#[test]
fn after_a_kill_only_what_was_in_flight_is_asked_again() {
    let server = FaultServer::start(&scenario(&json!({"match": "Sort: [[three]]", "times": 1, "reply": "hang"})));
    let project = project(&server);
    let started = project.start(&EVAL, "2/3  b");
    // The third row has been asked when the server has written it down.
    while asked(&server, "Sort: [[three]]") == 0 {
        std::thread::yield_now();
    }
    started.signal(Signal::KILL);
    started.end();
    let before = project.run_ids().len();
    let report = is_whole(&project, &["eval", "--resume", "last"]);
    assert_eq!(asked_for_each(&server), [1, 1, 2, 3]);
    assert_eq!(project.run_ids().len(), before + 1, "the run that was begun goes on; only its judge is new");
    assert_eq!(report["variants"][0]["latency"]["runs"], 2, "a run that stood still says nothing of how long runs take");
    // What is whole is shown again, and costs nothing.
    let id = report["id"].as_str().unwrap();
    assert_eq!(is_whole(&project, &["eval", "--resume", id])["results"], report["results"]);
    assert_eq!(asked_for_each(&server), [1, 1, 2, 3]);
}

#[test]
fn a_signal_lets_what_is_in_flight_come_to_its_end() {
    let slow = json!({"match": "Sort: [[two]]", "times": 1, "text": "question", "reply": {"ok": {"delay_ms": 700}}});
    let server = FaultServer::start(&json!([
        says("RUBRIC", r#"{"reason": "fine", "score": 1}"#),
        says("Sort: [[one]]", "bug"),
        slow,
        says("Sort: [[two]]", "question"),
        says("Sort: [[three]]", "bug"),
    ]));
    let project = project(&server);
    let started = project.start(&EVAL, "1/3  a");
    while asked(&server, "Sort: [[two]]") == 0 {
        std::thread::yield_now();
    }
    started.signal(Signal::INT);
    let ended = started.end();
    ended.exit(130).says("it was interrupted; go on with: agentflow eval --resume ").prints("INCOMPLETE");
    is_whole(&project, &["eval", "--resume", "last"]);
    assert_eq!(asked_for_each(&server), [1, 1, 1, 3]);
}

#[test]
fn no_row_is_begun_when_the_money_is_spent() {
    let server = FaultServer::start(&scenario(&says("nothing", "")));
    let project = project(&server);
    let spent = project.run(&[&EVAL[..], &["--max-cost", "0.001"]].concat());
    spent.exit(7).prints("INCOMPLETE").says("2 of 3 runs are left: the budget is spent; go on with: agentflow eval --resume");
    assert_eq!(asked_for_each(&server), [1, 0, 0, 1]);
    project.run(&["eval", "--resume", "last"]).exit(7);
    assert_eq!(asked_for_each(&server), [1, 0, 0, 1], "what is recorded counts as spent");
    is_whole(&project, &["eval", "--resume", "last", "--max-cost", "1000"]);
    assert_eq!(asked_for_each(&server), [1, 1, 1, 3]);
}

#[test]
fn an_eval_that_would_not_be_the_same_does_not_go_on() {
    let server = FaultServer::start(&scenario(&says("nothing", "")));
    let project = project(&server);
    project.run(&["eval", "--resume", "last"]).exit(2).says("there is no eval yet");
    project.run(&[&EVAL[..], &["--max-cost", "0.001", "-q"]].concat()).exit(7);
    project.run(&["eval", "--resume", "ffff"]).exit(2).says("there is no eval `ffff`");
    let rows = std::fs::read_to_string(project.path("rows.jsonl")).unwrap();
    std::fs::write(project.path("rows.jsonl"), format!("{rows}\n")).unwrap();
    project.run(&["eval", "--resume", "last"]).exit(4).says("the data set `rows.jsonl` has changed since eval");
    std::fs::write(project.path("rows.jsonl"), rows).unwrap();
    let workflow = std::fs::read_to_string(project.path("sort.yaml")).unwrap();
    std::fs::write(project.path("sort.yaml"), workflow.replace("Sort:", "Please sort:")).unwrap();
    project.run(&["eval", "--resume", "last"]).exit(4).says("a file of variant `sort` has changed since eval");
    project.run(&["eval", "--resume", "last", "--limit", "1"]).exit(2);
    assert_eq!(asked_for_each(&server), [1, 0, 0, 1]);
}
