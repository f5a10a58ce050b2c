//! Workflows against a model server that nobody here wrote: over HTTP, streaming, with structured output.
//!
//! `AGENTFLOW_TEST_OPENAI_URL` and `AGENTFLOW_TEST_ANTHROPIC_URL` say where one is (`scripts/servers start` starts one); without them nothing
//! is tried, and the tests say so.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::{fs, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::readme::{project, succeeds};

#[expect(clippy::disallowed_methods, reason = "the environment names the server of this test")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where a server is; `None`, with a word about it, when the environment does not say.
fn url(name: &str) -> Option<String> {
    let url = variable(name);
    if url.is_none() {
        eprintln!("skipped: {name} is not set");
    }
    url
}

/// The project's workflows, with all agents on the server.
fn project_on(kind: &str, url: &str) -> TempDir {
    let project = project();
    let manifest = project.path().join("agents.toml");
    let model = variable("AGENTFLOW_TEST_MODEL").unwrap_or_else(|| "gpt-4o-mini".to_owned());
    let text = fs::read_to_string(&manifest).unwrap();
    let changed = text.replace("\"openai/gpt-5-mini\"", &format!("\"lab/{model}\""));
    assert_ne!(changed, text);
    fs::write(&manifest, format!("{changed}\n[providers.lab]\nkind = \"{kind}\"\nbase_url = \"{url}\"\n")).unwrap();
    project
}

#[track_caller]
fn run(project: &TempDir, workflow: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_agentflow"))
        .current_dir(project.path())
        .args(["run", workflow, "--output", "json"])
        .output()
        .unwrap();
    serde_json::from_str(&succeeds(&output, workflow)).unwrap()
}

#[test]
fn decision_runs_on_an_openai_compatible_server() {
    let Some(url) = url("AGENTFLOW_TEST_OPENAI_URL") else { return };
    let outputs = run(&project_on("openai", &url), "workflows/decision.yaml");
    assert!(outputs["decision"]["decision"].is_string(), "{outputs}");
    assert!(outputs["recommendation"]["confidence"].is_string(), "{outputs}");
}

#[test]
fn triage_runs_on_an_openai_compatible_server() {
    let Some(url) = url("AGENTFLOW_TEST_OPENAI_URL") else { return };
    let outputs = run(&project_on("openai", &url), "workflows/triage.toml");
    assert!(["bug", "feature", "question", "other"].contains(&outputs["kind"].as_str().unwrap()), "{outputs}");
}

#[test]
fn hello_runs_on_a_server_that_speaks_anthropics_protocol() {
    let Some(url) = url("AGENTFLOW_TEST_ANTHROPIC_URL") else { return };
    let outputs = run(&project_on("anthropic", &url), "workflows/hello.yaml");
    assert!(outputs["greeting"].is_string(), "{outputs}");
}
