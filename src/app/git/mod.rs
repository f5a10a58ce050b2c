//! What a git repository holds at a revision. The program `git` is asked, with arguments and without a shell; it only reads: neither
//! the work tree nor the index is touched.

mod files;

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    app::{environment, project::folder_of},
    error::{Error, ErrorKind, Result},
};

pub use files::Revision;

/// What would lead git elsewhere than to the repository around a folder; hooks set these.
const LEADING: [&str; 6] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"];
/// What asks for the revision at which a branch left another one.
const MERGE_BASE: &str = "...";

/// A repository with a work tree.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The folder of the work tree.
    root: PathBuf,
    /// The folder that relative paths are relative to.
    here: PathBuf,
}

impl Repository {
    /// The repository that the file or folder at `path` is in.
    ///
    /// # Errors
    /// `Invalid` when it is in none, or git cannot be run.
    pub fn around(path: &Path) -> Result<Self> {
        let here = environment::working_folder()?;
        let mut folder = here.join(if path.is_dir() { path.to_owned() } else { folder_of(path) });
        // What is compared may be gone by now, with its folder.
        while !folder.is_dir() && folder.pop() {}
        let root = text(&git(&folder, &["rev-parse", "--show-toplevel"])?);
        if root.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, format!("`{}` is in no work tree of git", path.display())));
        }
        Ok(Self { root: PathBuf::from(root), here })
    }

    /// The files at `revision`: a branch, a tag, a commit, or what else git takes for one. `main...` is where the present branch left
    /// `main`.
    ///
    /// # Errors
    /// `NotFound` when there is no such revision; `Invalid` when git cannot be run.
    pub fn at(&self, revision: &str) -> Result<Revision> {
        let commit = match revision.strip_suffix(MERGE_BASE) {
            Some(other) => {
                let other = self.commit(if other.is_empty() { "HEAD" } else { other })?;
                let base = git(&self.root, &["merge-base", &other, "HEAD"]);
                text(&base.map_err(|err| unknown(revision).source(err))?)
            }
            None => self.commit(revision)?,
        };
        Revision::read(self, revision, &commit)
    }

    fn commit(&self, revision: &str) -> Result<String> {
        // What begins with a dash would be an option, and no revision is called so.
        if revision.is_empty() || revision.starts_with('-') {
            return Err(unknown(revision));
        }
        let wanted = format!("{revision}^{{commit}}");
        let found = git(&self.root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
        let found = text(&found.map_err(|err| if err.kind() == ErrorKind::Invalid { unknown(revision) } else { err })?);
        if found.is_empty() { Err(unknown(revision)) } else { Ok(found) }
    }
}

fn unknown(revision: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("git knows no revision `{}` here", revision.escape_default()))
        .hint("a shallow clone has only the newest commit: fetch the revision first (in GitHub Actions: `fetch-depth: 0`)")
}

/// What git says, or `Invalid` with what it complains about.
fn git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).arg("--no-pager").arg("--literal-pathspecs").args(arguments).stdin(Stdio::null());
    for name in LEADING {
        command.env_remove(name);
    }
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    let output = command.output().map_err(|err| {
        Error::new(ErrorKind::Internal, "the program `git` cannot be run").source(err).hint("install git, and have it in `PATH`")
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = complaint.lines().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    let words = arguments.first().copied().unwrap_or_default();
    Err(Error::new(ErrorKind::Invalid, format!("`git {words}` failed")).source(io::Error::other(complaint.trim().to_owned())))
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim_end_matches(['\n', '\r']).to_owned()
}
