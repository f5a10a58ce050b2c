//! The project's workflows of agents that work together: who hears whom, who wins, who is asked again.

use serde_json::{Value, json};

use super::{flows::project_with, project::Project};

fn team(answers: &Value) -> Project {
    project_with(answers, None)
}

/// The events of the last run of this type.
fn events(project: &Project, kind: &str) -> Vec<Value> {
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    events.as_array().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
}

/// What a node gave in the last run.
#[track_caller]
fn output(project: &Project, node: &str) -> Value {
    let ended = events(project, "node_succeeded");
    ended.iter().find(|event| event["node"] == node).unwrap_or_else(|| panic!("no output of {node}: {ended:#?}"))["output"]
        .clone()
}

fn speech(point: &str) -> Value {
    json!({ "point": point, "grounds": ["a", "b"], "concedes": [format!("granted by {point}")], "answers": "" })
}

#[test]
fn in_a_debate_each_side_hears_the_other_and_the_judge_hears_both() {
    let judged = |decided: bool, question: &str| json!({ "decided": decided, "verdict": "against", "reasons": ["b holds"], "question": question });
    let project = team(&json!({
        "proponent": [speech("for 1"), speech("for 2")],
        "opponent": [speech("against 1"), speech("against 2")],
        "evaluator": [judged(false, "And the reports?"), judged(true, "")],
    }));
    let ran = project.run(&["run", "workflows/debate.yaml", "--output", "json"]);
    let outputs = ran.exit(0).json();
    assert_eq!(outputs["verdict"], "against");
    assert_eq!(outputs["conceded"], json!(["granted by for 2", "granted by against 2"]));

    let points = |node: &str| -> Vec<String> {
        let heard = output(&project, node);
        heard.as_array().unwrap().iter().map(|message| message["body"]["point"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((points("floor@1.heard_by_proponent"), points("floor@1.heard_by_opponent")), (vec![], vec![]));
    assert_eq!(points("floor@2.heard_by_proponent"), ["against 1"]);
    assert_eq!(points("floor@2.heard_by_opponent"), ["for 1"]);
    for round in [1, 2] {
        let mut heard = points(&format!("floor@{round}.hearing"));
        heard.sort_unstable();
        assert_eq!(heard, [format!("against {round}"), format!("for {round}")]);
    }
    let sent = events(&project, "message_sent");
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|event| event["deliveries"].as_array().unwrap().len() == 2), "{sent:#?}");
}

#[test]
fn an_author_revises_until_both_reviewers_accept() {
    let refused =
        json!({ "accepted": false, "problems": [{ "where": "line 1", "problem": "It is vague.", "fix": "Name a date." }] });
    let accepted = json!({ "accepted": true, "problems": [] });
    let project = team(&json!({
        "author": [{ "text": "one", "answers": [] }, { "text": "two", "answers": [] }, { "text": "three", "answers": ["A date is named."] }],
        "first-reviewer": [refused, accepted, accepted],
        "second-reviewer": [accepted, refused, accepted],
    }));
    let ran = project.run(&["run", "workflows/peer-review.yaml", "--output", "json"]);
    assert_eq!(ran.exit(0).json(), json!({ "text": "three", "accepted": true, "open_problems": [] }));
    let letters = output(&project, "rounds@2.letters");
    let mut said: Vec<_> =
        letters.as_array().unwrap().iter().map(|letter| (&letter["body"]["reviewer"], &letter["body"]["accepted"])).collect();
    said.sort_by_key(|(reviewer, _)| reviewer.as_str());
    assert_eq!(said, [(&json!("first"), &json!(false)), (&json!("second"), &json!(true))]);
    assert!(letters.as_array().unwrap().iter().all(|letter| letter["to"] == "author"), "the other reviewer cannot read it");
}

#[test]
fn a_review_without_agreement_ends_at_the_bound_and_says_what_is_open() {
    let refused = json!({ "accepted": false, "problems": [{ "where": "all", "problem": "No.", "fix": "Begin anew." }] });
    let project = team(&json!({
        "author": vec![json!({ "text": "same", "answers": [] }); 4],
        "first-reviewer": vec![refused; 4],
        "second-reviewer": vec![json!({ "accepted": true, "problems": [] }); 4],
    }));
    let outputs = project.run(&["run", "workflows/peer-review.yaml", "--output", "json"]).exit(0).json();
    assert_eq!((&outputs["accepted"], outputs["open_problems"].as_array().unwrap().len()), (&json!(false), 1));
    assert_eq!(events(&project, "message_sent").len(), 8, "two letters in each of four rounds");
}

/// What a bidder answers: first its bid, then its work.
fn bidder(able: bool, hours: u32, confidence: f64, works: &str) -> Value {
    json!([{ "able": able, "hours": hours, "confidence": confidence, "plan": "p" }, { "result": works, "left_to_do": [] }])
}

#[test]
fn an_auction_is_won_by_the_surest_of_the_cheapest_that_can_do_it() {
    let run = |swift: Value, thorough: Value, frugal: Value| {
        let project = team(&json!({ "swift": swift, "thorough": thorough, "frugal": frugal }));
        let outputs = project.run(&["run", "workflows/auction.yaml", "--output", "json"]).exit(0).json();
        assert_eq!(outputs["bids"].as_array().unwrap().len(), 3, "a task cried out once is heard by all: {outputs:#}");
        (outputs["winner"].clone(), outputs["result"].clone())
    };
    let cheapest = run(bidder(true, 5, 0.9, "s"), bidder(true, 4, 0.5, "t"), bidder(true, 6, 0.9, "f"));
    assert_eq!(cheapest, (json!("thorough"), json!("t")));
    let surest = run(bidder(true, 4, 0.6, "s"), bidder(true, 4, 0.5, "t"), bidder(true, 4, 0.9, "f"));
    assert_eq!(surest, (json!("frugal"), json!("f")));
    let able = run(bidder(true, 7, 0.1, "s"), bidder(false, 1, 1.0, "t"), bidder(true, 20, 1.0, "f"));
    assert_eq!(able, (json!("swift"), json!("s")), "one cannot, one takes too long");
    let nobody = run(bidder(false, 1, 0.9, "s"), bidder(true, 9, 0.9, "t"), bidder(true, 9, 0.9, "f"));
    assert_eq!(nobody.0, "nobody");
}

/// A manager who is content with the second version, and workers of whom the first one has something to tell. Each process begins anew with what
/// they answer.
fn handbook() -> Value {
    let part = |name: &str| json!({ "part": name, "brief": format!("Write {name}."), "must_have": ["dates"] });
    let merged =
        |complete: bool, text: &str| json!({ "complete": complete, "text": text, "send_back": [], "open_questions": [] });
    let split = json!({ "parts": [part("calls"), part("handover")] });
    let note = json!({ "to": "manager", "type": "note", "body": { "part": "calls", "note": "There is no second phone." } });
    let mut workers = vec![json!({ "tools": [{ "name": "send_message", "arguments": note }] })];
    workers.extend(vec![json!({ "text": "written", "open_questions": ["Who pays?"] }); 4]);
    json!({
        "manager": [split, merged(false, "one"), split, merged(true, "two")],
        "worker": workers,
    })
}

#[test]
fn a_manager_hands_out_takes_reports_and_a_person_pushes_back_and_approves() {
    let project = team(&handbook());
    project.run(&["run", "workflows/hierarchy.yaml"]).exit(3);
    let asked = project.run(&["approve", "last", "--format", "json"]);
    assert!(asked.exit(0).stdout.contains("push_back") && asked.stdout.contains("two"), "{asked}");
    let reports = output(&project, "delivery@1.making@2.reports");
    let mut parts: Vec<_> = reports.as_array().unwrap().iter().map(|report| report["body"]["part"].clone()).collect();
    parts.sort_by_key(|part| part.as_str().map(str::to_owned));
    assert_eq!(parts, ["calls", "handover"]);
    let notes: Vec<_> = events(&project, "message_sent").into_iter().filter(|event| event["message"]["type"] == "note").collect();
    assert_eq!((notes.len(), &notes[0]["message"]["from"]["agent"]), (1, &json!("worker")), "{notes:#?}");

    let push_back = ["approve", "last", "delivery@1.gate", "--option", "push_back", "--comment", "Shorter.", "--resume"];
    project.run(&push_back).exit(3);
    assert_eq!(output(&project, "delivery@2.wish"), "Shorter.");
    let approve = ["approve", "last", "delivery@2.gate", "--option", "approve", "--resume"];
    project.run(&approve).exit(0);
    let outputs = project.run(&["runs", "show", "last", "--format", "json"]).json()["outputs"].clone();
    assert_eq!((&outputs["text"], &outputs["approved"]), (&json!("two"), &json!(true)));
}

#[test]
fn a_person_who_rejects_what_a_team_has_made_ends_the_run() {
    let project = team(&handbook());
    project.run(&["run", "workflows/hierarchy.yaml"]).exit(3);
    project
        .run(&["approve", "last", "delivery@1.gate", "--reject", "--comment", "Not this year.", "--resume"])
        .exit(6)
        .says("Not this year.");
}
