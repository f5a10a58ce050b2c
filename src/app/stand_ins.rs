//! Files on disk, some of which others stand in for: what a prompt would do if it were another one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    diagnostic::{DiskFiles, Files},
    error::Result,
};

/// Reads the second file where the first is named. Which file a path means is decided by the disk, however it is written.
#[derive(Debug)]
pub(super) struct StandIns<'a>(pub(super) &'a BTreeMap<PathBuf, PathBuf>);

impl StandIns<'_> {
    fn of<'p>(&'p self, path: &'p Path) -> &'p Path {
        self.0.iter().find(|(file, _)| is_same(file, path)).map_or(path, |(_, other)| other)
    }
}

/// Whether two paths mean one file.
#[must_use]
pub fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

impl Files for StandIns<'_> {
    fn read(&self, path: &Path) -> Result<String> {
        DiskFiles.read(self.of(path))
    }

    fn exists(&self, path: &Path) -> bool {
        DiskFiles.exists(self.of(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_in_the_place_of_another_one_however_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("prompts")).unwrap();
        for name in ["a.md", "b.md", "c.md"] {
            std::fs::write(path(name), name).unwrap();
        }
        let instead = BTreeMap::from([(path("a.md"), path("b.md"))]);
        let files = StandIns(&instead);
        assert_eq!(files.read(&path("a.md")).unwrap(), "b.md");
        assert_eq!(files.read(&path("prompts/../a.md")).unwrap(), "b.md");
        assert_eq!(files.read(&path("c.md")).unwrap(), "c.md");
        assert!(files.exists(&path("a.md")) && !files.exists(&path("d.md")));
    }
}
