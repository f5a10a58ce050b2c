//! Runs that somebody cancels.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use agentflow::{
    ErrorKind,
    engine::{cancel_unheld, children_of, read_run, run_control},
    model::{AgentMode, EventBody, RunStatus, RunWish},
    store::this_process,
};
use tokio::{join, time::Instant};

use super::{CALL, Scene, told};
use crate::engine::recovery::store_of;

const LEASE: Duration = Duration::from_secs(30);
const DEEP: &str = "
agents: { writer: { model: ollama/m } }
nodes:
  first: { agent: writer, prompt: One }
  outer:
    nodes:
      each: { map: range(2) | list, agent: writer, prompt: 'Two {{ first }}' }
outputs: { all: '{{ outer }}' }
";

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_ended_at_once_and_the_run_with_it() {
    let scene = Scene::new(DEEP);
    let begun = Instant::now();
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(3).await;
        scene.wish(RunWish::Cancel).await;
    });
    assert_eq!(ran.result.status, RunStatus::Cancelled);
    assert!(begun.elapsed() < CALL + Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(scene.team.in_flight.load(Ordering::Relaxed), 0, "no call is left open");
    let told = told(&ran.events);
    let end = told.iter().position(|told| told == "run_cancel_requested").unwrap();
    assert_eq!(
        told[end..],
        ["run_cancel_requested", "node_cancelled outer.each[0]", "node_cancelled outer.each[1]", "run_finished"]
    );
    assert_eq!((ran.result.spend.calls, ran.result.spend.lost_calls), (1, 2), "two calls may have been paid for");
    assert_eq!(run_control(&scene.flow.store, scene.flow.run).await.unwrap(), None, "nothing is wished of a run that has ended");
    let again = scene.flow.resume().await;
    assert_eq!((again.result.status, again.events.len()), (RunStatus::Cancelled, ran.events.len()), "it is not gone on with");
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_that_its_process_did_not_live_to_carry_out_is_carried_out_by_the_next() {
    let scene = Scene::new(DEEP);
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(3).await;
        scene.wish(RunWish::Cancel).await;
    });
    let end = ran.events.len();
    let wished = told(&ran.events).iter().position(|told| told == "run_cancel_requested").unwrap();
    // Whatever was recorded of it, from the request on.
    for cut in wished + 1..end {
        let mut rest = Scene::new(DEEP);
        rest.flow = rest.flow.store(store_of(&scene.flow, &ran.events[..cut]).await);
        rest.flow.run = scene.flow.run;
        let ran = rest.flow.resume().await;
        assert_eq!(ran.result.status, RunStatus::Cancelled, "cut at {cut}");
        assert!(rest.asked().is_empty(), "cut at {cut}");
    }
    // And when only the wish was there.
    let mut rest = Scene::new(DEEP);
    rest.flow = rest.flow.store(store_of(&scene.flow, &ran.events[..wished]).await);
    rest.flow.run = scene.flow.run;
    rest.wish(RunWish::Cancel).await;
    assert_eq!(rest.flow.resume().await.result.status, RunStatus::Cancelled);
    assert!(rest.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_no_process_holds_is_cancelled_from_outside_and_its_log_is_whole() {
    let scene = Scene::new(DEEP);
    let whole = scene.flow.run().await.succeeded();
    for cut in 1..whole.events.len() {
        let mut rest = Scene::new(DEEP);
        let store = store_of(&scene.flow, &whole.events[..cut]).await;
        rest.flow = rest.flow.store(Arc::clone(&store));
        rest.flow.run = scene.flow.run;
        cancel_unheld(&store, scene.flow.run, &this_process(), LEASE, "ada").await.unwrap();
        let ran = rest.flow.resume().await;
        assert_eq!(ran.result.status, RunStatus::Cancelled, "cut at {cut}");
        assert!(rest.asked().is_empty());
        let again = cancel_unheld(&store, scene.flow.run, &this_process(), LEASE, "ada").await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Invalid);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_paused_agent_can_be_cancelled() {
    let scene = Scene::new(DEEP);
    scene.to("writer", AgentMode::Paused).await;
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.seen("agent_paused writer").await;
        scene.wish(RunWish::Cancel).await;
    });
    assert_eq!((ran.result.status, scene.asked().len()), (RunStatus::Cancelled, 0));
}

#[tokio::test(start_paused = true)]
async fn the_runs_that_it_called_end_with_it() {
    let scene = Scene::new(
        "
agents: { chief: { model: ollama/m }, worker: { model: ollama/m } }
nodes:
  go: { tool: 'agent:worker', args: { task: Go } }
  end: { agent: chief, prompt: 'End {{ go }}' }
",
    );
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.wish(RunWish::Cancel).await;
    });
    assert_eq!(ran.result.status, RunStatus::Cancelled);
    let child = children_of(scene.flow.run, &ran.events).remove(0).run;
    let last = read_run(&scene.flow.store, child).await.unwrap().events.pop().map(|event| event.body);
    assert!(matches!(last, Some(EventBody::RunFinished { status: RunStatus::Cancelled, .. })), "{last:?}");
    assert_eq!(scene.team.in_flight.load(Ordering::Relaxed), 0);
}
