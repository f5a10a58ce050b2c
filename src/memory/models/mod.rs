//! The files of local models: where they are, how they get there.
//!
//! Each model is a folder of its own. One that is known by name is downloaded when it is first needed, from a hub at a pinned
//! revision, and each file has to have the SHA-256 that is written here; any other is imported from a folder. A model is there as a
//! whole or not at all: it is put together beside its place and then renamed.

mod fetch;
mod files;
mod import;
mod known;
mod lock;
mod pull;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;

use crate::error::{Error, Result};

pub use import::Imported;
pub use known::{DEFAULT_MODEL, KNOWN_MODELS, KnownFile, KnownModel};

pub(super) use files::{read_file, sha256_of};

/// The sizes of a model.
pub(super) const CONFIG: &str = "config.json";
/// What a model has learned.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// How its texts become tokens.
pub(super) const TOKENIZER: &str = "tokenizer.json";
/// How far it reads; not every model has it.
pub(super) const SENTENCES: &str = "sentence_bert_config.json";
/// What the vector of a text is made of; not every model has it.
pub(super) const POOLING: &str = "1_Pooling/config.json";

/// Where models come from unless it is said.
pub const HUB: &str = "https://huggingface.co";

/// Where the files of models are, and from where they may be had.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// The folder that has a folder for each model.
    pub folder: PathBuf,
    /// The URL of the hub.
    pub hub: String,
    /// Nothing may be downloaded.
    pub offline: bool,
    /// How long the hub may be silent.
    pub patience: Duration,
}

impl ModelSettings {
    /// Models in `folder`, from `hub` where they are not there.
    #[must_use]
    pub fn new(folder: PathBuf, hub: impl Into<String>) -> Self {
        Self { folder, hub: hub.into(), offline: false, patience: Duration::from_secs(60) }
    }
}

/// How far a download has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// The model.
    pub model: &'a str,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes of all its files.
    pub total: u64,
}

/// Is told how far a download has come, from its beginning to its end.
#[derive(Clone)]
pub struct OnTransfer(Arc<dyn Fn(Transfer<'_>) + Send + Sync>);

impl OnTransfer {
    /// Tells `hear`, which returns at once.
    pub fn new(hear: impl Fn(Transfer<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }
}

impl fmt::Debug for OnTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnTransfer").finish_non_exhaustive()
    }
}

/// A model, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// As what collections name it.
    pub embedder: String,
    /// Whether it is on this machine.
    pub is_here: bool,
    /// How many bytes its files have; those of one that is not here, when it will be.
    pub bytes: u64,
    /// Where it is, or will be.
    pub folder: PathBuf,
    /// From where it is downloaded; `None` for one that was imported.
    pub repository: Option<&'static str>,
}

/// The models of this machine.
#[derive(Debug, Clone)]
pub struct Models {
    settings: ModelSettings,
    on_transfer: Option<OnTransfer>,
}

impl Models {
    /// Those that `settings` tell of. Touches nothing.
    #[must_use]
    pub fn new(settings: ModelSettings) -> Self {
        Self { settings, on_transfer: None }
    }

    /// The same, with somebody who is told how far downloads have come.
    #[must_use]
    pub fn tell(self, on_transfer: OnTransfer) -> Self {
        Self { on_transfer: Some(on_transfer), ..self }
    }

    /// Where the model called `name` is, or will be.
    #[must_use]
    pub fn folder_of(&self, name: &str) -> PathBuf {
        self.settings.folder.join(name)
    }

    /// The names of the models that were imported, sorted.
    ///
    /// # Errors
    /// `Invalid` when the folder cannot be read.
    pub fn imported(&self) -> Result<Vec<String>> {
        let mut names = files::folders(&self.settings.folder)?;
        names.retain(|name| is_name(name) && KnownModel::find(name).is_none());
        Ok(names)
    }

    /// All models: those that are known, then those that were imported.
    ///
    /// # Errors
    /// `Invalid` when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<ModelReport>> {
        let known = KNOWN_MODELS.iter().map(|model| ModelReport {
            name: model.name.to_owned(),
            embedder: if model.name == DEFAULT_MODEL { "local".to_owned() } else { format!("local/{}", model.name) },
            is_here: self.has(model),
            bytes: model.bytes(),
            folder: self.folder_of(model.name),
            repository: Some(model.repository),
        });
        let imported = self.imported()?.into_iter().map(|name| {
            let folder = self.folder_of(&name);
            ModelReport {
                embedder: format!("local/{name}"),
                is_here: true,
                bytes: files::size_of_folder(&folder),
                folder,
                repository: None,
                name,
            }
        });
        Ok(known.chain(imported).collect())
    }

    /// Whether all files of `model` are there, each of its size.
    #[must_use]
    pub fn has(&self, model: &KnownModel) -> bool {
        let folder = self.folder_of(model.name);
        model.files.iter().all(|file| files::size(&folder.join(file.path)) == Some(file.size))
    }
}

/// Whether a model may be called so: it becomes the name of a folder.
fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// `error`, with what can be done when a model cannot be had from here.
fn with_ways_out(error: Error) -> Error {
    error
        .hint("on a machine with network: `agentflow models pull`; then bring its folder here: `agentflow models import DIR`")
        .hint("or take another embedder: `PROVIDER/MODEL` asks a server, `lexical` finds by words and needs no model")
}
