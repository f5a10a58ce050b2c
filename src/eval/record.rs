//! What is kept of an eval in the store, so that it can go on: what it does, and digests of what it reads. What its runs have said is in
//! their own logs, and nowhere else.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    app::MockOptions,
    error::{Error, ErrorKind, Result},
    eval::{evaluation::Evaluation, spec::EvalSpec},
    model::{ModelRef, RunId, Value},
    store::{Key, Store, Version},
};

/// What the keys of evals begin with.
const PREFIX: &str = "eval/";
/// How many documents are read at once.
const PAGE: usize = 256;
/// The version of the format.
const FORMAT: u32 = 1;

/// An eval in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// The version of the format.
    pub format: u32,
    /// The eval.
    pub id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// What it does.
    pub spec: EvalSpec,
    /// The folder that its paths are relative to.
    pub folder: PathBuf,
    /// The manifest that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// How answers are simulated, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mock: Option<MockOptions>,
    /// Models of all variants.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelRef>,
    /// A digest of the data set.
    pub data: String,
    /// Digests of all files of the variants and of the judges, by name.
    pub plans: IndexMap<String, String>,
}

impl EvalRecord {
    /// That of an eval that begins now.
    #[must_use]
    pub fn new(id: RunId, evaluation: &Evaluation, folder: PathBuf, settings: &crate::app::Settings) -> Self {
        Self {
            format: FORMAT,
            id,
            started_at: Timestamp::now(),
            spec: evaluation.spec.clone(),
            folder,
            manifest: settings.manifest.clone(),
            mock: settings.mock,
            models: settings.models.clone(),
            data: evaluation.data_digest.clone(),
            plans: plans(evaluation),
        }
    }

    /// Refuses to go on where the eval would not be the same: its rows would be of two different ones.
    ///
    /// # Errors
    /// `Divergent`, naming what has changed; `Invalid` in another folder.
    pub fn check(&self, evaluation: &Evaluation) -> Result<()> {
        let changed = |what: String| {
            Error::new(ErrorKind::Divergent, format!("{what} has changed since eval `{}` began", self.id))
                .hint("begin a new eval, or put it back as it was")
        };
        if self.data != evaluation.data_digest {
            return Err(changed(format!("the data set `{}`", self.spec.data.display())));
        }
        let now = plans(evaluation);
        match self.plans.iter().find(|(name, digest)| now.get(*name) != Some(digest)) {
            Some((name, _)) => Err(changed(format!("a file of {name}"))),
            None => Ok(()),
        }
    }

    /// Refuses to go on in another folder.
    ///
    /// # Errors
    /// `Invalid`, naming the folder.
    pub fn check_folder(&self, folder: &Path) -> Result<()> {
        if self.folder == folder {
            return Ok(());
        }
        let message = format!("eval `{}` was begun in `{}`, to which its paths are relative", self.id, self.folder.display());
        Err(Error::new(ErrorKind::Invalid, message).hint("go to that folder, and name the store with `--store URL` if need be"))
    }
}

/// Digests of the plans of an eval.
fn plans(evaluation: &Evaluation) -> IndexMap<String, String> {
    let variants = evaluation.variants.iter().map(|one| (format!("variant `{}`", one.spec.name), one.side.plan.digest.clone()));
    let judges = evaluation.judges.iter().map(|(agent, side)| (format!("judge `{agent}`"), side.plan.digest.clone()));
    variants.chain(judges).collect()
}

fn key(id: RunId) -> Key {
    Key::new(format!("{PREFIX}{id}"))
}

/// Keeps the record of an eval that begins.
///
/// # Errors
/// Those of the store.
pub async fn keep(store: &Arc<dyn Store>, record: &EvalRecord) -> Result<()> {
    let value: Value = serde_json::to_value(record)
        .map_err(|error| Error::new(ErrorKind::Internal, "the eval cannot be recorded").source(error))?;
    store.put(&key(record.id), Version::ABSENT, &value).await.map(drop)
}

/// Finds an eval by its id, a unique beginning of it, or `last`.
///
/// # Errors
/// `NotFound`; `Invalid` when several fit; `Corrupt` for a record that cannot be read; those of the store.
pub async fn find_record(store: &Arc<dyn Store>, name: &str) -> Result<EvalRecord> {
    let is_last = name == "last";
    let prefix = if is_last { PREFIX.to_owned() } else { format!("{PREFIX}{}", name.to_ascii_lowercase()) };
    let (mut found, mut after): (Vec<(Key, Value)>, Option<Key>) = (Vec::new(), None);
    loop {
        let page = store.list(&prefix, after.as_ref(), PAGE).await?;
        let is_whole = page.len() < PAGE;
        after = page.last().map(|(key, _)| key.clone());
        found.extend(page.into_iter().map(|(key, document)| (key, document.value)));
        if is_whole {
            break;
        }
    }
    // Ids sort by the time of creation.
    let chosen = match (found.len(), is_last) {
        (0, true) => {
            return Err(Error::new(ErrorKind::NotFound, "there is no eval yet").hint("`--store URL` names another store"));
        }
        (0, false) => {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no eval `{}`", name.escape_default()))
                .hint("`--store URL` names another store"));
        }
        (1, _) | (_, true) => found.pop(),
        (several, false) => {
            return Err(Error::new(ErrorKind::Invalid, format!("{several} evals begin with `{}`", name.escape_default()))
                .hint("give more of the id"));
        }
    };
    let Some((key, value)) = chosen else { return Err(Error::new(ErrorKind::NotFound, "there is no eval yet")) };
    let cannot = || Error::new(ErrorKind::Corrupt, format!("the record `{key}` cannot be read"));
    if value.get("format").and_then(Value::as_u64).is_some_and(|format| format > u64::from(FORMAT)) {
        return Err(cannot().hint("use the version of agentflow that recorded the eval, or a newer one"));
    }
    serde_json::from_value(value).map_err(|error| cannot().source(error))
}

/// Whether the store has an eval of this id.
///
/// # Errors
/// Those of the store.
pub async fn is_known(store: &Arc<dyn Store>, id: RunId) -> Result<bool> {
    Ok(store.get(&key(id)).await?.is_some())
}
