//! Vectors by a small sentence model on this machine's processors: nothing to install, nothing leaves the machine.
//!
//! A model is loaded once, with the first text, and from then on read only. Texts are worked on in batches, as many at once as there
//! are processors, on the threads for work that blocks.

mod bert;
mod model;
mod sizes;
mod tokens;
mod weights;

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread::available_parallelism,
};

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{sync::OnceCell, task::spawn_blocking};
use tracing::{info, warn};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::models::{KnownModel, Models, WEIGHTS, sha256_of},
    provider::Embedder,
};

use model::Model;
use sizes::Sizes;
use tokens::Tokens;

/// The most texts of a batch.
const BATCH: usize = 32;
/// How many digits of a hash tell weights apart.
const DIGITS: usize = 12;

/// A sentence model of class BERT on this machine.
#[derive(Debug)]
pub struct LocalEmbedder {
    id: String,
    dimension: usize,
    max_tokens: usize,
    place: Place,
    tokens: OnceLock<Arc<Tokens>>,
    model: OnceCell<Arc<Model>>,
}

/// Where the files are.
#[derive(Debug)]
enum Place {
    /// In a folder.
    Folder(PathBuf),
    /// Where models are kept, or on a hub.
    Known(Models, &'static KnownModel),
}

impl LocalEmbedder {
    /// A model that is known by name; downloaded into the folder of `models` with the first text, if it is not there.
    #[must_use]
    pub fn known(models: Models, model: &'static KnownModel) -> Self {
        Self::new(format!("local/{}", model.name), model.dimension, model.max_tokens, Place::Known(models, model))
    }

    /// The model in `folder`, called `name`. Its weights are part of its id, so reads them once.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Corrupt` when its files are damaged, `Invalid` when it is of another class.
    pub fn at(folder: &Path, name: &str) -> Result<Self> {
        let sizes = Sizes::read(folder)?;
        let hash = sha256_of(&folder.join(WEIGHTS))?;
        let id = format!("local/{name}@{}", &hash[..DIGITS]);
        Ok(Self::new(id, sizes.hidden, sizes.max_tokens, Place::Folder(folder.to_owned())))
    }

    /// Whether the model in `folder` can be used; loads it, and forgets it.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn check(folder: &Path) -> Result<()> {
        let tokens = Arc::new(model::tokens(folder)?);
        Model::load(folder, tokens).map(drop)
    }

    fn new(id: String, dimension: usize, max_tokens: usize, place: Place) -> Self {
        Self { id, dimension, max_tokens, place, tokens: OnceLock::new(), model: OnceCell::new() }
    }

    /// The model, loaded with the first call; a failure is not remembered.
    async fn model(&self) -> Result<Arc<Model>> {
        let load = || async {
            let folder = self.folder().await?;
            let tokens = self.tokens.get().cloned();
            let loaded = blocking(move || {
                let tokens = match tokens {
                    Some(tokens) => tokens,
                    None => Arc::new(model::tokens(&folder)?),
                };
                Ok((Arc::new(Model::load(&folder, Arc::clone(&tokens))?), tokens))
            });
            let (model, tokens) = loaded.await?;
            self.tokens.get_or_init(|| tokens);
            info!(model = self.id, "local model loaded");
            Ok(model)
        };
        self.model.get_or_try_init(load).await.cloned()
    }

    /// Where its files are, as soon as they are there.
    async fn folder(&self) -> Result<PathBuf> {
        match &self.place {
            Place::Folder(folder) => Ok(folder.clone()),
            Place::Known(models, known) => models.provide(known).await,
        }
    }

    /// The tokenizer, if its file is there.
    fn tokens(&self) -> Option<&Arc<Tokens>> {
        if let Some(tokens) = self.tokens.get() {
            return Some(tokens);
        }
        let folder = match &self.place {
            Place::Folder(folder) => folder.clone(),
            Place::Known(models, known) if models.has(known) => models.folder_of(known.name),
            Place::Known(..) => return None,
        };
        match model::tokens(&folder) {
            Ok(tokens) => Some(self.tokens.get_or_init(|| Arc::new(tokens))),
            Err(err) => {
                warn!(%err, "tokens are estimated");
                None
            }
        }
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> Option<usize> {
        Some(self.dimension)
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Exact once the files are there. Before, which [`prepare`](Embedder::prepare) ends, no text has more tokens than bytes, but for
    /// the two around it.
    fn count_tokens(&self, text: &str) -> usize {
        self.tokens().and_then(|tokens| tokens.count(text).ok()).unwrap_or(text.len() + 2)
    }

    async fn prepare(&self) -> Result<()> {
        self.folder().await.map(drop)
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        self.embed_telling(texts, &|_| ()).await
    }

    async fn embed_telling(&self, texts: &[String], done: &(dyn Fn(usize) + Send + Sync)) -> Result<Vec<Vec<f32>>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let model = self.model().await?;
        let batches: Vec<Vec<String>> = texts.chunks(BATCH).map(<[String]>::to_vec).collect();
        let compute = |batch: Vec<String>| {
            let model = Arc::clone(&model);
            async move {
                let vectors = blocking(move || model.embed(&batch)).await?;
                done(vectors.len());
                Ok::<_, Error>(vectors)
            }
        };
        let at_once = available_parallelism().map_or(1, NonZero::get);
        let vectors: Vec<_> = stream::iter(batches).map(compute).buffered(at_once).try_collect().await?;
        Ok(vectors.into_iter().flatten().collect())
    }
}

/// Does `work` on a thread for work that blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work)
        .await
        .map_err(|err| Error::new(ErrorKind::Internal, "the local model could not be worked with").source(err))?
}
