//! A collection brought up to the files that the manifest names: what is new or has changed is added, what is gone is removed, and what
//! is as it was is not even read.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{
        AddObserver, AddOptions, AddReport, Documents, Filter, Found, Memory, Notes, Pending, SourceFile, Sources, Stamp,
        add::Target,
        pending::{MODIFIED, blocking},
    },
    model::{CollectionName, Scope, Value, Writer},
};

/// Which files make a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPlan {
    /// Where they are looked for.
    pub sources: Sources,
    /// Files, folders and globs.
    pub paths: Vec<String>,
    /// Those of them that are left out.
    pub ignore: Vec<String>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Synced {
    /// What was added, and what could not be.
    pub report: AddReport,
    /// How many documents were removed because their files are gone.
    pub removed: usize,
}

/// What a walk has found.
#[derive(Debug, Default)]
struct Files {
    found: BTreeMap<String, SourceFile>,
    /// What could not be looked at, and why.
    skipped: Vec<(String, String)>,
}

impl Memory {
    /// Brings a collection up to the files of `plan`. Documents that came from elsewhere, or that nodes and agents wrote, stay.
    ///
    /// # Errors
    /// `NotFound` when a path is not there, `Invalid` when no file fits; as [`Memory::add_all`]. Nothing is removed then.
    pub async fn sync(&self, name: &CollectionName, plan: &SyncPlan, observer: &dyn AddObserver) -> Result<Synced> {
        let target = Target::find(self, name, None).await?;
        let wanted = plan.clone();
        let files = blocking(move || Files::of(&wanted)).await.map_err(|err| err.context(format!("collection `{name}`")))?;
        let there = if target.exists { self.there(name).await? } else { HashMap::new() };
        let division = target.division(&self.settings(name));
        let is_same = |file: &SourceFile| {
            there.get(&file.name).is_some_and(|(hash, stamp)| stamp.is_some() && division.made(hash) && file.stamp() == *stamp)
        };
        let (same, changed): (Vec<_>, Vec<_>) = files.found.values().cloned().partition(is_same);
        let mut synced = Synced::default();
        if !changed.is_empty() {
            let pending: Vec<Pending> = changed.into_iter().map(|file| Pending::file(file, Notes::default())).collect();
            synced.report = self.add_all(name, pending, &AddOptions::default(), observer).await?;
        }
        synced.report.added.unchanged += same.len();
        // What vanished while it was looked for is gone, and no failure.
        let gone: HashSet<String> =
            synced.report.failed.extract_if(.., |(_, error)| error.kind() == ErrorKind::NotFound).map(|(name, _)| name).collect();
        let is_gone = |source: &String| {
            let is_left_out = files.skipped.iter().any(|(skipped, _)| {
                source.strip_prefix(skipped.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            let is_there = files.found.contains_key(source) && !gone.contains(source);
            !is_there && !is_left_out && plan.paths.iter().any(|path| plan.sources.covers(path, source))
        };
        let vanished: Vec<(String, Scope)> = there.into_keys().filter(is_gone).map(|source| (source, Scope::Project)).collect();
        if !vanished.is_empty() {
            synced.removed = self.index().remove(name, &vanished).await?;
        }
        for (source, why) in files.skipped {
            synced.report.failed.push((source, Error::new(ErrorKind::Invalid, why)));
        }
        Ok(synced)
    }

    /// The documents that people added from files, each with its hash and what told the state of its file.
    async fn there(&self, name: &CollectionName) -> Result<HashMap<String, (String, Option<Stamp>)>> {
        let filter = Filter { scopes: vec![Scope::Project], trusted_only: true, ..Filter::default() };
        let (mut there, mut documents) = (HashMap::new(), Documents::of(self.index().as_ref(), name, filter));
        while let Some(document) = documents.next().await? {
            if document.writer == Writer::default() {
                let modified = document.metadata.get(MODIFIED).and_then(Value::as_str).and_then(|at| at.parse().ok());
                let stamp = modified.map(|modified| Stamp { bytes: document.bytes, modified });
                there.insert(document.source, (document.hash, stamp));
            }
        }
        Ok(there)
    }
}

impl Files {
    /// Looks for the files of `plan`. May block.
    fn of(plan: &SyncPlan) -> Result<Self> {
        let mut files = Self::default();
        for path in &plan.paths {
            let mut is_empty = true;
            for found in plan.sources.find(path)? {
                is_empty = false;
                match found {
                    Found::File(file) if plan.ignore.iter().any(|ignored| plan.sources.covers(ignored, &file.name)) => {}
                    Found::File(file) => drop(files.found.insert(file.name.clone(), file)),
                    Found::Skipped { name, why } => files.skipped.push((name, why)),
                }
            }
            if is_empty {
                let text = format!("`{}` fits no file", path.escape_debug());
                return Err(Error::new(ErrorKind::Invalid, text)
                    .hint("correct `path` in the manifest; nothing was removed from the collection"));
            }
        }
        Ok(files)
    }
}
