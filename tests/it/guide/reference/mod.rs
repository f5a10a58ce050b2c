//! The reference in docs/reference: made from the source, kept in the repository, and held to what the source says.
//!
//! `AGENTFLOW_UPDATE_DOCS=1 cargo test guide::reference` writes the pages; without it, a page that says something else fails the test.

mod command_line;
mod diagnostics;
mod environment;
mod events;
mod exit_codes;
mod formats;
mod rust_source;
mod templates;
mod tools;

use std::{fmt::Write as _, fs, path::Path};

use super::root;

/// Says how a page comes about, on its first line.
const MADE: &str = "<!-- Made from the source: AGENTFLOW_UPDATE_DOCS=1 cargo test guide::reference -->\n";

/// Holds a page of the reference to its text, or writes it when that is asked for.
#[track_caller]
fn holds(page: &str, text: &str) {
    holds_file(page, &format!("{MADE}{}\n", text.trim_end()));
}

/// The same for a file that has its text from elsewhere, too.
#[track_caller]
fn holds_file(page: &str, expected: &str) {
    let path = root().join(page);
    let found = fs::read_to_string(&path).unwrap_or_default();
    if found == expected {
        return;
    }
    if std::env::var_os("AGENTFLOW_UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, expected).unwrap();
        return;
    }
    let line = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    panic!(
        "{page}:{} is not what the source says; `AGENTFLOW_UPDATE_DOCS=1 cargo test guide::reference` writes it\nhas:   {}\nneeds: {}",
        line + 1,
        found.lines().nth(line).unwrap_or("(its end)"),
        expected.lines().nth(line).unwrap_or("(its end)"),
    );
}

/// Holds a folder to the pages that it may have, so that what is no more made is not kept.
#[track_caller]
fn holds_folder(folder: &str, names: &[String]) {
    for path in super::files_below(&root().join(folder)) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !names.contains(&name) {
            if std::env::var_os("AGENTFLOW_UPDATE_DOCS").is_some() {
                fs::remove_file(&path).unwrap();
            } else {
                panic!("{folder}/{name} is about nothing that is there; remove it");
            }
        }
    }
}

#[test]
fn the_table_of_contents_lists_every_command_and_every_code() {
    let mut contents = super::text_of("docs/SUMMARY.md");
    for (page, entries) in [("reference/cli.md", command_line::entries()), ("reference/diagnostics.md", diagnostics::entries())] {
        contents = with_entries(&contents, page, &entries);
    }
    holds_file("docs/SUMMARY.md", &contents);
}

/// The table of contents with `entries`, titles and pages, beneath the entry of `page`.
fn with_entries(contents: &str, page: &str, entries: &[(String, String)]) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = contents.lines().peekable();
    let mut found = String::new();
    let mut is_there = false;
    while let Some(line) = lines.next() {
        writeln!(found, "{line}").unwrap();
        if line.contains(&format!("]({page})")) {
            is_there = true;
            while lines.next_if(|next| indent(next) > indent(line)).is_some() {}
            for (title, page) in entries {
                writeln!(found, "{}- [{title}]({page})", " ".repeat(indent(line) + 2)).unwrap();
            }
        }
    }
    assert!(is_there, "docs/SUMMARY.md has no entry for {page}");
    found
}

/// Code as a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// A text as a cell of a table: outside of code, nothing in it is taken for Markdown.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    let mut is_code = false;
    for character in text.chars() {
        match character {
            '`' => {
                is_code = !is_code;
                cell.push(character);
            }
            '|' => cell.push_str("\\|"),
            '\n' => cell.push(' '),
            '<' if !is_code => cell.push_str("&lt;"),
            '*' if !is_code => cell.push_str("\\*"),
            _ => cell.push(character),
        }
    }
    cell
}

/// The text of a source file.
fn source(path: &str) -> String {
    super::text_of(path)
}

/// All Rust files of `src`, with their paths from the root.
fn sources() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = super::files_below(&root().join("src"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (name_of(&path), fs::read_to_string(&path).unwrap()))
        .collect();
    found.sort();
    found
}

fn name_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}
