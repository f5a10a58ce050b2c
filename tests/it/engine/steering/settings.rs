//! Agents that somebody sets to something else.

use std::sync::atomic::Ordering;

use agentflow::{
    agent::AgentChange,
    model::{AgentOverrides, AgentSetting, EventBody},
};
use tokio::join;

use super::{Scene, heat, times};

const LOOP: &str = "
permissions: ['fs:read:docs/**']
agents: { writer: { model: ollama/m, temperature: 0.5, tools: [read_file] } }
nodes:
  one: { agent: writer, prompt: One }
  two: { agent: writer, prompt: 'Two {{ one }}' }
outputs: { two: '{{ two }}' }
";

#[tokio::test(start_paused = true)]
async fn what_is_set_holds_from_the_next_step_on_also_within_a_loop() {
    let scene = Scene::with_turns(LOOP, 2);
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.set("writer", AgentOverrides { model: "ollama/large".parse().ok(), ..heat(1.5) }).await;
        scene.asked_so_often(3).await;
        scene.change("writer", &AgentChange::Reset(Some(AgentSetting::Temperature))).await;
        scene.asked_so_often(5).await;
        scene.change("writer", &AgentChange::Reset(None)).await;
    });
    assert_eq!(
        scene.asked(),
        [
            "one#0 m at 0.5",
            "one#1 large at 1.5",
            "one#2 large at 1.5",
            "two#0 large at 0.5",
            "two#1 large at 0.5",
            "two#2 m at 0.5"
        ]
    );
    let ran = ran.succeeded();
    assert_eq!(times(&ran.events, "agent_changed writer"), 3);
    let models: Vec<_> = (ran.events.iter())
        .filter_map(|event| match &event.body {
            EventBody::AttemptStarted { model, .. } => model.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(models, ["ollama/m", "ollama/large"], "an attempt says whom it asks first");
}

#[tokio::test(start_paused = true)]
async fn what_is_set_holds_for_new_runs_and_a_model_that_stands_in_stays() {
    let scene = Scene::new(
        "
agents: { writer: { model: ollama/m } }
nodes:
  own: { agent: writer, prompt: Hi, temperature: 0 }
  rest: { agent: writer, prompt: Hi }
",
    );
    scene.set("writer", heat(2.0)).await;
    scene.flow.run().await.succeeded();
    let mut asked = scene.asked();
    asked.sort();
    assert_eq!(asked, ["own#0 m at 2", "rest#0 m at 2"]);
}

#[tokio::test(start_paused = true)]
async fn how_many_calls_may_be_in_flight_changes_in_a_live_run() {
    let yaml = "
limits: { concurrency: 6 }
agents: { writer: { model: ollama/m } }
nodes: { each: { map: range(14) | list, agent: writer, prompt: Hi } }
";
    let scene = Scene::new(yaml);
    let places = |places| AgentOverrides { max_concurrent: Some(places), ..AgentOverrides::default() };
    let (ran, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(6).await;
        scene.set("writer", places(1)).await;
        // Those six end, and one goes on alone.
        scene.asked_so_often(7).await;
        assert_eq!(scene.team.in_flight.load(Ordering::Relaxed), 1);
        scene.asked_so_often(8).await;
        assert_eq!(scene.team.in_flight.load(Ordering::Relaxed), 1);
        scene.set("writer", places(3)).await;
        // Two that wait are let through while that one is in flight.
        scene.asked_so_often(10).await;
        assert_eq!(scene.team.in_flight.load(Ordering::Relaxed), 3);
        scene.change("writer", &AgentChange::Reset(None)).await;
    });
    ran.succeeded();
    assert_eq!((scene.asked().len(), scene.team.most.load(Ordering::Relaxed)), (14, 6));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_an_agent_that_was_set_is_not_taken_for_one_of_it_as_it_was() {
    use agentflow::model::{Origin, OriginKind};
    let yaml = "
agents: { writer: { model: ollama/m } }
nodes: { one: { agent: writer, prompt: One } }
";
    let scene = Scene::new(yaml);
    scene.flow.run().await.succeeded();
    let again = |scene: &mut Scene| {
        scene.flow.origin = Some(Origin { kind: OriginKind::Reuse, run: scene.flow.run, from: None, invalidated: Vec::new() });
        scene.flow.run = agentflow::model::RunId::generate();
    };
    let mut scene = scene;
    again(&mut scene);
    scene.flow.run().await.succeeded();
    assert_eq!(scene.asked().len(), 1, "as it was, its answer is taken");
    scene.set("writer", heat(1.0)).await;
    again(&mut scene);
    scene.flow.run().await.succeeded();
    assert_eq!(scene.asked(), ["one#0 m", "one#0 m at 1"]);
}
