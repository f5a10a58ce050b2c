//! Each sort of point, taken and not taken.

use std::time::Duration;

use serde_json::json;

use super::{Covered, coverage_of};
use crate::engine::flow::Flow;

const BRANCHES: &str = "
inputs: { n: integer }
agents: { a: { model: mock/m } }
nodes:
  first: { value: '{{ inputs.n }}', route: { on: first, cases: { '1': [low], '2': [low, high] }, default: high } }
  low: { value: l }
  high: { value: h, when: inputs.n < 5 }
  last: { value: '{{ low | default(none) }} {{ high | default(none) }}' }
";

fn branches(n: i64) -> Flow {
    Flow::new(BRANCHES).input("n", n)
}

#[tokio::test(start_paused = true)]
async fn nodes_edges_and_routes_are_those_that_were_taken() {
    let covered = Covered::by([branches(1)]).await;
    assert_eq!(covered.of("first"), ["route `1`"]);
    assert_eq!(
        covered.missing(),
        [
            "first: route `2`",
            "high: edge from `first`",
            "first: route by default",
            "high: only skipped",
            "high: `when` true: `inputs.n < 5`",
            "high: `when` false: `inputs.n < 5`",
            "last: edge from `high`",
        ]
    );
    let covered = Covered::by([branches(1), branches(2), branches(7)]).await;
    assert_eq!(covered.missing(), [""; 0]);
    let first = covered.file().points().iter().find(|point| point.node == "first").unwrap();
    assert_eq!((first.hits, covered.file().runs), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_condition_is_covered_when_it_was_true_and_when_it_was_false() {
    assert_eq!(Covered::by([branches(2)]).await.of("high"), ["`when` true: `inputs.n < 5`"]);
    assert_eq!(Covered::by([branches(9)]).await.of("high"), ["`when` false: `inputs.n < 5`"]);
    // An edge that is not taken leaves the condition open.
    assert_eq!(Covered::by([branches(1)]).await.of("high"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_is_written_as_it_is_has_one_way_only() {
    let covered = Covered::by([Flow::new("nodes: { a: { value: 1, when: 'true' } }")]).await;
    assert_eq!(covered.missing(), [""; 0]);
    assert_eq!(covered.of("a"), ["`when` true: `true`"]);
}

#[tokio::test(start_paused = true)]
async fn the_conditions_of_edges_are_covered_both_ways() {
    let flow = |n: i64| {
        let text = r#"{
            "name": "flow", "inputs": {"n": "integer"},
            "nodes": [
                {"node_id": "a", "node_type": "value", "config": {"value": 1}},
                {"node_id": "b", "node_type": "value", "config": {"value": 2}}
            ],
            "edges": [{"from_node": "a", "to_node": "b", "condition": "inputs.n > 1"}]
        }"#;
        Flow::new(text).input("n", n)
    };
    assert_eq!(Covered::by([flow(2)]).await.of("b"), ["condition of the edge from `a` true: `inputs.n > 1`"]);
    let covered = Covered::by([flow(1)]).await;
    assert_eq!(covered.of("b"), ["condition of the edge from `a` false: `inputs.n > 1`"]);
    assert!(covered.missing().contains(&"b: only skipped".to_owned()), "{:?}", covered.missing());
    assert_eq!(Covered::by([flow(1), flow(2)]).await.missing(), [""; 0]);
}

const LOOP: &str = "
agents: { a: { model: mock/m } }
nodes:
  work:
    loop: { until: judge == 'good', max: 3 }
    nodes:
      draft: { value: '{{ loop.iteration }}' }
      judge: { agent: a, prompt: '{{ draft }}' }
";

fn judged(answers: &[&str]) -> Flow {
    answers.iter().fold(Flow::new(LOOP), |flow, answer| flow.answer("a", *answer))
}

#[tokio::test(start_paused = true)]
async fn a_loop_goes_round_ends_by_its_condition_and_comes_to_its_bound() {
    let covered = Covered::by([judged(&["good"])]).await;
    assert_eq!(covered.of("work"), ["`until` true: `judge == 'good'`"]);
    let covered = Covered::by([judged(&["bad", "good"])]).await;
    assert_eq!(covered.of("work"), ["`until` true: `judge == 'good'`", "`until` false: `judge == 'good'`", "a second iteration"]);
    assert_eq!(covered.missing(), ["work: the last iteration, `until` still false"]);
    let covered = Covered::by([judged(&["bad", "bad", "bad"])]).await;
    assert_eq!(covered.missing(), ["work: `until` true: `judge == 'good'`"]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_without_an_inner_graph_is_one_node() {
    let yaml = "
agents: { a: { model: mock/m, fallback: [mock/n] } }
nodes:
  ask: { agent: a, prompt: again, loop: { max: 2 }, retry: { max_attempts: 2, initial: 1s } }
";
    let covered = Covered::by([Flow::new(yaml).answer("ask", "x")]).await;
    assert_eq!(covered.file().points().iter().filter(|point| point.in_words() == "ran").count(), 1);
    assert_eq!(covered.missing(), ["ask: fallback to mock/n", "ask: another attempt"]);
    let covered = Covered::by([Flow::new(yaml).fail("ask", 503, 2).answer("ask", "x")]).await;
    assert_eq!(covered.missing(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_map_has_no_element_one_and_more() {
    let flow = |list: serde_json::Value| {
        Flow::new(
        "inputs: { list: [string] }\nagents: { a: { model: mock/m } }\nnodes: { each: { map: inputs.list, agent: a, prompt: '{{ item }}' } }",
    )
    .input("list", list)
    };
    let covered = Covered::by([flow(json!([]))]).await;
    assert_eq!(covered.of("each"), ["no element"]);
    assert!(covered.missing().contains(&"each: only skipped".to_owned()), "nobody was asked: {:?}", covered.missing());
    assert_eq!(Covered::by([flow(json!(["x"]))]).await.of("each"), ["one element"]);
    assert_eq!(Covered::by([flow(json!(["x", "y"]))]).await.of("each"), ["more than one element"]);
    assert_eq!(Covered::by([flow(json!([])), flow(json!(["x"])), flow(json!(["x", "y"]))]).await.missing(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_never_empty_by_its_schema_need_not_be() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  plan: { agent: a, prompt: x, output: { parts: { type: array, items: { type: string }, minItems: 1 } } }
  each: { map: plan.parts, value: '{{ item }}' }
";
    let covered = Covered::by([Flow::new(yaml).answer("plan", json!({"parts": ["x"]}))]).await;
    assert_eq!(covered.missing(), ["each: more than one element"]);
}

#[tokio::test(start_paused = true)]
async fn what_follows_from_a_failure_is_covered_when_there_was_one() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  left: { agent: a, prompt: l, on_error: continue }
  right: { agent: a, prompt: r, on_error: { use: nothing } }
  risky: { agent: a, prompt: x, on_error: { goto: sorry }, retry: { max_attempts: 2, initial: 1s } }
  done: { value: '{{ risky }}' }
  sorry: { value: s }
";
    let covered = Covered::by([Flow::new(yaml)]).await;
    assert_eq!(
        covered.missing(),
        [
            "left: on error, it goes on without its output",
            "right: on error, it goes on with another output",
            "sorry: edge from `risky`",
            "risky: on error, it goes on at `sorry`",
            "risky: another attempt",
            "sorry: only skipped",
        ]
    );
    let failing = Flow::new(yaml).fail("left", 400, 1).fail("right", 400, 1).fail("risky", 503, 2);
    assert_eq!(Covered::by([failing, Flow::new(yaml)]).await.missing(), [""; 0]);
    let covered = Covered::by([Flow::new(yaml).fail("risky", 503, 1)]).await;
    assert_eq!(covered.of("risky"), ["another attempt"], "a second attempt that succeeds is no failure");
}

#[tokio::test(start_paused = true)]
async fn an_element_that_fails_is_covered_as_its_node() {
    let yaml = "
agents: { a: { model: mock/m } }
nodes:
  each: { map: '[1, 2]', agent: a, prompt: '{{ item }}', on_error: { goto: sorry } }
  some: { map: '[1, 2]', agent: a, prompt: '{{ item }}', on_error: continue, needs: each }
  sorry: { value: s }
";
    assert_eq!(Covered::by([Flow::new(yaml).fail("each", 400, 1)]).await.of("each")[1..], ["on error, it goes on at `sorry`"]);
    let covered = Covered::by([Flow::new(yaml).fail("some", 400, 1)]).await;
    assert_eq!(covered.of("some")[1..], ["on error, it goes on without its output"]);
}

#[tokio::test(start_paused = true)]
async fn each_model_of_a_chain_is_a_point() {
    let yaml = "
agents: { a: { model: mock/one, fallback: [mock/two, mock/three] } }
nodes: { ask: { agent: a, prompt: x, retry: { max_attempts: 1 } } }
";
    let chain = |failures| Flow::new(yaml).fail("ask", 503, failures).answer("ask", "yes");
    assert_eq!(Covered::by([chain(0)]).await.missing(), ["ask: fallback to mock/two", "ask: fallback to mock/three"]);
    assert_eq!(Covered::by([chain(1)]).await.missing(), ["ask: fallback to mock/three"]);
    assert_eq!(Covered::by([chain(2)]).await.missing(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn with_join_any_each_edge_has_to_be_the_first_once() {
    let yaml = "
inputs: { slow: string }
nodes:
  a: { value: a }
  b: { wait: { for: 5s } }
  either: { join: any, needs: [a, b], value: x }
";
    let covered = Covered::by([Flow::new(yaml).input("slow", "b")]).await;
    assert_eq!(covered.of("either"), ["`a` comes first"]);
    assert!(covered.missing().contains(&"either: `b` comes first".to_owned()), "{:?}", covered.missing());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_come_in_time_is_a_point() {
    let yaml = "
inputs: { send: boolean }
messages: { note: string }
mailboxes: { desk: {} }
nodes:
  tell: { when: inputs.send, send: { to: desk, type: note, body: hello } }
  get: { needs: tell, receive: { mailbox: desk, timeout: 1s, on_timeout: take } }
";
    let of = |send: bool| Flow::new(yaml).input("send", send);
    // Nothing leads to `get` when `tell` is skipped.
    let covered = Covered::by([of(true)]).await;
    assert_eq!(covered.missing(), ["tell: `when` false: `inputs.send`", "get: nothing came in time"]);
    let alone = "
messages: { note: string }
mailboxes: { desk: {} }
nodes: { get: { receive: { mailbox: desk, timeout: 1s, on_timeout: take } }, look: { wait: { message: { mailbox: desk, timeout: 1s, on_timeout: continue } } } }
";
    assert_eq!(Covered::by([Flow::new(alone).latency(Duration::from_secs(1))]).await.missing(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_run_of_another_workflow_is_refused() {
    let (one, other) = (branches(1), judged(&["good"]));
    let ran = other.run().await;
    let mut coverage = coverage_of(&other, &ran);
    let error = coverage.take(&one.plan, &std::collections::BTreeMap::new(), &ran.events).unwrap_err();
    assert_eq!(error.message(), "the run is of another workflow than `flow`");
}
