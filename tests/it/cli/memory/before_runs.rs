//! Collections with a path are brought up to their files before a workflow that reads them runs.

use super::{Project, docs, sources};

const MANIFEST: &str = "[memory.docs]\nembedder = \"mock\"\npath = \"docs/**/*.md\"\n\n[memory.other]\npath = \"nowhere/**\"\n";
const FLOW: &str = "\
name: ask
inputs: { question: { type: string, default: rye bread } }
nodes:
  look: { recall: { collection: docs, query: '{{ inputs.question }}', k: 1 } }
outputs: { found: '{{ look[0].citation }}' }
";

fn project() -> Project {
    docs().with("agents.toml", MANIFEST).with("ask.yaml", FLOW)
}

#[test]
fn what_a_run_reads_is_brought_up_to_its_files() {
    let project = project();
    let first = project.run(&["run", "ask.yaml"]);
    first.exit(0).says("memory docs: 2 added").says("0 removed").prints("docs/rye.md");
    assert_eq!(sources(&project), ["docs/barley.md", "docs/rye.md"]);
    let again = project.run(&["run", "ask.yaml"]);
    assert!(!again.exit(0).stderr.contains("memory docs:"), "nothing has changed, so nothing is told: {again}");
    std::fs::remove_file(project.path("docs/barley.md")).unwrap();
    std::fs::write(project.path("docs/rye.md"), "Rye is a grass.\n").unwrap();
    let project = project.with("docs/oats.md", "# Oats\n\nOats are rolled.\n");
    project
        .run(&["run", "ask.yaml", "-i", "question=rolled oats"])
        .exit(0)
        .says("2 added")
        .says("1 removed")
        .prints("docs/oats.md");
    assert_eq!(sources(&project), ["docs/oats.md", "docs/rye.md"]);
}

#[test]
fn what_came_from_elsewhere_stays() {
    let project = project().with("notes/own.md", "Mine.");
    project.run(&["run", "ask.yaml"]).exit(0);
    project.run(&["memory", "add", "notes", "-c", "docs"]).exit(0);
    let kept = r#"documents=[{"text": "Kept by a tool.", "source": "docs/kept.md"}]"#;
    project.run(&["tools", "call", "memory_add", "-a", "collection=docs", "-a", kept]).exit(0);
    project.run(&["run", "ask.yaml"]).exit(0);
    assert_eq!(sources(&project), ["docs/barley.md", "docs/kept.md", "docs/rye.md", "notes/own.md"]);
}

#[test]
fn a_run_that_needs_no_memory_touches_none() {
    let project = project().with("plain.yaml", "name: plain\nnodes: { a: { value: 1 } }\noutputs: { a: '{{ a }}' }\n");
    project.run(&["run", "plain.yaml"]).exit(0);
    project.run(&["run", "ask.yaml", "--dry-run"]).exit(0);
    project.run(&["run", "ask.yaml", "--mock"]).exit(0);
    project.run(&["memory", "list"]).exit(0).says("there is no collection yet");
}

#[test]
fn what_is_wrong_with_the_files_stops_a_run_before_it_begins() {
    let project = project().with("agents.toml", MANIFEST.replace("docs/**/*.md", "dogs/**/*.md"));
    project.run(&["run", "ask.yaml"]).exit(2).says("there is no `dogs`").prints_nothing();
    let project = project.with("agents.toml", MANIFEST.replace("docs/**/*.md", "docs/*.rst"));
    project.run(&["run", "ask.yaml"]).exit(2).says("`docs/*.rst` fits no file").prints_nothing();
    assert!(project.run_ids().is_empty());
    // Nothing is removed because a path does not fit any more.
    let project = project.with("agents.toml", MANIFEST);
    project.run(&["run", "ask.yaml"]).exit(0);
    let project = project.with("agents.toml", MANIFEST.replace("docs/**/*.md", "docs/*.rst"));
    project.run(&["run", "ask.yaml"]).exit(2);
    assert_eq!(sources(&project).len(), 2);
    let project = project.with("agents.toml", MANIFEST.replace("\"mock\"", "\"lexical\""));
    project.run(&["run", "ask.yaml"]).exit(2).says("agentflow memory reindex docs");
    assert_eq!(project.run_ids().len(), 1);
}

#[test]
fn other_sizes_of_chunks_divide_all_files_anew() {
    let project = project().with("docs/long.md", "Word after word. ".repeat(200));
    project.run(&["run", "ask.yaml"]).exit(0);
    let chunks = |project: &Project| project.run(&["memory", "list", "--format", "json"]).json()[0]["chunks"].as_u64().unwrap();
    let before = chunks(&project);
    let project = project.with("agents.toml", MANIFEST.replacen("path", "chunk = 64\noverlap = 8\npath", 1));
    project.run(&["run", "ask.yaml"]).exit(0).says("3 added");
    assert!(chunks(&project) > before, "{before}");
}
