//! What is no document, no query and no collection.

use std::{os::unix::fs::symlink, process::Stdio};

use serde_json::json;

use super::{Project, add, docs, sources};

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_added() {
    let project = docs()
        .with("docs/binary.dat", [0u8, 159, 146, 150, 255, 0, 1])
        .with("docs/empty.md", "")
        .with("docs/latin.txt", b"a long line of text with \x81\xff\xfe and more of it \x01".as_slice())
        .with("docs/locked.pdf", "%PDF-1.4\nnot really one\n");
    symlink("/etc/hostname", project.path("docs/out.txt")).unwrap();
    let ran = add(&project, &["docs"], &["--embedder", "mock", "--format", "json"]);
    ran.exit(1).says("docs/binary.dat").says("docs/latin.txt").says("docs/locked.pdf").says("docs/out.txt").says("it is empty");
    let told = ran.json();
    let failed: Vec<_> = told["failed"].as_array().unwrap().iter().map(|one| one["source"].as_str().unwrap()).collect();
    assert_eq!(failed, ["docs/out.txt", "docs/binary.dat", "docs/latin.txt", "docs/locked.pdf"]);
    assert_eq!(told["added"], json!(4), "three documents, and one without text");
    assert!(!sources(&project).contains(&"docs/out.txt".to_owned()));
    // Nothing of them was kept, so they are told again.
    add(&project, &["docs"], &[]).exit(1).says("4 unchanged, 4 failed");
}

#[test]
fn nothing_that_can_be_added_is_wrong_usage() {
    let project = docs().with("binary.dat", [0u8, 1, 2, 3, 255]);
    add(&project, &["binary.dat"], &["--embedder", "mock"]).exit(2).says("binary.dat").prints_nothing();
    add(&project, &["none.md"], &["--embedder", "mock"]).exit(2).says("there is no `none.md`");
    add(&project, &["docs/*.rst"], &["--embedder", "mock"]).exit(2).says("`docs/*.rst` fits no file");
    add(&project, &["docs/[ab].md*"], &["--embedder", "mock"]).exit(2).says("is no glob");
    add(&project, &[""], &["--embedder", "mock"]).exit(2).says("the path is empty");
    add(&project, &["docs"], &["--embedder", "nosuch"]).exit(2).says("`nosuch` is no embedder");
    project.run(&["memory", "add", "docs", "-c", "A b"]).exit(2).says("is no valid name of a collection");
    project.run(&["memory", "add", "docs", "-c", "docs", "--scope", "team"]).exit(2).says("write `project`");
    project.run(&["memory", "list"]).exit(0).says("there is no collection yet");
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let project = docs();
    let file = std::fs::File::create(project.path("huge.txt")).unwrap();
    file.set_len(65 << 20).unwrap();
    add(&project, &["huge.txt"], &["--embedder", "mock"]).exit(2).says("huge.txt").says("are the most");
}

#[test]
fn queries_have_bounds() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock"]).exit(0);
    let args = ["memory", "search", "-", "-c", "docs"];
    project.run_with_stdin(&args, "barley ".repeat(150_000)).exit(2).says("1048576 are the most").prints_nothing();
    project.run_with_stdin(&args, "barley ".repeat(149_000)).exit(0).prints("docs/");
    project.run_with_stdin(&args, b"\xff\xfe".to_vec()).exit(2).says("no text");
    project.run(&["memory", "search", "  ", "-c", "docs"]).exit(2).says("the query is empty");
    project.run(&["memory", "search", "x", "-c", "dogs"]).exit(2).says("there is no collection `dogs`").says("there are `docs`");
    project.run(&["memory", "search", "x", "-c", "docs", "-k", "0"]).exit(2);
    project.run(&["memory", "search", "x", "-c", "docs", "--min-score", "NaN"]).exit(2).says("a number from -1 to 1");
    // No query language: what looks like one is words.
    project.run(&["memory", "search", "\"barley* NEAR( OR", "-c", "docs"]).exit(0);
}

#[test]
fn what_strangers_wrote_does_not_reach_the_terminal_as_it_is() {
    let project = Project::new().with("evil\u{1b}[2J.md", "fine").with("evil.md", "Look: \u{1b}]0;owned\u{7} \u{202e}txt.\n");
    add(&project, &["evil.md"], &["--embedder", "mock"]).exit(0);
    let shown = project.run(&["memory", "search", "look", "-c", "docs"]);
    assert!(!shown.exit(0).stdout.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{shown:?}");
    let named = add(&project, &["."], &[]);
    assert!(!named.exit(1).stderr.contains('\u{1b}'), "{named:?}");
}

#[test]
fn a_collection_keeps_to_its_embedder() {
    let project = docs().with("agents.toml", "[memory.docs]\nembedder = \"mock\"\n");
    add(&project, &["docs"], &["--embedder", "lexical"]).exit(2).says("the manifest names `mock`");
    add(&project, &["docs"], &[]).exit(0);
    let project = project.with("agents.toml", "[memory.docs]\nembedder = \"lexical\"\n");
    for ran in [add(&project, &["docs"], &[]), project.run(&["memory", "search", "rye", "-c", "docs"])] {
        ran.exit(2).says("were made by `mock`, and the manifest names `lexical`").says("agentflow memory reindex docs");
    }
    project.run(&["memory", "reindex", "docs"]).exit(0);
    project.run(&["memory", "search", "rye", "-c", "docs"]).exit(0).prints("docs/rye.md");
    let other = Project::new().with("a.md", "text");
    add(&other, &["a.md"], &["--embedder", "mock"]).exit(0);
    add(&other, &["a.md"], &["--embedder", "lexical"]).exit(2).says("were made by `mock`, not by `lexical`").says("reindex docs");
}

#[test]
fn two_adds_at_once_both_add_all() {
    let mut project = Project::new();
    for at in 0..40 {
        project = project.with(&format!("one/{at}.md"), format!("one {at}")).with(&format!("two/{at}.md"), format!("two {at}"));
    }
    let start = |place: &str| {
        let mut command = project.command(&["memory", "add", place, "shared.md", "-c", "docs", "--embedder", "mock"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    std::fs::write(project.path("shared.md"), "both").unwrap();
    let (one, two) = (start("one"), start("two"));
    for child in [one, two] {
        let output = child.wait_with_output().unwrap();
        project.told(&output).exit(0);
    }
    assert_eq!(sources(&project).len(), 81);
}

#[test]
fn a_store_that_cannot_be_used_is_told_as_such() {
    let project = docs().with(".agentflow", "in the way");
    add(&project, &["docs"], &["--embedder", "mock"]).exit(75).prints_nothing();
    let place = ["--store", "postgres://x"];
    add(&project, &["docs"], &[&["--embedder", "mock"][..], &place].concat()).exit(2).prints_nothing();
}
