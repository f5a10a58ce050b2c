//! Models that stand in for one that fails.

use agentflow::{
    error::ErrorKind,
    model::{Event, EventBody},
};
use serde_json::json;

use super::{
    flow::{Flow, Ran},
    recovery::store_of,
};

const CHAIN: &str = "
agents: { a: { model: mock/first, fallback: [mock/second, { model: mock/large, also_after: [context_length, auth] }] } }
nodes: { ask: { agent: a, prompt: hello, retry: { max_attempts: 2 } } }
";

/// Each try of a model with how it ended, in order: `first: transient`, `second: answered`.
fn tries(ran: &Ran) -> Vec<String> {
    let mut asked = "";
    let mut tries = Vec::new();
    for Event { body, .. } in &ran.events {
        match body {
            EventBody::AttemptStarted { model, .. } => {
                let model = model.as_deref().unwrap_or_default();
                asked = model.strip_prefix("mock/").unwrap_or(model);
            }
            EventBody::AttemptFailed { error, .. }
            | EventBody::FallbackTaken { error, .. }
            | EventBody::NodeFailed { error, .. } => {
                let kind = serde_json::to_value(error.kind).unwrap();
                tries.push(format!("{asked}: {}", kind.as_str().unwrap()));
            }
            EventBody::NodeSucceeded { .. } => tries.push(format!("{asked}: answered")),
            _ => {}
        }
    }
    tries
}

#[tokio::test(start_paused = true)]
async fn the_next_model_answers_when_the_first_has_no_attempt_left() {
    let ran = Flow::new(CHAIN).fail("ask", 503, 2).answer("ask", "here").run().await;
    assert_eq!(tries(&ran), ["first: transient", "first: transient", "second: answered"]);
    let hop = ran.events.iter().find_map(|event| match &event.body {
        EventBody::FallbackTaken { from, to, attempt, .. } => Some((from.clone(), to.clone(), *attempt)),
        _ => None,
    });
    assert_eq!(hop, Some(("mock/first".to_owned(), "mock/second".to_owned(), 2)));
    let answered = ran.events.iter().find_map(|event| match &event.body {
        EventBody::ModelResponded { model, attempt, .. } => Some((model.clone(), *attempt)),
        _ => None,
    });
    assert_eq!(answered, Some(("mock/second".to_owned(), 3)), "the log tells which model answered");
    ran.succeeded().output("ask", "here");
}

#[tokio::test(start_paused = true)]
async fn each_model_has_all_its_attempts() {
    let ran = Flow::new(CHAIN).fail("ask", 503, 9).run().await;
    let twice = |model: &str| [format!("{model}: transient"), format!("{model}: transient")];
    assert_eq!(tries(&ran), [twice("first"), twice("second"), twice("large")].concat());
    let error = ran.result.error.unwrap();
    assert!(error.message.contains("`large`"), "{error:?}");
    assert!(error.hints[0].starts_with("before it, mock/first: "), "{error:?}");
    assert!(error.hints[1].starts_with("before it, mock/second: "), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_is_left_at_once() {
    let ran = Flow::new(CHAIN).fail("ask", 402, 1).answer("ask", "here").run().await;
    assert_eq!(tries(&ran), ["first: quota", "second: answered"]);
    let times: Vec<_> = ran.events.iter().map(|event| event.at).collect();
    let waited = times.last().unwrap().duration_since(times[0]);
    assert!(waited.as_millis() < 100, "no delay before the hop, but {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_too_long_a_wait_is_left_at_once() {
    let slow = json!({"error": {"status": 429, "retry_after": 121}});
    let flow = Flow::new(CHAIN).scripted("ask", slow).answer("ask", "here");
    assert_eq!(tries(&flow.run().await), ["first: throttle", "second: answered"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_request_is_the_end_for_all_models() {
    let ran = Flow::new(CHAIN).fail("ask", 400, 1).run().await;
    assert_eq!(tries(&ran), ["first: request"]);
    assert_eq!(ran.result.error.unwrap().hints, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_too_long_goes_to_a_model_marked_for_it() {
    let too_long = json!({"error": {"kind": "context_length"}});
    let ran = Flow::new(CHAIN).scripted("ask", too_long).answer("ask", "here").run().await;
    assert_eq!(tries(&ran), ["first: context_length", "large: answered"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_goes_to_a_model_marked_for_it() {
    let ran = Flow::new(CHAIN).fail("ask", 401, 1).answer("ask", "here").run().await;
    assert_eq!(tries(&ran), ["first: auth", "large: answered"]);
    let plain = CHAIN.replace(", also_after: [context_length, auth]", "");
    let ran = Flow::new(&plain).fail("ask", 401, 1).run().await;
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Auth);
    assert_eq!(tries(&ran), ["first: auth"]);
}

#[tokio::test(start_paused = true)]
async fn the_turns_that_one_model_has_answered_are_not_paid_again_with_the_next() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/first, fallback: [mock/second] } }
nodes: { ask: { agent: a, prompt: hello, output: { n: integer }, retry: { max_attempts: 1 } } }
",
    );
    // The first model's answer is no good; it fails when it is asked to mend it.
    let ran = flow.answer("ask", "what?").fail("ask", 503, 1).answer("ask", json!({"n": 4})).run().await;
    assert_eq!(ran.calls, ["ask#0", "ask#1", "ask#1"], "the first answer is taken from the log");
    ran.succeeded().output("ask", json!({"n": 4}));
}

#[tokio::test(start_paused = true)]
async fn a_resume_goes_on_with_the_model_that_the_run_fell_back_to() {
    for events in 1..12 {
        let flow = Flow::new(CHAIN).fail("ask", 503, 2).answer("ask", "here");
        let whole = flow.run().await.events;
        if events >= whole.len() {
            return;
        }
        let mut again = Flow::new(CHAIN).fail("ask", 503, 9);
        again.run = flow.run;
        let again = again.store(store_of(&flow, &whole[..events]).await);
        let ran = again.resume().await;
        let first = tries(&ran).iter().filter(|told| told.starts_with("first")).count();
        assert_eq!(first, 2, "cut after {events} events: the attempts of the first model count: {:?}", tries(&ran));
    }
    panic!("the run has more events than were looked at");
}

#[test]
fn a_chain_leaves_out_what_has_had_its_turn() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/first, fallback: [mock/first, mock/second, mock/second] } }
nodes:
  all: { agent: a, prompt: x }
  alone: { agent: a, prompt: x, fallback: [] }
  own: { agent: a, prompt: x, model: mock/second, fallback: [mock/first] }
",
    );
    let chains: Vec<Vec<String>> = flow.plan.graph.nodes.iter().map(chain_of).collect();
    assert_eq!(chains, [vec!["mock/first", "mock/second"], vec!["mock/first"], vec!["mock/second", "mock/first"]]);
}

fn chain_of(node: &agentflow::plan::NodePlan) -> Vec<String> {
    match &node.kind {
        agentflow::plan::NodeKind::Agent(agent) => agent.models().map(ToString::to_string).collect(),
        other => panic!("{other:?} is no agent"),
    }
}
