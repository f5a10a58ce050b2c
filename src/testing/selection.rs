//! Which test files are touched by changes: those whose tests, snapshots or cassettes changed, or a file that their workflow is made of.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{discover::beside, load::TestFile, snapshot::Snapshots};

/// Files that changed.
#[derive(Debug, Clone, Default)]
pub struct Changes(BTreeSet<PathBuf>);

impl Changes {
    /// These files, whether they are there any more or not.
    #[must_use]
    pub fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(files.into_iter().map(|file| absolute(&file)).collect())
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the tests of `file` are touched. The files of a workflow are all that it is made of: its manifest, its prompts, the
    /// workflows that it runs and calls. One that cannot be used is touched by every change.
    #[must_use]
    pub fn touch(&self, file: &TestFile) -> bool {
        let Some(workflow) = &file.workflow else { return !self.is_empty() };
        if workflow.compiled.plan.is_none() {
            return !self.is_empty();
        }
        files_of(file).iter().any(|path| self.0.contains(&absolute(path)))
    }
}

/// All files that the tests of `file` rest on.
#[must_use]
pub fn files_of(file: &TestFile) -> Vec<PathBuf> {
    let own = [file.path.clone(), Snapshots::path_of(&file.path)];
    let cassettes = file.cases.iter().filter_map(|case| Some(beside(&file.path, &case.body.cassette.as_ref()?.file.value)));
    let workflow = file.workflow.iter().flat_map(|workflow| {
        let sources = workflow.compiled.sources.iter().map(|(_, source)| source.path.clone());
        sources.chain([workflow.path.clone()]).chain(workflow.compiled.manifest_path.clone())
    });
    own.into_iter().chain(cassettes).chain(workflow).collect()
}

/// The file by one name: with all links followed as far as there is something.
fn absolute(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    // A file that was deleted is still in a folder.
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => {
            let folder = if folder == Path::new("") { Path::new(".") } else { folder };
            folder.canonicalize().map_or_else(|_| path.to_owned(), |folder| folder.join(name))
        }
        _ => path.to_owned(),
    }
}
