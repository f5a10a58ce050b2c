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
    let writer = &json["agents"][1];
    assert_eq!((&writer["name"], &writer["timeout_ms"]), (&"writer".into(), &90_000.into()));
    assert_eq!((&writer["defined_at"], &writer["state"]), (&"agents.toml:5".into(), &"active".into()));
    assert_eq!(json["measured_over"]["most_runs"], 200);
    assert!(!project().path(".agentflow").exists(), "looking makes no store");
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

/// Two agents that can do the same, and one of a workflow that can do more.
const TEAM: &str = "\
[agents.dear]
capabilities = [\"review\", \"rust\"]
model = \"openai/gpt-5\"

[agents.cheap]
capabilities = [\"review\"]
model = \"openai/gpt-5-nano\"

[agents.unknown]
capabilities = [\"review\"]
model = \"lab/big\"

[providers.lab]
kind = \"openai\"
base_url = \"http://127.0.0.1:9/v1\"
";

fn names(agents: &serde_json::Value) -> Vec<&str> {
    agents["agents"].as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap()).collect()
}

#[test]
fn agents_are_found_by_what_they_can_do_cheapest_first() {
    let project = Project::new().with("agents.toml", TEAM);
    let find = |more: &[&str]| project.run(&[&["agents", "find", "--format", "json", "--capability"], more].concat());
    let all = find(&["review"]);
    assert_eq!(names(&all.exit(0).json()), ["cheap", "dear", "unknown"]);
    assert_eq!(all.json()["agents"][2]["cost"], serde_json::json!({"price": "unpriced"}), "an unknown price is not 0");
    let cheap = &all.json()["agents"][0]["cost"];
    assert_eq!((&cheap["read_usd_per_1k"], &cheap["written_usd_per_1k"]), (&0.00005.into(), &0.0004.into()), "{cheap}");
    assert_eq!(names(&find(&["review", "--capability", "rust"]).exit(0).json()), ["dear"]);
    let under = find(&["review", "--under-cost", "0.001"]);
    assert_eq!(names(&under.exit(0).says("1 agent without a known price left out").json()), ["cheap"]);
    insta::assert_snapshot!(project.run(&["agents", "find", "--capability", "review"]));
}

#[test]
fn what_nobody_can_do_is_told_with_the_nearest_name() {
    let project = Project::new().with("agents.toml", TEAM);
    let find = |more: &[&str]| project.run(&[&["agents", "find", "--capability"], more].concat());
    find(&["revew"]).exit(2).says("no agent has the capability `revew`").says("did you mean `review`?").prints_nothing();
    find(&["\u{1b}[31mreview"]).exit(2).says(r"\u{1b}[31mreview").prints_nothing();
    find(&["review", "--under-cost", "0.0001"]).exit(2).says("the cheapest is `cheap`").says("the price of 1 is not known");
    for amount in ["0", "-1", "NaN", "inf", "cheap"] {
        find(&["review", &format!("--under-cost={amount}")]).exit(2).says("write an amount in USD above 0").prints_nothing();
    }
    let project = project.with("two.toml", format!("{TEAM}\n[agents.other]\ncapabilities = [\"prose\"]\n"));
    let both = ["agents", "find", "--manifest", "two.toml", "--capability", "rust", "--capability", "prose"];
    project.run(&both).exit(2).says("no agent has all of `rust`, `prose`");
}

#[test]
fn agents_of_a_workflow_win_over_those_of_the_manifest() {
    let flow = "agents:\n  cheap: { model: mock/m, capabilities: [review], description: \"A \\e[31mred\\e[0m one\" }\n\
                nodes: { ask: { agent: { capability: review }, prompt: hi } }\n";
    let project = Project::new().with("agents.toml", TEAM).with("flow.yaml", flow);
    let json = project.run(&["agents", "show", "cheap", "--workflow", "flow.yaml", "--format", "json"]).json();
    assert_eq!((&json["defined_at"], &json["hides"]), (&"flow.yaml:2".into(), &"agents.toml:5".into()));
    assert_eq!(json["cost"]["price"], "simulated");
    let list = project.run(&["agents", "list", "--workflow", "flow.yaml"]);
    list.exit(0).prints("simulated").prints("unpriced");
    assert!(!list.stdout.contains('\u{1b}'), "{list}");
    project.run(&["agents", "show", "cheap", "--workflow", "flow.yaml"]).exit(0).prints("in place of    agents.toml:5");
    project.run(&["agents", "list", "--workflow", "none.yaml"]).exit(2);
    Project::new().with("flow.yaml", flow).run(&["agents", "list", "--workflow", "flow.yaml"]).exit(0).prints("cheap");
}

#[test]
fn an_agent_that_is_defined_twice_is_an_error_with_both_places() {
    let yaml = "agents:\n  writer: { model: mock/a }\n  critic: { model: mock/a }\n  writer: { model: mock/b }\n";
    let json = r#"{"agents": {
        "writer": {"model": "mock/a"},
        "writer": {"model": "mock/b"}}}"#;
    let toml = "[agents.writer]\nmodel = \"mock/a\"\n\n[agents.writer]\nmodel = \"mock/b\"\n";
    for (file, text, lines) in [("agents.yaml", yaml, [2, 4]), ("agents.json", json, [2, 3]), ("agents.toml", toml, [1, 4])] {
        let project = Project::new().with(file, text);
        let ran = project.run(&["agents", "list", "--manifest", file]);
        ran.exit(2).says("the key `writer` is given twice").says("first given here").says("given again");
        for line in lines {
            ran.says(&format!("\n{line} "));
        }
    }
}

#[test]
fn who_was_chosen_and_why_is_told_before_the_run_and_after_it() {
    let flow = "nodes:\n  parts: { value: [1, 2, 3] }\n  look: { map: parts, agent: { capability: review }, prompt: 'Look at {{ item }}' }\n";
    let project = Project::new().with("agents.toml", TEAM).with("flow.yaml", flow);
    let why = "the cheapest ($0.000138 for 1,000 tokens) of 3 agents with `review`: `cheap`, `dear`, `unknown`";
    project.run(&["validate", "flow.yaml"]).exit(0).prints(&format!("flow.yaml: ok\n  cheap: {why}\n"));
    let choice = project.run(&["validate", "flow.yaml", "--format", "json"]).json()["choices"][0].clone();
    assert_eq!((&choice["file"], &choice["agent"], &choice["why"]), (&"flow.yaml".into(), &"cheap".into(), &why.into()));
    assert_eq!((&choice["capabilities"][0], &choice["among"][2]), (&"review".into(), &"unknown".into()));
    let graph = project.run(&["graph", "flow.yaml", "--format", "json"]).json();
    assert_eq!(graph["nodes"][1]["chosen"], why);
    project.run(&["run", "flow.yaml", "--dry-run"]).exit(0).prints(why);

    project.run(&["run", "flow.yaml", "--mock"]).exit(0);
    let shown = project.run(&["runs", "show", "last"]);
    assert_eq!(shown.exit(0).stdout.matches(why).count(), 1, "once for three instances\n{shown}");
    let shown = project.run(&["runs", "show", "last", "--format", "json"]).json();
    let nodes = shown["nodes"].as_array().unwrap();
    let of_look: Vec<_> = nodes.iter().filter(|node| node["agent"] == "cheap").map(|node| &node["chosen"]).collect();
    assert_eq!(of_look, [why; 3]);
}

/// How often an agent was chosen in a run, and why.
fn chosen(project: &Project, run: &str) -> Vec<(String, String)> {
    let events = project.run(&["runs", "events", run, "--format", "json"]).json();
    let started = events.as_array().unwrap().iter().filter(|event| event["type"] == "attempt_started");
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap().to_owned();
    started.map(|event| (text(event, "agent"), text(event, "chosen"))).collect()
}

#[test]
fn a_run_goes_on_with_the_agent_it_has_chosen_whatever_happened_since() {
    let manifest = "\
[agents.ann]
capabilities = [\"work\"]
model = \"lab/one\"

[agents.bob]
capabilities = [\"work\"]
model = \"lab/two\"

[providers.lab]
kind = \"openai\"
base_url = \"http://127.0.0.1:9/v1\"
breaker = { open_for = \"10m\" }
";
    let flow = "nodes:\n  first: { agent: { capability: work }, prompt: One }\n  second: { agent: { capability: work }, prompt: 'Two {{ first }}' }\n";
    let fails = "nodes: { ask: { agent: ann, prompt: hi, retry: { initial: 0s, jitter: none, max_attempts: 9 } } }\n";
    let project = Project::new().with("agents.toml", manifest).with("flow.yaml", flow).with("fails.yaml", fails);
    let run = ["run", "flow.yaml", "--mock", "--mock-latency", "400ms"];
    let started = project.start(&run, "first: succeeded");
    started.signal(rustix::process::Signal::KILL);
    assert_eq!(started.end().code, None);
    let interrupted = project.run_ids().remove(0);
    let by_name = "the first by name of 2 agents with `work`: `ann`, `bob`";
    assert_eq!(chosen(&project, &interrupted)[0], ("ann".to_owned(), by_name.to_owned()));

    // Nobody listens at port 9: the model of `ann` is left alone from now on.
    project.run(&["run", "fails.yaml"]).exit(1);
    let found = project.run(&["agents", "find", "--capability", "work", "--format", "json"]).json();
    assert_eq!((names(&found), &found["agents"][1]["state"]), (vec!["bob", "ann"], &"left_alone".into()));
    let dry = project.run(&["run", "flow.yaml", "--dry-run"]);
    dry.exit(0).prints("the best whose model is not left alone of 2 agents with `work`: `bob`, `ann`");
    project.run(&["run", "flow.yaml", "--mock"]).exit(0);
    assert!(chosen(&project, "last").iter().all(|(agent, _)| agent == "bob"));

    project.run(&["resume", &interrupted]).exit(0);
    let chosen_again = chosen(&project, &interrupted);
    assert!(chosen_again.len() >= 2 && chosen_again.iter().all(|choice| *choice == chosen_again[0]), "{chosen_again:?}");
    // A fork begins anew, with the choice of the run that it comes from.
    project.run(&["fork", &interrupted, "--from", "second"]).exit(0);
    let forked = chosen(&project, "last");
    assert_eq!(forked, [("ann".to_owned(), by_name.to_owned())]);
}

#[test]
fn failures_of_real_calls_are_measured_and_simulated_ones_are_not() {
    let project = project();
    let flow = "agents: { other: { model: lab/small } }\nnodes: { ask: { agent: local, prompt: hi, retry: { initial: 0s, jitter: none, max_attempts: 2 } } }\n";
    let project = project.with("flow.yaml", flow);
    project.run(&["run", "flow.yaml", "--mock"]).exit(0);
    let mut command = project.command(&["run", "flow.yaml"]);
    command.env("LAB_KEY", "very-secret");
    project.ran(command).exit(1);
    for _ in 0..2 {
        let json = project.run(&["agents", "list", "--format", "json"]).json();
        assert_eq!(json["measured_over"]["runs"], 2, "{json:#}");
        let local = &json["agents"][0];
        assert_eq!((&local["measured"]["attempts"], &local["measured"]["failed"]), (&2.into(), &2.into()), "{local:#}");
        assert_eq!((&local["measured"]["success_rate"], &local["simulated"]["success_rate"]), (&0.0.into(), &1.0.into()));
    }
    project.run(&["agents", "list"]).exit(0).prints("0% (2)").says("measured over 2 runs since ");
    project.run(&["runs", "rm", "last"]).exit(0);
    let json = project.run(&["agents", "list", "--format", "json"]).json();
    assert_eq!((&json["measured_over"]["runs"], &json["agents"][0]["measured"]["attempts"]), (&1.into(), &0.into()));
}
