//! `agentflow diff` of workflow files: two of them, or with themselves at a revision of git.

use std::process::Command;

use super::project::Project;

const FLOW: &str = "\
name: review
permissions: ['fs:read:docs/**']
limits: { max_cost_usd: 1 }
agents:
  reader: { model: openai/gpt-5-mini, tools: [read_file], system: Be brief. }
  writer: { model: openai/gpt-5-mini }
inputs: { text: { type: string, default: x } }
nodes:
  read: { agent: reader, prompt: \"Read this.\\nThen say what it is:\\n{{ inputs.text }}\", output: { kind: string }, route: { on: read.kind, cases: { bug: fix }, default: done } }
  fix: { agent: writer, prompt: 'Fix {{ read.kind }}', retry: { max_attempts: 2 } }
  done: { value: '{{ read.kind }}' }
outputs: { kind: '{{ read.kind }}' }
";

/// What a careless change makes of it.
fn changed() -> String {
    FLOW.replace("docs/**", "**")
        .replace("Then say what it is:", "Then say what it is, in one word:")
        .replace("writer: { model: openai/gpt-5-mini }", "writer: { model: openai/gpt-5 }")
        .replace("cases: { bug: fix }", "cases: { bug: fix, question: answer }")
        .replace("retry: { max_attempts: 2 }", "retry: { max_attempts: 5 }")
        .replace("  done:", "  answer: { agent: writer, prompt: 'Answer {{ read.kind }}' }\n  done:")
}

fn two_files() -> Project {
    Project::new().with("old.yaml", FLOW).with("new.yaml", changed())
}

/// A repository with one commit of all files.
pub(super) fn committed(project: Project) -> Project {
    git(&project, &["init", "-q", "-b", "main"]);
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-q", "-m", "one"]);
    project
}

pub(super) fn git(project: &Project, args: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").arg("-C").arg(project.path("")).args(identity).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn all_that_is_other_is_told_to_read() {
    let ran = two_files().run(&["diff", "old.yaml", "new.yaml"]);
    ran.exit(0);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_comment_says_first_what_needs_a_decision() {
    let ran = two_files().run(&["diff", "old.yaml", "new.yaml", "--format", "markdown"]);
    ran.exit(0);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn json_has_both_sides_of_all_that_is_other() {
    let json = two_files().run(&["diff", "old.yaml", "new.yaml", "--format", "json"]).json();
    assert_eq!((&json["same"], &json["widened"]), (&false.into(), &true.into()));
    let flow = &json["workflows"][0];
    assert_eq!((flow["before_file"].as_str(), flow["file"].as_str()), (Some("old.yaml"), Some("new.yaml")));
    let nodes: Vec<String> =
        flow["nodes"].as_array().unwrap().iter().map(|node| format!("{} {}", node["node"], node["change"])).collect();
    assert_eq!(nodes, ["\"read\" \"changed\"", "\"fix\" \"changed\"", "\"answer\" \"added\""]);
    assert_eq!(flow["permissions"][0]["what"], "permission added: fs:read:**");
    assert_eq!(flow["models"], serde_json::json!({"added": ["openai/gpt-5"], "removed": []}));
    assert!(flow["after"]["calls"]["most"].as_u64() > flow["before"]["calls"]["most"].as_u64(), "{flow:#}");
}

#[test]
fn the_exit_code_tells_what_it_is_asked_to() {
    let project = two_files().with("prompt.yaml", FLOW.replace("Be brief", "Be kind"));
    project.run(&["diff", "old.yaml", "new.yaml", "--exit-code"]).exit(1);
    project.run(&["diff", "old.yaml", "old.yaml", "--exit-code", "--fail-on", "widened"]).exit(0).prints("the same");
    project.run(&["diff", "old.yaml", "new.yaml", "--fail-on", "widened"]).exit(6);
    project.run(&["diff", "old.yaml", "new.yaml", "--fail-on", "widened", "--exit-code"]).exit(6);
    project.run(&["diff", "new.yaml", "old.yaml", "--fail-on", "widened"]).exit(0);
    project.run(&["diff", "old.yaml", "prompt.yaml", "--fail-on", "widened"]).exit(0);
    project.run(&["diff", "old.yaml", "prompt.yaml", "--fail-on", "widened", "--exit-code"]).exit(1);
}

#[test]
fn what_is_no_workflow_or_neither_run_nor_file_is_told() {
    let project = two_files().with("bad.yaml", "nodes: { a: { agent: nobody, prompt: x } }").with("last", "");
    project.run(&["diff", "old.yaml", "bad.yaml"]).exit(2).says("nobody").prints_nothing();
    project.run(&["diff", "old.yaml", "none.yaml"]).exit(2).says("no file `none.yaml`");
    project.run(&["diff", "old.yaml", "flow"]).exit(2).says("`flow` is neither a run nor a file");
    project.run(&["diff", "last", "old.yaml"]).exit(2).says("`last` may be a run").says("write `./last`");
    project.run(&["diff", "0193", "old.yaml"]).exit(2).says("`0193` is a run and `old.yaml` is a file");
    project.run(&["diff", "0193", "0194", "--format", "markdown"]).exit(2).says("agentflow runs report");
    project.run(&["diff", "old.yaml"]).exit(2).says("two things are compared");
    project.run(&["diff"]).exit(2);
}

/// A project whose workflow, prompt, inner workflow and manifest are each in a file of their own, and committed.
fn repository() -> Project {
    let flow = "\
name: outer
nodes:
  ask: { agent: writer, prompt_file: ../prompts/ask.md }
  part: { workflow: parts/inner.yaml }
";
    let project = Project::new()
        .with("agents.toml", "[agents.writer]\nmodel = 'openai/gpt-5-mini'\n")
        .with("prompts/ask.md", "One\nTwo\n")
        .with("workflows/outer.yaml", flow)
        .with("workflows/parts/inner.yaml", "name: inner\nnodes: { say: { value: 1 } }\n")
        .with("workflows/old.yaml", "name: old\nnodes: { a: { value: 1 } }\n");
    committed(project)
}

#[test]
fn nothing_is_other_than_at_the_revision_that_is_there() {
    let project = repository();
    project.run(&["diff", "--rev", "HEAD", "--exit-code"]).exit(0).prints("no workflow is other");
    project.run(&["diff", "--rev", "main", "workflows/outer.yaml"]).exit(0).prints("workflows/outer.yaml: the same");
}

#[test]
fn a_workflow_is_compared_with_all_that_it_refers_to_at_the_revision() {
    let project = repository()
        .with("prompts/ask.md", "One\n2\n")
        .with("workflows/parts/inner.yaml", "name: inner\nnodes: { say: { value: 2 } }\n")
        .with("agents.toml", "[agents.writer]\nmodel = 'openai/gpt-5'\ntools = ['read_file']\npermissions = ['fs:read:**']\n")
        .with("workflows/new.yaml", "name: new\nnodes: { a: { value: 1 } }\n");
    std::fs::remove_file(project.path("workflows/old.yaml")).unwrap();
    let ran = project.run(&["diff", "--rev", "HEAD", "--fail-on", "widened"]);
    ran.exit(6);
    insta::assert_snapshot!(ran.stdout);
    // From another folder, by another name of the same file, it is the same.
    let mut command = project.command(&["diff", "--rev", "HEAD", "../workflows/outer.yaml", "--format", "json"]);
    command.current_dir(project.path("prompts"));
    let json = project.ran(command).json();
    assert_eq!(json["workflows"][0]["nodes"].as_array().unwrap().len(), 2, "{json:#}");
}

#[test]
fn the_work_tree_and_the_index_are_left_as_they_are() {
    let project = repository().with("prompts/ask.md", "Other\n");
    let state = |project: &Project| {
        let output = Command::new("git")
            .arg("-C")
            .arg(project.path(""))
            .args(["status", "--porcelain"])
            .env("GIT_OPTIONAL_LOCKS", "0")
            .output()
            .unwrap();
        let index = std::fs::metadata(project.path(".git/index")).unwrap().modified().unwrap();
        (String::from_utf8(output.stdout).unwrap(), index)
    };
    let before = state(&project);
    project.run(&["diff", "--rev", "HEAD"]).exit(0).prints("ask: prompt");
    assert_eq!(state(&project), before);
}

#[test]
fn a_workflow_with_errors_at_the_revision_is_compared_with_nothing_and_one_with_errors_now_is_refused() {
    let project = committed(Project::new().with("a.yaml", "nodes: { a: { value: '{{ b }}' } }"));
    let project = project.with("a.yaml", "nodes: { a: { value: 1 } }");
    project.run(&["diff", "--rev", "HEAD", "a.yaml"]).exit(0).prints("a.yaml: added").prints("it had 1 error at `HEAD`");
    let project = project.with("a.yaml", "nodes: { a: { value: '{{ c }}' } }");
    project.run(&["diff", "--rev", "HEAD", "a.yaml"]).exit(2).says("unknown name `c`").says("agentflow validate a.yaml");
}

#[test]
fn a_revision_that_is_none_is_told_and_never_an_option() {
    let project = repository();
    for revision in ["none", "--output=owned", "-h", "HEAD:workflows", "none...", "$(touch owned)"] {
        let option = format!("--rev={revision}");
        project.run(&["diff", &option]).exit(2).says("git knows no revision").says("fetch-depth: 0");
    }
    assert!(!project.path("owned").exists());
    Project::new().with("a.yaml", FLOW).run(&["diff", "--rev", "HEAD", "a.yaml"]).exit(2).says("`git rev-parse` failed");
    project.run(&["diff", "--rev", "HEAD", "nowhere"]).exit(2).says("there is no workflow in `nowhere`");
}
