//! Runs that call tools: outcomes, retries, questions, budgets, and what a resume does with calls that were under way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agentflow::{
    Error, ErrorKind,
    agent::Tools,
    engine::{RunState, answer, open_questions},
    model::{Access, Approval, Decision, Effect, Event, EventBody, Origin, RunId, RunStatus},
    store::this_process,
    tool::{Policy, Rules, Tool, ToolOutput, Toolbox},
};
use serde_json::{Value, json};

use super::{
    flow::{Flow, Ran},
    recovery::store_of,
};
use crate::tool::probe::Probe;

/// Tools that read is permitted to in `docs/`, and that are asked about in `drafts/`.
fn tools(probes: &[&Arc<Probe>]) -> Tools {
    let mut toolbox = Toolbox::default();
    for probe in probes {
        toolbox.add(Arc::clone(probe) as Arc<dyn Tool>);
    }
    let permissions = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let rules = Rules {
        allow: permissions(&["fs:read:docs/**", "net:x.example"]),
        ask: permissions(&["fs:read:drafts/**"]),
        deny: Vec::new(),
    };
    Tools::new(toolbox, Policy::new(rules), BTreeMap::new())
}

fn reads(path: &str) -> Access {
    Access::Read { path: path.to_owned() }
}

const POST: &str = "
permissions: ['net:x.example']
nodes:
  count: { value: 3 }
  publish: { tool: http_post, args: { url: 'https://x.example', json: '{{ count }}' } }
outputs: { got: '{{ publish.got }}' }
";

/// A probe under the name of a built-in tool that takes anything.
fn probe(name: &str, effect: Effect) -> Probe {
    Probe::new(name, effect).takes(json!({"type": "object"}))
}

/// `tool_called`, `node_succeeded publish`, ….
fn told(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| match event.body.node() {
        Some(node) => format!("{} {node}", event.body.kind()),
        None => event.body.kind().to_owned(),
    };
    events.iter().map(name).collect()
}

async fn decide(flow: &Flow, ran: &Ran, decision: Decision) {
    let open = open_questions(&ran.events);
    let given: Vec<_> = open
        .iter()
        .map(|question| {
            let approval = Approval {
                step: question.request.step,
                fingerprint: question.request.fingerprint.clone(),
                decision,
                option: None,
                form: None,
                by: "ada".to_owned(),
                comment: None,
            };
            (question.node.clone(), question.attempt, approval)
        })
        .collect();
    assert!(!given.is_empty(), "nothing is asked");
    answer(&flow.store, flow.run, &this_process(), Duration::from_secs(30), &given).await.unwrap();
}

#[tokio::test]
async fn a_tool_node_gives_its_result_on() {
    let post = Arc::new(probe("http_post", Effect::Write));
    let flow = Flow::new(POST).tools(tools(&[&post]));
    let ran = flow.run().await.succeeded().output("got", 3);
    assert_eq!(post.calls(), [json!({"url": "https://x.example", "json": 3})]);
    let told = told(&ran.events);
    assert_eq!(
        told,
        [
            "run_created",
            "node_succeeded count",
            "attempt_started publish",
            "tool_called publish",
            "tool_returned publish",
            "node_succeeded publish",
            "run_finished",
        ]
    );
    assert_eq!(ran.result.spend.tool_calls, 1);
    let replayed = RunState::replay(Arc::clone(&flow.plan), &BTreeMap::new(), &ran.events).unwrap();
    assert_eq!(replayed.spend(), ran.result.spend);
}

#[tokio::test]
async fn a_denied_call_fails_the_run_as_denied() {
    let read = Arc::new(probe("read_file", Effect::Read).touches(reads("secrets/key")));
    let yaml = "
nodes: { read: { tool: read_file, args: { path: secrets/key }, permissions: ['fs:read:**'] } }
";
    let ran = Flow::new(yaml).tools(tools(&[&read])).run().await;
    assert_eq!(ran.result.error.as_ref().map(|error| error.kind), Some(ErrorKind::Denied));
    assert!(read.calls().is_empty() && told(&ran.events).contains(&"tool_denied read".to_owned()), "{:?}", told(&ran.events));
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_reads_is_tried_again_with_the_same_key() {
    let down = || Err(Error::new(ErrorKind::Transient, "down"));
    let get = Arc::new(probe("http_get", Effect::Read).gives([down(), down(), Ok(ToolOutput::new("here"))]));
    let yaml = "
nodes: { get: { tool: http_get, args: { url: 'https://x.example' }, permissions: ['net:x.example'] } }
";
    let ran = Flow::new(yaml).tools(tools(&[&get])).run().await.succeeded().output("get", "here");
    let keys = get.keys();
    assert_eq!((keys.len(), &keys[0], &keys[1]), (3, &keys[1], &keys[2]));
    assert_eq!(told(&ran.events).iter().filter(|told| told.starts_with("attempt_failed")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_changes_the_world_is_tried_once_unless_the_author_says_more() {
    let down = || Err(Error::new(ErrorKind::Transient, "down"));
    let post = Arc::new(probe("http_post", Effect::Write).gives([down()]));
    Flow::new(POST).tools(tools(&[&post])).run().await.failed("node `publish`: down");
    assert_eq!(post.calls().len(), 1);
    let post = Arc::new(probe("http_post", Effect::Write).gives([down()]));
    let again = POST.replace("json: '{{ count }}' } }", "json: '{{ count }}' }, retry: { max_attempts: 2 } }");
    Flow::new(&again).tools(tools(&[&post])).run().await.succeeded().output("got", 3);
    assert_eq!(post.calls().len(), 2);
}

const ASKS: &str = "
nodes:
  read: { tool: read_file, args: { path: drafts/a }, permissions: ['fs:read:**'] }
  other: { value: 1 }
outputs: { read: '{{ read }}' }
";

#[tokio::test]
async fn a_run_waits_for_a_person_and_goes_on_with_the_answer() {
    let read = Arc::new(probe("read_file", Effect::Read).touches(reads("drafts/a")).gives([Ok(ToolOutput::new("text"))]));
    let flow = Flow::new(ASKS).tools(tools(&[&read]));
    let waiting = flow.run().await;
    assert_eq!((waiting.result.status, read.calls().len()), (RunStatus::Waiting, 0));
    assert_eq!(told(&waiting.events).last().map(String::as_str), Some("attempt_paused read"));
    // Resumed without an answer it waits on, however often.
    for _ in 0..12 {
        assert_eq!(flow.resume().await.result.status, RunStatus::Waiting);
    }
    decide(&flow, &waiting, Decision::Approve).await;
    let ran = flow.resume().await.succeeded().output("read", "text");
    assert_eq!(read.calls().len(), 1);
    assert!(open_questions(&ran.events).is_empty());
    // The first answer counts.
    let late = open_questions(&waiting.events).remove(0);
    let approval = Approval {
        step: late.request.step,
        fingerprint: late.request.fingerprint,
        decision: Decision::Reject,
        option: None,
        form: None,
        by: "bob".to_owned(),
        comment: None,
    };
    let given = [(late.node, late.attempt, approval)];
    let refused = answer(&flow.store, flow.run, &this_process(), Duration::from_secs(30), &given).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_rejected_call_fails_its_node() {
    let read = Arc::new(probe("read_file", Effect::Read).touches(reads("drafts/a")));
    let flow = Flow::new(ASKS).tools(tools(&[&read]));
    let waiting = flow.run().await;
    decide(&flow, &waiting, Decision::Reject).await;
    let ran = flow.resume().await.failed("node `read`: a person did not approve this call");
    assert_eq!((ran.result.error.map(|error| error.kind), read.calls().len()), (Some(ErrorKind::Denied), 0));
}

#[tokio::test]
async fn a_run_that_fails_elsewhere_does_not_wait_for_answers() {
    let read = Arc::new(probe("read_file", Effect::Read).touches(reads("drafts/a")));
    let yaml = "
agents: { writer: { model: mock/m } }
nodes:
  read: { tool: read_file, args: { path: drafts/a }, permissions: ['fs:read:**'] }
  write: { agent: writer, prompt: x, retry: { max_attempts: 1 } }
";
    let ran = Flow::new(yaml).fail("write", 400, 1).tools(tools(&[&read])).run().await;
    assert_eq!(ran.result.status, RunStatus::Failed);
    assert!(told(&ran.events).contains(&"node_cancelled read".to_owned()), "{:?}", told(&ran.events));
}

#[tokio::test]
async fn a_call_that_was_under_way_is_made_again_or_asked_about_by_its_effect() {
    for effect in [Effect::Read, Effect::Idempotent, Effect::Write] {
        let post = Arc::new(probe("http_post", effect));
        let mut flow = Flow::new(POST).tools(tools(&[&post]));
        let ran = flow.run().await.succeeded();
        let called = ran.events.iter().position(|event| matches!(event.body, EventBody::ToolCalled { .. })).unwrap();
        flow.store = store_of(&flow, &ran.events[..=called]).await;
        let resumed = flow.resume().await;
        if effect == Effect::Write {
            assert_eq!((resumed.result.status, post.calls().len()), (RunStatus::Waiting, 1));
            decide(&flow, &resumed, Decision::AssumeDone).await;
            assert_eq!(flow.resume().await.result.status, RunStatus::Failed, "`null` has no `got`");
            assert_eq!(post.calls().len(), 1);
        } else {
            resumed.succeeded().output("got", 3);
            assert_eq!((post.calls().len(), post.keys()[0] == post.keys()[1]), (2, true), "{effect:?}");
        }
    }
}

#[tokio::test]
async fn a_resume_anywhere_repeats_no_call_that_has_its_result() {
    let (get, sum) = (Arc::new(probe("http_get", Effect::Read)), Arc::new(probe("http_put", Effect::Idempotent)));
    let yaml = "
permissions: ['net:x.example']
agents: { worker: { model: mock/m, tools: [http_get, http_put] } }
nodes:
  first: { tool: http_put, args: { url: 'https://x.example', json: 1 } }
  work: { agent: worker, prompt: 'With {{ first.got }}' }
  each: { map: '[1, 2, 3]', tool: http_put, args: { url: 'https://x.example', json: '{{ item }}' } }
";
    let ask = |name: &str, n: i32| json!({"name": name, "arguments": {"n": n}});
    let script = || {
        Flow::new(yaml)
            .scripted("work", json!({"tools": [ask("http_get", 10), ask("http_put", 11)]}))
            .scripted("work", json!({"tools": [ask("http_get", 12)]}))
            .answer("work", "done")
            .tools(tools(&[&get, &sum]))
    };
    let flow = script();
    let ran = flow.run().await.succeeded().output("work", "done");
    let results = |events: &[Event]| events.iter().filter(|event| matches!(event.body, EventBody::ToolReturned { .. })).count();
    let all = results(&ran.events);
    assert_eq!(all, 7);
    for cut in 1..ran.events.len() {
        let before = get.calls().len() + sum.calls().len();
        let answered = ran.events[..cut].iter().filter(|event| matches!(event.body, EventBody::ModelResponded { .. })).count();
        // Scripted answers begin anew with the process, so those that are in the log are left out.
        let mut again = Flow::new(yaml).tools(tools(&[&get, &sum]));
        let scripts = [json!({"tools": [ask("http_get", 10), ask("http_put", 11)]}), json!({"tools": [ask("http_get", 12)]})];
        for script in scripts.into_iter().skip(answered) {
            again = again.scripted("work", script);
        }
        again = again.answer("work", "done");
        again.run = flow.run;
        again.store = store_of(&flow, &ran.events[..cut]).await;
        let resumed = again.resume().await;
        assert_eq!(resumed.result.outputs, ran.result.outputs, "cut at {cut}");
        let made = get.calls().len() + sum.calls().len() - before;
        assert_eq!(made, all - results(&ran.events[..cut]), "cut at {cut}");
    }
}

#[tokio::test]
async fn the_budget_of_calls_ends_the_run() {
    let put = Arc::new(probe("http_put", Effect::Idempotent));
    let yaml = "
limits: { tool_calls: 2 }
permissions: ['net:x.example']
nodes: { each: { map: '[1, 2, 3, 4]', concurrency: 1, tool: http_put, args: { url: 'https://x.example', json: '{{ item }}' } } }
";
    let ran = Flow::new(yaml).tools(tools(&[&put])).run().await;
    assert_eq!((ran.result.error.map(|error| error.kind), put.calls().len()), (Some(ErrorKind::Budget), 2));
}

#[tokio::test]
async fn secrets_are_placeholders_in_the_log() {
    let post = Arc::new(probe("http_post", Effect::Write));
    let yaml = "
nodes: { publish: { tool: http_post, args: { url: 'https://x.example', body: '{{ secrets.TOKEN }}' }, permissions: ['net:x.example', 'secret:TOKEN'] } }
";
    let mut secrets = agentflow::tool::Secrets::default();
    secrets.insert("TOKEN", "hunter2-hunter2".to_owned().into());
    let mut live = agentflow::tool::LiveSecrets::default();
    secrets.note_all(&mut live);
    let mut toolbox = Toolbox::default();
    toolbox.add(Arc::clone(&post) as Arc<dyn Tool>);
    let allow = ["secret:TOKEN", "net:x.example"].map(|text| text.parse().unwrap()).to_vec();
    let rules = Rules { allow, ..Rules::default() };
    let echo = Ok(ToolOutput::new(json!({"echo": "hunter2-hunter2"})));
    let post_echo = Arc::new(probe("http_post", Effect::Write).gives([echo]));
    toolbox.add(Arc::clone(&post_echo) as Arc<dyn Tool>);
    let tools =
        Tools::new(toolbox, Policy::new(rules), BTreeMap::new()).with_secrets(secrets, agentflow::tool::Redactor::new(&live));
    let ran = Flow::new(yaml).tools(tools).run().await.succeeded();
    assert_eq!(post_echo.calls(), [json!({"url": "https://x.example", "body": "hunter2-hunter2"})]);
    let log: String = ran.events.iter().map(|event| serde_json::to_string(&event.body).unwrap()).collect();
    assert!(!log.contains("hunter2") && log.contains("agentflow-secret-TOKEN"), "{log}");
    assert_eq!(ran.result.outputs["publish"], json!({"echo": "[secret TOKEN]"}), "{:?}", Value::Null);
}

#[tokio::test]
async fn a_run_that_takes_over_another_one_makes_no_call_twice() {
    let post = Arc::new(probe("http_post", Effect::Write));
    let mut flow = Flow::new(POST).tools(tools(&[&post]));
    flow.run().await.succeeded();
    flow.origin = Some(Origin::reuse(flow.run));
    flow.run = RunId::generate();
    let ran = flow.run().await.succeeded().output("got", 3);
    assert_eq!((post.calls().len(), ran.result.spend.tool_calls), (1, 0));
    assert!(!told(&ran.events).contains(&"tool_called publish".to_owned()));
    // Other arguments are another call.
    let mut changed = Flow::new(&POST.replace("value: 3", "value: 4")).store(Arc::clone(&flow.store)).tools(tools(&[&post]));
    changed.origin = Some(Origin::reuse(flow.run));
    changed.run().await.succeeded().output("got", 4);
    assert_eq!(post.calls().len(), 2);
}
