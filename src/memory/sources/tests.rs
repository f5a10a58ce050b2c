use std::{fs, os::unix::fs::symlink, path::Path};

use super::*;
use crate::memory::Found;

/// A folder with these files, each with its name in it.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file).unwrap();
    }
    folder
}

/// The names of what is found; in brackets what is left out, with the reason.
fn found(folder: &Path, place: &str) -> Vec<String> {
    let walk = Sources::new(folder, &[folder.join("state")]).unwrap().find(place).unwrap();
    walk.map(|found| match found {
        Found::File(file) => file.name,
        Found::Skipped { name, why } => format!("[{name}: {why}]"),
    })
    .collect()
}

#[test]
fn a_folder_is_its_files_in_the_order_of_their_names() {
    let folder = folder(&["b.md", "a/z.md", "a/b/c.rs", "a.md", "target/x.md", "a/node_modules/y.md", ".hidden/z.md", ".env"]);
    assert_eq!(found(folder.path(), "."), ["a/b/c.rs", "a/z.md", "a.md", "b.md"]);
    assert_eq!(found(folder.path(), "a"), ["a/b/c.rs", "a/z.md"]);
    assert_eq!(found(folder.path(), "./a/../b.md"), ["b.md"]);
    assert_eq!(found(folder.path(), ".env"), [".env"]);
    assert_eq!(found(folder.path(), "target"), ["target/x.md"]);
}

#[test]
fn a_glob_is_the_files_that_it_fits() {
    let folder = folder(&["a.md", "docs/a.md", "docs/b.rs", "docs/c/d.md", "docs/.e/f.md"]);
    assert_eq!(found(folder.path(), "docs/**/*.md"), ["docs/a.md", "docs/c/d.md"]);
    assert_eq!(found(folder.path(), "*.md"), ["a.md"]);
    assert_eq!(found(folder.path(), "docs/*"), ["docs/a.md", "docs/b.rs"]);
    let all = folder.path().join("docs/*.rs");
    assert_eq!(found(folder.path(), all.to_str().unwrap()), ["docs/b.rs"]);
    fs::write(folder.path().join("a*b.md"), "").unwrap();
    assert_eq!(found(folder.path(), "a*b.md"), ["a*b.md"]);
}

#[test]
fn what_is_ignored_by_git_is_left_out_unless_it_is_named() {
    let folder = folder(&["a.md", "draft.md", "docs/draft.md", "docs/b.log", "docs/keep.log"]);
    fs::write(folder.path().join(".gitignore"), "draft.md\n*.log\n").unwrap();
    fs::write(folder.path().join("docs/.gitignore"), "!keep.log\n").unwrap();
    assert_eq!(found(folder.path(), "."), ["a.md", "docs/keep.log"]);
    assert_eq!(found(folder.path(), "docs"), ["docs/keep.log"]);
    assert_eq!(found(folder.path(), "draft.md"), ["draft.md"]);
}

#[test]
fn a_link_does_not_lead_out_of_the_folder() {
    let outside = folder(&["secret.md"]);
    let folder = folder(&["a.md", "docs/b.md", ".agentflow/state.md"]);
    symlink(outside.path().join("secret.md"), folder.path().join("docs/c.md")).unwrap();
    symlink(folder.path().join("a.md"), folder.path().join("docs/d.md")).unwrap();
    symlink(outside.path(), folder.path().join("docs/e")).unwrap();
    symlink("nowhere", folder.path().join("docs/f")).unwrap();
    symlink("../.agentflow/state.md", folder.path().join("docs/g")).unwrap();
    symlink(".", folder.path().join("docs/h")).unwrap();
    assert_eq!(
        found(folder.path(), "docs"),
        [
            "docs/b.md",
            "[docs/c.md: it is a link that leads out of the folder]",
            "docs/d.md",
            "[docs/e: it is a link that leads out of the folder]",
            "[docs/f: it is a link that leads nowhere]",
            "[docs/g: it is a link, and not to a file that may be read]",
            "[docs/h: it is a link, and not to a file that may be read]",
        ]
    );
    let sources = Sources::new(folder.path(), &[]).unwrap();
    for place in ["docs/c.md", "docs/e", "docs/e/*.md"] {
        let err = sources.find(place).unwrap_err();
        assert!(err.to_string().contains("leads out of the project's folder"), "{err}");
    }
    let named = outside.path().canonicalize().unwrap().join("secret.md");
    assert_eq!(found(folder.path(), named.to_str().unwrap()), [named.to_str().unwrap()]);
}

#[test]
fn the_state_of_the_project_is_never_read() {
    let folder = folder(&["a.md", ".agentflow/b.md", "state/c.md"]);
    assert_eq!(found(folder.path(), "."), ["a.md"]);
    let sources = Sources::new(folder.path(), &[folder.path().join("state")]).unwrap();
    for place in [".agentflow", ".agentflow/b.md", "state/c.md"] {
        assert_eq!(sources.find(place).unwrap_err().kind(), ErrorKind::Invalid, "{place}");
    }
    assert_eq!(sources.find("state/*.md").unwrap().count(), 0);
}

#[test]
fn pipes_are_told_and_not_opened() {
    let folder = folder(&["a.md"]);
    let pipe = folder.path().join("pipe.md");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let told = "[pipe.md: it is no file, but a pipe, a socket or a device]";
    assert_eq!(found(folder.path(), "."), ["a.md", told]);
    assert_eq!(found(folder.path(), "*.md"), ["a.md", told]);
    assert_eq!(found(folder.path(), "pipe.md"), [told]);
}

#[test]
fn what_is_not_there_is_told() {
    let folder = folder(&["a.md"]);
    let sources = Sources::new(folder.path(), &[]).unwrap();
    for place in ["b.md", "docs/*.md"] {
        assert_eq!(sources.find(place).unwrap_err().kind(), ErrorKind::NotFound, "{place}");
    }
    assert_eq!(sources.find("").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(Sources::new(&folder.path().join("x"), &[]).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_that_vanishes_while_a_folder_is_walked_ends_nothing() {
    let folder = folder(&["a.md", "b.md", "c.md"]);
    let mut walk = Sources::new(folder.path(), &[]).unwrap().find(".").unwrap();
    let Some(Found::File(first)) = walk.next() else { panic!("a file") };
    fs::remove_file(folder.path().join("a.md")).unwrap();
    assert_eq!(first.read(10).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(walk.count(), 2);
}

#[test]
fn a_place_covers_names_whether_their_files_are_there_or_not() {
    let folder = folder(&["docs/a.md"]);
    let sources = Sources::new(folder.path(), &[]).unwrap();
    for (place, name) in [
        ("docs/**/*.md", "docs/gone.md"),
        ("docs/**/*.md", "docs/b/gone.md"),
        ("docs", "docs/gone.rs"),
        ("./docs", "docs/gone.rs"),
        (".", "gone.md"),
        ("**", "docs/gone.md"),
        ("gone.md", "gone.md"),
        ("gone/*.md", "gone/a.md"),
    ] {
        assert!(sources.covers(place, name), "{place} {name}");
    }
    for (place, name) in [
        ("docs/*.md", "docs/b/gone.md"),
        ("docs/*.md", "docs/gone.rs"),
        ("docs", "docs2/gone.md"),
        ("doc", "docs/gone.md"),
        ("*.md", "docs/gone.md"),
        ("gone.md", "gone.md.bak"),
        ("docs/**", "https://example.com/docs/a"),
    ] {
        assert!(!sources.covers(place, name), "{place} {name}");
    }
}
