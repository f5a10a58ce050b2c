//! A run that was steered goes on from any event of its log as if nothing had happened: the same outcome, no recorded call made again.

use std::{collections::BTreeMap, sync::Arc};

use agentflow::{
    engine::RunState,
    model::{AgentMode, AgentOverrides, Event, EventBody, RunWish},
};
use tokio::join;

use super::{Scene, heat};
use crate::engine::{flow::Ran, recovery::store_of};

const FLOW: &str = "
permissions: ['fs:read:docs/**']
agents:
  writer: { model: ollama/m, tools: [read_file] }
  critic: { model: ollama/m }
  gone: { model: ollama/m }
nodes:
  draft: { agent: writer, prompt: Draft }
  each: { map: range(3) | list, agent: critic, prompt: 'Judge {{ draft }}' }
  lost: { agent: gone, prompt: 'Lost {{ draft }}', on_error: { use: nobody } }
  end: { agent: writer, prompt: '{{ each | length }} {{ lost }}' }
outputs: { end: '{{ end }}', lost: '{{ lost }}' }
";

/// Everything that can be done to it, and it goes on.
async fn steered(scene: &Scene) -> Ran {
    let (first, ()) = join!(scene.flow.run(), async {
        scene.asked_so_often(1).await;
        scene.to("writer", AgentMode::Paused).await;
        scene.seen("attempt_paused draft").await;
        scene.set("writer", AgentOverrides { model: "ollama/large".parse().ok(), ..heat(0.1) }).await;
        scene.to("gone", AgentMode::Terminated).await;
        scene.to("writer", AgentMode::Active).await;
        scene.asked_so_often(2).await;
        scene.to("critic", AgentMode::Draining).await;
        scene.seen("agent_draining critic").await;
        scene.to("critic", AgentMode::Active).await;
        scene.seen("attempt_started each[1]").await;
        scene.wish(RunWish::Pause).await;
    });
    assert!(first.events.iter().any(|event| matches!(event.body, EventBody::RunPaused { .. })));
    scene.flow.resume().await.succeeded()
}

fn calls(events: &[Event]) -> Vec<String> {
    let call = |event: &Event| match &event.body {
        EventBody::ModelResponded { node, ordinal, model, .. } => {
            Some(format!("{node}#{ordinal} {}", model.trim_start_matches("ollama/")))
        }
        _ => None,
    };
    events.iter().filter_map(call).collect()
}

#[tokio::test(start_paused = true)]
async fn from_any_event_on() {
    let scene = Scene::with_turns(FLOW, 1);
    let whole = steered(&scene).await;
    let outputs = whole.result.outputs.clone();
    assert_eq!((outputs["end"].as_str(), outputs["lost"].as_str()), (Some("end 1"), Some("nobody")));
    for cut in 1..whole.events.len() {
        let prefix = &whole.events[..cut];
        let mut rest = Scene::with_turns(FLOW, 1);
        rest.flow = rest.flow.store(store_of(&scene.flow, prefix).await);
        rest.flow.run = scene.flow.run;
        // The documents are where they were at the end.
        rest.set("writer", AgentOverrides { model: "ollama/large".parse().ok(), ..heat(0.1) }).await;
        rest.to("gone", AgentMode::Terminated).await;
        let ran = rest.flow.resume().await.succeeded();
        assert_eq!(ran.result.outputs, outputs, "cut at {cut}");
        let asked: Vec<_> = rest.asked().iter().map(|asked| asked.replace(" at 0.1", "")).collect();
        let known = calls(prefix);
        let again: Vec<_> =
            asked.iter().filter(|asked| known.iter().any(|known| known.split(' ').next() == asked.split(' ').next())).collect();
        assert!(again.is_empty(), "cut at {cut}: {again:?} was in the log");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_stands_where_the_run_stood() {
    let scene = Scene::with_turns(FLOW, 1);
    let whole = steered(&scene).await;
    let (plan, env) = (&scene.flow.plan, BTreeMap::new());
    let at_once = RunState::replay(Arc::clone(plan), &env, &whole.events).unwrap();
    assert_eq!(at_once.spend(), whole.result.spend);
    let mut one_by_one = RunState::new(Arc::clone(plan), &env);
    for (number, event) in whole.events.iter().enumerate() {
        one_by_one.apply(event).unwrap();
        let prefix = RunState::replay(Arc::clone(plan), &env, &whole.events[..=number]).unwrap();
        assert_eq!(one_by_one.summary(), prefix.summary(), "after event {number}");
        assert_eq!(
            (one_by_one.is_run_paused(), one_by_one.holding_agents()),
            (prefix.is_run_paused(), prefix.holding_agents()),
            "after event {number}"
        );
    }
}
