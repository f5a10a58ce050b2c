//! `agentflow messages`, as a person and a script use it.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    sync::Arc,
};

use agentflow::{
    mailbox::{Letter, NoWitness, ProjectMailbox, Wanted},
    model::{Mailbox, MailboxName, Message, MessageId, MessageType, Recipient, Sender},
    store::{self, Store, Synchronous},
};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::project::Project;

fn project() -> Project {
    Project::new().with("agents.toml", "")
}

fn json_of(project: &Project, args: &[&str]) -> Value {
    let ran = project.run(args);
    ran.exit(0);
    ran.json()
}

fn send(project: &Project, body: &str) {
    project.run(&["messages", "send", "reviews", "--type", "note", "--body", body]).exit(0);
}

/// Does `work` with the store of the project, in this process.
fn with_store<T>(project: &Project, work: impl AsyncFnOnce(Arc<dyn Store>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("sqlite:{}", project.path(".agentflow/agentflow.db").display());
    runtime.block_on(async { work(store::open(&url, Synchronous::Normal).await.unwrap()).await })
}

#[test]
fn before_anything_was_sent_there_is_no_mailbox() {
    let project = project();
    project.run(&["messages", "list"]).exit(0).says("there is no mailbox yet").prints_nothing();
    assert_eq!(json_of(&project, &["messages", "list", "--format", "json"]), json!([]));
    project.run(&["messages", "list", "reviews"]).exit(2).says("there is no mailbox `reviews`").says("agentflow messages send");
    project.run(&["messages", "tail", "reviews"]).exit(2).says("there is no store yet");
    project.run(&["messages", "dead"]).exit(0).says("there are no dead letters");
    assert!(!project.path(".agentflow").exists(), "looking makes no store");
}

#[test]
fn what_is_sent_is_listed_and_waits() {
    let project = project();
    send(&project, r#"{"file": "main.rs", "line": 3}"#);
    send(&project, "not JSON: text");
    let ran = project.run(&["messages", "send", "project:deploys", "--type", "release", "--body", "7"]);
    assert_eq!(ran.exit(0).stdout.trim().len(), 32, "the id is printed: {}", ran.stdout);
    project.run(&["messages", "list"]).exit(0).prints("MAILBOX").prints("deploys").prints("reviews");
    let listed = json_of(&project, &["messages", "list", "--format", "json"]);
    assert_eq!((&listed[1]["name"], &listed[1]["waiting"], &listed[1]["dead"]), (&json!("reviews"), &json!(2), &json!(0)));
    project.run(&["messages", "list", "reviews"]).exit(0).prints("waiting").prints("not JSON: text");
    let messages = json_of(&project, &["messages", "list", "reviews", "--format", "json"]);
    assert_eq!(messages[0]["message"]["body"], json!({"file": "main.rs", "line": 3}));
    assert_eq!(messages[1]["message"]["body"], "not JSON: text");
    assert!(messages[0]["message"]["from"]["person"].as_str().is_some_and(|person| person.contains('@')));
    project.run(&["messages", "list", "reviews", "--type", "other"]).exit(0).says("no message waits");
    project.run(&["messages", "list", "review"]).exit(2).says("did you mean `reviews`?");
    project.run(&["messages", "list", "reviews", "-n", "1"]).exit(0).says("1 message more");
}

#[test]
fn a_body_may_come_from_a_file_or_from_standard_input() {
    let project = project().with("body.json", "[1, 2]\n");
    send(&project, "@body.json");
    let args = ["messages", "send", "reviews", "--type", "note", "--body", "-", "--ttl", "1h"];
    project.run_with_stdin(&args, "two\nlines\n").exit(0);
    let messages = json_of(&project, &["messages", "list", "reviews", "--format", "json"]);
    assert_eq!((&messages[0]["message"]["body"], &messages[1]["message"]["body"]), (&json!([1, 2]), &json!("two\nlines\n")));
    assert!(messages[1]["message"]["expires_at"].is_string());
    project.run(&["messages", "send", "reviews", "--type", "note", "--body", "@absent"]).exit(2).says("`absent` cannot be read");
}

#[test]
fn bad_names_are_refused_with_what_is_right() {
    let project = project();
    project.run(&["messages", "send", "Reviews", "--type", "note", "--body", "1"]).exit(2).says("a-z, 0-9");
    project.run(&["messages", "send", "reviews", "--type", "a note", "--body", "1"]).exit(2).says("a-z, 0-9");
    project.run(&["messages", "send", "reviews", "--body", "1"]).exit(2).says("--type");
    project.run(&["messages", "send", "team:reviews", "--type", "note", "--body", "1"]).exit(2).says("a-z, 0-9");
    project.run(&["messages", "replay", "reviews"]).exit(2).says("NUMBERS");
}

#[test]
fn an_id_is_sent_once() {
    let project = project();
    let args = ["messages", "send", "deploys", "--type", "release", "--body", "42", "--id", "release 42"];
    let first = project.run(&args);
    let second = project.run(&args);
    second.exit(0).says("was sent before");
    assert_eq!(first.exit(0).stdout, second.stdout);
    assert_eq!(json_of(&project, &["messages", "list", "--format", "json"])[0]["sent"], 1);
}

#[test]
fn a_full_mailbox_takes_nothing_and_says_so() {
    let project = project();
    send(&project, "1");
    with_store(&project, async |store| {
        let name = MailboxName::new("reviews").unwrap();
        let message = |number: u64| Message {
            id: MessageId::of(&number.to_string()),
            from: Sender::default(),
            to: Recipient::Mailbox(Mailbox::Project(name.clone())),
            kind: MessageType::new("note").unwrap(),
            body: json!(number),
            at: Timestamp::now(),
            expires_at: None,
        };
        let letters: Vec<_> = (1..=10_000).map(|number| Letter::new(message(number))).collect();
        assert_eq!(ProjectMailbox::new(store, name.clone()).send(&letters).await.unwrap().accepted, 9_999);
    });
    let ran = project.run(&["messages", "send", "reviews", "--type", "note", "--body", "2"]);
    ran.exit(3).says("mailbox `reviews` is full").says("--wait 1m").prints_nothing();
}

#[test]
fn dead_letters_are_listed_with_the_reason_and_sent_again() {
    let project = project();
    for body in ["one", "two"] {
        project.run(&["messages", "send", "reviews", "--type", "note", "--body", body, "--ttl", "1ms"]).exit(0);
    }
    send(&project, "three");
    with_store(&project, async |store| {
        let mailbox = ProjectMailbox::new(store, MailboxName::new("reviews").unwrap());
        let wanted = Wanted { kind: None, at_least: 9, at_most: 9, lease: std::time::Duration::ZERO };
        assert!(mailbox.take("reader", wanted, &NoWitness).await.unwrap().is_empty());
    });
    project.run(&["messages", "dead"]).exit(0).prints("it outlived its time").prints("one").prints("two");
    let dead = json_of(&project, &["messages", "dead", "reviews", "--format", "json"]);
    assert_eq!((&dead[1]["number"], &dead[1]["reason"], &dead[1]["mailbox"]), (&json!(1), &json!("expired"), &json!("reviews")));
    project
        .run(&["messages", "replay", "reviews", "7"])
        .exit(2)
        .says("has no dead letter 7")
        .says("agentflow messages dead reviews");
    project.run(&["messages", "replay", "reviews", "1"]).exit(0).says("sent 1 message again");
    project.run(&["messages", "replay", "reviews", "--all"]).exit(0).says("sent 1 message again");
    let bodies: Vec<Value> = json_of(&project, &["messages", "list", "reviews", "--format", "json"])
        .as_array()
        .unwrap()
        .iter()
        .map(|stored| stored["message"]["body"].clone())
        .collect();
    assert_eq!(bodies, ["three", "two", "one"]);
    project.run(&["messages", "list", "reviews", "--all"]).exit(0).prints("read").prints("waiting");
}

#[test]
fn the_tail_shows_what_comes_and_takes_nothing() {
    let project = project();
    for body in ["one", "two", "three"] {
        send(&project, body);
    }
    project.run(&["messages", "tail", "reviews", "--count", "2"]).exit(0).prints("one").prints("two");
    let ran = project.run(&["messages", "tail", "reviews", "-n", "1", "--count", "1", "--format", "json"]);
    assert_eq!(ran.exit(0).json()["message"]["body"], "three");
    let mut command = project.command(&["messages", "tail", "reviews", "-n", "1", "--format", "json"]);
    let mut tail = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("three"));
    send(&project, "four");
    assert!(lines.next().unwrap().contains("four"));
    kill_process(Pid::from_child(&tail), Signal::INT).unwrap();
    assert_eq!(tail.wait().unwrap().code(), Some(130));
    assert_eq!(json_of(&project, &["messages", "list", "--format", "json"])[0]["waiting"], 4);
}
