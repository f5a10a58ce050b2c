//! Collections written out and read in.

use serde_json::{Value, json};

use super::{Project, add, docs, found, sources};

fn exported(project: &Project, more: &[&str]) -> String {
    project.run(&[&["memory", "export", "docs"], more].concat()).exit(0).stdout.clone()
}

#[test]
fn what_is_written_out_is_read_in_as_it_was() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock", "--meta", "year=2026"]).exit(0);
    let text = exported(&project, &[]);
    assert_eq!(text.lines().count(), 4);
    let other = Project::new();
    let told = other.run_with_stdin(&["memory", "import", "-", "--format", "json"], text.clone()).exit(0).json();
    assert_eq!(
        told,
        json!({"collection": "docs", "kept_vectors": true, "added": 3, "unchanged": 0, "chunks": told["chunks"], "embedded": 0})
    );
    assert_eq!(exported(&other, &[]), text);
    let search = ["memory", "search", "who sings", "-c", "docs", "--by", "meaning", "--format", "json"];
    assert_eq!(found(&other.run(&search)), found(&project.run(&search)));
    // A second time, nothing is new; under another name, all is.
    other.run_with_stdin(&["memory", "import", "-"], text.clone()).exit(0).says("3 unchanged");
    other.run_with_stdin(&["memory", "import", "-", "-c", "copy", "--untrusted", "--recompute"], text).exit(0);
    let copy = other.run(&["memory", "list", "copy", "--format", "json"]).json();
    assert!(copy.as_array().unwrap().iter().all(|document| document["untrusted"] == true), "{copy}");
}

#[test]
fn vectors_may_be_left_out_and_are_made_anew() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock"]).exit(0);
    project
        .run(&["memory", "export", "docs", "--no-vectors", "-o", "docs.jsonl"])
        .exit(0)
        .prints_nothing()
        .says("3 documents written");
    let text = std::fs::read_to_string(project.path("docs.jsonl")).unwrap();
    assert!(!text.contains("\"vector\""));
    let other = Project::new().with("docs.jsonl", &text);
    other.run(&["memory", "import", "docs.jsonl"]).exit(0);
    assert_eq!(exported(&other, &[]), exported(&project, &[]));
}

/// The export with one value of it changed.
fn changed(text: &str, line: usize, change: impl Fn(&mut Value)) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut value: Value = serde_json::from_str(&lines[line]).unwrap();
    change(&mut value);
    lines[line] = value.to_string();
    lines.join("\n")
}

#[test]
fn hostile_files_add_nothing() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "mock"]).exit(0);
    let text = exported(&project, &[]);
    let vector = |numbers: [f32; 64]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        json!(data_encoding::BASE64.encode(&bytes))
    };
    let mut not_a_number = [0.0; 64];
    not_a_number[0] = f32::NAN;
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "the file is empty"),
        ("{}".to_owned(), "line 1"),
        ("no json\n".to_owned(), "line 1"),
        (changed(&text, 0, |value| value["format"] = json!("other")), "its format is `other`"),
        (changed(&text, 0, |value| value["version"] = json!(99)), "use a newer agentflow"),
        (changed(&text, 0, |value| value["dimension"] = json!(1_000_000_000)), "65536 are the most"),
        (changed(&text, 0, |value| value["dimension"] = json!(32)), "line 2"),
        (changed(&text, 0, |value| value["embedder"] = json!("a\nb")), "is no name of an embedder"),
        (changed(&text, 0, |value| value["collection"] = json!("../x")), "is no valid name of a collection"),
        (changed(&text, 0, |value| value["extra"] = json!(1)), "line 1"),
        (changed(&text, 3, |value| value["chunks"][0]["vector"] = vector(not_a_number)), "numbers that are none"),
        (changed(&text, 3, |value| value["chunks"][0]["vector"] = vector([1.0; 64])), "is of length 8, not 1"),
        (changed(&text, 3, |value| value["chunks"][0]["vector"] = json!("AAAA")), "its vector has 3 bytes"),
        (changed(&text, 3, |value| value["chunks"][0]["vector"] = json!("*")), "no base 64"),
        (changed(&text, 3, |value| drop(value["chunks"][0].as_object_mut().unwrap().remove("vector"))), "it has no vector"),
        (changed(&text, 3, |value| value["chunks"][0]["text"] = json!("another text")), "its hash is not that of its text"),
        (changed(&text, 3, |value| value["chunks"][0]["position"]["first_line"] = json!(99)), "it begins in line 99"),
        (changed(&text, 3, |value| value["source"] = json!("")), "is empty"),
        (changed(&text, 3, |value| value["source"] = json!("a\u{1b}[2Jb")), "has control characters"),
        (changed(&text, 3, |value| value["scope"] = json!("team:x")), "line 4"),
        (changed(&text, 3, |value| value["hash"] = json!("x")), "is no hash of a document"),
        (text.trim_end()[..text.len() - 40].to_owned(), "line 4"),
    ];
    for (hostile, said) in cases {
        let other = Project::new().with("hostile.jsonl", &hostile);
        let ran = other.run(&["memory", "import", "hostile.jsonl"]);
        ran.exit(2).says("`hostile.jsonl`").says(said).prints_nothing();
        assert!(!ran.stderr.contains('\u{1b}'), "{ran}");
        other.run(&["memory", "list"]).exit(0).prints_nothing();
    }
    Project::new().run(&["memory", "import", "none.jsonl"]).exit(2).says("`none.jsonl` cannot be read");
    project.run(&["memory", "export", "none"]).exit(2).says("there is no collection `none`");
    project.run(&["memory", "export", "docs", "-o", "no/such/file"]).exit(2).says("no/such/file");
    assert_eq!(sources(&project).len(), 3);
}

#[test]
fn a_collection_of_words_travels_too() {
    let project = docs();
    add(&project, &["docs"], &["--embedder", "lexical"]).exit(0);
    let text = exported(&project, &[]);
    let other = Project::new();
    other.run_with_stdin(&["memory", "import", "-"], text.clone()).exit(0);
    other.run(&["memory", "search", "germinated", "-c", "docs"]).exit(0).prints("docs/barley.md");
    assert_eq!(exported(&other, &[]), text);
}
