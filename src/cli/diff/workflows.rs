//! Which workflows are compared, and what with: two files, or files with themselves at a revision of git.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    app::{
        Settings,
        git::{Repository, Revision},
        review::{Review, Reviews, compile_version},
    },
    cli::{diagnostics, numbers::plural, terminal::Terminal, validate},
    diagnostic::{DiskFiles, Files, Severity},
    error::{Error, ErrorKind, Result},
    plan::Compiled,
};

/// Compares two files; nothing when one of them is no workflow, whose problems are told.
pub(super) fn files(one: &Path, other: &Path, settings: &Settings, terminal: &Terminal) -> Result<Option<Reviews>> {
    let mut versions = Vec::new();
    for path in [one, other] {
        let compiled = compile_version(&DiskFiles, path, settings)?;
        diagnostics::tell(terminal, &errors(&compiled), &compiled.sources);
        versions.push(compiled);
    }
    if versions.iter().any(|compiled| compiled.plan.is_none()) {
        return Ok(None);
    }
    let (after, before) = (versions.pop(), versions.pop());
    let review = Review { before_file: Some(shown(one)), ..Review::of(shown(other), before, after) };
    Ok(Some(Reviews::of(vec![review])))
}

/// Compares the workflows that `names` are or are folders of with themselves at `revision`.
///
/// # Errors
/// `NotFound` when there is no such revision, or nothing of a name then or now; `Invalid` for a workflow that cannot be used now.
pub(super) fn since(revision: &str, names: &[String], settings: &Settings, terminal: &Terminal) -> Result<Reviews> {
    let default = [validate::DEFAULT_FOLDER.to_owned()];
    let names = if names.is_empty() { &default[..] } else { names };
    let mut reviews = Vec::new();
    let mut known = BTreeSet::new();
    for name in names {
        let name = Path::new(name);
        let revision = Repository::around(name)?.at(revision)?;
        let is_folder = name.is_dir() || !revision.exists(name) && !name.is_file();
        let paths = if is_folder { in_folder(name, &revision)? } else { BTreeSet::from([name.to_owned()]) };
        for path in paths {
            if !known.insert(path.clone()) {
                continue;
            }
            let review = compare(&path, &revision, settings, terminal)?;
            if !is_folder || review.change.is_some() {
                reviews.push(review);
            }
        }
    }
    Ok(Reviews::of(reviews))
}

/// The workflows of a folder, then and now.
fn in_folder(folder: &Path, revision: &Revision) -> Result<BTreeSet<PathBuf>> {
    let mut paths: BTreeSet<PathBuf> = revision.files_in(folder).into_iter().filter(|path| is_workflow(folder, path)).collect();
    if folder.is_dir() {
        paths.extend(validate::files(&[folder.to_owned()]).unwrap_or_default());
    }
    if paths.is_empty() {
        let message = format!("there is no workflow in `{}`, neither now nor at `{}`", folder.display(), revision.name());
        return Err(
            Error::new(ErrorKind::NotFound, message.replace('\n', " ")).hint("name a workflow file, or a folder that has some")
        );
    }
    Ok(paths)
}

/// Whether it would be taken for a workflow if it were there.
fn is_workflow(folder: &Path, path: &Path) -> bool {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let is_hidden = below.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'));
    !is_hidden && validate::is_workflow_name(path)
}

fn compare(path: &Path, revision: &Revision, settings: &Settings, terminal: &Terminal) -> Result<Review> {
    let mut note = None;
    let before = if revision.exists(path) {
        let compiled = compile_version(revision, path, settings)?;
        if compiled.plan.is_none() {
            let problems = plural(errors(&compiled).len() as u64, "error");
            note = Some(format!("it had {problems} at `{}`, and so is compared with nothing", revision.name()));
        }
        Some(compiled)
    } else {
        None
    };
    let after = if DiskFiles.exists(path) {
        let compiled = compile_version(&DiskFiles, path, settings)?;
        if compiled.plan.is_none() {
            diagnostics::tell(terminal, &errors(&compiled), &compiled.sources);
            return Err(Error::new(ErrorKind::Invalid, format!("`{}` cannot be compared: it has errors", path.display()))
                .hint(format!("`agentflow validate {}` tells them", path.display())));
        }
        Some(compiled)
    } else {
        None
    };
    Ok(Review { note, ..Review::of(shown(path), before, after) })
}

/// Warnings are those of `validate`.
fn errors(compiled: &Compiled) -> Vec<crate::diagnostic::Diagnostic> {
    compiled.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).cloned().collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
