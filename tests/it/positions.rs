//! Every word of every text in a file is found again at its place, whatever the syntax and the quotes.

use std::path::{Path, PathBuf};

use agentflow::{
    diagnostic::Sources,
    manifest::{Tree, TreeKind, read_data_text},
};

/// All texts of a tree.
fn texts<'a>(tree: &'a Tree, found: &mut Vec<&'a Tree>) {
    match &tree.kind {
        TreeKind::String(_) => found.push(tree),
        TreeKind::List(items) => items.iter().for_each(|item| texts(item, found)),
        TreeKind::Map(entries) => entries.iter().for_each(|(_, value)| texts(value, found)),
        _ => {}
    }
}

/// Checks every word of a file and returns how many there were.
fn check(path: &Path, text: &str) -> usize {
    let (mut sources, mut problems) = (Sources::default(), Vec::new());
    let tree = read_data_text(path, text.to_owned(), &mut sources, &mut problems).unwrap();
    assert_eq!(problems, [], "{}", path.display());
    let mut found = Vec::new();
    texts(&tree, &mut found);
    let mut count = 0;
    for tree in found {
        let decoded = tree.as_str().unwrap();
        for word in decoded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let start = word.as_ptr() as usize - decoded.as_ptr() as usize;
            let span = sources.inside(tree.span, decoded, start..start + word.len());
            // Letters that are written as escapes look different.
            let is_escaped = sources.text(span).contains('\\');
            assert!(
                sources.text(span) == word || is_escaped && sources.text(span).len() < 8 * word.len(),
                "{}: in {decoded:?}, written {:?}",
                path.display(),
                sources.text(tree.span)
            );
            count += 1;
        }
    }
    count
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| ["yaml", "toml", "json"].iter().any(|known| extension == *known)) {
            found.push(path);
        }
    }
}

#[test]
fn every_word_of_the_projects_own_files_is_found_at_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("agents.toml")];
    files_below(&root.join("workflows"), &mut files);
    files_below(&root.join("tests/fixtures/corpus/good"), &mut files);
    let mut count = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.trim().lines().any(|line| !line.starts_with('#')) {
            count += check(&path, &text);
            count += check(&path, &text.replace('\n', "\r\n"));
        }
    }
    assert!(count > 2_000, "only {count} words");
}

#[test]
fn every_word_is_found_in_every_sort_of_quotes() {
    let yaml = r#"
plain: one two
folded plain: one two
  three

  four
single: 'it''s one ''two'' three'
double: "tab\t one \"two\" \u00e9t\xe9 \U0001F600 three \
  four
  five

  six"
literal: |
  one two

    three
  four
keep: |+
  one

strip: >-
    one
    two

      three

    four
indented: |2
    one
  two
"quoted | key": >  # a comment | with a bar
  one
list:
  - |
    one
    - two
  - "x"
  - >-

    after an empty line
flow: { a: one two, b: 'x', c: "y z", d: [ p, 'q r' ] }
é ü: ß ö 漢字 one
anchor: &a |
  one
alias: *a
"#;
    assert!(check(Path::new("a.yaml"), yaml) > 50);
    assert!(check(Path::new("a.yaml"), &yaml.replace('\n', "\r\n")) > 50);
    let toml = "
basic = \"a\\tb \\\"c\\\" \\u00e9 d\"
literal = 'C:\\x y'
multi = \"\"\"
one \\
    two
  three \\u00e9 \"\" four\"\"\"
raw = '''
one \\n
  two '' three'''
inline = { a = \"x y\", b = ['p', \"q r\"] }
";
    assert!(check(Path::new("a.toml"), toml) > 15);
    assert!(check(Path::new("a.toml"), &toml.replace('\n', "\r\n")) > 15);
    assert!(check(Path::new("a.json"), r#"{"a": "x\ty \u00e9 \ud83d\ude00 z \\ \/ w", "b": ["p q"]}"#) > 6);
}
