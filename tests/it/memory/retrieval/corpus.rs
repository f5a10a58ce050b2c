//! The documents that are searched: real ones, which every machine has that builds the project.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Documents by the names they are cited with.
pub(crate) struct Corpus {
    /// What the collection is called.
    pub(crate) name: &'static str,
    texts: BTreeMap<String, String>,
}

impl Corpus {
    /// What this project says of itself, each thing once: without the parts of the guide that say it again to learners, and without the
    /// reference that is made from the source.
    pub(crate) fn docs() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut texts = files(&root.join("docs"), "md", "docs");
        let again = ["docs/tutorial/", "docs/how-to/", "docs/concepts/", "docs/reference/", "docs/SUMMARY.md", "docs/index.md"];
        texts.retain(|name, _| !again.iter().any(|start| name.starts_with(start)));
        for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
            texts.insert(name.to_owned(), fs::read_to_string(root.join(name)).unwrap());
        }
        Self { name: "docs", texts }
    }

    /// The source of a library that this one is built with, in the version of `Cargo.lock`.
    pub(crate) fn petgraph() -> Self {
        Self { name: "petgraph", texts: files(&folder_of("petgraph").join("src"), "rs", "petgraph/src") }
    }

    /// Whether there is a document of this name.
    pub(crate) fn has(&self, source: &str) -> bool {
        self.texts.contains_key(source)
    }

    /// The document of this name.
    pub(crate) fn text(&self, source: &str) -> &str {
        self.texts.get(source).unwrap_or_else(|| panic!("{}: there is no {source}", self.name))
    }

    /// All documents.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(source, text)| (source.as_str(), text.as_str()))
    }
}

/// The texts of all files below `folder` that end in `end`, under `name`.
fn files(folder: &Path, end: &str, name: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(files(&path, end, &name));
        } else if path.extension().is_some_and(|found| found == end) {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// Where the source of a crate is that this one is built with. Asks only about this platform: crates of others may not be there.
fn folder_of(name: &str) -> PathBuf {
    let cargo = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host];
    let metadata: Value = serde_json::from_str(&cargo(&arguments)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name).unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}
