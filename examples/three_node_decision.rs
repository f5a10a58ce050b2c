//! A decision in three steps, as a graph built in code: understand the question, collect options, recommend one.
//!
//! Run it with `cargo run --example three_node_decision`. No key is needed: a mock provider answers.

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
    let outputs = decide("We ship in two weeks and the importer is still slow.").await?;
    println!("{}", serde_json::to_string_pretty(&outputs)?);
    Ok(())
}

/// The graph. There are no edges to add: a node waits for every node that its templates name.
fn graph() -> Result<Plan, Box<dyn Error>> {
    let plan = GraphBuilder::new("three-node-decision")
        .input("situation", json!("string"))
        .agent("analyst", json!({ "model": "openai/gpt-5-mini", "system": "You find out what really has to be decided." }))
        .agent("strategist", json!({ "model": "openai/gpt-5-mini", "temperature": 0.7 }))
        .add_node("question", NodeSpec::agent("analyst").prompt("What has to be decided here?\n{{ inputs.situation }}"))
        .add_node(
            "options",
            NodeSpec::agent("strategist")
                .prompt("Name the options we have.\n{{ question }}")
                // The answer is data of this shape, or the model is asked again.
                .output(json!([{ "name": "string", "cost_days": "integer" }])),
        )
        .add_node(
            "recommend",
            NodeSpec::agent("strategist")
                .prompt("{{ question }}\nRecommend one of: {{ options | map(attribute='name') | join(', ') }}")
                .output(json!({ "choice": "string", "because": "string" })),
        )
        .output("question", json!("{{ question }}"))
        .output("options", json!("{{ options }}"))
        .output("decision", json!("{{ recommend }}"))
        // Checks everything a workflow file is checked for, and names all problems at once.
        .build()?;
    Ok(plan)
}

/// Runs the graph to its end and returns its outputs.
pub(crate) async fn decide(situation: &str) -> Result<IndexMap<String, Value>, Box<dyn Error>> {
    let plan = graph()?;

    // What the mock model says, by node. Without a script it makes up answers that fit the output's shape.
    let answers = BTreeMap::from([
        (
            "question".to_owned(),
            vec![MockAnswer::Value(json!("Do we ship on time with a slow importer, or later with a fast one?"))],
        ),
        (
            "options".to_owned(),
            vec![MockAnswer::Value(json!([
                { "name": "ship as it is", "cost_days": 0 },
                { "name": "import in the background", "cost_days": 3 },
            ]))],
        ),
        (
            "recommend".to_owned(),
            vec![MockAnswer::Value(json!({ "choice": "import in the background", "because": "it fits into the two weeks" }))],
        ),
    ]);
    let mock = MockProvider::new(MockSettings { answers, ..MockSettings::default() });
    let mut providers = Providers::default();
    // Real providers are registered by name; this one answers for all of them, as `--mock` does.
    providers.answer_everything_by(Arc::new(mock));

    let models = Models::new(providers, ModelsSettings::default());
    let engine = Engine::new(Arc::new(InMemoryStore::default()), Arc::new(models), EngineSettings::default());
    let inputs = plan.complete_inputs(IndexMap::from([("situation".to_owned(), json!(situation))]))?;
    // `()` observes nothing, and nobody will press Ctrl-C on this `Stop`.
    let result = engine.run(Arc::new(plan), RunOptions::new(inputs), Arc::new(()), Stop::default()).await?;
    match result.error {
        Some(error) => Err(error.message.into()),
        None => Ok(result.outputs),
    }
}
