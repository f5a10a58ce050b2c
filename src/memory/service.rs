//! The memory of a project, as the rooms above use it: collections with their embedders, over one index.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    memory::{Collection, Filter, Index, Search, reindex::is_fresh},
    model::{CollectionName, Passage, Scope, Value, Writer},
    provider::Embedder,
};

/// What a collection without vectors has in place of an embedder.
pub const LEXICAL: &str = "lexical";
/// The longest query, in bytes.
const MAX_QUERY: usize = 1 << 20;

/// Finds embedders by their names in files. Made by `app`, which has keys and folders.
pub trait Embedders: fmt::Debug + Send + Sync {
    /// The embedder called `name`: `local`, `local/MODEL`, `PROVIDER/MODEL`, `mock`. Costs nothing before the first text.
    ///
    /// # Errors
    /// `Invalid` for a name that means none, `Auth` for a key that is not there.
    fn find(&self, name: &str) -> Result<Arc<dyn Embedder>>;
}

/// No embedders: collections are searched by words only.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordsOnly;

impl Embedders for WordsOnly {
    fn find(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        Err(Error::new(ErrorKind::Invalid, format!("there is no embedder `{name}` here"))
            .hint(format!("make the collection with the embedder `{LEXICAL}`")))
    }
}

/// What the manifest says of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionSettings {
    /// `local`, `PROVIDER/MODEL`, `lexical`, `mock`.
    pub embedder: String,
    /// How many tokens a chunk has at most.
    pub chunk_tokens: usize,
    /// How many tokens of a chunk are those of the chunk before.
    pub overlap_tokens: usize,
}

impl Default for CollectionSettings {
    fn default() -> Self {
        Self { embedder: "local".to_owned(), chunk_tokens: 256, overlap_tokens: 32 }
    }
}

/// Something to be remembered, as it was read or written.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// A path from the project's folder with `/`, a URL, or a name: what is added under the same name and scope takes its place.
    pub source: String,
    /// What it says.
    pub content: Content,
    /// Whose it is.
    pub scope: Scope,
    /// Who wrote it.
    pub writer: Writer,
    /// Whether strangers or models may have written it.
    pub untrusted: bool,
    /// What is noted about it, by name.
    pub metadata: serde_json::Map<String, Value>,
}

/// What an [`Item`] says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Plain text or Markdown, as nodes and agents write it.
    Text(String),
    /// The bytes of a file or an answer, of a kind that is found out.
    Bytes {
        /// The bytes.
        bytes: Vec<u8>,
        /// What the server that sent them says they are.
        media_type: Option<String>,
    },
}

/// What came of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Added {
    /// Documents that are new, or took the place of another one.
    pub added: usize,
    /// Documents that were there as they are.
    pub unchanged: usize,
    /// The chunks of those that were added.
    pub chunks: usize,
    /// Those of these whose texts were not known, and had to be embedded.
    pub embedded: usize,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The question, in the words of who asks.
    pub text: String,
    /// How many chunks are wanted at most.
    pub k: usize,
    /// The least similarity of what is found; only where there are vectors.
    pub min_score: Option<f64>,
    /// By what is searched.
    pub by: SearchBy,
    /// Which chunks are looked at.
    pub filter: Filter,
}

/// By what is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SearchBy {
    /// By meaning and by words, where there are vectors; by words elsewhere.
    #[default]
    Both,
    /// By meaning only.
    Meaning,
    /// By words only: nothing is embedded.
    Words,
}

/// The memory of a project.
#[derive(Debug, Clone)]
pub struct Memory {
    index: Arc<dyn Index>,
    embedders: Arc<dyn Embedders>,
    settings: BTreeMap<CollectionName, CollectionSettings>,
}

impl Memory {
    /// Collections over `index`, made as `settings` say; those that it does not name are made with the usual ones.
    #[must_use]
    pub fn new(
        index: Arc<dyn Index>,
        embedders: Arc<dyn Embedders>,
        settings: BTreeMap<CollectionName, CollectionSettings>,
    ) -> Self {
        Self { index, embedders, settings }
    }

    /// The index.
    #[must_use]
    pub fn index(&self) -> &Arc<dyn Index> {
        &self.index
    }

    /// Finds embedders.
    #[must_use]
    pub fn embedders(&self) -> &Arc<dyn Embedders> {
        &self.embedders
    }

    /// What the manifest says of the collection, if it does.
    #[must_use]
    pub fn written(&self, name: &CollectionName) -> Option<&CollectionSettings> {
        self.settings.get(name)
    }

    /// How the collection is made.
    #[must_use]
    pub fn settings(&self, name: &CollectionName) -> CollectionSettings {
        self.settings.get(name).cloned().unwrap_or_default()
    }

    /// All collections, by name; not those that are being made anew.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn collections(&self) -> Result<Vec<Collection>> {
        let mut collections = self.index.collections().await?;
        collections.retain(|collection| !is_fresh(&collection.name));
        Ok(collections)
    }

    /// The collection called `name`.
    ///
    /// # Errors
    /// `NotFound`; those of the index.
    pub async fn collection(&self, name: &CollectionName) -> Result<Collection> {
        if let Some(found) = self.index.collection(name).await? {
            return Ok(found);
        }
        let known: Vec<_> = self.collections().await?.iter().map(|known| format!("`{}`", known.name)).collect();
        let error = Error::new(ErrorKind::NotFound, format!("there is no collection `{name}`"));
        Err(if known.is_empty() {
            error.hint(format!("memory is empty; fill it with: agentflow memory add PATH --collection {name}"))
        } else {
            error.hint(format!("there are {}; `agentflow memory add PATH --collection {name}` makes it", known.join(", ")))
        })
    }

    /// The best chunks for a query, the best first. A collection of the manifest to which nothing has been added has none.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection; `Invalid` for a query that is empty or longer than 1 MiB, for a search by meaning
    /// where there are no vectors, and when the manifest names another embedder than the collection was made with; those of the
    /// embedder and of the index.
    pub async fn search(&self, name: &CollectionName, query: &Query) -> Result<Vec<Passage>> {
        if query.text.trim().is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "the query is empty").hint("say in words what is looked for"));
        }
        if query.text.len() > MAX_QUERY {
            let text = format!("the query has {} bytes; {MAX_QUERY} are the most", query.text.len());
            return Err(Error::new(ErrorKind::Invalid, text).hint("ask in fewer words"));
        }
        let collection = match self.collection(name).await {
            // Nothing has been added yet.
            Err(error) if error.kind() == ErrorKind::NotFound && self.settings.contains_key(name) => return Ok(Vec::new()),
            found => found?,
        };
        let embedder = self.embedder_of(&collection)?;
        if embedder.is_none() && (query.by == SearchBy::Meaning || query.min_score.is_some()) {
            let text = format!("collection `{name}` has no vectors: it can be searched by words only");
            return Err(Error::new(ErrorKind::Invalid, text).hint(format!(
                "leave `min_score` and `by` out, or make vectors with: agentflow memory reindex {name} --embedder local"
            )));
        }
        let vector = match embedder.filter(|_| query.by != SearchBy::Words) {
            Some(embedder) => embedder.embed(std::slice::from_ref(&query.text)).await?.pop(),
            None => None,
        };
        let search = Search {
            vector: vector.as_deref(),
            words: (query.by != SearchBy::Meaning).then_some(query.text.as_str()),
            k: query.k,
            min_score: query.min_score,
            filter: query.filter.clone(),
        };
        self.index.search(name, &search).await
    }

    /// The embedder by which the vectors of a collection were made; `None` when it has none.
    ///
    /// # Errors
    /// `Invalid` when the manifest names another one; those of [`Embedders::find`].
    pub fn embedder_of(&self, collection: &Collection) -> Result<Option<Arc<dyn Embedder>>> {
        let name = &collection.name;
        let wanted = self.settings.get(name).map(|settings| settings.embedder.as_str());
        if let Some(wanted) = wanted {
            let id = self.id_of(wanted)?;
            if id != collection.embedder {
                let text = format!(
                    "the vectors of collection `{name}` were made by `{}`, and the manifest names `{wanted}`",
                    collection.embedder
                );
                return Err(Error::new(ErrorKind::Invalid, text)
                    .hint(format!("make them anew with: agentflow memory reindex {name}"))
                    .hint("or name the embedder in the manifest that they were made by"));
            }
        }
        if collection.embedder == LEXICAL {
            return Ok(None);
        }
        self.embedders.find(&collection.embedder).map(Some)
    }

    /// The id that collections made by the embedder `name` have.
    ///
    /// # Errors
    /// Those of [`Embedders::find`].
    pub(super) fn id_of(&self, name: &str) -> Result<String> {
        if name == LEXICAL { Ok(LEXICAL.to_owned()) } else { Ok(self.embedders.find(name)?.id().to_owned()) }
    }
}
