//! Tools for the files of the project: `read_file`, `write_file`, `edit_file`, `list_files`, `search_files`.
//!
//! None leaves the project's folder, whatever the paths, the links and those who swap them meanwhile say: see `root`.

mod edit;
mod glob;
mod list;
mod path;
mod protected;
mod read;
mod replace;
mod root;
mod search;
mod tree;
mod work;
mod write;

use std::{fmt, path::Path, sync::Arc};

use crate::{
    error::Result,
    model::{Effect, ToolName, ToolSpec, Value},
    tool::{Tool, files::root::Root},
};

/// The largest file that is edited or searched, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The tools for the files below `root`. `protected` are paths below it that are never written, beside those that never are: the
/// manifest, the policy, the lock file, the state, what belongs to Git, what shells run.
///
/// # Errors
/// `Invalid` when the folder cannot be opened, or a protected path is none below it.
pub fn file_tools(root: &Path, protected: &[String]) -> Result<Vec<Arc<dyn Tool>>> {
    let root = Arc::new(Root::open(root, protected)?);
    Ok(vec![
        Arc::new(read::ReadFile::new(Arc::clone(&root))),
        Arc::new(write::WriteFile::new(Arc::clone(&root))),
        Arc::new(edit::EditFile::new(Arc::clone(&root))),
        Arc::new(list::ListFiles::new(Arc::clone(&root))),
        Arc::new(search::SearchFiles::new(root)),
    ])
}

/// What the tools for files are.
pub(super) fn specs() -> [ToolSpec; 5] {
    [
        read::ReadFile::described(),
        write::WriteFile::described(),
        edit::EditFile::described(),
        list::ListFiles::described(),
        search::SearchFiles::described(),
    ]
}

/// Finds folders of the project for others that work in them.
#[derive(Clone)]
pub(super) struct Folders(Arc<Root>);

impl Folders {
    /// Those below `root`.
    pub(super) fn open(root: &Path) -> Result<Self> {
        Ok(Self(Arc::new(Root::open(root, &[])?)))
    }

    /// The path of a folder from the project's folder, without links; none of them leads out.
    pub(super) fn find(&self, path: &str) -> Result<String> {
        self.0.folder_path(path)
    }
}

impl fmt::Debug for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Folders")
    }
}

fn spec(name: &str, effect: Effect, description: &str, parameters: Value) -> ToolSpec {
    let name = ToolName::new(name).expect("a name of ours is one");
    ToolSpec { name, description: description.to_owned(), parameters, effect }
}
