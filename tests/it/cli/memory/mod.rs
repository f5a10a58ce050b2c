//! `agentflow memory` as a person or a script meets it, without a model: vectors are those of `mock`, or of a server of this host.

mod bad_input;
mod before_runs;
mod commands;
mod servers;
mod transfer;

use serde_json::Value;

use super::project::{Project, Ran};

/// A project with three documents.
fn docs() -> Project {
    Project::new()
        .with("docs/barley.md", "# Barley\n\nBarley is a cereal grain.\n\n## Malt\n\nMalt is made of germinated barley.\n")
        .with("docs/rye.md", "# Rye\n\nRye bread is dark and sour.\n")
        .with("docs/deep/ocean.txt", "Whales sing in the ocean.\n")
}

/// Adds `places` to the collection `docs`.
fn add(project: &Project, places: &[&str], more: &[&str]) -> Ran {
    let args = [&["memory", "add"], places, &["-c", "docs"], more].concat();
    project.run(&args)
}

/// The citations of what is found.
fn found(ran: &Ran) -> Vec<String> {
    let found: Value = ran.exit(0).json();
    found.as_array().unwrap().iter().map(|passage| passage["citation"].as_str().unwrap().to_owned()).collect()
}

/// The names of the documents of the collection `docs`.
fn sources(project: &Project) -> Vec<String> {
    let listed = project.run(&["memory", "list", "docs", "--format", "json"]).exit(0).json();
    listed.as_array().unwrap().iter().map(|document| document["source"].as_str().unwrap().to_owned()).collect()
}
