//! From the names of embedders in files to embedders: with the keys and addresses of the manifest's providers, and the models of this
//! machine.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::info;

use crate::{
    agent::RetryingEmbedder,
    app::{
        environment,
        providers::{self, Server},
    },
    error::{Error, ErrorKind, Result},
    manifest::{Manifest, ProviderKind},
    memory::{
        Embedders, LEXICAL, LocalEmbedder,
        models::{DEFAULT_MODEL, HUB, KnownModel, ModelSettings, Models, OnTransfer},
    },
    model::ProviderName,
    provider::{Embedder, HttpClient, MockEmbedder, OpenAiEmbedder},
    resilience::RetryPolicy,
    tool::LiveSecrets,
};

/// The embedder of this machine.
const LOCAL: &str = "local";
/// The one that needs nothing, for tests.
const MOCK: &str = "mock";

/// Where the models of this machine are kept, and from where they may be had, by the environment: `AGENTFLOW_MODELS`, or else the user's
/// cache; `HF_ENDPOINT`; `AGENTFLOW_OFFLINE`.
///
/// # Errors
/// `Invalid` when neither a folder nor a home is named.
pub fn models() -> Result<Models> {
    let absolute = |name| environment::variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = || absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let folder = match environment::variable("AGENTFLOW_MODELS") {
        Some(folder) => Some(environment::working_folder()?.join(folder)),
        None => cache().map(|cache| cache.join("agentflow").join("models")),
    };
    let folder = folder.ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "there is no folder for models: neither `HOME` nor `AGENTFLOW_MODELS` is set")
            .hint("set `AGENTFLOW_MODELS=DIR`")
    })?;
    let mut settings = ModelSettings::new(folder, environment::variable("HF_ENDPOINT").unwrap_or_else(|| HUB.to_owned()));
    settings.offline =
        environment::variable("AGENTFLOW_OFFLINE").is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no"));
    Ok(Models::new(settings))
}

/// The embedders of a project.
#[derive(Debug)]
pub struct ProjectEmbedders {
    manifest: Option<Manifest>,
    /// What paths are relative to.
    folder: PathBuf,
    models: Result<Models, String>,
    http: HttpClient,
    /// By name and by id: each is made once, and a model loaded once.
    found: Mutex<HashMap<String, Arc<dyn Embedder>>>,
}

impl ProjectEmbedders {
    /// Those that may be named in a project whose manifest is in `folder`. `on_transfer` hears how far the download of a model has come.
    #[must_use]
    pub fn new(manifest: Option<&Manifest>, folder: &Path, on_transfer: Option<OnTransfer>) -> Self {
        let models = models().map(|models| match on_transfer {
            Some(on_transfer) => models.tell(on_transfer),
            None => models,
        });
        Self {
            manifest: manifest.cloned(),
            folder: folder.to_owned(),
            models: models.map_err(|err| err.to_string()),
            http: HttpClient::default(),
            found: Mutex::default(),
        }
    }

    /// The same, with the keys of the servers that the manifest names noted in `live`.
    #[must_use]
    pub fn of(manifest: Option<&Manifest>, folder: &Path, on_transfer: Option<OnTransfer>, live: &mut LiveSecrets) -> Self {
        let embedders = Self::new(manifest, folder, on_transfer);
        embedders.note_keys(live);
        embedders
    }

    /// Notes the keys of the servers that the manifest's collections name, so that they are kept out of what is shown.
    pub fn note_keys(&self, live: &mut LiveSecrets) {
        for name in self.named().filter_map(|name| Some(name.split_once('/')?.0)) {
            if let Some(key) = providers::secret_of(name, self.manifest.as_ref(), &self.folder) {
                live.note(format!("key of {name}"), key);
            }
        }
    }

    /// The embedders that the manifest's collections name.
    fn named(&self) -> impl Iterator<Item = &str> {
        let collections = self.manifest.iter().flat_map(|manifest| &manifest.memory);
        collections.filter_map(|(_, written)| Some(written.embedder.as_ref()?.value.as_str()))
    }

    fn make(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        match name.split_once(['/', ':']) {
            None if name == MOCK => Ok(Arc::new(MockEmbedder)),
            None if name == LOCAL => self.local(DEFAULT_MODEL),
            Some((LOCAL, model)) if name[LOCAL.len()..].starts_with('/') && !model.is_empty() => self.local(model),
            Some((LOCAL, path)) if !path.is_empty() => Self::at(&self.folder.join(path)),
            Some((provider, model)) if name[provider.len()..].starts_with('/') && !model.is_empty() => {
                self.on_server(&ProviderName::new(provider)?, model)
            }
            _ if name == LEXICAL => {
                Err(Error::new(ErrorKind::Invalid, "`lexical` makes no vectors: such a collection is searched by words only"))
            }
            _ => Err(Error::new(ErrorKind::Invalid, format!("`{}` is no embedder", name.escape_default()))
                .hint("write `local`, `local/MODEL`, `local:DIR`, `PROVIDER/MODEL`, `lexical` or `mock`")),
        }
    }

    /// A model of this machine, by its name or by the id of its vectors.
    fn local(&self, written: &str) -> Result<Arc<dyn Embedder>> {
        let models = self.models.as_ref().map_err(|why| Error::new(ErrorKind::Invalid, why.clone()))?;
        if let Some(known) = KnownModel::find(written) {
            let embedder = LocalEmbedder::known(models.clone(), known);
            return Ok(Arc::new(RetryingEmbedder::of_machine(Arc::new(embedder), RetryPolicy::default())));
        }
        let (name, weights) = written.split_once('@').map_or((written, None), |(name, weights)| (name, Some(weights)));
        let imported = models.imported()?;
        let mut others = String::new();
        if imported.iter().any(|imported| imported == name) {
            let embedder = LocalEmbedder::at(&models.folder_of(name), name)?;
            if weights.is_none_or(|weights| embedder.id().ends_with(weights)) {
                return Ok(Arc::new(embedder));
            }
            others = format!("; the model of that name has others, `{}`", embedder.id());
        }
        // It may be one that the manifest names by its folder.
        let id = format!("local/{written}");
        let in_folders = self.named().filter_map(|name| name.strip_prefix("local:"));
        for path in in_folders {
            if let Some(embedder) = Self::at(&self.folder.join(path)).ok().filter(|embedder| embedder.id() == id) {
                return Ok(embedder);
            }
        }
        let known = models.list()?.into_iter().map(|model| format!("`{}`", model.name)).collect::<Vec<_>>().join(", ");
        let text = format!("there is no local model `{}`{others}", written.escape_default());
        Err(Error::new(ErrorKind::NotFound, text)
            .hint(format!("there are {known}"))
            .hint(format!("bring it here with: agentflow models import DIR --name {}", name.escape_default())))
    }

    /// The model in a folder, called as the folder is.
    fn at(folder: &Path) -> Result<Arc<dyn Embedder>> {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("model").to_owned();
        Ok(Arc::new(LocalEmbedder::at(folder, &name)?))
    }

    /// A model on a server.
    fn on_server(&self, name: &ProviderName, model: &str) -> Result<Arc<dyn Embedder>> {
        let (kind, settings, max_concurrent) = match providers::server(name, self.manifest.as_ref(), &self.folder)? {
            Server::At { kind, settings, max_concurrent } => (kind, settings, max_concurrent),
            Server::Simulated => return Ok(Arc::new(MockEmbedder)),
        };
        if kind == ProviderKind::Anthropic {
            let text = format!("provider `{name}` makes no embeddings: it speaks Anthropic's protocol");
            return Err(Error::new(ErrorKind::Invalid, text)
                .hint("name one that speaks OpenAI's, such as `openai/text-embedding-3-small`, or take `local`"));
        }
        info!(provider = %name, model, url = settings.base_url, "embeddings by a server");
        let embedder = OpenAiEmbedder::new(&settings, model, self.http.clone())?;
        Ok(Arc::new(RetryingEmbedder::of_server(Arc::new(embedder), RetryPolicy::default(), max_concurrent)))
    }
}

impl Embedders for ProjectEmbedders {
    fn find(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        let known = |found: &HashMap<String, Arc<dyn Embedder>>, name: &str| found.get(name).cloned();
        if let Some(embedder) = known(&self.found.lock().unwrap_or_else(PoisonError::into_inner), name) {
            return Ok(embedder);
        }
        // It may read a file of weights, so nobody waits for it.
        let made = self.make(name)?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let embedder = known(&found, made.id()).unwrap_or(made);
        found.insert(embedder.id().to_owned(), Arc::clone(&embedder));
        Ok(Arc::clone(found.entry(name.to_owned()).or_insert(embedder)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Result<Arc<dyn Embedder>> {
        ProjectEmbedders::new(None, Path::new("."), None).find(name)
    }

    #[test]
    fn embedders_are_found_by_their_names_and_by_the_ids_of_their_vectors() {
        for (name, id) in [
            ("mock", "mock"),
            ("mock/any", "mock"),
            ("local", "local/all-MiniLM-L6-v2"),
            ("local/all-MiniLM-L6-v2", "local/all-MiniLM-L6-v2"),
            ("ollama/nomic-embed-text", "ollama/nomic-embed-text"),
            ("ollama/hf.co/org/model:Q8", "ollama/hf.co/org/model:Q8"),
        ] {
            assert_eq!(find(name).unwrap().id(), id, "{name}");
        }
    }

    #[test]
    fn an_embedder_is_made_once() {
        let embedders = ProjectEmbedders::new(None, Path::new("."), None);
        let (one, other) = (embedders.find("local").unwrap(), embedders.find("local/all-MiniLM-L6-v2").unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn what_is_no_embedder_is_told_with_what_there_is() {
        for (name, kind, expected) in [
            ("", ErrorKind::Invalid, "`` is no embedder"),
            ("locale", ErrorKind::Invalid, "`locale` is no embedder"),
            ("openai", ErrorKind::Invalid, "`openai` is no embedder"),
            ("openai/", ErrorKind::Invalid, "`openai/` is no embedder"),
            ("openai:small", ErrorKind::Invalid, "`openai:small` is no embedder"),
            ("lexical", ErrorKind::Invalid, "`lexical` makes no vectors"),
            ("nobody/small", ErrorKind::Invalid, "provider `nobody` is not known"),
            ("local/unheard-of", ErrorKind::NotFound, "there is no local model `unheard-of`"),
            ("local/mine@0123456789ab", ErrorKind::NotFound, "there is no local model `mine@0123456789ab`"),
            ("local:nowhere", ErrorKind::NotFound, "there is no model in"),
        ] {
            let error = find(name).unwrap_err();
            assert!(error.kind() == kind && error.message().starts_with(expected), "{name}: {error:?}");
        }
    }
}
