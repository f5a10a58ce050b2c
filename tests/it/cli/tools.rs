//! `agentflow tools`: looking at tools, and calling one.

use serde_json::{Value, json};

use super::project::Project;

fn project() -> Project {
    let manifest = "[agents.reader]\nmodel = \"mock/m\"\ntools = [\"read_file\", \"calc*\"]\n";
    Project::new().with("agents.toml", manifest).with("a.txt", "one\ntwo\n")
}

#[test]
fn the_tools_are_listed_with_what_they_need_and_who_has_them() {
    let ran = project().run(&["tools", "list", "--allow", "fs:read:**"]);
    ran.exit(0);
    let row = |name: &str| ran.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{ran}")).to_owned();
    let words = |name: &str| row(name).split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(words("calculator"), "calculator pure nothing reader");
    assert_eq!(words("read_file"), "read_file read fs:read: reader");
    assert!(row("write_file").contains("fs:write: (not permitted)"), "{ran}");
    let of_agent = project().run(&["tools", "list", "--agent", "reader", "--format", "json"]).json();
    let names: Vec<_> = of_agent.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["calculator", "read_file"]);
}

#[test]
fn one_tool_is_shown_with_its_arguments() {
    project().run(&["tools", "show", "read_file"]).exit(0).prints("from_line").prints("not permitted");
    let shown = project().run(&["tools", "show", "read_file", "--format", "json"]).json();
    assert_eq!((&shown["effect"], &shown["parameters"]["required"]), (&json!("read"), &json!(["path"])));
}

#[test]
fn a_call_prints_its_result_and_is_recorded() {
    let project = project();
    let ran = project.run(&["tools", "call", "read_file", "-a", "path=a.txt", "--allow", "fs:read:a.txt"]);
    assert_eq!((ran.exit(0).stdout.as_str(), project.run_ids().len()), ("one\ntwo\n", 1));
    let sum = ["tools", "call", "calculator", r#"{"expression": "1/3 + 2/3"}"#];
    assert_eq!(project.run(&sum).exit(0).stdout, "1\n");
    let json: Value = project.run(&[&sum[..], &["--output", "json"]].concat()).json();
    assert_eq!(json, json!({ "call": 1 }));
    // What looks like a template is data.
    let braces = project.run(&["tools", "call", "calculator", "-a", "expression={{ 1 }}"]);
    braces.exit(1).says("`{` at character 1");
    project.run(&["audit", "verify", "--all"]).exit(0);
}

#[test]
fn a_call_that_nobody_permits_says_what_would_and_is_not_made() {
    let project = project();
    let ran = project.run(&["tools", "call", "read_file", "-a", "path=a.txt"]);
    ran.exit(6).prints_nothing().says("`read_file` needs `fs:read:a.txt`").says("--allow 'fs:read:a.txt'");
    let elsewhere = project.run(&["tools", "call", "read_file", "-a", "path=a.txt", "--allow", "fs:read:docs/**"]);
    elsewhere.exit(6).prints_nothing().says("fs:read:a.txt");
    let denied = ["tools", "call", "read_file", "-a", "path=a.txt", "--allow", "fs:read:**", "--deny", "fs:read:a.txt"];
    project.run(&denied).exit(6).prints_nothing();
}

#[test]
fn a_call_that_is_asked_about_waits_for_a_person() {
    let project = project();
    let write = ["tools", "call", "write_file", "-a", "path=b.txt", "-a", "content=x", "--ask", "fs:write:b.txt"];
    project.run(&write).exit(3).says("waits for a person").says("agentflow approve");
    assert!(!project.path("b.txt").exists());
    project.run(&["approve", "last", "--all", "--resume", "--ask", "fs:write:b.txt"]).exit(0).says("approved: `write_file`");
    assert_eq!(std::fs::read_to_string(project.path("b.txt")).unwrap(), "x");
}

#[test]
fn mistakes_get_a_hint() {
    let project = project();
    project
        .run(&["tools", "call", "readfile", "-a", "path=a.txt"])
        .exit(2)
        .says("there is no tool `readfile`")
        .says("did you mean `read_file`?");
    project.run(&["tools", "show", "readfile"]).exit(2).says("did you mean `read_file`?");
    project.run(&["tools", "call", "read_file", "a.txt"]).exit(2).says("-a path=README.md");
    let wrong = project.run(&["tools", "call", "read_file", "-a", "pth=a.txt", "--allow", "fs:read:**"]);
    wrong.exit(2).says("'pth' was unexpected").says("agentflow tools show read_file");
}
