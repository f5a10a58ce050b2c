//! Runs whose nodes and agents send each other messages.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agentflow::{
    agent::Tools,
    engine::{RunState, Stop},
    model::{Event, EventBody, MessageId, RunStatus, ToolOutcome, Value},
    tool::{Policy, Rules, Toolbox, messages::message_tools},
};
use serde_json::json;

use super::{
    flow::{Flow, Ran},
    recovery::store_of,
};

/// The events about messages, and the outcomes of nodes, in a few words.
fn mail(ran: &Ran) -> Vec<String> {
    let told = |event: &Event| match &event.body {
        EventBody::MessageSent { node, message, deliveries, .. } => {
            let places: Vec<_> = deliveries.iter().map(|place| format!("{}#{}", place.mailbox, place.number)).collect();
            Some(format!("{node} sent {} to {} [{}]", message.kind, message.to, places.join(" ")))
        }
        EventBody::MessagesTaken { node, mailbox, messages, .. } => {
            let numbers: Vec<_> = messages.iter().map(|taken| taken.number.to_string()).collect();
            Some(format!("{node} took {mailbox}#{}", numbers.join(",")))
        }
        EventBody::MessageDead { mailbox, number, reason, .. } => Some(format!("{mailbox}#{number} {}", reason.as_str())),
        EventBody::SubscriptionChanged { mailbox, kind, subscribed, .. } => {
            Some(format!("{mailbox} {} {kind}", if *subscribed { "subscribed" } else { "unsubscribed" }))
        }
        EventBody::NodeSucceeded { node, .. } => Some(format!("{node} succeeded")),
        EventBody::NodeFailed { node, .. } => Some(format!("{node} failed")),
        _ => None,
    };
    ran.events.iter().filter_map(told).collect()
}

fn bodies(value: &Value) -> Vec<Value> {
    value.as_array().unwrap().iter().map(|message| message["body"].clone()).collect()
}

/// Tools over messages, which need no permission.
fn message_box() -> Tools {
    let mut toolbox = Toolbox::default();
    for tool in message_tools() {
        toolbox.add(tool);
    }
    Tools::new(toolbox, Policy::new(Rules::default()), BTreeMap::new())
}

/// The results of calls of tools, as models are told of them or why they failed.
fn results(ran: &Ran) -> Vec<Value> {
    let result = |event: &Event| match &event.body {
        EventBody::ToolReturned { result, .. } => Some(match &result.outcome {
            ToolOutcome::Output(value) => value.clone(),
            ToolOutcome::Failed { told, .. } => json!(told),
        }),
        _ => None,
    };
    ran.events.iter().filter_map(result).collect()
}

const PAIR: &str = "
nodes:
  first: { send: { to: desk, type: note, body: { n: 1 } } }
  second: { needs: first, send: { to: desk, type: note, body: { n: 2 } } }
  take: { receive: { mailbox: desk, count: 2 } }
outputs: { got: '{{ take }}', sent: '{{ first }}' }
";

#[tokio::test(start_paused = true)]
async fn messages_are_taken_in_the_order_in_which_they_were_sent() {
    let flow = Flow::new(PAIR);
    let ran = flow.run().await.succeeded();
    let got = &ran.result.outputs["got"];
    assert_eq!(bodies(got), [json!({"n": 1}), json!({"n": 2})]);
    assert_eq!(got[0]["from"], json!({"run": flow.run, "node": "first"}), "the engine says who sent it");
    assert_eq!(ran.result.outputs["sent"]["mailboxes"], json!(["desk"]));
    assert_eq!(ran.result.outputs["sent"]["id"], json!(MessageId::of(&format!("{}/first", flow.run))));
    let order = [
        "first sent note to desk [desk#1]",
        "first succeeded",
        "second sent note to desk [desk#2]",
        "second succeeded",
        "take took desk#1,2",
        "take succeeded",
    ];
    assert_eq!(mail(&ran), order, "what happens to messages stands directly before the outcome");
}

#[tokio::test(start_paused = true)]
async fn a_run_cut_after_any_event_loses_and_doubles_no_message() {
    const TALK: &str = "
mailboxes: { left: { subscribe: news }, right: { subscribe: news, limit: 2 } }
nodes:
  news: { map: 'range(4) | list', concurrency: 2, send: { to: all, type: news, body: '{{ item }}' } }
  left: { receive: { mailbox: left, count: 4 } }
  right: { receive: { mailbox: right, count: 2 } }
  rest: { needs: right, receive: { mailbox: right, count: 2 } }
  look: { needs: [left, rest], value: '{{ messages.left | length + messages.right | length }}' }
outputs:
  left: '{{ left | map(attribute=\"body\") | list }}'
  right: '{{ (right + rest) | map(attribute=\"body\") | list }}'
  left_over: '{{ look }}'
";
    let flow = Flow::new(TALK);
    let whole = flow.run().await.succeeded();
    assert_eq!(whole.result.outputs["left"], json!([0, 1, 2, 3]));
    assert_eq!(whole.result.outputs["right"], json!([0, 1, 2, 3]));
    assert_eq!(whole.result.outputs["left_over"], json!(0));
    for cut in 1..whole.events.len() {
        let mut rest = Flow::new(TALK).store(store_of(&flow, &whole.events[..cut]).await);
        rest.run = flow.run;
        let resumed = rest.resume().await.succeeded();
        assert_eq!(resumed.result.outputs, whole.result.outputs, "cut after {cut} events");
        let ids = |ran: &Ran| {
            let id = |event: &Event| match &event.body {
                EventBody::MessageSent { message, .. } => Some(message.id.clone()),
                _ => None,
            };
            let mut ids: Vec<_> = ran.events.iter().filter_map(id).collect();
            ids.sort();
            ids
        };
        assert_eq!(ids(&resumed), ids(&whole), "cut after {cut} events");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_messages_gives_the_state_of_the_live_run() {
    let flow = Flow::new(PAIR);
    let ran = flow.run().await.succeeded();
    for cut in 1..=ran.events.len() {
        let replayed = RunState::replay(Arc::clone(&flow.plan), &BTreeMap::new(), &ran.events[..cut]).unwrap();
        assert_eq!(replayed.next_seq(), cut as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_until_there_is_room() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
mailboxes: { desk: { limit: 1 } }
nodes:
  one: { send: { to: desk, type: note, body: 1 } }
  two: { needs: one, send: { to: desk, type: note, body: 2 } }
  go: { agent: a, prompt: 'Ready?' }
  take: { needs: go, receive: { mailbox: desk } }
  last: { needs: [take, two], receive: { mailbox: desk } }
outputs: { got: '{{ (take + last) | map(attribute=\"body\") | list }}' }
",
    )
    .latency(Duration::from_secs(1));
    let ran = flow.run().await.succeeded().output("got", json!([1, 2]));
    let events = mail(&ran);
    let place = |what: &str| events.iter().position(|event| event == what).unwrap_or_else(|| panic!("{what}: {events:?}"));
    assert!(place("take took desk#1") < place("two sent note to desk [desk#2]"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_from_which_nobody_takes_ends_its_sender() {
    let ran = Flow::new(
        "
mailboxes: { desk: { limit: 1 } }
nodes:
  one: { send: { to: desk, type: note, body: 1 } }
  two: { needs: one, send: { to: desk, type: note, body: 2 } }
",
    )
    .run()
    .await;
    ran.failed("node `two`: mailbox `desk` is full, and nothing is left that could take from it");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_what_nobody_can_send_any_more_is_told_so() {
    let ran = Flow::new(
        "
nodes:
  one: { send: { to: desk, type: note, body: 1 } }
  take: { receive: { mailbox: desk, type: note, count: 2 } }
",
    )
    .run()
    .await;
    ran.failed(
        "node `take`: it waits for 2 messages of type `note` in mailbox `desk`, 1 came, and nothing is left that could send more",
    );
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_fails_or_is_done_without() {
    let flow = |on_timeout: &str| {
        Flow::new(&format!(
            "
agents: {{ a: {{ model: mock/m }} }}
nodes:
  one: {{ send: {{ to: desk, type: note, body: 1 }} }}
  late: {{ agent: a, prompt: 'Wait' }}
  two: {{ needs: late, send: {{ to: desk, type: note, body: 2 }} }}
  take: {{ receive: {{ mailbox: desk, count: 2, timeout: 5s{on_timeout} }} }}
outputs: {{ got: '{{{{ take | map(attribute=\"body\") | list }}}}' }}
"
        ))
        .latency(Duration::from_secs(60))
    };
    flow("").run().await.failed("node `take`: it waited 5 s for 2 messages in mailbox `desk`, and 1 came");
    flow(", on_timeout: take").run().await.succeeded().output("got", json!([1]));
}

#[tokio::test(start_paused = true)]
async fn a_wait_leaves_the_message_where_it_is() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  slow: { agent: a, prompt: 'Wait' }
  tell: { needs: slow, send: { to: desk, type: ready, body: now } }
  arrived: { wait: { message: { mailbox: desk, type: ready } } }
  absent: { wait: { message: { mailbox: desk, type: never, timeout: 0s, on_timeout: continue } } }
  take: { needs: arrived, receive: { mailbox: desk } }
outputs: { same: '{{ arrived.id == take[0].id }}', absent: '{{ absent is none }}' }
",
    )
    .latency(Duration::from_secs(1));
    flow.run().await.succeeded().output("same", true).output("absent", true);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_outlives_its_time_is_a_dead_letter_and_makes_room() {
    let flow = Flow::new(
        "
mailboxes: { desk: { limit: 1 } }
nodes:
  old: { send: { to: desk, type: note, body: old, ttl: 2s } }
  new: { needs: old, send: { to: desk, type: note, body: new } }
  take: { needs: new, receive: { mailbox: desk } }
outputs: { got: '{{ take[0].body }}' }
",
    );
    let ran = flow.run().await.succeeded().output("got", "new");
    assert!(mail(&ran).contains(&"desk#1 expired".to_owned()), "{:?}", mail(&ran));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_those_that_subscribed_before() {
    let flow = Flow::new(
        "
mailboxes: { a: { subscribe: [news] }, b: { subscribe: [news, gossip] }, c: {} }
nodes:
  news: { send: { to: all, type: news, body: 1 } }
  gossip: { needs: news, send: { to: all, type: gossip, body: 2 } }
  nothing: { needs: gossip, send: { to: all, type: silence, body: 3 } }
outputs: { reached: '{{ [news.mailboxes, gossip.mailboxes, nothing.mailboxes] }}' }
",
    );
    flow.run().await.succeeded().output("reached", json!([["a", "b"], ["b"], []]));
}

#[tokio::test(start_paused = true)]
async fn a_body_is_held_to_the_schema_of_its_type() {
    let flow = Flow::new(
        "
inputs: { line: { type: string, default: many } }
messages: { finding: { file: string, line: integer } }
nodes:
  tell: { send: { to: desk, type: finding, body: { file: a.rs, line: '{{ inputs.line }}' } } }
  take: { receive: { mailbox: desk } }
",
    );
    let ran = flow.run().await;
    let message = ran.result.error.unwrap().message;
    assert!(message.starts_with("node `tell`: the body is no `finding`:") && message.contains("line"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn mailboxes_of_inner_workflows_are_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let inner = "
inputs: { n: integer }
nodes:
  tell: { send: { to: desk, type: note, body: '{{ inputs.n }}' } }
  take: { receive: { mailbox: desk } }
outputs: { got: '{{ take[0].body }}' }
";
    let outer = "
nodes:
  tell: { send: { to: desk, type: note, body: outer } }
  each: { map: '[1, 2, 3]', workflow: inner.yaml, with: { n: '{{ item }}' } }
  take: { needs: each, receive: { mailbox: desk } }
outputs: { inner: '{{ each | map(attribute=\"got\") | list }}', outer: '{{ take[0].body }}' }
";
    std::fs::write(folder.path().join("inner.yaml"), inner).unwrap();
    std::fs::write(folder.path().join("outer.yaml"), outer).unwrap();
    let compiled = agentflow::plan::compile(
        &folder.path().join("outer.yaml"),
        agentflow::plan::ManifestChoice::None,
        &agentflow::diagnostic::DiskFiles,
        &agentflow::plan::CompileOptions::default(),
    );
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    let ran = Flow::of(Arc::new(plan)).run().await.succeeded();
    assert_eq!(ran.result.outputs["inner"], json!([1, 2, 3]));
    assert_eq!(ran.result.outputs["outer"], json!("outer"));
}

const AGENTS: &str = "
agents:
  lead: { model: mock/m, tools: [send_message, read_messages, broadcast, subscribe] }
  worker: { model: mock/m, tools: [send_message, read_messages, subscribe, unsubscribe] }
messages: { task: { n: integer }, report: string }
nodes:
  ask: { agent: lead, prompt: Ask }
  work: { needs: ask, agent: worker, prompt: Work }
  read: { needs: work, agent: lead, prompt: Read }
outputs: { answer: '{{ read }}' }
";

fn calls(turns: &[Value]) -> Value {
    json!({"tools": turns})
}

#[expect(clippy::needless_pass_by_value, reason = "it is made where it is given")]
fn call(name: &str, arguments: Value) -> Value {
    json!({"name": name, "arguments": arguments})
}

fn agents() -> Flow {
    Flow::new(AGENTS)
        .scripted("ask", calls(&[call("send_message", json!({"to": "worker", "type": "task", "body": {"n": 7}}))]))
        .answer("ask", "asked")
        .scripted("work", calls(&[call("read_messages", json!({}))]))
        .scripted("work", calls(&[call("send_message", json!({"to": "lead", "type": "report", "body": "done"}))]))
        .answer("work", "worked")
        .scripted("read", calls(&[call("read_messages", json!({"type": "report"}))]))
        .answer("read", "all is done")
        .tools(message_box())
}

#[tokio::test(start_paused = true)]
async fn agents_tell_each_other_something_while_they_work() {
    let flow = agents();
    let ran = flow.run().await.succeeded().output("answer", "all is done");
    let results = results(&ran);
    assert_eq!(results[1][0]["from"], json!({"run": flow.run, "node": "ask", "agent": "lead"}), "{results:?}");
    assert_eq!(results[1][0]["body"], json!({"n": 7}));
    assert_eq!(bodies(&results[3]), [json!("done")]);
    for pair in ran.events.windows(2) {
        let [first, second] = pair else { unreachable!() };
        if matches!(first.body, EventBody::MessageSent { .. } | EventBody::MessagesTaken { .. }) {
            assert_eq!(second.body.kind(), "tool_returned", "what happens to messages stands directly before the result");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn agents_whose_run_is_cut_anywhere_send_and_read_each_message_once() {
    let flow = agents();
    let whole = flow.run().await.succeeded();
    for cut in 1..whole.events.len() {
        let mut rest = agents().store(store_of(&flow, &whole.events[..cut]).await);
        rest.run = flow.run;
        // What was answered before the cut is not asked for again, and the mock goes on where it is asked next.
        let answered = |node: &str| {
            let is_one =
                |event: &&Event| matches!(&event.body, EventBody::ModelResponded { node: of, .. } if of.as_str() == node);
            whole.events[..cut].iter().filter(is_one).count()
        };
        for node in ["ask", "work", "read"] {
            rest = rest.without_answers(node, answered(node));
        }
        let resumed = rest.resume().await.succeeded().output("answer", "all is done");
        let count = |kind: &str| resumed.events.iter().filter(|event| event.body.kind() == kind).count();
        assert_eq!((count("message_sent"), count("messages_taken")), (2, 2), "cut after {cut} events");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_is_told_what_is_wrong_with_its_message() {
    let flow = Flow::new(AGENTS)
        .scripted(
            "ask",
            calls(&[
                call("send_message", json!({"to": "wroker", "type": "task", "body": {"n": 7}})),
                call("send_message", json!({"to": "worker", "type": "taks", "body": {"n": 7}})),
                call("send_message", json!({"to": "worker", "type": "task", "body": {"n": "seven"}})),
                call("send_message", json!({"to": "no name at all", "type": "task", "body": {"n": 7}})),
                call("send_message", json!({"to": "worker", "type": "task", "body": {"n": 7}, "from": "boss"})),
                call("broadcast", json!({"type": "report", "body": "nobody hears it"})),
            ]),
        )
        .answer("ask", "asked")
        .answer("work", "worked")
        .answer("read", "read")
        .tools(message_box());
    let ran = flow.run().await.succeeded();
    let told: Vec<String> =
        results(&ran).iter().map(|told| told.as_str().map_or_else(|| told.to_string(), str::to_owned)).collect();
    assert_eq!(told[0], "there is no mailbox `wroker`: nobody would read the message; did you mean `worker`?");
    assert_eq!(told[1], "there are no messages of type `taks`; did you mean `task`?");
    assert!(told[2].starts_with("the body is no `task`:"), "{}", told[2]);
    assert!(told[3].contains("no name at all"), "{}", told[3]);
    assert!(told[4].contains("from"), "{}", told[4]);
    assert!(told[5].contains("\"mailboxes\":[]"), "{}", told[5]);
    assert_eq!(mail(&ran).iter().filter(|event| event.contains(" sent ")).count(), 1, "only the broadcast was sent");
}

#[tokio::test(start_paused = true)]
async fn an_agent_gets_what_goes_to_all_from_when_it_subscribes_until_it_ends_that() {
    let flow = Flow::new(AGENTS)
        .scripted("ask", calls(&[call("broadcast", json!({"type": "report", "body": "early"}))]))
        .answer("ask", "asked")
        .scripted("work", calls(&[call("subscribe", json!({"type": "report"}))]))
        .answer("work", "worked")
        .scripted("read", calls(&[call("subscribe", json!({"type": "report"}))]))
        .scripted("read", calls(&[call("broadcast", json!({"type": "report", "body": "late"}))]))
        .answer("read", "read")
        .tools(message_box());
    let ran = flow.run().await.succeeded();
    let events: Vec<_> = mail(&ran).into_iter().filter(|event| !event.contains("succeeded")).collect();
    assert_eq!(
        events,
        [
            "ask sent report to all []",
            "worker subscribed report",
            "lead subscribed report",
            // Nobody reads what they said themselves.
            "read sent report to all [worker#1]",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_attempt_took_is_there_for_the_next_one() {
    let flow = Flow::new(
        "
agents: { reader: { model: mock/m, tools: [read_messages] } }
nodes:
  tell: { send: { to: reader, type: note, body: hello } }
  read: { needs: tell, agent: reader, prompt: Read, output: { n: integer }, retry: { max_attempts: 2 } }
outputs: { n: '{{ read.n }}' }
",
    )
    .scripted("read", calls(&[call("read_messages", json!({}))]))
    .answer("read", "no number")
    .answer("read", "still none")
    .answer("read", "and none")
    .scripted("read", calls(&[call("read_messages", json!({"count": 5}))]))
    .answer("read", json!({"n": 1}))
    .tools(message_box());
    let ran = flow.run().await.succeeded().output("n", 1);
    let takes: Vec<_> = mail(&ran).into_iter().filter(|event| event.contains("took")).collect();
    assert_eq!(takes, ["read took reader#1", "read took reader#1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_goes_on_waiting_for_its_messages() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  slow: { agent: a, prompt: 'Wait' }
  tell: { needs: slow, send: { to: desk, type: note, body: 1 } }
  take: { receive: { mailbox: desk } }
outputs: { got: '{{ take[0].body }}' }
";
    let mut flow = Flow::new(yaml).latency(Duration::from_secs(5));
    let stop = flow.stop.clone();
    let (ran, ()) = tokio::join!(flow.run(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.at_once();
    });
    assert_eq!(ran.result.status, RunStatus::Running);
    flow.stop = Stop::default();
    flow.resume().await.succeeded().output("got", 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_sees_the_messages_that_waited_when_it_began() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  one: { send: { to: desk, type: note, body: 1 } }
  see:
    needs: one
    agent: a
    prompt: '{{ messages.desk | length }} wait'
    retry: { initial: 5s, jitter: none }
  pause: { needs: one, agent: a, prompt: Go on }
  take: { needs: pause, receive: { mailbox: desk } }
  after: { needs: [take, see], value: '{{ messages.desk | length }}' }
outputs: { after: '{{ after }}' }
",
    )
    .fail("see", 503, 1)
    .latency(Duration::from_secs(1));
    let ran = flow.run().await.succeeded().output("after", 0);
    let begun = |event: &Event| match &event.body {
        EventBody::AttemptStarted { node, basis: Some(basis), .. } if node.as_str() == "see" => Some((event.seq, basis.clone())),
        _ => None,
    };
    let begun: Vec<_> = ran.events.iter().filter_map(begun).collect();
    let taken = ran.events.iter().find(|event| event.body.kind() == "messages_taken").unwrap();
    let [(first, one), (second, other)] = begun.as_slice() else { panic!("{} attempts", begun.len()) };
    assert!(*first < taken.seq && taken.seq < *second, "the message is taken between the attempts");
    assert_eq!(one, other, "both attempts are asked the same");
}
