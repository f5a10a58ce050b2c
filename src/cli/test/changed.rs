//! The files that changed since a revision, as git knows them.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::error::{Error, ErrorKind, Result};

/// The files that are not as they were in `revision`, committed or not, those that git does not know yet included.
///
/// # Errors
/// `Invalid` outside of a repository, for a revision that there is not, and without git.
pub(super) fn since(revision: &str) -> Result<Vec<PathBuf>> {
    let root = git(&["rev-parse", "--show-toplevel"]).map_err(|err| err.hint("`--changed` needs a git repository"))?;
    let root = PathBuf::from(String::from_utf8_lossy(&root).trim_end_matches(['\n', '\r']));
    // What begins with a dash is an option to git, wherever it stands.
    if revision.starts_with('-') {
        return Err(Error::new(ErrorKind::Invalid, format!("`{}` is no revision", revision.escape_default())));
    }
    let commit = format!("{revision}^{{commit}}");
    git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).map_err(|_| {
        Error::new(ErrorKind::Invalid, format!("git knows no revision `{}`", revision.escape_default()))
            .hint("name a branch, a tag or a commit, e.g. `--changed origin/main`; a shallow clone may lack it")
    })?;
    let changed = git(&["diff", "--name-only", "--no-renames", "-z", &commit, "--"])?;
    // Those are told relative to the working folder, and only from it on.
    let top = root.to_string_lossy();
    let new = git(&["-C", &top, "ls-files", "--others", "--exclude-standard", "-z"])?;
    Ok(names(&changed).chain(names(&new)).map(|name| root.join(name)).collect())
}

fn names(listed: &[u8]) -> impl Iterator<Item = PathBuf> {
    listed
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| Path::new(&*String::from_utf8_lossy(name)).to_owned())
}

fn git(arguments: &[&str]) -> Result<Vec<u8>> {
    let failed = |why: String| Error::new(ErrorKind::Invalid, format!("git cannot tell what changed: {why}"));
    let Output { status, stdout, stderr } = Command::new("git").args(arguments).output().map_err(|err| match err.kind() {
        io::ErrorKind::NotFound => failed("there is no program `git`".to_owned()),
        _ => failed(err.to_string()),
    })?;
    if status.success() {
        return Ok(stdout);
    }
    let told = String::from_utf8_lossy(&stderr);
    Err(failed(told.lines().next().unwrap_or("it failed").trim_start_matches("fatal: ").to_owned()))
}
