//! `agentflow diff`: two runs side by side.

use super::project::{HELLO, Project, redact};

const FLOW: &str = "\
name: sort
inputs: { kind: { type: string, default: short } }
nodes:
  kind: { value: '{{ inputs.kind }}', route: { on: kind, cases: { short: keep }, default: cut } }
  keep: { value: \"one\\ntwo\\nthree\" }
  cut: { value: \"one\\n2\\nthree\" }
outputs: { text: '{{ keep | default(cut) }}' }
";

fn two_runs() -> Project {
    let project = Project::new().with("sort.yaml", FLOW);
    project.run(&["run", "sort.yaml"]).exit(0);
    project.run(&["run", "sort.yaml", "-i", "kind=long"]).exit(0);
    project
}

#[test]
fn routes_outputs_and_inputs_that_differ_are_shown() {
    let project = two_runs();
    let ids = project.run_ids();
    let ran = project.run(&["diff", &ids[1], &ids[0]]);
    ran.exit(0);
    let stable: Vec<String> = ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(redact(&stable.join("\n")));
}

#[test]
fn json_has_both_sides_and_the_exit_code_tells_when_it_is_asked_to() {
    let project = two_runs();
    let ids = project.run_ids();
    let json = project.run(&["diff", &ids[1], &ids[0], "--format", "json", "--exit-code"]);
    json.exit(1);
    let json = json.json();
    assert_eq!(json["same"], false);
    assert_eq!((json["one"]["id"].as_str(), json["other"]["id"].as_str()), (Some(ids[1].as_str()), Some(ids[0].as_str())));
    assert_eq!(json["inputs"][0]["other"], "long");
    assert_eq!(json["outputs"][0]["difference"], serde_json::json!(["- two", "+ 2"]));
    let cut = json["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "cut").unwrap();
    assert_eq!((&cut["one"]["status"], &cut["other"]["status"]), (&"skipped".into(), &"succeeded".into()));
    project.run(&["diff", &ids[0], &ids[0], "--exit-code"]).exit(0).prints("gave the same");
}

#[test]
fn tokens_and_cost_are_compared_and_do_not_make_runs_differ() {
    let project = Project::new().with("hello.yaml", HELLO);
    project.run(&["run", "hello.yaml", "--mock"]).exit(0);
    project.run(&["run", "hello.yaml", "--mock", "--reuse"]).exit(0);
    let ids = project.run_ids();
    let json = project.run(&["diff", &ids[1], &ids[0], "--format", "json", "--exit-code"]);
    json.exit(0);
    let json = json.json();
    assert_eq!((json["one"]["calls"].as_u64(), json["other"]["calls"].as_u64()), (Some(1), Some(0)));
    assert_eq!((&json["nodes"][0]["one"]["reused"], &json["nodes"][0]["other"]["reused"]), (&false.into(), &true.into()));
}
