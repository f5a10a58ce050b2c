//! The documentation under test. docs/ is a book: its table of contents is complete (`contents`), its links lead somewhere (`links`),
//! its examples are valid files (`examples`), its commands do what they say (`commands`), its reference is made from the source
//! (`reference`) and its pictures from workflows (`pictures`).

mod commands;
mod contents;
mod examples;
mod held;
mod links;
pub(crate) mod markdown;
mod pictures;
mod reference;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the repository.
pub(crate) fn text_of(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// All pages of the book, by their paths from the root, sorted.
fn pages() -> Vec<String> {
    let mut found: Vec<String> = files_below(&root().join("docs"))
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"))
        .filter(|path| path != "docs/SUMMARY.md")
        .collect();
    found.sort();
    found
}

/// All files in `folder` and below it.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}
