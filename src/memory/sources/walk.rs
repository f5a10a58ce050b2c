//! The files of a folder, one after the other.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use ignore::{DirEntry, WalkBuilder};

use super::{Glob, SourceFile, Sources};

/// Folders that tools make and nobody reads.
const MADE: &[&str] = &["target", "node_modules"];

/// What was found at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file that can be read.
    File(SourceFile),
    /// What was left out though it was asked for.
    Skipped {
        /// What it is called.
        name: String,
        /// Why it was left out.
        why: String,
    },
}

/// The files of a place, in the order of their names. They are looked for while they are asked for.
pub struct Walk {
    sources: Sources,
    start: PathBuf,
    glob: Option<Glob>,
    entries: ignore::Walk,
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("start", &self.start).field("glob", &self.glob).finish_non_exhaustive()
    }
}

impl Walk {
    pub(super) fn new(sources: Sources, start: &Path, glob: Option<Glob>) -> Self {
        let filter = sources.clone();
        let entries = WalkBuilder::new(start)
            .sort_by_file_name(std::ffi::OsStr::cmp)
            .follow_links(false)
            .hidden(true)
            .git_ignore(true)
            .require_git(false)
            .git_global(false)
            .git_exclude(false)
            .ignore(false)
            .filter_entry(move |entry| !is_made(entry) && !filter.is_never(entry.path()))
            .build();
        Self { sources, start: start.to_owned(), glob, entries }
    }

    /// What an entry of a folder is; nothing when it was not asked for.
    fn found(&self, entry: &DirEntry) -> Option<Found> {
        let kind = entry.file_type()?;
        if kind.is_dir() || !self.is_wanted(entry.path()) {
            return None;
        }
        let name = match self.sources.name(entry.path()) {
            Ok(name) => name,
            Err(name) => return Some(Found::Skipped { name, why: "its name is no text in UTF-8".to_owned() }),
        };
        let skipped = |why: &str| Some(Found::Skipped { name: name.clone(), why: why.to_owned() });
        if kind.is_file() {
            return Some(Found::File(SourceFile::new(name, entry.path().to_owned())));
        }
        if !kind.is_symlink() {
            return skipped("it is no file, but a pipe, a socket or a device");
        }
        let Ok(target) = entry.path().canonicalize() else { return skipped("it is a link that leads nowhere") };
        if !target.starts_with(&self.sources.folder) && !target.starts_with(&self.start) {
            return skipped("it is a link that leads out of the folder");
        }
        if self.sources.is_never(&target) || !target.is_file() {
            return skipped("it is a link, and not to a file that may be read");
        }
        Some(Found::File(SourceFile::new(name, target)))
    }

    fn is_wanted(&self, path: &Path) -> bool {
        let Some(glob) = &self.glob else { return true };
        path.strip_prefix(&self.start).ok().and_then(Path::to_str).is_some_and(|path| glob.covers(path))
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            match self.entries.next()? {
                Ok(entry) => {
                    if let Some(found) = self.found(&entry) {
                        return Some(found);
                    }
                }
                Err(err) => {
                    let (name, why) = told(&self.sources, &err);
                    return Some(Found::Skipped { name, why });
                }
            }
        }
    }
}

/// Where something failed, and how.
fn told(sources: &Sources, err: &ignore::Error) -> (String, String) {
    match err {
        ignore::Error::WithPath { path, err } => {
            let name = sources.name(path).unwrap_or_else(|name| name);
            let why = err.io_error().map_or_else(|| err.to_string(), std::string::ToString::to_string);
            (name, format!("it cannot be read: {why}"))
        }
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => told(sources, err),
        err => (".".to_owned(), err.to_string()),
    }
}

fn is_made(entry: &DirEntry) -> bool {
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    entry.depth() > 0 && is_folder && MADE.iter().any(|made| entry.file_name() == *made)
}
