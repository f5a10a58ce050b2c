//! The reference in docs/reference: made from the source, kept in the repository, and held to what the source says.
//!
//! `AGENTFLOW_UPDATE_DOCS=1 cargo test guide::` writes the pages; without it, a page that says something else fails the test.

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

use super::{
    held::{holds, holds_file, holds_folder},
    root,
};

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
