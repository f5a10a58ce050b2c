//! `agentflow approve`: what is asked, of runs that other runs called as well.

use serde_json::json;

use super::project::Project;

#[test]
fn questions_of_called_runs_are_in_the_json_of_the_caller() {
    let inner = "nodes: { read: { tool: read_file, args: { path: a.txt }, permissions: ['fs:read:**'] } }\noutputs: { text: '{{ read }}' }\n";
    let outer =
        "nodes: { go: { tool: 'workflow:inner.yaml', permissions: ['fs:read:**'] } }\noutputs: { text: '{{ go.text }}' }\n";
    let project = Project::new().with("agents.toml", "").with("inner.yaml", inner).with("outer.yaml", outer);
    let project = project.with("a.txt", "from below\n");
    project.run(&["run", "outer.yaml", "--ask", "fs:read:**"]).exit(3);
    let caller = project.run_ids()[0].clone();
    let asked = project.run(&["approve", "last", "--format", "json"]).json();
    assert_eq!(asked.as_array().map(Vec::len), Some(1), "{asked}");
    assert_eq!((&asked[0]["node"], &asked[0]["tool"]), (&json!("read"), &json!("read_file")));
    let child = asked[0]["run"].as_str().unwrap();
    assert_ne!(child, caller);
    project.run(&["approve", &caller]).exit(0).says(&format!("node go waits for run {child} of `workflow:inner.yaml`"));
    project.run(&["approve", child, "--all"]).exit(0);
    project.run(&["resume", &caller, "--ask", "fs:read:**"]).exit(0).prints("from below");
    assert_eq!(project.run(&["approve", &caller, "--format", "json"]).json(), json!([]));
}
