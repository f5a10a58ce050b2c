//! What tests wrote down of their runs, beside the test file, and whether it is still so.

mod sections;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

pub use sections::taken;

use crate::{
    diagnostic::{DiskFiles, Severity, Sources},
    error::{Error, ErrorKind, Result},
    manifest::{Tree, read_data},
    model::{Value, yaml},
    testing::{difference::difference, matcher::same},
};

/// What stands at the head of a file of snapshots.
const HEAD: &str = "# Written by `agentflow test --update`; looked at in review, never written by hand.\n";

/// The snapshots of one test file, by the names of tests.
#[derive(Debug, Clone)]
pub struct Snapshots {
    path: PathBuf,
    stored: BTreeMap<String, Value>,
}

/// What came of comparing a run with its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// It is as it was written down.
    Same,
    /// Nothing was written down.
    Missing,
    /// It is not, and how.
    Different(Vec<String>),
}

impl Snapshots {
    /// Where the snapshots of a test file are: `review.test.yaml` has `review.snap.yaml`.
    #[must_use]
    pub fn path_of(test_file: &Path) -> PathBuf {
        let name = test_file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let stem = if stem.to_lowercase().ends_with(".test") { &stem[..stem.len() - ".test".len()] } else { stem };
        test_file.with_file_name(format!("{stem}.snap.yaml"))
    }

    /// Reads those of a test file; none, when there are none yet.
    ///
    /// # Errors
    /// `Invalid` when the file is there and cannot be read.
    pub fn read(test_file: &Path) -> Result<Self> {
        let path = Self::path_of(test_file);
        if !path.exists() {
            return Ok(Self { path, stored: BTreeMap::new() });
        }
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        let tree = read_data(&path, &DiskFiles, &mut sources, &mut problems);
        let problem = problems.iter().find(|problem| problem.severity == Severity::Error);
        let why = match (problem, tree.as_ref().map(Tree::to_value)) {
            (None, Some(Value::Object(stored))) => return Ok(Self { path, stored: stored.into_iter().collect() }),
            (None, Some(Value::Null)) => return Ok(Self { path, stored: BTreeMap::new() }),
            (Some(problem), _) => {
                let place = sources.position(problem.span);
                format!("{} (line {})", problem.message, place.line)
            }
            (None, _) => "it is no map of tests".to_owned(),
        };
        Err(Error::new(ErrorKind::Invalid, format!("the snapshots `{}` cannot be read: {why}", path.display()))
            .hint("put it back as it was, or delete it and write it anew with `agentflow test --update`"))
    }

    /// The file they are in.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares what was taken of a run of `test` with what is written down.
    #[must_use]
    pub fn compare(&self, test: &str, taken: &Value) -> Compared {
        match self.stored.get(test) {
            None => Compared::Missing,
            Some(stored) if same(stored, taken) => Compared::Same,
            Some(stored) => Compared::Different(difference(&yaml::document(stored), &yaml::document(taken))),
        }
    }

    /// Tests that are written down and not among `tests`.
    #[must_use]
    pub fn orphans<'a>(&'a self, tests: &[&str]) -> Vec<&'a str> {
        self.stored.keys().map(String::as_str).filter(|stored| !tests.contains(stored)).collect()
    }

    /// Writes down what was `taken`, keeps what is of `kept`, and drops everything else. A file with nothing in it is removed; one that
    /// would be the same is not touched. Whether it was changed.
    ///
    /// # Errors
    /// `Invalid` when it cannot be written.
    pub fn update(&mut self, taken: BTreeMap<String, Value>, kept: &[&str]) -> Result<bool> {
        let mut next: BTreeMap<String, Value> = self
            .stored
            .iter()
            .filter(|(test, _)| kept.contains(&test.as_str()))
            .map(|(test, value)| (test.clone(), value.clone()))
            .collect();
        next.extend(taken);
        let is_same = next.len() == self.stored.len()
            && next.iter().all(|(test, value)| self.stored.get(test).is_some_and(|stored| same(stored, value)));
        if is_same {
            return Ok(false);
        }
        let failed = |err: io::Error| {
            Error::new(ErrorKind::Invalid, format!("cannot write the snapshots `{}`", self.path.display())).source(err)
        };
        if next.is_empty() {
            fs::remove_file(&self.path).map_err(failed)?;
        } else {
            let tests: Value = Value::Object(next.iter().map(|(test, value)| (test.clone(), value.clone())).collect());
            let text = format!("{HEAD}{}", yaml::document(&tests));
            // A file that is written halfway would be taken for what was agreed.
            let mut file = tempfile::NamedTempFile::new_in(folder_of(&self.path)).map_err(failed)?;
            io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
            let file = file.persist(&self.path).map_err(|err| failed(err.error))?;
            readable_by_all(&file).map_err(failed)?;
        }
        self.stored = next;
        Ok(true)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Temporary files are for one user alone; what goes into git is as other files are.
fn readable_by_all(file: &fs::File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}

#[cfg(test)]
mod tests;
