//! Files of docs/ that are made: kept in the repository, and held to what makes them.
//!
//! `AGENTFLOW_UPDATE_DOCS=1 cargo test guide::` writes them; without it, a file that says something else fails its test.

use std::fs;

use super::{files_below, root};

/// Says how a page comes about, on its first line.
const MADE: &str = "<!-- Made from the source: AGENTFLOW_UPDATE_DOCS=1 cargo test guide:: -->\n";

/// Holds a page of the reference to its text, or writes it when that is asked for.
#[track_caller]
pub(super) fn holds(page: &str, text: &str) {
    holds_file(page, &format!("{MADE}{}\n", text.trim_end()));
}

/// The same for a file that has its text from elsewhere, too.
#[track_caller]
pub(super) fn holds_file(page: &str, expected: &str) {
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
        "{page}:{} is not what the source says; `AGENTFLOW_UPDATE_DOCS=1 cargo test guide::` writes it\nhas:   {}\nneeds: {}",
        line + 1,
        found.lines().nth(line).unwrap_or("(its end)"),
        expected.lines().nth(line).unwrap_or("(its end)"),
    );
}

/// Holds a folder to the pages that it may have, so that what is no more made is not kept.
#[track_caller]
pub(super) fn holds_folder(folder: &str, names: &[String]) {
    for path in files_below(&root().join(folder)) {
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
