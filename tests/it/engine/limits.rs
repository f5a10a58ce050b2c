//! Bounds of a run: budgets, counts, concurrency.

use std::time::Duration;

use agentflow::error::ErrorKind;

use super::flow::{Flow, Ran};

#[tokio::test(start_paused = true)]
async fn a_spent_token_budget_ends_the_run() {
    let flow = Flow::new(
        "
limits: { max_tokens: 5 }
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: 'a rather long prompt, to spend the budget' }
  two: { agent: a, prompt: '{{ one }}', on_error: continue }
",
    );
    let ran = flow.run().await;
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!(error.kind, ErrorKind::Budget);
    assert!(error.message.starts_with("node `two`: the budget `limits.max_tokens` is spent"), "{error:?}");
    assert_eq!(ran.calls, ["one#0"]);
}

/// A map of twenty calls, each of which reads 25 tokens and is answered with 75, within `limits`; the agent has `agent` beside.
async fn fan_out(limits: &str, agent: &str) -> Ran {
    let flow = Flow::new(&format!(
        "
limits: {{ concurrency: 8, {limits} }}
agents: {{ a: {{ model: mock/m{agent} }} }}
nodes: {{ each: {{ map: 'range(20) | list', agent: a, prompt: '{}' }} }}
",
        "p".repeat(100)
    ));
    (0..20).fold(flow, |flow, _| flow.answer("each", "a".repeat(300))).latency(Duration::from_secs(1)).run().await
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_whose_answers_are_bounded_never_goes_beyond_its_budget() {
    let ran = fan_out("max_tokens: 450", ", max_tokens: 75").await;
    assert_eq!((ran.calls.len(), ran.result.spend.tokens()), (4, 400), "a fifth call could make it 500");
    let error = ran.result.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Budget);
    assert!(error.message.contains("400 of 450 tokens, and the next call may take 100"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_whose_answers_have_no_bound_goes_beyond_by_one_call_at_most() {
    let ran = fan_out("max_tokens: 450", "").await;
    assert_eq!((ran.calls.len(), ran.result.spend.tokens()), (5, 500));
    assert_eq!(ran.result.error.unwrap().kind, ErrorKind::Budget);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_large_enough_holds_nothing_back() {
    let began = tokio::time::Instant::now();
    fan_out("max_tokens: 2000", ", max_tokens: 75").await.succeeded();
    // Twenty calls of a second, eight at once.
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn node_instances_are_bounded() {
    let flow = Flow::new(
        "
limits: { nodes: 3 }
nodes:
  list: { value: [1, 2, 3, 4, 5] }
  each: { map: list, value: '{{ item }}' }
",
    );
    let ran = flow.run().await;
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Budget);
}

#[tokio::test(start_paused = true)]
async fn iterations_are_bounded_over_all_loops() {
    let flow = Flow::new(
        "
limits: { iterations: 4 }
nodes: { n: { value: 1, loop: { max: 100 } } }
",
    );
    let ran = flow.run().await;
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Budget);
}

#[tokio::test(start_paused = true)]
async fn a_run_has_so_many_events_at_most_and_its_end_is_among_them() {
    let flow = Flow::new(
        "
limits: { nodes: 1M }
agents: { a: { model: mock/m } }
nodes:
  list: { value: '{{ range(8000) }}' }
  one: { map: list, value: '{{ item }}' }
  two: { map: one, value: '{{ item }}' }
  three: { map: two, value: '{{ item }}' }
  four: { map: three, value: '{{ item }}' }
  five: { map: four, value: '{{ item }}' }
  six: { map: five, value: '{{ item }}' }
  seven: { map: six, value: '{{ item }}', on_error: continue }
",
    );
    let ran = flow.run().await;
    let error = ran.result.error.as_ref().unwrap();
    assert_eq!(error.kind, ErrorKind::Budget);
    assert!(error.message.contains("at most 51200 events"), "{error:?}");
    assert!((50_000..51_200).contains(&ran.events.len()), "{}", ran.events.len());
}

/// How long a map of eight calls of a second takes.
async fn time_of(limits: &str, map: &str) -> Duration {
    let flow = Flow::new(&format!(
        "
limits: {{ {limits} }}
agents: {{ a: {{ model: mock/m }} }}
nodes:
  list: {{ value: [1, 2, 3, 4, 5, 6, 7, 8] }}
  each: {{ map: list, agent: a, prompt: '{{{{ item }}}}'{map} }}
"
    ));
    let began = tokio::time::Instant::now();
    flow.latency(Duration::from_secs(1)).run().await.succeeded();
    Duration::from_secs(began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn attempts_in_flight_are_bounded_by_the_run_and_by_the_map() {
    assert_eq!(time_of("concurrency: 8", "").await, Duration::from_secs(1));
    assert_eq!(time_of("concurrency: 4", "").await, Duration::from_secs(2));
    assert_eq!(time_of("concurrency: 8", ", concurrency: 2").await, Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn agents_that_queue_together_do_not_pass_the_bound_of_nodes() {
    let flow = Flow::new(
        "
limits: { nodes: 3, concurrency: 2 }
agents: { a: { model: mock/m } }
nodes: { each: { map: '[1, 2, 3, 4, 5]', agent: a, prompt: '{{ item }}' } }
",
    );
    let ran = flow.run().await;
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Budget);
    assert_eq!(ran.calls, ["each[0]#0", "each[1]#0"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_iteration_counts_too() {
    let flow = Flow::new(
        "
limits: { iterations: 2 }
nodes: { n: { value: 1, loop: { max: 3 } } }
",
    );
    let ran = flow.run().await;
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Budget);
    ran.ended(&["n@1.n succeeded", "n@2.n succeeded", "n failed"]);
}
