//! Runs that somebody pauses.

use std::time::Duration;

use agentflow::{
    Error, ErrorKind,
    model::{Effect, EventBody, RunStatus, RunWish},
};
use serde_json::json;
use tokio::{join, time::Instant};

use super::{CALL, Scene, times, told};
use crate::tool::probe::Probe;

const CHAIN: &str = "
agents: { writer: { model: ollama/m } }
nodes:
  one: { agent: writer, prompt: One }
  two: { agent: writer, prompt: 'Two {{ one }}' }
outputs: { two: '{{ two }}' }
";

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_settles_and_nothing_begins_until_somebody_goes_on() {
    let scene = Scene::new(CHAIN);
    let begun = Instant::now();
    let (paused, at) = join!(scene.flow.run(), async {
        scene.seen("attempt_started one").await;
        let asked = begun.elapsed();
        scene.wish(RunWish::Pause).await;
        scene.seen("run_paused").await;
        begun.elapsed().checked_sub(asked).unwrap()
    });
    assert!(at < Duration::from_secs(1), "it took {at:?}");
    assert_eq!(paused.result.status, RunStatus::Waiting);
    assert_eq!(begun.elapsed().as_secs(), CALL.as_secs(), "the process ends when the call in flight has");
    assert_eq!(told(&paused.events)[2..], ["run_paused", "model_responded one", "node_succeeded one"]);
    let ran = scene.flow.resume().await.succeeded().output("two", "two 0");
    assert_eq!(scene.asked(), ["one#0 m", "two#0 m"]);
    assert_eq!(told(&ran.events)[5..7], ["run_resumed", "run_continued"]);
    assert_eq!(ran.result.spend.lost_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_taken_back_in_time_ends_no_process() {
    let scene = Scene::new(CHAIN);
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.seen("attempt_started one").await;
        scene.wish(RunWish::Pause).await;
        scene.seen("run_paused").await;
        scene.wish(RunWish::GoOn).await;
    });
    let ran = ran.succeeded().output("two", "two 0");
    assert_eq!((times(&ran.events, "run_continued"), times(&ran.events, "run_resumed")), (1, 0));
}

const LOOP: &str = "
permissions: ['fs:read:docs/**']
agents: { writer: { model: ollama/m, tools: [read_file] } }
nodes: { one: { agent: writer, prompt: One } }
outputs: { one: '{{ one }}' }
";

#[tokio::test(start_paused = true)]
async fn an_agent_stops_within_its_loop_and_goes_on_from_its_log() {
    let scene = Scene::with_turns(LOOP, 2);
    let (paused, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(2).await;
        scene.wish(RunWish::Pause).await;
    });
    assert_eq!(paused.result.status, RunStatus::Waiting);
    let told = told(&paused.events);
    assert_eq!(told[told.len() - 3..], ["run_paused", "model_responded one", "attempt_paused one"], "{told:?}");
    assert_eq!((scene.asked().len(), scene.read.calls().len()), (2, 1), "the second call of the tool is not made");
    let held = paused.events.last().map(|event| &event.body);
    assert!(matches!(held, Some(EventBody::AttemptPaused { held: true, .. })), "{held:?}");
    let ran = scene.flow.resume().await.succeeded().output("one", "one 2");
    assert_eq!(scene.asked(), ["one#0 m", "one#1 m", "one#2 m"]);
    assert_eq!((scene.read.calls().len(), ran.result.spend.tool_calls, ran.result.spend.lost_calls), (2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_turn_does_not_go_out() {
    let scene = Scene::new(
        "
agents: { writer: { model: ollama/m, max_concurrent: 1 } }
nodes: { each: { map: range(3) | list, agent: writer, prompt: Hi } }
",
    );
    let begun = Instant::now();
    let (paused, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.wish(RunWish::Pause).await;
    });
    assert_eq!((begun.elapsed().as_secs(), scene.asked().len()), (CALL.as_secs(), 1));
    assert_eq!(times(&paused.events, "attempt_paused each[1]") + times(&paused.events, "attempt_paused each[2]"), 2);
    scene.flow.resume().await.succeeded();
    assert_eq!(scene.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_due_does_not_begin_in_a_paused_run() {
    let yaml = "
agents: { writer: { model: ollama/m } }
nodes:
  bad: { tool: read_file, args: { path: docs/a }, permissions: ['fs:read:docs/**'], retry: { initial: 2s, jitter: none, max_attempts: 2 } }
  one: { agent: writer, prompt: One }
";
    let down = Err(Error::new(ErrorKind::Transient, "down"));
    let scene = Scene::reading(yaml, 0, Probe::new("read_file", Effect::Read).takes(json!({"type": "object"})).gives([down]));
    let (paused, ()) = join!(scene.flow.run(), async {
        scene.seen("attempt_failed bad").await;
        scene.wish(RunWish::Pause).await;
    });
    assert_eq!((paused.result.status, scene.read.calls().len()), (RunStatus::Waiting, 1));
    scene.flow.resume().await.succeeded();
    assert_eq!(scene.read.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_called_pauses_with_the_one_that_calls_it() {
    let scene = Scene::with_turns(
        "
permissions: ['fs:read:docs/**']
agents:
  chief: { model: ollama/m }
  worker: { model: ollama/m, tools: [read_file] }
nodes:
  go: { tool: 'agent:worker', args: { task: Go } }
  end: { agent: chief, prompt: 'End {{ go }}' }
outputs: { end: '{{ end }}' }
",
        2,
    );
    let (paused, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.wish(RunWish::Pause).await;
    });
    assert_eq!((paused.result.status, scene.asked().len()), (RunStatus::Waiting, 1), "the loop of the worker stops, too");
    assert_eq!(told(&paused.events).last().map(String::as_str), Some("attempt_paused go"));
    let ran = scene.flow.resume().await.succeeded().output("end", "end 0");
    assert_eq!(scene.asked().len(), 4, "nothing is asked twice: {:?}", scene.asked());
    assert_eq!(ran.result.spend.calls, 4);
}
