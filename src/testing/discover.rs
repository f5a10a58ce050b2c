//! Which test files are meant: those that are named, those of workflows and folders that are named, or all.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;

use crate::{
    diagnostic::{DiskFiles, Sources},
    error::{Error, ErrorKind, Result},
    manifest::read_test_file,
};

/// Folders that tools make and nobody writes tests in.
const MADE: [&str; 2] = ["target", "node_modules"];
/// What test files end in.
const ENDINGS: [&str; 4] = [".test.yaml", ".test.yml", ".test.toml", ".test.json"];

/// Whether the name of a file says that there are tests in it.
#[must_use]
pub fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
    ENDINGS.iter().any(|ending| name.strip_suffix(ending).is_some_and(|stem| !stem.is_empty()))
}

/// The test files that `named` stands for, each once: test files themselves, those of workflows, those in folders; without any, all
/// below `base`. What `.gitignore` leaves out is left out, unless it is named itself.
///
/// # Errors
/// `NotFound` when something is named that is not there, or for which there are no tests.
pub fn discover(named: &[PathBuf], base: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if named.is_empty() {
        files = below(base)?;
        if files.is_empty() {
            let place = if base == Path::new(".") { "here".to_owned() } else { format!("below `{}`", base.display()) };
            return Err(none(format!("there are no test files {place}")));
        }
    }
    for path in named {
        let mut found = stands_for(path, base)?;
        found.retain(|file| !files.contains(file));
        files.append(&mut found);
    }
    Ok(files)
}

fn stands_for(path: &Path, base: &Path) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        let found = below(path)?;
        return if found.is_empty() { Err(none(format!("there are no test files in `{}`", path.display()))) } else { Ok(found) };
    }
    if !path.is_file() {
        return Err(Error::new(ErrorKind::NotFound, format!("no file or folder `{}`", path.display())));
    }
    if is_test_file(path) {
        return Ok(vec![path.to_owned()]);
    }
    let beside = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut found = below(beside)?;
    for file in below(base)? {
        if !found.iter().any(|known| is_same(known, &file)) {
            found.push(file);
        }
    }
    found.retain(|file| workflow_of(file).is_some_and(|workflow| is_same(&workflow, path)));
    if found.is_empty() { Err(none(format!("there are no tests of `{}`", path.display()))) } else { Ok(found) }
}

fn none(message: String) -> Error {
    Error::new(ErrorKind::NotFound, message)
        .hint("tests are in files called `NAME.test.yaml`, beside the workflow that their key `workflow` names")
}

/// Whether both are the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// The workflow that a test file names, if it can be read.
fn workflow_of(file: &Path) -> Option<PathBuf> {
    let read = read_test_file(file, &DiskFiles, &mut Sources::default(), &mut Vec::new())?;
    Some(beside(file, &read.workflow.value))
}

/// A path that is written in `file` and relative to it.
#[must_use]
pub fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().filter(|folder| *folder != Path::new("")).map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
}

/// All test files below `folder`, in the order of their names.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut walk = WalkBuilder::new(folder);
    walk.sort_by_file_name(OsStr::cmp).follow_links(false).require_git(false).git_global(false).git_exclude(false).ignore(false);
    walk.filter_entry(|entry| entry.depth() == 0 || !MADE.iter().any(|made| entry.file_name() == *made));
    let mut files = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|err| {
            Error::new(ErrorKind::Invalid, format!("cannot look for tests in `{}`", folder.display())).source(err)
        })?;
        let path = entry.path();
        if entry.file_type().is_some_and(|kind| kind.is_file()) && is_test_file(path) {
            files.push(path.strip_prefix("./").unwrap_or(path).to_owned());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(".gitignore", "old/\n");
        write("flows/a.yaml", "nodes: { x: { value: 1 } }");
        write("flows/a.test.yaml", "workflow: a.yaml\ntests: [{ name: x }]");
        write("flows/more/B.Test.TOML", "workflow = \"../a.yaml\"\n[[tests]]\nname = \"x\"\n");
        write("tests/other.test.json", "{\"workflow\": \"../flows/b.yaml\", \"tests\": [{\"name\": \"x\"}]}");
        write("old/a.test.yaml", "workflow: ../flows/a.yaml\ntests: [{ name: x }]");
        write("target/a.test.yaml", "workflow: ../flows/a.yaml\ntests: [{ name: x }]");
        write("flows/.test.yaml", "workflow: a.yaml");
        folder
    }

    fn found(folder: &Path, named: &[&str]) -> Result<Vec<String>> {
        let named: Vec<_> = named.iter().map(|name| folder.join(name)).collect();
        let files = discover(&named, folder)?;
        Ok(files.iter().map(|file| file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn all_test_files_are_found_but_those_that_git_does_not_see() {
        let folder = project();
        assert_eq!(found(folder.path(), &[]).unwrap(), ["flows/a.test.yaml", "flows/more/B.Test.TOML", "tests/other.test.json"]);
        assert_eq!(found(folder.path(), &["tests", "tests/other.test.json"]).unwrap(), ["tests/other.test.json"]);
        // What is named itself is meant.
        assert_eq!(found(folder.path(), &["old/a.test.yaml"]).unwrap(), ["old/a.test.yaml"]);
    }

    #[test]
    fn a_workflow_stands_for_the_tests_that_name_it() {
        let folder = project();
        assert_eq!(found(folder.path(), &["flows/a.yaml"]).unwrap(), ["flows/a.test.yaml", "flows/more/B.Test.TOML"]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let folder = project();
        assert_eq!(found(folder.path(), &["flows/c.yaml"]).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(found(folder.path(), &[".gitignore"]).unwrap_err().message().starts_with("there are no tests of"));
        let empty = tempfile::tempdir().unwrap();
        assert!(found(empty.path(), &[]).unwrap_err().message().starts_with("there are no test files"));
    }
}
