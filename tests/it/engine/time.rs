//! When things start and how long they may take. All on paused time.

use std::time::Duration;

use agentflow::{error::ErrorKind, model::RunStatus};
use tokio::time::Instant;

use super::flow::{Flow, Ran};

#[tokio::test(start_paused = true)]
async fn an_uneven_diamond_takes_its_critical_path() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  top: { value: 1 }
  left: { agent: a, prompt: '{{ top }}' }
  right: { agent: a, prompt: '{{ top }}' }
  right_next: { agent: a, prompt: '{{ right }}' }
  bottom: { agent: a, prompt: '{{ left }} {{ right_next }}' }
",
    );
    let began = Instant::now();
    flow.latency(Duration::from_secs(10)).run().await.succeeded();
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_takes_too_long_fails() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes: { slow: { agent: a, prompt: x, timeout: 3s } }
",
    );
    let began = Instant::now();
    let ran = flow.latency(Duration::from_secs(60)).run().await;
    assert_eq!(began.elapsed().as_secs(), 3);
    assert_eq!(ran.result.error.as_ref().unwrap().kind, ErrorKind::Timeout);
    ran.failed("node `slow`: no result within its time limit of 3 s");
}

#[tokio::test(start_paused = true)]
async fn an_inner_graph_that_takes_too_long_gives_up_what_runs_in_it() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  group: { timeout: 3s, on_error: continue, nodes: { slow: { agent: a, prompt: x }, next: { agent: a, prompt: '{{ slow }}' } } }
  after: { value: '{{ nodes.group.status }}' }
outputs: { after: '{{ after }}' }
",
    );
    let ran = flow.latency(Duration::from_secs(60)).run().await.succeeded().output("after", "failed");
    ran.ended(&["group.slow cancelled", "group failed", "after succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_fails() {
    let flow = Flow::new(
        "
limits: { timeout: 5s }
agents: { a: { model: mock/m } }
nodes: { slow: { agent: a, prompt: x } }
",
    );
    let ran = flow.latency(Duration::from_secs(60)).run().await;
    assert_eq!(ran.result.status, RunStatus::Failed);
    ran.failed("the run did not end within its time limit of 5 s");
}

const THREE_OF_TWO_SECONDS: &str = "
agents: { a: { model: mock/m } }
nodes: { one: { agent: a, prompt: x }, two: { agent: a, prompt: '{{ one }}' }, three: { agent: a, prompt: '{{ two }}' } }
";

/// Runs the flow for a second, then what is left of it: what came of that, and how long it took.
async fn interrupted_and_resumed(flow: &Flow) -> (Ran, Duration) {
    let stop = flow.stop.clone();
    let (early, ()) = tokio::join!(flow.run(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.gracefully();
    });
    assert_eq!(early.calls, ["one#0"]);
    // Nobody works on the run meanwhile.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let again = Instant::now();
    let resumed = flow.resume().await;
    (resumed, again.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_of_a_run_goes_on_over_a_resume() {
    let flow = Flow::new(&format!("limits: {{ timeout: 5s }}{THREE_OF_TWO_SECONDS}")).latency(Duration::from_secs(2));
    let (resumed, took) = interrupted_and_resumed(&flow).await;
    assert_eq!(took.as_millis() / 100, 30, "two of the five seconds were used before");
    resumed.failed("the run did not end within its time limit of 5 s");
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_of_an_inner_graph_goes_on_over_a_resume() {
    let inner = THREE_OF_TWO_SECONDS.replace("nodes: {", "nodes: { group: { timeout: 5s, nodes: {").replace(" }\n}", " } } }\n}");
    let inner = inner.trim_end().to_owned() + " } }";
    let flow = Flow::new(&inner).latency(Duration::from_secs(2));
    let stop = flow.stop.clone();
    let (_, ()) = tokio::join!(flow.run(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.gracefully();
    });
    let again = Instant::now();
    let resumed = flow.resume().await;
    assert_eq!(again.elapsed().as_millis() / 100, 30);
    resumed.failed("node `group`: no result within its time limit of 5 s");
}

#[tokio::test(start_paused = true)]
async fn retries_wait_as_the_server_asks() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes: { ask: { agent: a, prompt: x, retry: { jitter: none } } }
",
    );
    let began = Instant::now();
    flow.fail("ask", 503, 3).answer("ask", "ok").run().await.succeeded();
    // 0.5 s, 1 s, 2 s.
    assert_eq!(began.elapsed().as_millis() / 100, 35);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_records_what_is_in_flight_and_starts_nothing_new() {
    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: x }
  two: { agent: a, prompt: '{{ one }}' }
",
    )
    .latency(Duration::from_secs(2));
    flow.stop.gracefully();
    let early = flow.run().await;
    assert_eq!(early.result.status, RunStatus::Running);
    assert!(early.calls.is_empty());

    let flow = Flow::new(
        "
agents: { a: { model: mock/m } }
nodes:
  one: { agent: a, prompt: x }
  two: { agent: a, prompt: '{{ one }}' }
",
    )
    .latency(Duration::from_secs(2));
    let stop = flow.stop.clone();
    let (ran, ()) = tokio::join!(flow.run(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.gracefully();
    });
    assert_eq!(ran.result.status, RunStatus::Running);
    let ran = ran.ended(&["one succeeded"]);
    assert_eq!(ran.calls, ["one#0"]);
    let resumed = flow.resume().await.succeeded();
    assert_eq!(resumed.calls, ["two#0"]);
}
