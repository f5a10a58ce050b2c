//! `agentflow conversations`, and what runs of a workflow make of them.

use serde_json::{Value, json};

use super::project::Project;

const TALK: &str = "\
name: talk
inputs:
  say: { type: string }
  about: { type: string, default: tea }
agents:
  helper:
    model: lab/small
    conversation: { name: 'on-{{ inputs.about }}', max_tokens: 600, keep: 2, summarizer: clerk }
  clerk: { model: lab/small }
nodes:
  answer: { agent: helper, prompt: '{{ inputs.say }}' }
outputs:
  answer: '{{ answer }}'
";

const LAB: &str = "\
[providers.lab]
kind = \"mock\"
context = { \"small\" = 2k }

[providers.lab.answers]
helper = [\"I am glad to hear it.\"]
clerk = [\"FACT The kettle is green.\"]
";

fn project() -> Project {
    Project::new().with("agents.toml", LAB.replace("2k", "2000")).with("talk.yaml", TALK)
}

fn json_of(project: &Project, args: &[&str]) -> Value {
    let ran = project.run(args);
    ran.exit(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn runs_go_on_with_a_conversation_that_is_listed_shown_and_removed() {
    let project = project();
    project.run(&["conversations", "list"]).exit(0).says("there is no conversation yet").prints_nothing();
    assert_eq!(json_of(&project, &["conversations", "list", "--format", "json"]), json!([]));
    for say in ["I like green tea.", "And black tea."] {
        project.run(&["run", "talk.yaml", "-i", &format!("say={say}")]).exit(0).prints("I am glad to hear it.");
    }
    project.run(&["run", "talk.yaml", "-i", "say=None for me.", "-i", "about=coffee"]).exit(0);
    let listed = json_of(&project, &["conversations", "list", "--format", "json"]);
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|one| (one["name"].as_str().unwrap(), &one["turns"])).collect();
    assert_eq!(names, [("on-coffee", &json!(1)), ("on-tea", &json!(2))]);
    assert_eq!(listed[1]["scope"], "workflow:talk");
    project.run(&["conversations", "list"]).exit(0).prints("on-tea").prints("workflow:talk");
    let shown = project.run(&["conversations", "show", "on-tea"]);
    shown.exit(0).prints("I like green tea.").prints("And black tea.").prints("I am glad to hear it.");
    project.run(&["conversations", "rm", "on-tea"]).exit(0).says("removed workflow:talk/on-tea");
    project.run(&["conversations", "show", "on-tea"]).exit(2).says("there is no conversation `on-tea`");
    project.run(&["conversations", "show", "on-coffee", "--scope", "project"]).exit(2).says("of `project`");
}

#[test]
fn a_simulated_run_leaves_no_conversation_behind() {
    let project = project();
    project.run(&["run", "talk.yaml", "-i", "say=Hello.", "--mock"]).exit(0);
    assert_eq!(json_of(&project, &["conversations", "list", "--format", "json"]), json!([]));
}

#[test]
fn what_grows_too_long_is_summarized_by_a_run_of_its_own() {
    let project = project();
    let long = "The kettle is green, and it is a very good kettle indeed, as everybody says. ".repeat(6);
    for _ in 0..5 {
        project.run(&["run", "talk.yaml", "-i", &format!("say={long}")]).exit(0);
    }
    let shown = json_of(&project, &["conversations", "show", "on-tea", "--format", "json"]);
    assert_eq!(shown["summary"]["text"], "FACT The kettle is green.");
    assert_eq!(shown["summary"]["by"], "clerk");
    let turns = shown["turns"].as_array().unwrap().len() as u64;
    assert_eq!(shown["summary"]["turns"].as_u64().unwrap() + turns, 5);
    let told = "of conversation `workflow:talk/on-tea` went into a summary by `clerk`";
    let is_told = |id: &String| project.run(&["runs", "show", id]).exit(0).stdout.contains(told);
    assert!(project.run_ids().iter().any(is_told), "it is told where a run is shown");
    let runs = json_of(&project, &["runs", "list", "--all", "--format", "json"]);
    assert!(runs.as_array().unwrap().len() > 5, "the summaries are runs: {runs}");
}

#[test]
fn a_prompt_that_is_too_long_for_its_model_is_told_before_it_is_sent() {
    let long = "word ".repeat(3_000);
    let ran = project().run(&["run", "talk.yaml", "-i", &format!("say={long}")]);
    ran.exit(1).says("reads and writes 2000 in one call");
}
