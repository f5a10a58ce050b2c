//! `agentflow lock` and `validate --locked`: what was agreed is written down, and what grew since is refused.

use super::project::Project;

const FLOW: &str = "\
permissions: [\"net:*.example.com\", \"fs:read:docs/**\"]
nodes:
  ask: { agent: reader, prompt: Read. }
";

const AGENTS: &str = "\
[agents.reader]
model = 'openai/gpt-5-mini'
tools = ['calculator', 'read_file', 'list_files']
[mcp.lab]
command = ['server']
";

fn locked() -> Project {
    let project = Project::new().with("flow.yaml", FLOW).with("agents.toml", AGENTS);
    project.run(&["lock", "flow.yaml"]).exit(0).says("wrote ./agentflow.lock with 1 workflow").prints_nothing();
    project.run(&["validate", "flow.yaml", "--locked"]).exit(0).prints("flow.yaml: ok");
    project
}

#[test]
fn a_lock_has_models_prompts_tools_permissions_and_servers() {
    let project = locked();
    let text = std::fs::read_to_string(project.path("agentflow.lock")).unwrap();
    insta::assert_snapshot!(text);
    project.run(&["lock", "flow.yaml"]).exit(0);
    assert_eq!(std::fs::read_to_string(project.path("agentflow.lock")).unwrap(), text, "it is the same each time");
}

#[test]
fn what_grew_or_is_another_is_refused_and_told() {
    let project = locked();
    let project = project.with("flow.yaml", FLOW.replace("docs/**", "**").replace("Read.", "Read all.")).with(
        "agents.toml",
        AGENTS.replace("'list_files'", "'search_files'").replace("gpt-5-mini", "gpt-5").replace("'server'", "'other'"),
    );
    let ran = project.run(&["validate", "flow.yaml", "--locked"]);
    ran.exit(2);
    insta::assert_snapshot!(ran.stdout);
    let changes = project.run(&["validate", "flow.yaml", "--locked", "--format", "json"]).json()["lock"].clone();
    assert!(changes.as_array().unwrap().iter().any(|change| change["what"] == "permission added: fs:read:**"), "{changes:#}");
    project.run(&["validate", "flow.yaml"]).exit(0);
    project.run(&["lock", "flow.yaml"]).exit(0);
    project.run(&["validate", "flow.yaml", "--locked"]).exit(0);
}

#[test]
fn less_than_was_agreed_is_told_and_accepted() {
    let project = locked()
        .with("agents.toml", AGENTS.replace(", 'list_files'", ""))
        .with("flow.yaml", FLOW.replace("docs/**", "docs/a.md"));
    let ran = project.run(&["validate", "flow.yaml", "--locked"]);
    ran.exit(0).prints("tool removed: list_files").prints("permission removed: fs:read:docs/**");
}

#[test]
fn what_more_is_asked_for_around_a_node_that_does_not_get_it_is_no_change() {
    let call = |around: &str, path: &str| {
        format!(
            "permissions: ['fs:read:{around}']\nnodes: {{ look: {{ tool: read_file, args: {{ path: {path} }}, permissions: ['fs:read:docs/*'] }} }}\n"
        )
    };
    let project = Project::new().with("flow.yaml", call("docs/**", "docs/a.md")).with("agents.toml", AGENTS);
    project.run(&["lock", "flow.yaml"]).exit(0);
    let project = project.with("flow.yaml", call("**", "docs/a.md"));
    project.run(&["validate", "flow.yaml", "--locked"]).exit(0);
    let project = project.with("flow.yaml", call("**", "docs/b.md"));
    project.run(&["validate", "flow.yaml", "--locked"]).exit(2).prints("node `look`: the call is another");
}

#[test]
fn a_workflow_that_is_not_in_the_lock_and_a_lock_that_is_none_are_refused() {
    let project = Project::new().with("flow.yaml", FLOW).with("agents.toml", AGENTS);
    project.run(&["validate", "flow.yaml", "--locked"]).exit(2).says("agentflow lock flow.yaml");
    let project = locked().with("other.yaml", FLOW);
    project.run(&["validate", "other.yaml", "--locked"]).exit(2).prints("is not in the lock");
    project.run(&["lock", "other.yaml"]).exit(0).says("with 2 workflows");
    let project = project.with("agentflow.lock", "{}");
    project.run(&["validate", "flow.yaml", "--locked"]).exit(2).says("it is no lock");
    project.run(&["lock", "flow.yaml"]).exit(2).says("remove it before that");
}
