//! A walk through a folder and what is below it, in order of the names; links are met but not followed.

use std::{io, ops::ControlFlow};

use cap_std::fs::{Dir, FileType};

use crate::{
    error::Result,
    tool::files::{
        path::{is_plain, join},
        protected::Protected,
        root::open_folder,
        work::Stop,
    },
};

/// How deep folders are walked into.
pub(super) const MAX_DEPTH: usize = 32;
/// How many entries are looked at, over all folders.
const MAX_ENTRIES: usize = 200_000;

/// One thing in a folder.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// From the project's folder.
    pub(super) path: &'a str,
    pub(super) parent: &'a Dir,
    pub(super) name: &'a str,
    pub(super) kind: FileType,
}

/// The walk.
pub(super) struct Tree<'a> {
    stop: &'a Stop,
    depth: usize,
    seen: usize,
    /// Whether some entries were not looked at, and why.
    pub(super) notes: Vec<String>,
}

impl<'a> Tree<'a> {
    /// A walk over `depth` levels: 1 is the folder alone.
    pub(super) fn new(stop: &'a Stop, depth: usize) -> Self {
        Self { stop, depth: depth.min(MAX_DEPTH), seen: 0, notes: Vec::new() }
    }

    /// Shows each entry to `visit`, until that says to break.
    pub(super) fn walk(
        &mut self,
        folder: &Dir,
        path: &str,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let _whole: ControlFlow<()> = self.level(folder, path, 1, visit)?;
        Ok(())
    }

    fn level(
        &mut self,
        folder: &Dir,
        path: &str,
        level: usize,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        self.stop.check()?;
        let Ok(entries) = self.entries(folder) else {
            self.note(format!("`{path}` could not be read"));
            return Ok(ControlFlow::Continue(()));
        };
        for (name, kind) in entries {
            self.stop.check()?;
            let path = join(path, &name);
            // Git's folder is of no use to read through, and what is hidden is nobody's business.
            if name.eq_ignore_ascii_case(".git") || Protected::is_hidden(&name) || !is_plain(&name) {
                continue;
            }
            if visit(&Entry { path: &path, parent: folder, name: &name, kind })?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            // One that is gone, is locked or is a link by now is passed over.
            if kind.is_dir()
                && level < self.depth
                && let Ok(below) = open_folder(folder, &name)
                && self.level(&below, &path, level + 1, visit)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The entries of a folder, sorted, as far as the walk may look.
    fn entries(&mut self, folder: &Dir) -> io::Result<Vec<(String, FileType)>> {
        let mut entries = Vec::new();
        for entry in folder.entries()? {
            if self.seen == MAX_ENTRIES {
                self.note(format!("only {MAX_ENTRIES} entries were looked at: name a folder further down"));
                break;
            }
            self.seen += 1;
            let entry = entry?;
            if let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) {
                entries.push((name, kind));
            }
        }
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(entries)
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < 5 && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
