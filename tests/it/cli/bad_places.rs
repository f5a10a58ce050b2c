//! Files that are not there, cannot be read, or are no files.

use super::project::{HELLO, Project};

#[test]
fn a_missing_workflow() {
    for command in [&["run", "none.yaml", "--mock"][..], &["graph", "none.yaml"]] {
        let ran = Project::new().run(command);
        ran.exit(2).says("none.yaml").says("AF001").prints_nothing();
    }
    Project::new().run(&["validate", "none.yaml"]).exit(2).prints("AF001").prints("none.yaml");
}

#[test]
fn a_folder_instead_of_a_workflow() {
    let project = Project::new().with("flows/hello.yaml", HELLO);
    project.run(&["run", "flows", "--mock"]).exit(2).says("flows").prints_nothing();
    project.run(&["graph", "flows"]).exit(2).says("flows").prints_nothing();
}

#[test]
fn a_missing_manifest() {
    let project = Project::new().with("hello.yaml", HELLO);
    for command in [&["run", "hello.yaml", "--mock"][..], &["validate", "hello.yaml"], &["agents", "list"], &["runs", "list"]] {
        let args: Vec<&str> = command.iter().copied().chain(["--manifest", "none.toml"]).collect();
        project.run(&args).exit(2).says("`none.toml` does not exist").prints_nothing();
    }
    project.run(&["agents", "list"]).exit(2).says("there is no manifest").prints_nothing();
}

#[test]
fn files_that_are_no_text() {
    let project = Project::new()
        .with("binary.yaml", [0u8, 159, 146, 150, 255])
        .with("nul.yaml", "name: a\0b\n")
        .with("empty.yaml", "")
        .with("huge.yaml", vec![b'#'; 2 * 1024 * 1024]);
    for file in ["binary.yaml", "nul.yaml", "empty.yaml", "huge.yaml"] {
        project.run(&["run", file, "--mock"]).exit(2).says("error[AF").says(file).prints_nothing();
    }
}

#[test]
fn a_state_that_cannot_be_made() {
    // The state's folder is a file: so it is read-only for everybody, also for the super-user.
    let project = Project::new().with("hello.yaml", HELLO).with(".agentflow", "in the way");
    let ran = project.run(&["run", "hello.yaml", "--mock"]);
    ran.exit(75).prints_nothing();
    insta::assert_snapshot!(ran);
}

#[test]
fn a_state_that_is_something_else() {
    let project =
        Project::new().with("hello.yaml", HELLO).with(".agentflow/agentflow.db", "no database, and long enough for a header");
    let ran = project.run(&["run", "hello.yaml", "--mock"]);
    assert!(matches!(ran.code, Some(2 | 4)), "{ran}");
    ran.says(".agentflow/agentflow.db").prints_nothing();
}

#[test]
fn a_store_of_an_unknown_sort() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock", "--store", "nosuch:x"]).exit(2).says("nosuch");
    project.run(&["run", "hello.yaml", "--mock", "--store", "state.db"]).exit(2).says("sqlite:state.db");
}

#[test]
fn a_drawing_that_cannot_be_written() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["graph", "hello.yaml", "-o", "no/such/folder.svg"]).exit(2).says("no/such/folder.svg");
    project.run(&["graph", "hello.yaml", "--format", "svg", "-o", "hello.svg"]).exit(0).prints_nothing();
    assert!(std::fs::read_to_string(project.path("hello.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn a_file_that_cannot_be_read() {
    // Its bytes cannot be read by anybody, also not by the super-user.
    Project::new().run(&["validate", "/proc/self/mem"]).exit(2).prints("AF001");
    Project::new().run(&["run", "/proc/self/mem", "--mock"]).exit(2).says("AF001").prints_nothing();
}
