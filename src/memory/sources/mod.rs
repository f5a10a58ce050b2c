//! The files that a path, a folder or a glob means, one after the other, and what is in them.

mod glob;
mod read;
mod walk;

pub use read::{ReadSource, SourceFile, Stamp};
pub use walk::{Found, Walk};

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use self::glob::Glob;
use crate::error::{Error, ErrorKind, Result};

/// The name of the folder with the state of a project: it is never read.
const STATE: &str = ".agentflow";

/// Where files are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// The project's folder: names are paths from here, links inside do not lead out of it.
    folder: PathBuf,
    /// Folders that are never read, such as a state folder of another name.
    never: Vec<PathBuf>,
}

impl Sources {
    /// Looks in `folder`; nothing in `never` is read, nor in any `.agentflow`.
    ///
    /// # Errors
    /// `NotFound` when there is no such folder.
    pub fn new(folder: &Path, never: &[PathBuf]) -> Result<Self> {
        let folder = folder.canonicalize().map_err(|err| missing(&folder.display().to_string(), err))?;
        let never = never.iter().filter_map(|path| path.canonicalize().ok()).collect();
        Ok(Self { folder, never })
    }

    /// The files that `place` means: a file, all files of a folder, or those that a glob fits (`*` within a part of a path, `**` over
    /// parts). They come in the order of their names, and are looked for while they are asked for.
    ///
    /// Of folders, hidden files, `target`, `node_modules` and what a `.gitignore` names are left out; a file that is named is taken.
    ///
    /// # Errors
    /// `NotFound` when there is no such file or folder, `Invalid` for a glob that is none, for what is no file, and for a link that
    /// leads out of the project's folder.
    pub fn find(&self, place: &str) -> Result<Walk> {
        if place.trim().is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "the path is empty").hint("name a file, a folder or a glob"));
        }
        let path = self.folder.join(place);
        // A name may have a star in it.
        if place.contains('*') && path.symlink_metadata().is_err() {
            let (start, glob) = Glob::parse(place)?;
            let start = self.start(&start)?;
            return Ok(Walk::new(self.clone(), &start, Some(glob)));
        }
        let start = self.start(place)?;
        if self.is_never(&start) {
            let text = format!("`{}` is in a folder of agentflow's own state", place.escape_debug());
            return Err(Error::new(ErrorKind::Invalid, text).hint("name files of your own"));
        }
        Ok(Walk::new(self.clone(), &start, None))
    }

    /// Whether `place` means a source of this name, be it there or not.
    #[must_use]
    pub fn covers(&self, place: &str, name: &str) -> bool {
        let (start, glob) = match Glob::parse(place) {
            Ok((start, glob)) if place.contains('*') && self.folder.join(place).symlink_metadata().is_err() => {
                (start, Some(glob))
            }
            _ => (place.to_owned(), None),
        };
        let path = self.folder.join(&start);
        let Ok(start) = self.name(&path.canonicalize().unwrap_or(path)) else { return false };
        let below = if start.is_empty() { Some(name) } else { name.strip_prefix(&start).and_then(|rest| rest.strip_prefix('/')) };
        match (glob, below) {
            (Some(glob), Some(below)) => glob.covers(below),
            (None, Some(_)) => true,
            (None, None) => name == start,
            (Some(_), None) => false,
        }
    }

    /// The file or folder at `place`, without links.
    fn start(&self, place: &str) -> Result<PathBuf> {
        let start = self.folder.join(place).canonicalize().map_err(|err| missing(place, err))?;
        let is_inside =
            Path::new(place).is_relative() && !Path::new(place).components().any(|part| matches!(part, Component::ParentDir));
        if is_inside && !start.starts_with(&self.folder) {
            let text = format!("`{}` is a link that leads out of the project's folder", place.escape_debug());
            let hint = format!("if it is meant, name where it leads: {}", start.display());
            return Err(Error::new(ErrorKind::Invalid, text).hint(hint));
        }
        Ok(start)
    }

    /// Whether nothing at `path` is read, which has no links.
    fn is_never(&self, path: &Path) -> bool {
        let of_state = |part: Component<'_>| matches!(part, Component::Normal(name) if name == STATE);
        path.components().any(of_state) || self.never.iter().any(|never| path.starts_with(never))
    }

    /// What the source at `path` is called: its path from the project's folder, or all of its path.
    ///
    /// # Errors
    /// A name to show, when it is no text.
    fn name(&self, path: &Path) -> std::result::Result<String, String> {
        let path = path.strip_prefix(&self.folder).unwrap_or(path);
        let name = path.to_str().ok_or_else(|| path.to_string_lossy().into_owned())?;
        Ok(if std::path::MAIN_SEPARATOR == '/' { name.to_owned() } else { name.replace(std::path::MAIN_SEPARATOR, "/") })
    }
}

fn missing(place: &str, err: io::Error) -> Error {
    let shown = place.escape_debug();
    if err.kind() == io::ErrorKind::NotFound {
        let text = format!("there is no `{shown}`");
        return Error::new(ErrorKind::NotFound, text).hint("paths are from the project's folder; put globs into quotes");
    }
    Error::new(ErrorKind::Invalid, format!("`{shown}` cannot be read: {err}")).source(err)
}

#[cfg(test)]
mod tests;
