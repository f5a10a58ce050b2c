//! `run --reuse`, `fork` and `why`: what is taken over from an earlier run, and why the rest is asked.

use rustix::process::Signal;

use super::project::{CHAIN, HELLO, Project, redact};

/// Two writers, one after the other, and a map.
const FLOW: &str = "\
name: report
inputs:
  topic: { type: string, default: bridges }
agents:
  writer: { model: openai/gpt-5-mini }
nodes:
  plan: { agent: writer, prompt: 'Plan {{ inputs.topic }}' }
  words: { value: [red, green] }
  each: { map: words, as: word, agent: writer, prompt: 'About {{ word }}' }
  end: { agent: writer, prompt: 'End {{ plan }}', temperature: 0.5 }
outputs:
  end: '{{ end }}'
";

fn first_run() -> Project {
    let project = Project::new().with("report.yaml", FLOW);
    project.run(&["run", "report.yaml", "--mock"]).exit(0);
    project
}

/// How many model calls the newest run made.
fn calls(project: &Project) -> u64 {
    project.run(&["runs", "show", "last", "--format", "json"]).json()["calls"].as_u64().unwrap()
}

/// What `why` says of the newest run, `node answer: kinds of reasons` each.
fn why(project: &Project, node: &str) -> Vec<String> {
    let explained = project.run(&["why", "last", node, "--format", "json"]).json();
    let one = |node: &serde_json::Value| {
        let kinds: Vec<&str> =
            node["reasons"].as_array().unwrap().iter().map(|reason| reason["kind"].as_str().unwrap()).collect();
        format!("{} {}: {}", node["node"].as_str().unwrap(), node["answer"]["kind"].as_str().unwrap(), kinds.join(" "))
    };
    explained["nodes"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn an_unchanged_workflow_is_run_again_for_nothing() {
    let project = first_run();
    let first = project.run(&["resume", "last"]);
    let ran = project.run(&["run", "report.yaml", "--mock", "--reuse"]);
    ran.exit(0).says("4 of 4 agent answers reused from run").says("plan: reused");
    assert_eq!(ran.stdout, first.stdout);
    assert_eq!(calls(&project), 0);
    let shown = project.run(&["runs", "show", "last", "--format", "json"]).json();
    let ids = project.run_ids();
    assert_eq!((shown["origin"]["kind"].as_str(), shown["origin"]["run"].as_str()), (Some("reuse"), Some(ids[1].as_str())));
    project.run(&["runs", "show", "last"]).exit(0).prints("whose answers it took").prints("reused");
    assert_eq!(why(&project, "plan"), ["plan reused: "]);
}

#[test]
fn what_changed_is_asked_and_why_tells_what_it_was() {
    let changed = FLOW.replace("0.5", "0.7").replace("[red, green]", "[red, blue]").replace("'About", "'Something about");
    let project = first_run().with("report.yaml", changed);
    let ran = project.run(&["run", "report.yaml", "--mock", "--reuse", "last", "-i", "topic=tunnels", "--invalidate", "each[0]"]);
    ran.exit(0).says("0 of 4 agent answers reused");
    assert_eq!(why(&project, "plan"), ["plan asked: input"]);
    assert_eq!(why(&project, "each"), ["each[0] asked: invalidated input", "each[1] asked: input"]);
    assert_eq!(why(&project, "end"), ["end asked: definition input"]);
    assert_eq!(why(&project, "words"), ["words not_asked: "]);
    let told: String =
        ["plan", "each", "end", "words"].map(|node| project.run(&["why", "last", node]).exit(0).stdout.clone()).concat();
    insta::assert_snapshot!(redact(&told));
}

#[test]
fn why_looks_into_maps_inner_graphs_and_inner_workflows() {
    let outer = "\
name: outer
inputs: { names: { type: [string], default: [a, b] }, tone: { type: string, default: dry } }
agents: { writer: { model: openai/gpt-5-mini } }
nodes:
  facts: { agent: writer, prompt: 'Facts, {{ inputs.tone }}' }
  box:
    map: inputs.names
    as: name
    nodes:
      draft: { agent: writer, prompt: 'Draft {{ name }} with {{ facts }}' }
      polish: { agent: writer, prompt: 'Polish {{ draft }}' }
  sub: { workflow: inner.yaml, with: { what: '{{ facts }}' } }
outputs: { all: '{{ box }} {{ sub.text }}' }
";
    let inner = "\
inputs: { what: string }
agents: { helper: { model: openai/gpt-5-mini } }
nodes: { text: { agent: helper, prompt: 'On {{ inputs.what }}' } }
outputs: { text: '{{ text }}' }
";
    let project = Project::new().with("outer.yaml", outer).with("inner.yaml", inner);
    project.run(&["run", "outer.yaml", "--mock"]).exit(0);
    project.run(&["run", "outer.yaml", "--mock", "--reuse", "-i", "tone=warm", "-i", "names=[\"a\", \"c\"]"]).exit(0);
    let told: String =
        ["box", "box[1].polish", "sub"].map(|node| project.run(&["why", "last", node]).exit(0).stdout.clone()).concat();
    insta::assert_snapshot!(redact(&told));
}

#[test]
fn another_model_is_a_reason_and_a_first_run_has_nothing_to_take() {
    let project = first_run();
    assert_eq!(why(&project, "plan"), ["plan asked: nothing"]);
    project.run(&["run", "report.yaml", "--mock", "--model", "writer=openai/gpt-5", "--reuse"]).exit(0).says("0 of 4");
    assert_eq!(why(&project, "end"), ["end asked: model"]);
    project.run(&["run", "report.yaml", "--mock"]).exit(0);
    let first = &project.run_ids()[2];
    let against = project.run(&["why", "last", "plan", "--against", first, "--format", "json"]).json();
    assert_eq!(against["against"].as_str(), Some(first.as_str()));
    assert_eq!(against["nodes"][0]["reasons"][0]["kind"], "same");
}

#[test]
fn a_simulated_answer_is_never_taken_for_a_real_one() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    let mut command = project.command(&["run", "hello.yaml", "--reuse", "--store", "sqlite:.agentflow/agentflow.db"]);
    // Nobody listens there: a run that asks fails, one that takes the simulated answer would not.
    command.env("OPENAI_API_KEY", "a-key").env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    let manifest = "[providers.openai]\nbase_url = \"http://127.0.0.1:9/v1\"\n[defaults]\nretry = { max_attempts = 1 }\n";
    let project = project.with("agents.toml", manifest);
    let ran = project.ran(command);
    ran.exit(1).says("there is no earlier real run of `hello`");
    let mock = project.run_ids()[1].clone();
    let mut command = project.command(&["run", "hello.yaml", "--reuse", &mock]);
    command.env("OPENAI_API_KEY", "a-key");
    project.ran(command).exit(1).says("0 of 1 agent answer");
}

#[test]
fn a_node_that_does_not_exist_is_told_before_anything_begins() {
    let project = first_run();
    project.run(&["run", "report.yaml", "--mock", "--reuse", "--invalidate", "plam"]).exit(2).says("did you mean `plan`?");
    project.run(&["fork", "last", "--from", "eech[1]"]).exit(2).says("did you mean `each`?");
    project.run(&["why", "last", "plam"]).exit(2).says("did you mean `plan`?");
    project.run(&["run", "report.yaml", "--mock", "--reuse", "ffffffff"]).exit(2).says("there is no run `ffffffff`");
    project.run(&["run", "report.yaml", "--mock", "--invalidate", "plan"]).exit(2).says("--reuse");
    assert_eq!(project.run_ids().len(), 1);
}

#[test]
fn without_an_earlier_run_everything_is_asked() {
    let project = Project::new().with("report.yaml", FLOW).with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    project.run(&["run", "report.yaml", "--mock", "--reuse"]).exit(0).says("there is no earlier simulated run of `report`");
    assert_eq!(calls(&project), 4);
}

#[test]
fn a_fork_uses_the_stored_files_and_asks_from_a_node_on() {
    let project = first_run();
    std::fs::remove_file(project.path("report.yaml")).unwrap();
    let ran = project.run(&["fork", "last", "--from", "plan", "--output", "json"]);
    ran.exit(0).says("2 of 4 agent answers reused").says("SIMULATED");
    assert!(ran.json()["end"].is_string());
    assert_eq!(calls(&project), 2);
    let id = &project.run_ids()[0];
    ran.says(&format!("run {id} takes over what comes before `plan`"));
    project.run(&["runs", "show", "last"]).exit(0).prints("forked from `plan` on");
}

#[test]
fn a_fork_takes_other_files_and_inputs() {
    let project = first_run().with("other.yaml", FLOW.replace("'End", "'Finish"));
    project.run(&["fork", "last", "--from", "end", "--workflow", "other.yaml"]).exit(0).says("3 of 4");
    let ran = project.run(&["fork", "last", "--from", "end", "-i", "topic=tunnels"]);
    ran.exit(0).says("2 of 4");
    let shown = project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!(shown["inputs"]["topic"], "tunnels");
    let broken = project.with("broken.yaml", "nodes: { a: { value: '{{ nope }}' } }");
    broken.run(&["fork", "last", "--from", "end", "--workflow", "broken.yaml"]).exit(2).says("AF022");
}

#[test]
fn a_run_that_takes_over_answers_may_be_killed_and_goes_on() {
    let project = Project::new()
        .with("chain.yaml", CHAIN.replace("outputs:", "  third: { agent: writer, prompt: 'Three {{ second }}' }\noutputs:"));
    project.run(&["run", "chain.yaml", "--mock"]).exit(0);
    let changed = std::fs::read_to_string(project.path("chain.yaml")).unwrap().replace("'Two", "'Zwei");
    let project = project.with("chain.yaml", changed);
    let started = project.start(&["run", "chain.yaml", "--mock", "--mock-latency", "400ms", "--reuse"], "second: succeeded");
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
    project.run(&["resume", "last"]).exit(0).says("1 of 3 agent answers reused");
    assert_eq!(project.asked(), ["second", "third"]);
}

#[test]
fn a_run_goes_on_with_other_files_as_long_as_what_happened_stays_the_same() {
    let project = Project::new().with("chain.yaml", CHAIN);
    let started = project.start(&["run", "chain.yaml", "--mock", "--mock-latency", "400ms"], "first: succeeded");
    started.signal(Signal::KILL);
    assert_eq!(started.end().code, None);
    let project = project
        .with("first.yaml", CHAIN.replace("prompt: One", "prompt: Uno"))
        .with("more.yaml", CHAIN.replace("outputs:", "  third: { agent: writer, prompt: 'Three {{ first }}' }\noutputs:"));
    let refused = project.run(&["resume", "last", "--workflow", "first.yaml"]);
    refused.exit(2).says("`first`").says("--from first --workflow FILE").prints_nothing();
    project.run(&["resume", "last", "--workflow", "more.yaml"]).exit(0).says("third: succeeded");
    let shown = project.run(&["runs", "show", "last", "--format", "json"]).json();
    assert_eq!(shown["status"], "succeeded");
    assert!(shown["nodes"].as_array().unwrap().iter().any(|node| node["node"] == "third"));
    // Its outputs are given again by the files it went on with.
    project.run(&["resume", "last"]).exit(0).says("has ended already").prints("`second`");
    project.run(&["resume", "last", "--workflow", "more.yaml"]).exit(2).says("has ended");
    project.run(&["runs", "verify", "last"]).exit(0).prints("ok");
}
