//! Failed attempts, and what a failure means.

use std::{collections::BTreeMap, sync::Arc};

use agentflow::{
    engine::RunState,
    error::ErrorKind,
    model::{Event, EventBody, NodePath, NodeStatus},
};
use serde_json::json;

use super::flow::Flow;

const ONE: &str = "
agents: { a: { model: mock/m } }
nodes: { ask: { agent: a, prompt: hello } }
";

#[tokio::test(start_paused = true)]
async fn a_temporary_failure_is_tried_again() {
    let ran = Flow::new(ONE).fail("ask", 503, 2).answer("ask", "here").run().await;
    ran.succeeded().output("ask", "here").attempts("ask", 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_the_run_fails() {
    let ran = Flow::new(ONE).fail("ask", 503, 9).run().await;
    assert!(ran.result.error.as_ref().unwrap().message.starts_with("node `ask`: "), "{:?}", ran.result.error);
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Transient);
    ran.attempts("ask", 4).ended(&["ask failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_tried_again() {
    let ran = Flow::new(ONE).fail("ask", 401, 1).run().await;
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Auth);
    ran.attempts("ask", 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_run_but_keeps_what_is_paid_for() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m }, b: { model: mock/m } }
nodes:
  bad: { agent: a, prompt: x }
  good: { agent: b, prompt: y }
  after: { value: '{{ good }}' }
",
    );
    let ran = flow.fail("bad", 400, 1).answer("good", "paid").run().await;
    assert!(ran.endings().contains(&"bad failed".to_owned()));
    assert!(ran.endings().contains(&"good succeeded".to_owned()));
    assert!(!ran.endings().contains(&"after succeeded".to_owned()), "nothing new starts after a failure");
}

#[tokio::test(start_paused = true)]
async fn on_error_continue_reads_as_none() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  bad: { agent: a, prompt: x, on_error: continue }
  next: { value: \"{{ nodes.bad.status }} {{ bad | default('nothing', true) }} {{ nodes.bad.attempts }}\" }
outputs: { next: '{{ next }}' }
",
    );
    flow.fail("bad", 400, 1).run().await.succeeded().output("next", "failed nothing 1").ended(&["bad failed", "next succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn on_error_use_gives_the_value() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  bad: { agent: a, prompt: x, output: { score: integer }, on_error: { use: { score: 0 } } }
  next: { value: '{{ bad.score + 1 }}' }
outputs: { next: '{{ next }}' }
",
    );
    flow.fail("bad", 400, 1).run().await.succeeded().output("next", 1);
}

#[tokio::test(start_paused = true)]
async fn on_error_goto_goes_on_at_the_handler_only() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  work: { agent: a, prompt: x, on_error: { goto: rescue } }
  next: { value: 'got {{ work }}' }
  rescue: { value: 'because {{ nodes.work.error }}' }
  end: { value: \"{{ next | default(rescue) }}\" }
outputs: { end: '{{ end }}' }
";
    let ran = Flow::new(yaml).fail("work", 400, 1).run().await.succeeded();
    assert!(ran.result.outputs["end"].as_str().unwrap().starts_with("because "), "{:?}", ran.result.outputs);
    ran.ended_in_any_order(&["end succeeded", "next skipped", "rescue succeeded", "work failed"]);
    let ran = Flow::new(yaml).answer("work", "it").run().await.succeeded().output("end", "got it");
    ran.ended_in_any_order(&["end succeeded", "next succeeded", "rescue skipped", "work succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_is_repaired_in_the_same_conversation() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes: { ask: { agent: a, prompt: x, output: { n: integer } } }
",
    );
    let ran = flow.answer("ask", json!({"n": "seven"})).answer("ask", json!({"n": 7})).run().await.succeeded();
    assert_eq!(ran.calls, ["ask#0", "ask#1"]);
    ran.output("ask", json!({"n": 7})).attempts("ask", 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stays_wrong_keeps_its_text() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes: { ask: { agent: a, prompt: x, output: { n: integer }, retry: { max_attempts: 1 } } }
",
    );
    let flow = (0..5).fold(flow, |flow, _| flow.answer("ask", "no number at all"));
    let ran = flow.run().await;
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!(error.kind, ErrorKind::Schema);
    assert_eq!(error.raw_text.as_deref(), Some("no number at all"));
}

#[tokio::test(start_paused = true)]
async fn a_route_without_a_case_fails_the_node() {
    let flow = Flow::new(
        "
inputs: { kind: string }
nodes:
  a: { value: '{{ inputs.kind }}', route: { on: a, cases: { x: b } } }
  b: { value: 1 }
",
    );
    let ran = flow.input("kind", "y").run().await;
    ran.failed("node `a`: `route` has no case for `y` and no default");
}

#[tokio::test(start_paused = true)]
async fn a_failing_inner_graph_is_tried_again_as_a_whole() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  pair:
    retry: { max_attempts: 2, jitter: none }
    nodes:
      one: { value: 1 }
      two: { agent: a, prompt: '{{ one }}', retry: { max_attempts: 1 } }
outputs: { two: '{{ pair.two }}' }
",
    );
    let ran = flow.fail("two", 503, 1).answer("two", "ok").run().await.succeeded().output("two", "ok");
    ran.ended(&["pair.one succeeded", "pair.two failed", "pair!2.one succeeded", "pair!2.two succeeded", "pair succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn what_had_not_begun_when_an_inner_graph_failed_begins_with_its_next_attempt() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  pair:
    retry: { max_attempts: 2, jitter: none }
    nodes:
      one: { agent: a, prompt: x, retry: { max_attempts: 1 } }
      two: { agent: a, prompt: '{{ one }}' }
outputs: { two: '{{ pair.two }}' }
",
    );
    let flow = flow.fail("one", 503, 1).answer("one", "1").answer("two", "2");
    let ran = flow.run().await.succeeded().output("two", "2");
    assert_eq!(ran.calls, ["pair.one#0", "pair!2.one#0", "pair!2.two#0"]);
    let is_retry = |event: &Event| matches!(event.body, EventBody::AttemptFailed { .. });
    let failed = ran.events.iter().position(is_retry).unwrap();
    let state = RunState::replay(Arc::clone(&flow.plan), &BTreeMap::new(), &ran.events[..=failed]).unwrap();
    assert_eq!(state.summary()[&NodePath::new("pair.two")].0, NodeStatus::Cancelled, "nobody begins it in the old one");
    ran.ended(&["pair.one failed", "pair!2.one succeeded", "pair!2.two succeeded", "pair succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn every_event_is_shown_once_and_in_order_after_it_is_stored() {
    let ran = Flow::new(ONE).fail("ask", 503, 1).run().await.succeeded();
    assert_eq!(ran.shown, ran.events);
    assert!(matches!(ran.events.last().unwrap().body, EventBody::RunFinished { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_inner_graph_of_which_a_part_was_cut_off_has_not_succeeded() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  group: { nodes: { flaky: { agent: a, prompt: x, retry: { initial: 10s, jitter: none } } } }
  first: { agent: a, prompt: x }
  bad: { agent: a, prompt: '{{ first }}' }
",
    );
    let flow = flow.latency(std::time::Duration::from_secs(1)).fail("flaky", 503, 1).fail("bad", 400, 1);
    let ran = flow.run().await;
    assert_eq!(ran.result.error.as_ref().unwrap().kind, agentflow::error::ErrorKind::Request);
    ran.ended(&["first succeeded", "bad failed", "group.flaky cancelled", "group cancelled"]);
}
