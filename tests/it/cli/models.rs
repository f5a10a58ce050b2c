//! `agentflow models`: what is known, what is here, and what is said when it cannot be had.

use serde_json::Value;

use super::project::Project;

#[test]
fn models_that_are_not_here_are_listed_with_what_they_weigh() {
    let project = Project::new();
    project.run(&["models", "list"]).exit(0).prints("all-MiniLM-L6-v2").prints("not here").says("agentflow models pull");
    let listed: Value = serde_json::from_str(&project.run(&["models", "list", "--format", "json"]).exit(0).stdout).unwrap();
    assert_eq!(
        (&listed[0]["embedder"], &listed[0]["is_here"], &listed[0]["bytes"]),
        (&"local".into(), &false.into(), &91_335_288.into())
    );
}

#[test]
fn offline_a_model_is_not_downloaded_and_the_ways_out_are_told() {
    Project::new()
        .run(&["models", "pull"])
        .exit(2)
        .prints_nothing()
        .says("`AGENTFLOW_OFFLINE` forbids it")
        .says("agentflow models import DIR")
        .says("`lexical`");
}

#[test]
fn a_model_that_nobody_knows_is_not_looked_for() {
    let project = Project::new();
    project.run(&["models", "pull", "all-minilm-l6-v3"]).exit(2).says("did you mean `all-MiniLM-L6-v2`?");
    project.run(&["models", "pull", "gpt"]).exit(2).says("agentflow models import DIR --name NAME");
}

#[test]
fn a_folder_without_a_model_is_not_imported() {
    let project = Project::new().with("empty/config.json", "{}");
    project.run(&["models", "import", "empty"]).exit(2).prints_nothing().says("it has no `tokenizer.json`");
}
