//! Logs whose records are whole and yet do not fit each other, as nobody writes them who goes by the rules. The first event that does not
//! fit is refused with its place and what is wrong; the run is not gone on with, and nothing panics.

use std::{collections::BTreeMap, sync::Arc};

use agentflow::{
    engine::{RunState, read_run},
    error::ErrorKind,
    model::{Event, Seq, Value},
};
use serde_json::json;

use super::{
    flow::{Flow, Watcher},
    recovery::store_of,
};

const YAML: &str = "
agents: { a: { model: mock/m } }
nodes:
  ask: { agent: a, prompt: x }
  parts: { value: [1, 2] }
  each: { map: parts, as: part, agent: a, prompt: '{{ part }}' }
  group: { nodes: { inner: { agent: a, prompt: x } } }
  improve:
    loop: { until: draft == 'good', max: 3 }
    nodes: { draft: { agent: a, prompt: x } }
";

/// A run of it that has ended well, after two iterations of its loop.
async fn whole() -> (Flow, Vec<Event>) {
    let flow = Flow::new(YAML).answer("draft", "bad").answer("draft", "good");
    let events = flow.run().await.succeeded().events;
    (flow, events)
}

/// The same bodies, numbered from 0.
fn numbered(events: Vec<Event>) -> Vec<Event> {
    (0..).zip(events).map(|(seq, event)| Event { seq, ..event }).collect()
}

/// The events up to the first that is told as `kind node`, and then `forged`.
#[track_caller]
fn forged(events: &[Event], last: &str, forged: &[Value]) -> Vec<Event> {
    let told = |event: &Event| match event.body.node() {
        Some(node) => format!("{} {node}", event.body.kind()),
        None => event.body.kind().to_owned(),
    };
    let at = events.iter().position(|event| told(event) == last).unwrap_or_else(|| panic!("no event is `{last}`"));
    let mut all = events[..=at].to_vec();
    for body in forged {
        all.push(Event { seq: all.len() as Seq, at: events[at].at, body: serde_json::from_value(body.clone()).unwrap() });
    }
    all
}

/// The number of the first event that does not fit, and why not.
#[track_caller]
fn misfit(flow: &Flow, events: &[Event]) -> (Seq, String) {
    let mut state = RunState::new(Arc::clone(&flow.plan), &BTreeMap::new());
    let refused = events.iter().find_map(|event| state.apply(event).err().map(|error| (event.seq, error)));
    let (seq, error) = refused.expect("an event is refused");
    assert_eq!(error.kind(), ErrorKind::Divergent, "{error}");
    (seq, error.message().to_owned())
}

/// The first forged event is refused because of `why`, when it is replayed and when the run is to go on.
async fn is_refused(whole: &(Flow, Vec<Event>), last: &str, bodies: &[Value], why: &str) {
    let (flow, events) = whole;
    let all = forged(events, last, bodies);
    let (seq, message) = misfit(flow, &all);
    assert_eq!(seq, (all.len() - bodies.len()) as Seq, "{bodies:?}: {message}");
    assert!(message.ends_with(why), "{message}");

    let mut rest = Flow::new(YAML).store(store_of(flow, &all).await);
    rest.run = flow.run;
    let watcher = Arc::new(Watcher::default());
    let error = rest.try_resume(Arc::clone(&watcher)).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Divergent, message.as_str()));
    assert!(watcher.calls().is_empty());
    assert_eq!(read_run(&rest.store, rest.run).await.unwrap().events, all, "nothing is added to it");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_does_not_go_on_and_does_not_end_again() {
    let whole = whole().await;
    let error = json!({"kind": "transient", "message": "503"});
    let approval = json!({"step": {"turn": 0, "index": 0}, "fingerprint": "f", "decision": "approve", "by": "somebody"});
    for body in [
        json!({"type": "node_succeeded", "node": "ask", "attempt": 1, "output": "another"}),
        json!({"type": "node_failed", "node": "ask", "attempt": 1, "error": error}),
        json!({"type": "node_skipped", "node": "ask", "reason": "its `when` is false"}),
        json!({"type": "node_cancelled", "node": "ask"}),
        json!({"type": "attempt_started", "node": "ask", "attempt": 2}),
        json!({"type": "attempt_failed", "node": "ask", "attempt": 1, "error": error, "retry_at": "2027-01-15T08:00:00Z"}),
        json!({"type": "attempt_paused", "node": "ask", "attempt": 1}),
        json!({"type": "approval_given", "node": "ask", "attempt": 1, "approval": approval}),
        json!({"type": "iteration_started", "node": "ask", "iteration": 1}),
    ] {
        is_refused(&whole, "node_succeeded ask", &[body], "node `ask` has ended, but the log goes on with it").await;
    }
    // What is in it ended with it.
    let body = json!({"type": "node_succeeded", "node": "group.inner", "attempt": 1, "output": "another"});
    is_refused(&whole, "node_succeeded group", &[body], "node `group.inner` has ended, but the log goes on with it").await;
}

#[tokio::test(start_paused = true)]
async fn a_run_is_created_by_its_first_event_and_has_one_end() {
    let whole = whole().await;
    let (flow, events) = &whole;
    let created = serde_json::to_value(&events[0].body).unwrap();
    is_refused(&whole, "run_created", &[created], "event 1 is `run_created`, and the first one alone creates the run").await;
    let resumed = json!({"type": "run_resumed", "owner": {"host": "h", "process": 1, "started": 1}});
    let why = format!("event {} comes after the end of the run", events.len());
    is_refused(&whole, "run_finished", &[resumed], &why).await;
    let ended_again = forged(events, "run_finished", &[serde_json::to_value(&events.last().unwrap().body).unwrap()]);
    assert_eq!(misfit(flow, &ended_again).0, events.len() as Seq);
    let (seq, message) = misfit(flow, &numbered(events[1..].to_vec()));
    assert_eq!(seq, 0);
    assert!(message.ends_with("and the first one alone creates the run"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_missing_or_there_twice_is_refused() {
    let (flow, events) = whole().await;
    let mut missing = events.clone();
    missing.remove(3);
    let (seq, message) = misfit(&flow, &missing);
    assert_eq!(seq, 4);
    assert!(message.ends_with("event 4 comes where event 3 belongs"), "{message}");
    let mut doubled = events.clone();
    doubled.insert(3, events[2].clone());
    let (seq, message) = misfit(&flow, &doubled);
    assert_eq!(seq, 2);
    assert!(message.ends_with("event 2 comes where event 3 belongs"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_does_not_begin_anew() {
    let whole = whole().await;
    let resumed = json!({"type": "run_resumed", "owner": {"host": "h", "process": 1, "started": 1}});
    for attempt in [1, 2] {
        let each = json!({"type": "attempt_started", "node": "each", "attempt": attempt, "elements": 2});
        let why = "node `each` begins anew while what is in it is under way";
        is_refused(&whole, "attempt_started each[0]", &[each, resumed.clone()], why).await;
        let group = json!({"type": "attempt_started", "node": "group", "attempt": attempt});
        let why = "node `group` begins anew while what is in it is under way";
        is_refused(&whole, "attempt_started group.inner", &[group, resumed.clone()], why).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_iteration_is_the_next_one_of_a_loop_or_refused() {
    let whole = whole().await;
    let iteration = |node: &str, number: u64| json!({"type": "iteration_started", "node": node, "iteration": number});
    for (last, node) in
        [("attempt_started ask", "ask"), ("node_succeeded group.inner", "group"), ("attempt_started each", "each")]
    {
        let why = format!("node `{node}` is in no loop, but the log has an iteration of it");
        is_refused(&whole, last, &[iteration(node, 2)], &why).await;
    }
    for number in [0, 1, 3, u64::from(u32::MAX)] {
        let why = format!("iteration {number} of node `improve` is not the next one");
        is_refused(&whole, "node_succeeded improve@1.draft", &[iteration("improve", number)], &why).await;
    }
    let why = "iteration 2 of node `improve` is not the next one";
    is_refused(&whole, "attempt_started improve@1.draft", &[iteration("improve", 2)], why).await;
}

#[tokio::test(start_paused = true)]
async fn a_map_has_the_elements_that_its_list_has() {
    let whole = whole().await;
    let each = |elements: usize| json!({"type": "attempt_started", "node": "each", "attempt": 1, "elements": elements});
    is_refused(&whole, "node_succeeded parts", &[each(3)], "node `each` maps over 2 elements, the log has 3").await;
    let why = "node `each` has elements in the log, and they cannot be computed";
    is_refused(&whole, "run_created", &[each(2)], why).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_or_model_that_the_plan_does_not_have_is_refused() {
    let whole = whole().await;
    let started = |node: &str| json!({"type": "attempt_started", "node": node, "attempt": 1});
    for node in ["nobody", "ask.inner", "each[2]", "improve@3.draft"] {
        let why = format!("the log names node `{node}`, which the plan does not have there");
        is_refused(&whole, "node_succeeded improve@1.draft", &[started(node)], &why).await;
    }
    let error = json!({"kind": "transient", "message": "503"});
    let fallback =
        json!({"type": "fallback_taken", "node": "ask", "attempt": 1, "from": "mock/m", "to": "mock/other", "error": error});
    let why = "node `ask` falls back to `mock/other`, which is not in its chain";
    is_refused(&whole, "attempt_started ask", &[fallback], why).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_in_an_attempt_that_failed_has_ended_with_it() {
    let whole = whole().await;
    let error = json!({"kind": "transient", "message": "503"});
    let failed =
        json!({"type": "attempt_failed", "node": "group", "attempt": 1, "error": error, "retry_at": "2027-01-15T08:00:00Z"});
    let late = json!({"type": "node_succeeded", "node": "group.inner", "attempt": 1, "output": "late"});
    let all = forged(&whole.1, "attempt_started group.inner", &[failed, late]);
    let (seq, message) = misfit(&whole.0, &all);
    assert_eq!(seq, all.len() as Seq - 1);
    assert!(message.ends_with("node `group.inner` has ended, but the log goes on with it"), "{message}");
}
