//! The project's folder, opened once. Every path is walked from it part by part, each folder opened below the one before; no path is
//! ever put together and opened as a whole.
//!
//! Links are resolved here rather than by the system: one that leads out is refused, and where one leads to is held to the call's
//! permissions like a path that was asked for. What is swapped for a link between a look and an opening is not followed.

use std::{
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, File, Metadata, OpenOptions, OpenOptionsExt as _},
};
use rustix::fs::OFlags;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Access,
    tool::{
        Authorized, ToolCall,
        files::{
            path::{normalize, shown},
            protected::Protected,
        },
    },
};

/// How many links one path may lead over, as in Linux.
const MAX_LINKS: usize = 40;

/// The project's folder.
#[derive(Debug)]
pub(super) struct Root {
    folder: Dir,
    protected: Protected,
    writing: Mutex<()>,
}

/// What is done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Write,
}

impl Way {
    pub(super) fn access(self, path: &str) -> Access {
        let path = path.to_owned();
        match self {
            Self::Read => Access::Read { path },
            Self::Write => Access::Write { path },
        }
    }
}

/// Where a path leads, every link of it resolved.
#[derive(Debug)]
pub(super) struct Place {
    /// The path from the project's folder, without links.
    pub(super) path: String,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Folder(Dir),
    File {
        parent: Dir,
        name: String,
        metadata: Metadata,
    },
    /// A device, a socket, a pipe.
    Special,
    Missing {
        /// The last folder that is there.
        parent: Dir,
        /// Those between it and the name that are not.
        folders: Vec<String>,
        name: String,
    },
}

impl Root {
    /// Opens the folder: the only place here at which a path of the machine is used.
    pub(super) fn open(root: &Path, protected: &[String]) -> Result<Self> {
        let folder = Dir::open_ambient_dir(root, ambient_authority()).map_err(|err| {
            Error::new(ErrorKind::Invalid, format!("the project's folder `{}` cannot be opened", root.display())).source(err)
        })?;
        Ok(Self { folder, protected: Protected::new(protected)?, writing: Mutex::new(()) })
    }

    /// Held while a file is changed, so that two calls at once do not lose the change of one.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where `path` leads; the call may do so with what is there.
    ///
    /// # Errors
    /// `Denied` when the call, or any call, may not, and for what leads out of the project; `NotFound` for what can lead nowhere.
    pub(super) fn place(&self, call: &Authorized<ToolCall>, path: &str, way: Way) -> Result<Place> {
        let path = normalize(path)?;
        let place = self.walk(&path, &|resolved| {
            match way {
                Way::Read => Protected::check_read(resolved)?,
                Way::Write => self.protected.check_write(resolved)?,
            }
            call.check(&way.access(resolved))
        })?;
        Ok(place)
    }

    /// The path of a folder without links, for those who hold it to no permission.
    pub(super) fn folder_path(&self, path: &str) -> Result<String> {
        let place = self.walk(&normalize(path)?, &Protected::check_read)?;
        match place.what {
            What::Folder(_) => Ok(place.path),
            _ => Err(Error::new(ErrorKind::NotFound, format!("`{}` is no folder", shown(path)))),
        }
    }

    /// Walks to `asked`. Nothing is told of what is there before `permit` has seen where that is.
    fn walk(&self, asked: &str, permit: &dyn Fn(&str) -> Result<()>) -> Result<Place> {
        let mut folders: Vec<(String, Dir)> = Vec::new();
        let mut ahead: Vec<String> = parts(asked).rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            if part == ".." {
                // Only links bring these: the folders behind are real ones.
                folders.pop().ok_or_else(|| leads_out(asked))?;
                continue;
            }
            let here = folders.last().map_or(&self.folder, |(_, folder)| folder);
            let path = || {
                let behind = folders.iter().map(|(name, _)| name.as_str());
                let all = behind.chain([part.as_str()]).chain(ahead.iter().rev().map(String::as_str));
                all.collect::<Vec<_>>().join("/")
            };
            let metadata = match here.symlink_metadata(&part) {
                Ok(metadata) => metadata,
                Err(err) if err.kind() == io::ErrorKind::NotFound => {
                    let path = path();
                    permit(&path)?;
                    if ahead.iter().any(|part| part == "..") {
                        return Err(not_found(asked));
                    }
                    let parent = self.last_of(folders).map_err(|err| trouble(asked, err))?;
                    let mut missing: Vec<String> = std::iter::once(part).chain(ahead.into_iter().rev()).collect();
                    let Some(name) = missing.pop() else { return Err(not_found(asked)) };
                    return Ok(Place { path, what: What::Missing { parent, folders: missing, name } });
                }
                Err(err) => return Err(permit(&path()).err().unwrap_or_else(|| trouble(asked, err))),
            };
            if metadata.is_symlink() {
                links += 1;
                let target = here.read_link_contents(&part).map_err(|err| trouble(asked, err))?;
                let target = target.to_str().filter(|target| !target.starts_with('/')).ok_or_else(|| leads_out(asked))?;
                if links > MAX_LINKS {
                    return Err(Error::new(ErrorKind::Invalid, format!("`{}` leads over too many links", shown(asked))));
                }
                ahead.extend(parts(target).rev().map(str::to_owned));
            } else if metadata.is_dir() {
                let opened = open_folder(here, &part);
                match opened {
                    Ok(folder) => folders.push((part, folder)),
                    Err(err) => return Err(permit(&path()).err().unwrap_or_else(|| trouble(asked, err))),
                }
            } else {
                let path = path();
                permit(&path)?;
                if !ahead.is_empty() {
                    return Err(not_found(asked));
                }
                let what = if metadata.is_file() {
                    let parent = self.last_of(folders).map_err(|err| trouble(asked, err))?;
                    What::File { parent, name: part, metadata }
                } else {
                    What::Special
                };
                return Ok(Place { path, what });
            }
        }
        let path = folders.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("/");
        permit(&path)?;
        let folder = self.last_of(folders).map_err(|err| trouble(asked, err))?;
        Ok(Place { path, what: What::Folder(folder) })
    }

    fn last_of(&self, mut folders: Vec<(String, Dir)>) -> io::Result<Dir> {
        match folders.pop() {
            Some((_, folder)) => Ok(folder),
            None => self.folder.try_clone(),
        }
    }
}

/// Opens a folder by its name in another one, unless it is a link by now.
pub(super) fn open_folder(parent: &Dir, name: &str) -> io::Result<Dir> {
    let file = parent.open_with(name, OpenOptions::new().read(true).custom_flags(flags(OFlags::DIRECTORY)))?;
    Ok(Dir::from_std_file(file.into_std()))
}

/// Opens a regular file for reading by its name in a folder, unless it is a link or something else by now; waits for nobody.
pub(super) fn open_file(parent: &Dir, name: &str) -> io::Result<File> {
    let file = parent.open_with(name, OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)))?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[expect(clippy::cast_possible_wrap, reason = "flags are bits")]
fn flags(more: OFlags) -> i32 {
    (OFlags::NOFOLLOW | more).bits() as i32
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

fn leads_out(asked: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("`{}` is a link that leads out of the project's folder", shown(asked)))
}

/// What to say of a path at which there is nothing.
pub(super) fn not_found(asked: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no `{}`: `list_files` tells what there is", shown(asked)))
}

/// What to say of something that is no regular file.
pub(super) fn no_regular_file(asked: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("`{}` is no regular file: a device, socket or pipe", shown(asked)))
}

/// What to say of a failure of the system.
pub(super) fn trouble(asked: &str, err: io::Error) -> Error {
    if err.kind() == io::ErrorKind::NotFound {
        return not_found(asked);
    }
    Error::new(ErrorKind::Request, format!("`{}` could not be used: {}", shown(asked), err.kind())).source(err)
}
