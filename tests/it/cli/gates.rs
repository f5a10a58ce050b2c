//! Approvals and waits as people meet them: what is said, what is refused, and that a run outlives its process and its folder.

use std::{fs, process::Stdio, thread};

use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::project::{Project, Ran};

const GATE: &str = "\
name: gated
nodes:
  text: { value: A text. }
  gate:
    approval:
      message: 'Publish {{ text }}'
      options: [approve, push_back, reject]
      form: { reason: string, days?: integer }
      timeout: 24h
      on_timeout: push_back
outputs: { option: '{{ gate.option }}', why: '{{ gate.form.reason }}', days: \"{{ gate.form.days | default('none') }}\" }
";

/// A run that waits at the gate.
fn waiting() -> Project {
    let project = Project::new().with("flow.yaml", GATE);
    project.run(&["run", "flow.yaml"]).exit(3).says("waits for a person").says("agentflow approve");
    project
}

#[test]
fn a_gate_is_shown_with_all_that_is_needed_to_answer_it() {
    let project = waiting();
    let shown = project.run(&["approve", "last"]);
    shown.exit(0).says("node gate asks:").says("Publish A text.").says("options approve, push_back, reject");
    shown.says("form reason (string)").says("form days (integer, may be left out)").says("after that `push_back` is taken");
    let asked = project.run(&["approve", "last", "--format", "json"]).json();
    assert_eq!((&asked[0]["node"], &asked[0]["kind"]), (&json!("gate"), &json!("choice")));
    assert_eq!(asked[0]["options"], json!(["approve", "push_back", "reject"]));
    assert_eq!(asked[0]["form"]["required"], json!(["reason"]));
    let until: Timestamp = asked[0]["until"].as_str().unwrap().parse().unwrap();
    assert!(until > Timestamp::now());
    project
        .run(&["runs", "show", "last"])
        .exit(0)
        .prints("gate asks: Publish A text.")
        .prints("options approve, push_back, reject");
    assert_eq!(project.last_status(), "waiting");
}

#[test]
fn answers_that_do_not_fit_are_refused_and_change_nothing() {
    let project = waiting();
    let refused = |words: &[&str], message: &str| {
        project.run(&[&["answer", "last"], words].concat()).exit(2).says(message).prints_nothing();
    };
    refused(&["gate", "--option", "later"], "`later` is no option of node `gate`");
    refused(&["gate"], "\"reason\" is a required property");
    refused(&["gate", "--form", "days=3"], "\"reason\" is a required property");
    refused(&["gate", "--form", "reason=x", "--form", "days=soon"], "field `days` of the form");
    refused(&["gate", "--form", "why=x"], "the form has no field `why`");
    refused(&["gate", "--rerun"], "node `gate` asks which option it is");
    refused(&["text"], "node `text` of run");
    refused(&["gate", "--option", "approve", "--reject"], "cannot be used with");
    project.run(&["resume", "last"]).exit(3);
}

#[test]
fn an_answer_is_taken_once_and_the_run_goes_on_with_it() {
    let project = waiting().with("form.json", r#"{ "reason": "good enough", "days": 3 }"#);
    project.run(&["answer", "last", "gate", "--form", "@form.json", "--comment", "fine"]).exit(0).says("node gate: approve");
    let again = project.run(&["answer", "last", "gate", "--option", "push_back", "--form", "reason=x"]);
    again.exit(2).says("node `gate` has its answer already: `approve` by").says("the first answer counts");
    let ended = project.run(&["resume", "last", "--output", "json"]);
    assert_eq!(ended.exit(0).json(), json!({"option": "approve", "why": "good enough", "days": 3}));
    let audit = project.run(&["audit", "list", "last", "--format", "json"]).json();
    let told = |at: usize| (audit[at]["event"].clone(), audit[at]["decision"].clone(), audit[at]["tool"].clone());
    assert_eq!(told(0), (json!("approval_requested"), json!("asked"), json!("approval")));
    assert_eq!(told(1), (json!("approval_given"), json!("approved"), json!("approval")));
    project.run(&["audit", "verify", "last"]).exit(0);
}

#[test]
fn a_rejected_gate_denies_the_run() {
    let project = waiting();
    project
        .run(&["approve", "last", "gate", "--reject", "--comment", "not on a Friday", "--resume"])
        .exit(6)
        .says("not on a Friday");
}

#[test]
fn of_two_processes_that_answer_at_once_one_is_heard() {
    let project = waiting();
    let answer = |option: &str| {
        let mut command = project.command(&["approve", "last", "gate", "--option", option, "--form", "reason=x"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [answer("approve"), answer("push_back")];
    let codes: Vec<_> = both.map(|child| child.wait_with_output().unwrap().status.code().unwrap()).to_vec();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 2], "{codes:?}");
    let events = project.run(&["runs", "events", "last", "--format", "json"]).json();
    let given: Vec<_> = events.as_array().unwrap().iter().filter(|event| event["type"] == "approval_given").collect();
    let heard = ["approve", "push_back"][codes.iter().position(|code| *code == 0).unwrap()];
    assert_eq!(given.len(), 1, "{given:?}");
    assert_eq!(given[0]["approval"]["option"], json!(heard));
    assert_eq!(project.run(&["resume", "last", "--output", "json"]).exit(0).json()["option"], json!(heard));
}

#[test]
fn an_answer_reaches_the_process_that_holds_the_run() {
    let flow =
        "nodes: { gate: { approval: { message: Go? } }, nap: { wait: { for: 3s } } }\noutputs: { option: '{{ gate.option }}' }\n";
    let project = Project::new().with("flow.yaml", flow);
    let run = project.start(&["run", "flow.yaml", "--output", "json"], "nap: waits until");
    let answered = project.run(&["approve", "last", "gate"]);
    answered.exit(0).says("node gate: approve").says("the process that runs it goes on with it");
    project.run(&["approve", "last", "gate", "--reject"]).exit(2).says("has its answer already");
    assert_eq!(run.end().exit(0).json(), json!({"option": "approve"}));
}

/// Waits until `until` has come.
fn pass(until: Timestamp) {
    while Timestamp::now() < until {
        thread::yield_now();
    }
}

#[test]
fn a_question_whose_end_comes_while_nobody_runs_it_has_its_default() {
    let project = Project::new().with("flow.yaml", GATE.replace("24h", "1s").replace("gate.form.reason", "gate.option"));
    let mut command = project.command(&["run", "flow.yaml"]);
    command.env("AGENTFLOW_HOLD_MS", "0");
    project.ran(command).exit(3);
    let asked = project.run(&["approve", "last", "--format", "json"]).json();
    pass(asked[0]["until"].as_str().unwrap().parse().unwrap());
    let late = project.run(&["approve", "last", "gate", "--form", "reason=x"]);
    late.exit(2).says("the time to answer node `gate` was over at").says("`push_back` is taken");
    let ended = project.run(&["resume", "last", "--output", "json"]);
    assert_eq!(ended.exit(0).json()["option"], json!("push_back"));
    let shown = project.run(&["runs", "show", "last"]);
    shown.prints("nobody answered until").prints("`push_back` is taken");
    project.run(&["approve", "last", "gate", "--form", "reason=x"]).exit(2).says("asks nothing");
}

#[test]
fn a_gate_inside_of_something_is_found_by_its_own_name() {
    let gate = "{ approval: { message: Go on? } }";
    let flow = format!(
        "nodes:\n  round: {{ loop: {{ until: gate.approved, max: 2 }}, nodes: {{ gate: {gate} }} }}\n  other: {{ nodes: {{ one: {gate} }} }}\n"
    );
    let project = Project::new().with("flow.yaml", flow);
    project.run(&["run", "flow.yaml"]).exit(3);
    project.run(&["approve", "last", "door"]).exit(2).says("`door`");
    project.run(&["approve", "last", "gate"]).exit(0).says("round@1.gate");
    project.run(&["approve", "last", "one", "--resume"]).exit(0);
    assert_eq!(project.last_status(), "succeeded");
}

#[test]
fn a_long_wait_holds_no_process_and_says_until_when() {
    let project = Project::new().with("flow.yaml", "nodes: { nap: { wait: { for: 2h } } }\n");
    let ran = project.run(&["run", "flow.yaml"]);
    ran.exit(3).says("waits until").says("(node nap)").says("after that, go on with: agentflow resume");
    let until = |ran: &Ran| ran.stderr.split("waits until ").last().unwrap()[..20].to_owned();
    let again = project.run(&["resume", "last"]);
    assert_eq!(until(again.exit(3)), until(&ran), "the end is found out once");
    assert_eq!(project.last_status(), "waiting");
    project.run(&["runs", "show", "last"]).prints("nap waits until");
    let live = project.run(&["ps", "--format", "json"]).json();
    assert_eq!(live["runs"][0]["state"], json!("waiting"));
}

#[test]
fn a_run_that_was_killed_is_answered_and_ended_in_another_folder() {
    let flow = "
nodes:
  nap: { wait: { for: 2s } }
  gate: { approval: { message: Go? }, needs: nap }
outputs: { option: '{{ gate.option }}', until: '{{ nap.until }}' }
";
    let first = Project::new().with("flow.yaml", flow);
    let run = first.start(&["run", "flow.yaml"], "nap: waits until");
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, None);
    let told = first.run(&["runs", "events", "last", "--format", "json"]).json();
    let paused = told.as_array().unwrap().iter().find(|event| event["type"] == "attempt_paused").unwrap().clone();

    let other = Project::new();
    fs::create_dir(other.path(".agentflow")).unwrap();
    for file in fs::read_dir(first.path(".agentflow")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), other.path(".agentflow").join(file.file_name())).unwrap();
    }
    drop(first);
    // The wait goes on to its end, and the run then asks.
    other.run(&["resume", "last"]).exit(3).says("gate: waits for a person");
    other.run(&["approve", "last", "gate"]).exit(0);
    let ended = other.run(&["resume", "last", "--output", "json"]);
    assert_eq!(ended.exit(0).json(), json!({"option": "approve", "until": paused["until"]}));
}

#[test]
fn a_simulated_run_takes_the_first_option_and_says_so() {
    let project = Project::new().with("flow.yaml", GATE);
    let ran = project.run(&["run", "flow.yaml", "--mock", "--output", "json"]);
    assert_eq!(ran.exit(0).json()["option"], json!("approve"));
    project.run(&["runs", "show", "last"]).prints("simulated: nobody was asked, `approve` is taken");
}

#[test]
fn the_pictures_and_the_dry_run_tell_of_people_and_times() {
    let flow = "nodes: { nap: { wait: { for: 90s } }, gate: { approval: { message: Go?, timeout: 1h }, needs: nap } }\n";
    let project = Project::new().with("flow.yaml", flow);
    project.run(&["run", "flow.yaml", "--dry-run"]).exit(0).prints("waits for 90s").prints("a person chooses: approve | reject");
    project.run(&["graph", "flow.yaml"]).exit(0).prints("approval approve | reject").prints("wait for 90s");
    let drawn: Value = project.run(&["graph", "flow.yaml", "--format", "json"]).json();
    assert!(drawn.to_string().contains("approve | reject"), "{drawn}");
}
