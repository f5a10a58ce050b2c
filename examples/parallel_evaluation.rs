//! Three evaluators judge a proposal at the same time; a fourth node, which needs no model, weighs what they say.
//!
//! Run it with `cargo run --example parallel_evaluation`. No key is needed: a mock provider answers.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use agentflow::{
    agent::{Models, ModelsSettings},
    engine::{Engine, EngineSettings, RunOptions, Stop},
    model::Value,
    plan::{DrawFormat, GraphBuilder, NodeSpec, Plan, draw},
    provider::{MockAnswer, MockProvider, MockSettings, Providers},
    store::InMemoryStore,
};
use indexmap::IndexMap;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let plan = graph()?;
    print!("{}", draw(&plan, DrawFormat::Ascii { width: 80, unicode: true }));
    let outputs = evaluate(plan, "Move the nightly jobs to the cloud.").await?;
    println!("{}", serde_json::to_string_pretty(&outputs)?);
    Ok(())
}

/// The graph: the three evaluators wait for nothing but the input, so they start together.
pub(crate) fn graph() -> Result<Plan, Box<dyn Error>> {
    let mut graph = GraphBuilder::new("parallel-evaluation")
        .input("proposal", json!("string"))
        .agent("evaluator", json!({ "model": "openai/gpt-5-mini", "temperature": 0 }))
        // No more calls at once than this, however wide the graph is.
        .limit("concurrency", json!(8));
    for view in ["cost", "risk", "benefit"] {
        let prompt = format!("Rate the {view} of this proposal from 1 (bad) to 10 (good):\n{{{{ inputs.proposal }}}}");
        let node = NodeSpec::agent("evaluator").prompt(&prompt).output(json!({ "score": "integer", "reason": "string" }));
        graph = graph.add_node(view, node);
    }
    let plan = graph
        .add_node("verdict", NodeSpec::value(json!("{{ 'go' if cost.score + risk.score + benefit.score >= 18 else 'wait' }}")))
        .output("verdict", json!("{{ verdict }}"))
        .output("reasons", json!(["{{ cost.reason }}", "{{ risk.reason }}", "{{ benefit.reason }}"]))
        .build()?;
    Ok(plan)
}

/// Runs the graph to its end and returns its outputs.
pub(crate) async fn evaluate(plan: Plan, proposal: &str) -> Result<IndexMap<String, Value>, Box<dyn Error>> {
    // What the mock model says, by node, each after 50 ms.
    let says = |score: u32, reason: &str| vec![MockAnswer::Value(json!({ "score": score, "reason": reason }))];
    let answers = BTreeMap::from([
        ("cost".to_owned(), says(4, "twice the present bill")),
        ("risk".to_owned(), says(6, "we have done it before")),
        ("benefit".to_owned(), says(9, "nobody has to get up at night")),
    ]);
    let mock = MockProvider::new(MockSettings { answers, latency: Duration::from_millis(50), ..MockSettings::default() });
    let mut providers = Providers::default();
    providers.answer_everything_by(Arc::new(mock));

    let models = Models::new(providers, ModelsSettings::default());
    let engine = Engine::new(Arc::new(InMemoryStore::default()), Arc::new(models), EngineSettings::default());
    let inputs = plan.complete_inputs(IndexMap::from([("proposal".to_owned(), json!(proposal))]))?;
    let result = engine.run(Arc::new(plan), RunOptions::new(inputs), Arc::new(()), Stop::default()).await?;
    match result.error {
        Some(error) => Err(error.message.into()),
        None => Ok(result.outputs),
    }
}
