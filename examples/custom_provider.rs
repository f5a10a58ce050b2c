//! A model server of your own: whatever implements `Provider` can answer for the agents of a workflow.
//!
//! Run it with `cargo run --example custom_provider`. Servers that speak OpenAI's protocol need no code: name them in `agents.toml`.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{collections::BTreeSet, error::Error, sync::Arc};

use agentflow::{
    agent::{Models, ModelsSettings},
    diagnostic::DiskFiles,
    engine::{Engine, EngineSettings, RunOptions, RunResult, Stop},
    model::{ChatRequest, ChatResponse, Price, ProviderName, Role, Usage},
    plan::{CompileOptions, GraphBuilder, NodeSpec},
    provider::{OnText, Provider, Providers},
    store::InMemoryStore,
};
use async_trait::async_trait;
use indexmap::IndexMap;
use serde_json::json;

/// Counts the words of what it is asked. Not clever, but it never makes anything up.
#[derive(Debug)]
struct WordCounter;

#[async_trait]
impl Provider for WordCounter {
    // One call, one answer: retries, timeouts, rate limits and budgets are the engine's work. An error of the right kind
    // (`ErrorKind::Transient`, `Throttle`, …) tells it what to do next.
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> agentflow::Result<ChatResponse> {
        let asked = request.messages.iter().filter(|message| message.role == Role::User);
        let words = asked.map(|message| message.content.split_whitespace().count()).sum::<usize>();
        let content = format!("{words} words");
        // A server that streams would call this for every piece of its answer.
        on_text(&content);
        Ok(ChatResponse {
            // Tokens and the price below make the cost of a run. `None` is fine: a cost that is not known is shown as such.
            usage: Some(Usage { input_tokens: words as u64, cached_tokens: 0, output_tokens: 2 }),
            ..ChatResponse::text(content, &request.model)
        })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        Some(Price { input: 1_000.0, cached_input: None, output: 5_000.0 })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let result = count("to be or not to be").await?;
    println!("{} for {}", serde_json::to_string(&result.outputs)?, result.spend);
    Ok(())
}

/// Runs a graph of one node, whose agent is answered by our provider.
pub(crate) async fn count(text: &str) -> Result<RunResult, Box<dyn Error>> {
    let house = ProviderName::new("house")?;
    let plan = GraphBuilder::new("custom-provider")
        .input("text", json!("string"))
        // The part before the slash is the name the provider is registered under.
        .agent("counter", json!({ "model": "house/words-1" }))
        .add_node("count", NodeSpec::agent("counter").prompt("{{ inputs.text }}"))
        // A name that is neither built in nor in a manifest has to be announced: an unknown provider is an error otherwise.
        .build_with(&DiskFiles, &CompileOptions { providers: BTreeSet::from([house.clone()]), ..CompileOptions::default() })?;

    let mut providers = Providers::default();
    providers.register(house, Arc::new(WordCounter));

    let models = Models::new(providers, ModelsSettings::default());
    let engine = Engine::new(Arc::new(InMemoryStore::default()), Arc::new(models), EngineSettings::default());
    let inputs = plan.complete_inputs(IndexMap::from([("text".to_owned(), json!(text))]))?;
    Ok(engine.run(Arc::new(plan), RunOptions::new(inputs), Arc::new(()), Stop::default()).await?)
}
