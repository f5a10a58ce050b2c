//! Where a project's files and its state are.

use std::path::{Path, PathBuf};

use crate::{
    diagnostic::DiskFiles,
    error::{Error, ErrorKind, Result},
    manifest::Manifest,
    plan::{ManifestChoice, find_manifest},
    store::Synchronous,
};

/// The store of a project, beside its manifest.
const DEFAULT_STORE: &str = ".agentflow/agentflow.db";
/// What a URL of a file begins with.
const SQLITE: &str = "sqlite:";

/// Which store, and how careful it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePlace {
    /// Its URL.
    pub url: String,
    /// Whether each commit reaches the disk.
    pub synchronous: Synchronous,
}

impl StorePlace {
    /// The store that `option` names, or the manifest, or the one beside the manifest or the workflow.
    ///
    /// `folder` is that of the manifest, or of the workflow when there is none: what relative paths in the manifest are
    /// relative to. Those of the option are relative to the working folder.
    #[must_use]
    pub fn choose(option: Option<&str>, manifest: Option<&Manifest>, folder: &Path) -> Self {
        let settings = manifest.and_then(|manifest| manifest.store.as_ref());
        let normal = settings.and_then(|store| store.synchronous.as_ref()).is_some_and(|mode| mode.value == "normal");
        let written = settings.and_then(|store| store.url.as_ref()).map(|url| url.value.as_str());
        let url = match (option, written) {
            (Some(url), _) => url.to_owned(),
            (None, Some(url)) => relative_to(folder, url),
            (None, None) => relative_to(folder, &format!("{SQLITE}{DEFAULT_STORE}")),
        };
        Self { url, synchronous: if normal { Synchronous::Normal } else { Synchronous::Full } }
    }

    /// The path of the store's file, when it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        file_of(&self.url).map(Path::new)
    }
}

/// The manifest of the folder the process works in, or the one that was named.
///
/// # Errors
/// `NotFound` when the one that was named is not there.
pub fn manifest_here(named: Option<&Path>) -> Result<Option<PathBuf>> {
    match named {
        Some(path) if !path.is_file() => Err(no_manifest(path)),
        Some(path) => Ok(Some(path.to_owned())),
        None => Ok(find_manifest(Path::new("workflow.yaml"), &DiskFiles)),
    }
}

/// The error of a manifest that was named and is not there.
fn no_manifest(path: &Path) -> Error {
    let what = if path.is_dir() { "is a folder, not a manifest" } else { "does not exist" };
    Error::new(ErrorKind::NotFound, format!("the manifest `{}` {what}", path.display()))
        .hint("name the file with `--manifest FILE`, or make a project with `agentflow init`")
}

/// What the options say about the manifest of a workflow.
///
/// # Errors
/// `NotFound` when one was named that is not there.
pub(super) fn manifest_choice(named: Option<&Path>) -> Result<ManifestChoice> {
    match named {
        Some(path) if !path.is_file() => Err(no_manifest(path)),
        Some(path) => Ok(ManifestChoice::At(path.to_owned())),
        None => Ok(ManifestChoice::Find),
    }
}

/// The folder a file is in; `.` for a bare name.
#[must_use]
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The path in the URL of a file store; `sqlite:PATH` may be written `sqlite://PATH`.
fn file_of(url: &str) -> Option<&str> {
    let path = url.strip_prefix(SQLITE)?;
    Some(path.strip_prefix("//").unwrap_or(path))
}

/// The URL of a file store with its path taken from `folder`; any other URL as it is.
fn relative_to(folder: &Path, url: &str) -> String {
    match file_of(url) {
        Some(path) if Path::new(path).is_relative() && folder != Path::new(".") => {
            format!("{SQLITE}{}", folder.join(path).display())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_beside_the_manifest_unless_it_is_named() {
        let url = |option| StorePlace::choose(option, None, Path::new("a/b")).url;
        assert_eq!(url(None), "sqlite:a/b/.agentflow/agentflow.db");
        assert_eq!(StorePlace::choose(None, None, Path::new(".")).url, "sqlite:.agentflow/agentflow.db");
        assert_eq!(url(Some("memory:")), "memory:");
        assert_eq!(url(Some("sqlite:x.db")), "sqlite:x.db");
    }

    #[test]
    fn paths_in_the_manifest_are_relative_to_it() {
        assert_eq!(relative_to(Path::new("a"), "sqlite:state/x.db"), "sqlite:a/state/x.db");
        assert_eq!(relative_to(Path::new("a"), "sqlite://x.db"), "sqlite:a/x.db");
        assert_eq!(relative_to(Path::new("a"), "sqlite:/var/x.db"), "sqlite:/var/x.db");
        assert_eq!(relative_to(Path::new("a"), "memory:"), "memory:");
    }

    #[test]
    fn a_bare_name_is_in_the_working_folder() {
        assert_eq!(folder_of(Path::new("x.yaml")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/x.yaml")), Path::new("a"));
    }
}
