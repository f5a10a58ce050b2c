//! Each command, on documents as they should be.

use serde_json::json;

use super::{Project, add, docs, found, sources};

#[test]
fn a_folder_is_added_and_found_by_meaning_and_by_words() {
    let project = docs();
    let added = add(&project, &["docs"], &["--embedder", "mock", "--format", "json"]).exit(0).json();
    assert_eq!((&added["added"], &added["unchanged"], &added["failed"]), (&json!(3), &json!(0), &json!([])));
    assert_eq!(added["embedded"], added["chunks"]);
    assert_eq!(sources(&project), ["docs/barley.md", "docs/deep/ocean.txt", "docs/rye.md"]);
    let search = |query: &str, more: &[&str]| {
        let args = [&["memory", "search", query, "-c", "docs", "--format", "json"], more].concat();
        found(&project.run(&args))
    };
    assert_eq!(search("who sings in the ocean", &["-k", "1"]), ["docs/deep/ocean.txt:1"]);
    assert_eq!(search("germinated", &["--by", "words"]).len(), 1);
    assert_eq!(search("ocean", &["--by", "meaning", "--min-score", "0.999"]), [""; 0]);
    assert!(search("bread", &["--source", "docs/*.md"]).iter().all(|citation| !citation.contains("ocean")));
    let shown = project.run(&["memory", "search", "sour bread", "-c", "docs", "-k", "1"]);
    shown.exit(0).prints("1. docs/rye.md:").prints("   Rye bread is dark and sour.").prints("similarity");
}

#[test]
fn what_is_there_as_it_is_is_not_added_again() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock"]).exit(0).says("docs: 3 documents added").prints_nothing();
    let again = add(&project, &["docs/**/*.md", "docs/deep/ocean.txt"], &["--format", "json"]).exit(0).json();
    assert_eq!((&again["added"], &again["unchanged"], &again["embedded"]), (&json!(0), &json!(3), &json!(0)));
    // Other notes about a document replace those there are, without a new vector.
    let noted = add(&project, &["docs/rye.md"], &["--meta", "kind=bread", "--format", "json"]).exit(0).json();
    assert_eq!((&noted["added"], &noted["embedded"]), (&json!(1), &json!(0)));
    let search = ["memory", "search", "is", "-c", "docs", "--by", "words", "--meta", "kind=bread", "--format", "json"];
    assert!(found(&project.run(&search)).iter().all(|citation| citation.starts_with("docs/rye.md")));
}

#[test]
fn words_alone_need_no_vectors() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "lexical"]).exit(0);
    let search = |more: &[&str]| project.run(&[&["memory", "search", "germinated barley", "-c", "docs"], more].concat());
    search(&[]).exit(0).prints("docs/barley.md:").prints("Malt");
    search(&["--by", "meaning"]).exit(2).says("has no vectors").says("memory reindex docs --embedder local");
    search(&["--min-score", "0.5"]).exit(2).says("has no vectors");
    project.run(&["memory", "reindex", "docs", "--embedder", "mock"]).exit(0).says("embedded by `mock`");
    search(&["--by", "meaning"]).exit(0).prints("docs/");
    let collections = project.run(&["memory", "list", "--format", "json"]).exit(0).json();
    assert_eq!(collections.as_array().unwrap().len(), 1, "nothing is left beside: {collections}");
    assert_eq!((&collections[0]["embedder"], &collections[0]["documents"]), (&json!("mock"), &json!(3)));
}

#[test]
fn standard_input_is_a_document_with_a_name() {
    let project = Project::new();
    let args = ["memory", "add", "-", "--name", "notes", "-c", "docs", "--embedder", "mock", "--untrusted"];
    project.run_with_stdin(&args, "Remember the milk.").exit(0);
    let shown = project.run(&["memory", "show", "docs", "notes", "--format", "json"]).exit(0).json();
    assert_eq!((&shown[0]["untrusted"], &shown[0]["passages"][0]["text"]), (&json!(true), &json!("Remember the milk.")));
    let trusted = ["memory", "search", "milk", "-c", "docs", "--trusted-only", "--format", "json"];
    assert_eq!(found(&project.run(&trusted)), [""; 0]);
    project.run(&["memory", "search", "milk", "-c", "docs"]).exit(0).prints("untrusted");
}

#[test]
fn documents_and_collections_are_removed_when_somebody_says_so() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock"]).exit(0);
    project.run(&["memory", "rm", "docs", "docs/*.md"]).exit(2).says("--yes");
    assert_eq!(sources(&project).len(), 3, "nobody was asked, so nothing is removed");
    project.run(&["memory", "rm", "docs", "none.md", "--yes"]).exit(2).says("no document of collection `docs` fits");
    project.run(&["memory", "rm", "docs", "docs/*.md", "--yes"]).exit(0).says("removed 2 documents from docs");
    assert_eq!(sources(&project), ["docs/deep/ocean.txt"]);
    project.run(&["memory", "rm", "docs", "--all", "--yes"]).exit(0).says("removed collection docs");
    project.run(&["memory", "list"]).exit(0).prints_nothing().says("there is no collection yet");
    project.run(&["memory", "rm", "docs", "--all", "--yes"]).exit(2).says("there is no collection `docs`");
}

#[test]
fn what_collections_take_is_told() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock"]).exit(0);
    let stats = project.run(&["memory", "stats", "--format", "json"]).exit(0).json();
    let stats = &stats[0];
    assert_eq!((&stats["documents"], &stats["dimension"], &stats["embedder"]), (&json!(3), &json!(64), &json!("mock")));
    assert!(stats["bytes"].as_u64().unwrap() > 64 * 4 && stats["bytes_per_vector"].as_u64().unwrap() > 64 * 4, "{stats}");
    project.run(&["memory", "stats", "docs"]).exit(0).prints("BYTES/VECTOR").prints("mock");
    project.run(&["memory", "list", "docs"]).exit(0).prints("SOURCE").prints("docs/deep/ocean.txt");
    project.run(&["memory", "show", "docs", "docs/barley.md"]).exit(0).prints("Barley").prints("Malt is made");
}

#[test]
fn names_are_paths_from_the_projects_folder_wherever_one_stands() {
    let project = docs().with("agents.toml", "[memory.docs]\nembedder = \"mock\"\n");
    let mut command = project.command(&["memory", "add", "ocean.txt", "../*.md", "-c", "docs"]);
    command.current_dir(project.path("docs/deep"));
    project.ran(command).exit(0);
    assert_eq!(sources(&project), ["docs/barley.md", "docs/deep/ocean.txt", "docs/rye.md"]);
    assert!(!project.path("docs/deep/.agentflow").exists());
}

#[test]
fn looking_makes_no_file() {
    let project = Project::new();
    project.run(&["memory", "list"]).exit(0).prints_nothing();
    project.run(&["memory", "stats"]).exit(0).prints_nothing();
    project.run(&["memory", "search", "x", "-c", "docs"]).exit(2).says("there is no collection `docs`").says("memory add PATH");
    project.run(&["tools", "list"]).exit(0).prints("memory_search").prints("memory_add");
    assert!(!project.path(".agentflow").exists());
}

#[test]
fn a_tool_finds_and_keeps_what_the_command_line_does() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock"]).exit(0);
    let search =
        ["tools", "call", "memory_search", "-a", "collection=docs", "-a", "query=rye bread", "-a", "k=1", "--output", "json"];
    let passages = project.run(&search).exit(0).json();
    assert_eq!(passages["call"][0]["source"], "docs/rye.md");
    let text = r#"documents=[{"text": "Oats are rolled.", "source": "oats"}]"#;
    project.run(&["tools", "call", "memory_add", "-a", "collection=docs", "-a", text]).exit(0);
    project.run(&["memory", "show", "docs", "oats"]).exit(0).prints("Oats are rolled.").prints("strangers or models");
    assert_eq!(project.run(&["memory", "search", "rolled oats", "-c", "docs", "-k", "1"]).exit(0).stdout.lines().count(), 2);
}
