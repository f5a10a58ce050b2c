//! `agentflow agents`, `schema`, `explain` and `doctor`.

use super::project::Project;

const MANIFEST: &str = "\
[defaults]
model = \"openai/gpt-5-mini\"
timeout = \"90s\"

[agents.writer]
description = \"Writes plain prose\"
capabilities = [\"writing\", \"editing\"]
system_file = \"writer.md\"
temperature = 0.5

[agents.local]
model = \"lab/small\"
max_concurrent = 2

[providers.lab]
kind = \"openai\"
base_url = \"http://127.0.0.1:9/v1\"
api_key = { env = \"LAB_KEY\" }
";

fn project() -> Project {
    Project::new().with("agents.toml", MANIFEST).with("writer.md", "You write.\nPlainly.\n")
}

#[test]
fn agents_are_listed() {
    insta::assert_snapshot!(project().run(&["agents", "list"]));
    let json = project().run(&["agents", "list", "--format", "json"]).json();
    assert_eq!(json[1]["name"], "writer");
    assert_eq!(json[1]["timeout_ms"], 90_000);
    assert_eq!(json[1]["defined_at"], "agents.toml:5");
}

#[test]
fn an_agent_is_shown_with_its_prompt() {
    insta::assert_snapshot!(project().run(&["agents", "show", "writer"]));
    let json = project().run(&["agents", "show", "local", "--format", "json"]).json();
    assert_eq!(json["model"], "lab/small");
    project().run(&["agents", "show", "riter"]).exit(2).says("did you mean `writer`?").prints_nothing();
}

#[test]
fn a_manifest_with_errors_is_told() {
    let project = Project::new().with("agents.toml", "[agents.a]\nmodle = \"x/y\"\n");
    project.run(&["agents", "list"]).exit(2).says("AF003").says("modle");
    project.run(&["validate", "agents.toml"]).exit(2).prints("AF003");
}

#[test]
fn schemas_are_json_schema() {
    for name in ["workflow", "agents", "test"] {
        let schema = Project::new().run(&["schema", name]).json();
        assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{name}");
        assert!(schema["definitions"].is_object() || schema["properties"].is_object(), "{name}");
    }
    Project::new().run(&["schema", "nonsense"]).exit(2).prints_nothing();
}

#[test]
fn codes_are_explained() {
    let project = Project::new();
    for name in ["AF022", "af22", "22"] {
        project.run(&["explain", name]).exit(0).prints("AF022");
    }
    project.run(&["explain"]).exit(0).prints("AF001").prints("unknown name in a template");
    project.run(&["explain", "AF999"]).exit(2).says("AF999").prints_nothing();
    project.run(&["explain", "nonsense"]).exit(2).prints_nothing();
}

#[test]
fn the_doctor_tells_keys_without_showing_them() {
    let project = project();
    let mut command = project.command(&["doctor", "--format", "json", "--online"]);
    command.env("LAB_KEY", "very-secret");
    let ran = project.ran(command);
    ran.exit(0);
    assert!(!ran.stdout.contains("very-secret"));
    let report = ran.json();
    let provider = |name: &str| report["providers"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!((&provider("lab")["key"], &provider("lab")["source"]), (&"found".into(), &"LAB_KEY".into()));
    assert_eq!(provider("lab")["answers"], false, "nobody listens at port 9");
    assert_eq!(provider("openai")["key"], "missing");
    assert_eq!(provider("ollama")["key"], "not_needed");
    assert_eq!(report["store"]["state"], "new");
    assert!(!project.path(".agentflow").exists(), "looking makes nothing");
    project.run(&["doctor"]).exit(0).prints("agents.toml").prints("SQLite");
}

#[test]
fn the_doctor_finds_a_broken_store() {
    let project = Project::new().with(".agentflow", "in the way");
    project.run(&["doctor"]).exit(75).prints("store");
}

#[test]
fn the_doctor_tells_how_models_are_and_closes_their_breakers() {
    let project = project();
    // Nobody listens at port 9, so every call fails at once.
    let flow = "agents: { a: { model: lab/small } }\nnodes: { ask: { agent: a, prompt: hi, retry: { initial: 0s, jitter: none, max_attempts: 9 } } }\n";
    // A breaker that is open for longer than a call waits for it.
    let manifest = format!("{MANIFEST}breaker = {{ open_for = \"2m\" }}\n");
    let project = project.with("flow.yaml", flow).with("agents.toml", &manifest);
    let mut command = project.command(&["run", "flow.yaml"]);
    command.env("LAB_KEY", "very-secret");
    project.ran(command).exit(1).says("model `lab/small` failed too often and is left alone since ");
    let ran = project.run(&["doctor", "--format", "json"]);
    let breakers = ran.exit(0).json()["breakers"].clone();
    assert_eq!((&breakers[0]["model"], &breakers[0]["state"]), (&"lab/small".into(), &"open".into()), "{breakers}");
    assert!(breakers[0]["last_error"].as_str().unwrap().contains("no connection"), "{breakers}");
    project.run(&["doctor"]).exit(0).prints("lab/small").prints("left alone until").prints("the last error: ");
    project.run(&["doctor", "--reset-breakers"]).exit(0).prints("asked again at once");
    let breakers = project.run(&["doctor", "--format", "json"]).json()["breakers"].clone();
    assert_eq!(breakers[0]["state"], "closed");
}
