//! Agents that a program registers while it runs, and a node that asks for what it needs instead of for a name.
//!
//! Run it with `cargo run --example agents_by_capability`. No key is needed: nothing is asked.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{error::Error, time::Duration};

use agentflow::{
    diagnostic::DiskFiles,
    model::{AgentMode, ModelRef},
    plan::{AgentStanding, CompileOptions, GraphBuilder, ModelStanding, NodeSpec, Plan, Standings},
};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let plan = staffed(&known()?)?;
    for choice in &plan.choices {
        println!("{}: `{}`, {}", choice.capabilities.join(" and "), choice.agent, choice.why);
    }
    Ok(())
}

/// What the program knows of its agents and models. `agentflow run` finds it in price tables, breakers and recorded runs.
pub(crate) fn known() -> Result<Standings, Box<dyn Error>> {
    let mut known = Standings::default();
    for (model, usd) in [("openai/gpt-5", 0.003_4), ("openai/gpt-5-nano", 0.000_14), ("ollama/qwen3:8b", 0.0)] {
        let model: ModelRef = model.parse()?;
        known.models.insert(model, ModelStanding { is_left_alone: false, usd_per_1k: Some(usd) });
    }
    // A person has taken this one out of service for now.
    known.agents.insert("local".to_owned(), AgentStanding { mode: AgentMode::Paused, latency: Some(Duration::from_millis(900)) });
    Ok(known)
}

/// The graph, with agents from a list that may come from anywhere.
pub(crate) fn staffed(known: &Standings) -> Result<Plan, Box<dyn Error>> {
    let staff = [
        ("expert", "openai/gpt-5", json!(["review", "rust"])),
        ("junior", "openai/gpt-5-nano", json!(["review"])),
        ("local", "ollama/qwen3:8b", json!(["review"])),
    ];
    let mut builder = GraphBuilder::new("reviews").input("diff", json!("string"));
    for (name, model, capabilities) in staff {
        builder = builder.agent(name, json!({ "model": model, "capabilities": capabilities }));
    }
    let plan = builder
        .add_node("first", NodeSpec::capability("review").prompt("What is wrong with this?\n{{ inputs.diff }}"))
        .add_node("second", NodeSpec::capability("rust").prompt("Is that so?\n{{ first }}"))
        .build_with(&DiskFiles, &CompileOptions { standings: known.clone(), ..CompileOptions::default() })?;
    Ok(plan)
}
