//! Takes over a model from a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    CONFIG, DEFAULT_MODEL, KNOWN_MODELS, KnownModel, Models, POOLING, SENTENCES, TOKENIZER, WEIGHTS,
    files::{make_folder, put_in_place, sha256_of, size, unwritable},
    is_name,
    lock::Lock,
};
use crate::{
    error::{Error, ErrorKind, Result},
    memory::LocalEmbedder,
};

/// A model that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Its name.
    pub name: String,
    /// As what collections name it.
    pub embedder: String,
    /// Where it is now.
    pub folder: PathBuf,
    /// Whether its files are those of a model that is known.
    pub is_known: bool,
}

impl Models {
    /// Copies the model in the folder `from` to the others, under `name`. Without one, a model that is known by its weights has its own
    /// name, and another that of its folder. Blocks while it copies.
    ///
    /// # Errors
    /// `NotFound` when there is no model in `from`; `Corrupt` when its files are damaged; `Invalid` when it is of a class that cannot be
    /// used, is called as a known model is and is another, or has a name that no folder can have; `Locked` when another process works
    /// on a model of this name.
    pub fn import(&self, from: &Path, name: Option<&str>) -> Result<Imported> {
        for required in [CONFIG, TOKENIZER, WEIGHTS] {
            if size(&from.join(required)).is_none() {
                let text = format!("there is no model in `{}`: it has no `{required}`", from.display());
                return Err(Error::new(ErrorKind::NotFound, text)
                    .hint(format!("a model's folder has `{CONFIG}`, `{TOKENIZER}` and `{WEIGHTS}`")));
            }
        }
        let weights = sha256_of(&from.join(WEIGHTS))?;
        let known = match name {
            Some(name) => KnownModel::find(name),
            None => KNOWN_MODELS.iter().find(|model| model.weights_sha256() == Some(weights.as_str())),
        };
        if let Some(model) = known {
            check(model, from)?;
        }
        let own_name = from.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let name = known.map(|model| model.name.to_owned()).or_else(|| name.map(str::to_owned)).or(own_name).unwrap_or_default();
        if !is_name(&name) {
            let text = format!("`{}` is no name for a model", name.escape_default());
            return Err(Error::new(ErrorKind::Invalid, text)
                .hint("give it one of letters, digits, `.`, `_` and `-`: `agentflow models import DIR --name NAME`"));
        }
        if known.is_none() && KnownModel::find(&name).is_some() {
            let text = format!("the model in `{}` is not `{name}`: its weights are others", from.display());
            return Err(
                Error::new(ErrorKind::Invalid, text).hint("give it another name: `agentflow models import DIR --name NAME`")
            );
        }
        LocalEmbedder::check(from)?;
        self.copy(from, &name)?;
        let embedder = if name == DEFAULT_MODEL { "local".to_owned() } else { format!("local/{name}") };
        Ok(Imported { folder: self.folder_of(&name), embedder, is_known: known.is_some(), name })
    }

    fn copy(&self, from: &Path, name: &str) -> Result<()> {
        let folder = &self.settings.folder;
        let Some(_lock) = Lock::now(folder, name)? else {
            let text = format!("another process works on model `{name}`");
            return Err(Error::new(ErrorKind::Locked, text).hint("try again when it is done"));
        };
        let copy = folder.join(format!(".{name}.import"));
        drop(fs::remove_dir_all(&copy));
        make_folder(&copy)?;
        for file in [CONFIG, TOKENIZER, SENTENCES, POOLING, WEIGHTS] {
            let (source, target) = (from.join(file), copy.join(file));
            if size(&source).is_some() {
                if let Some(above) = target.parent() {
                    make_folder(above)?;
                }
                fs::copy(&source, &target).map_err(|err| unwritable(&target, err))?;
            }
        }
        put_in_place(&copy, &self.folder_of(name))
    }
}

/// Holds the files in `from` to what is known of `model`.
fn check(model: &KnownModel, from: &Path) -> Result<()> {
    for file in model.files {
        let path = from.join(file.path);
        if size(&path).is_none() {
            let text = format!("the model in `{}` is not the whole `{}`: it has no `{}`", from.display(), model.name, file.path);
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let found = sha256_of(&path)?;
        if found != file.sha256 {
            let text = format!(
                "`{}` is not that of `{}`: it has SHA-256 {found} instead of {}",
                path.display(),
                model.name,
                file.sha256
            );
            return Err(Error::new(ErrorKind::Corrupt, text)
                .hint("copy the files anew, or import them as another model: `agentflow models import DIR --name NAME`"));
        }
    }
    Ok(())
}
