//! Pictures of graphs: drawn by `agentflow graph` from the workflows that the pages are about.

use std::fs;

use tempfile::TempDir;

use super::{held::holds_file, markdown::fences};
use crate::readme::{command, project, succeeds};

/// What `agentflow graph` draws of a workflow in `folder`.
fn drawn(folder: &TempDir, workflow: &str) -> String {
    let arguments = ["graph", workflow, "--format", "svg"];
    succeeds(&command(env!("CARGO_BIN_EXE_agentflow"), folder.path()).args(arguments).output().unwrap(), workflow)
}

#[test]
fn the_picture_of_the_tutorial_is_that_of_its_last_workflow() {
    let folder = TempDir::new().unwrap();
    for page in ["docs/tutorial/tool.md", "docs/tutorial/approval.md"] {
        for fence in fences(page) {
            let Some(name) = fence.file() else { continue };
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &fence.text).unwrap();
        }
    }
    holds_file("docs/tutorial/support.svg", &drawn(&folder, "workflows/support.yaml"));
}

#[test]
fn the_picture_of_a_run_is_that_of_a_workflow_of_this_project() {
    holds_file("docs/concepts/triage.svg", &drawn(&project(), "workflows/triage.toml"));
}
