//! One node decides which of the others run: a map from an answer to branches, and an edge with a condition of its own.
//!
//! Run it with `cargo run --example conditional_branch`. No key is needed: a mock provider answers.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{collections::BTreeMap, error::Error, sync::Arc};

use agentflow::{
    agent::{Models, ModelsSettings},
    engine::{Engine, EngineSettings, RunOptions, Stop},
    model::Value,
    plan::{GraphBuilder, NodeSpec, Plan},
    provider::{MockAnswer, MockProvider, MockSettings, Providers},
    store::InMemoryStore,
};
use indexmap::IndexMap;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for (message, kind, urgent) in [
        ("The export button does nothing.", "bug", true),
        ("A dark theme would be nice.", "wish", false),
        ("Who are you?", "other", false),
    ] {
        let outputs = answer(message, kind, urgent).await?;
        println!("{message}\n{}\n", serde_json::to_string_pretty(&outputs)?);
    }
    Ok(())
}

fn graph() -> Result<Plan, Box<dyn Error>> {
    let plan = GraphBuilder::new("conditional-branch")
        .input("message", json!("string"))
        .agent("helper", json!({ "model": "openai/gpt-5-mini" }))
        .add_node(
            "triage",
            NodeSpec::agent("helper")
                .prompt("What is this, and is it urgent?\n{{ inputs.message }}")
                .output(json!({ "kind": "bug | wish | other", "urgent": "boolean" })),
        )
        .add_node("fix", NodeSpec::value(json!("a ticket for the developers")))
        .add_node("collect", NodeSpec::value(json!("a line in the list of wishes")))
        .add_node("reply", NodeSpec::value(json!("a friendly answer")))
        .add_node("alarm", NodeSpec::value(json!("a call to whoever is on duty")))
        // Exactly one of three runs, by the answer; `reply` for every value that has no case.
        .add_condition_map("triage", "triage.kind", [("bug", "fix"), ("wish", "collect")], Some("reply"))
        // This one runs after `fix`, if that ran and the condition holds.
        .add_conditional_edge("fix", "alarm", "triage.urgent")
        // A node that did not run has no output: whoever reads it says what to take instead. Leave `default` out, and `build` tells you.
        .output("result", json!("{{ fix | default(collect) | default(reply) }}"))
        .output("alarm", json!("{{ alarm | default('none') }}"))
        .build()?;
    Ok(plan)
}

/// Runs the graph with a model that finds the message to be of this kind, and returns the outputs.
pub(crate) async fn answer(message: &str, kind: &str, urgent: bool) -> Result<IndexMap<String, Value>, Box<dyn Error>> {
    let plan = graph()?;
    let found = MockAnswer::Value(json!({ "kind": kind, "urgent": urgent }));
    let mock = MockProvider::new(MockSettings {
        answers: BTreeMap::from([("triage".to_owned(), vec![found])]),
        ..MockSettings::default()
    });
    let mut providers = Providers::default();
    providers.answer_everything_by(Arc::new(mock));

    let models = Models::new(providers, ModelsSettings::default());
    let engine = Engine::new(Arc::new(InMemoryStore::default()), Arc::new(models), EngineSettings::default());
    let inputs = plan.complete_inputs(IndexMap::from([("message".to_owned(), json!(message))]))?;
    let result = engine.run(Arc::new(plan), RunOptions::new(inputs), Arc::new(()), Stop::default()).await?;
    match result.error {
        Some(error) => Err(error.message.into()),
        None => Ok(result.outputs),
    }
}
