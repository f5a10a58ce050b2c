//! Agents that a program registers: they take part as those of the manifest do, and a run keeps them.

use std::{fs, sync::Arc};

use agentflow::{
    app::{self, MockOptions, Settings, WorkflowSource, registry::Registry},
    engine::{Stop, read_run},
    model::RunId,
    plan::RegisteredAgents,
};
use indexmap::IndexMap;
use serde_json::json;
use tempfile::TempDir;

const FLOW: &str = "\
agents: { own: { model: mock/o, capabilities: [prose] } }
nodes:
  first: { agent: { capability: review }, prompt: Look }
  second: { agent: own, prompt: 'Write {{ first }}' }
";

/// The workflow in a folder without a manifest.
fn workflow() -> (TempDir, WorkflowSource) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("flow.yaml");
    fs::write(&path, FLOW).unwrap();
    (folder, WorkflowSource::File(path))
}

fn settings() -> Settings {
    let mut agents = RegisteredAgents::default();
    for (name, model) in [("dear", "openai/gpt-5"), ("cheap", "openai/gpt-5-nano")] {
        agents.register(name, json!({ "model": model, "capabilities": ["review"] })).unwrap();
    }
    Settings { agents, mock: Some(MockOptions::default()), store: Some("memory:".to_owned()), ..Settings::default() }
}

#[tokio::test]
async fn a_run_keeps_the_agents_that_its_program_registered() {
    let ((_folder, source), settings) = (workflow(), settings());
    let compiled = app::compile(&source, &settings).await.unwrap();
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    assert_eq!(plan.choices[0].agent, "cheap", "its price is known as that of any agent: {}", plan.choices[0].why);
    let prepared = app::prepare(plan, &source, None, &settings).unwrap();
    let engine = prepared.engine().await.unwrap();
    let (run, plan) = (RunId::generate(), Arc::clone(&prepared.plan));
    let options = prepared.options(run, IndexMap::new()).unwrap();
    engine.run(plan, options, Arc::new(()), Stop::default()).await.unwrap();

    // As another process finds it, whose program registers nothing.
    let events = read_run(engine.store(), run).await.unwrap().events;
    let again = app::plan_of(run, &events).unwrap().expect("it is all there");
    assert_eq!((&again.agents, &again.choices[0].agent), (&prepared.plan.agents, &"cheap".to_owned()));
}

#[tokio::test]
async fn registered_agents_are_found_with_those_of_the_workflow() {
    let (_folder, source) = workflow();
    let registry = Registry::read(Some(&source), &settings()).await.unwrap();
    let names: Vec<&str> = registry.agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["cheap", "dear", "own"]);
    let found = registry.find(&["review"], None).unwrap();
    assert_eq!(found.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["cheap", "dear"]);
    let place = &found[0].defined_at;
    assert!(place.starts_with("<agent cheap, registered.rs:"), "{place}");
}
