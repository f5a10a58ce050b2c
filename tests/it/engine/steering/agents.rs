//! Agents that somebody pauses, drains or terminates.

use std::time::Duration;

use agentflow::{
    ErrorKind,
    model::{AgentMode, RunStatus},
};
use tokio::{
    join,
    time::{Instant, sleep},
};

use super::{CALL, Scene, times, told};

const TWO: &str = "
agents: { writer: { model: ollama/m }, critic: { model: ollama/m } }
nodes:
  one: { agent: writer, prompt: One }
  two: { agent: writer, prompt: 'Two {{ one }}' }
  other: { agent: critic, prompt: Other }
  more: { agent: critic, prompt: 'More {{ other }}' }
outputs: { two: '{{ two }}', more: '{{ more }}' }
";

#[tokio::test(start_paused = true)]
async fn a_paused_agent_is_held_others_go_on_and_the_process_waits_for_it() {
    let scene = Scene::new(TWO);
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.seen("attempt_started one").await;
        scene.to("writer", AgentMode::Paused).await;
        scene.seen("node_succeeded more").await;
        assert_eq!(scene.asked(), ["one#0 m", "other#0 m", "more#0 m"], "what is in flight settles");
        sleep(Duration::from_secs(30)).await;
        scene.to("writer", AgentMode::Active).await;
    });
    let ran = ran.succeeded().output("two", "two 0").output("more", "more 0");
    assert_eq!((times(&ran.events, "agent_paused writer"), times(&ran.events, "agent_resumed writer")), (1, 1));
    assert_eq!(times(&ran.events, "run_resumed"), 0, "it was one process");
}

#[tokio::test(start_paused = true)]
async fn a_process_does_not_wait_for_an_agent_for_ever() {
    let scene = Scene::new(TWO);
    scene.to("writer", AgentMode::Paused).await;
    let begun = Instant::now();
    let waiting = scene.flow.run().await;
    assert_eq!(waiting.result.status, RunStatus::Waiting);
    assert_eq!(begun.elapsed().as_secs(), 2 * CALL.as_secs() + 60);
    assert_eq!(told(&waiting.events)[1], "agent_paused writer", "it is known before anything begins");
    assert_eq!(times(&waiting.events, "attempt_started one"), 0);
    // Gone on with as it is, it waits again, and no step is lost.
    assert_eq!(scene.flow.resume().await.result.status, RunStatus::Waiting);
    scene.to("writer", AgentMode::Active).await;
    scene.flow.resume().await.succeeded();
    assert_eq!(scene.asked().len(), 4);
}

const LOOP: &str = "
permissions: ['fs:read:docs/**']
agents: { writer: { model: ollama/m, tools: [read_file] } }
nodes:
  one: { agent: writer, prompt: One }
  two: { agent: writer, prompt: 'Two {{ one }}' }
outputs: { two: '{{ two }}' }
";

#[tokio::test(start_paused = true)]
async fn a_paused_agent_stops_within_its_loop_and_goes_on_in_the_same_process() {
    let scene = Scene::with_turns(LOOP, 1);
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.to("writer", AgentMode::Paused).await;
        scene.seen("attempt_paused one").await;
        assert_eq!((scene.asked().len(), scene.read.calls().len()), (1, 0));
        scene.to("writer", AgentMode::Active).await;
    });
    let ran = ran.succeeded().output("two", "two 1");
    assert_eq!(scene.asked(), ["one#0 m", "one#1 m", "two#0 m", "two#1 m"]);
    assert_eq!((times(&ran.events, "run_resumed"), ran.result.spend.lost_calls), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_resumed_before_its_call_is_back_stops_nowhere() {
    let scene = Scene::with_turns(LOOP, 1);
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.to("writer", AgentMode::Paused).await;
        scene.seen("agent_paused writer").await;
        scene.to("writer", AgentMode::Active).await;
        scene.seen("agent_resumed writer").await;
    });
    assert_eq!(times(&ran.succeeded().events, "attempt_paused one"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_draining_agent_ends_what_it_has_begun_and_begins_nothing() {
    let scene = Scene::with_turns(LOOP, 2);
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.to("writer", AgentMode::Draining).await;
        scene.seen("node_succeeded one").await;
        sleep(CALL).await;
        assert_eq!(scene.asked(), ["one#0 m", "one#1 m", "one#2 m"], "the whole attempt, and no other one");
        scene.to("writer", AgentMode::Active).await;
    });
    ran.succeeded().output("two", "two 2");
}

#[tokio::test(start_paused = true)]
async fn a_terminated_agent_fails_its_nodes_also_those_under_way() {
    let yaml = "
agents: { writer: { model: ollama/m, fallback: [ollama/other] }, critic: { model: ollama/m } }
nodes:
  one: { agent: writer, prompt: One, on_error: { use: stood in } }
  two: { agent: writer, prompt: 'Two {{ one }}', on_error: { goto: rescue } }
  rescue: { agent: critic, prompt: Rescue }
outputs: { one: '{{ one }}', rescue: '{{ rescue | default(none) }}' }
";
    let scene = Scene::new(yaml);
    let begun = Instant::now();
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.to("writer", AgentMode::Terminated).await;
    });
    let ran = ran.succeeded().output("one", "stood in").output("rescue", "rescue 0");
    assert_eq!(scene.asked(), ["one#0 m", "rescue#0 m"], "no model stands in for an agent that is not there");
    assert!(begun.elapsed() < CALL + Duration::from_secs(1), "what is in flight is not waited for");
    assert_eq!(ran.endings(), ["one failed", "two failed", "rescue succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn why_a_terminated_agent_fails_is_told_and_it_is_not_tried_again() {
    let scene = Scene::new(TWO);
    scene.to("writer", AgentMode::Terminated).await;
    let ran = scene.flow.run().await.failed("node `one`: agent `writer` was terminated by ada");
    let error = ran.result.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(error.hints[0].contains("agentflow agents resume writer"), "{error:?}");
}
