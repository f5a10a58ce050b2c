//! `agentflow init` makes a project that is well and runs.

use std::fs;

use super::project::Project;

#[test]
fn a_new_project_validates_and_runs() {
    let project = Project::new();
    let ran = project.run(&["init", "mine"]);
    ran.exit(0).prints_nothing();
    insta::assert_snapshot!(ran);
    let run = |args: &[&str]| {
        let mut command = project.command(args);
        command.current_dir(project.path("mine"));
        project.ran(command)
    };
    let ran = run(&["validate", "--strict"]);
    ran.exit(0);
    assert_eq!(ran.stdout, "workflows/answer.yaml: ok\n");
    run(&["run", "workflows/answer.yaml", "--mock"]).exit(0).prints("answer:").prints("score:");
    run(&["test", "--coverage", "--fail-under", "100"]).exit(0).prints("4 passed");
    run(&["agents", "list"]).exit(0).prints("writer").prints("critic");
    assert_eq!(fs::read_to_string(project.path("mine/.gitignore")).unwrap(), ".agentflow/\n");
}

#[test]
fn nothing_is_written_over() {
    let project = Project::new().with("prompts/draft.md", "mine").with(".gitignore", "target/\n");
    let ran = project.run(&["init"]);
    ran.exit(2).says("`.` already has `prompts/draft.md`; nothing was written").prints_nothing();
    assert_eq!(fs::read_to_string(project.path("prompts/draft.md")).unwrap(), "mine");
    assert!(!project.path("agents.toml").exists());
}

#[test]
fn an_ignore_file_that_is_there_stays() {
    let project = Project::new().with(".gitignore", "target/\n");
    project.run(&["init"]).exit(0).says("add `.agentflow/`");
    assert_eq!(fs::read_to_string(project.path(".gitignore")).unwrap(), "target/\n");
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let project = Project::new().with("file", "");
    project.run(&["init", "file/mine"]).exit(2).says("cannot write").prints_nothing();
}
