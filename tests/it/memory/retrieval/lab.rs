//! A memory that holds a corpus, and what it finds of it.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::Arc,
};

use agentflow::{
    error::{Error, ErrorKind, Result},
    memory::{
        CollectionSettings, Content, Embedders, Filter, Index, Item, LEXICAL, LocalEmbedder, Memory, Query, SearchBy, SqliteIndex,
    },
    model::{CollectionName, Scope, Writer},
    provider::Embedder,
    store::{self, Synchronous},
};

use super::{corpus::Corpus, figures::Figures, questions::Question};

/// How many passages are looked at for each question.
const DEPTH: usize = 20;

/// A memory for the corpora.
pub(crate) struct Lab {
    memory: Memory,
}

/// The one embedder there is, if there is one.
#[derive(Debug)]
struct Only(Option<Arc<dyn Embedder>>);

impl Embedders for Only {
    fn find(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        self.0.clone().ok_or_else(|| Error::new(ErrorKind::Invalid, format!("there is no `{name}`")))
    }
}

impl Lab {
    /// A memory that searches by words only.
    pub(crate) fn lexical() -> Self {
        let settings = CollectionSettings { embedder: LEXICAL.to_owned(), ..CollectionSettings::default() };
        Self::over(Arc::new(SqliteIndex::in_memory()), None, &settings)
    }

    /// A memory whose vectors the model in `folder` makes. They are kept between tests: making them takes minutes.
    pub(crate) async fn local(folder: &Path, settings: &CollectionSettings) -> Self {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("retrieval");
        let index = if let Ok(index) = open(&kept).await {
            index
        } else {
            // It was made by another version of this program.
            fs::remove_dir_all(&kept).unwrap();
            open(&kept).await.unwrap()
        };
        let embedder = LocalEmbedder::at(folder, "all-MiniLM-L6-v2").unwrap();
        Self::over(Arc::new(index), Some(Arc::new(embedder)), settings)
    }

    fn over(index: Arc<dyn Index>, embedder: Option<Arc<dyn Embedder>>, settings: &CollectionSettings) -> Self {
        let names = ["docs", "petgraph"].map(|name| CollectionName::new(name).unwrap());
        let settings: BTreeMap<_, _> = names.into_iter().map(|name| (name, settings.clone())).collect();
        Self { memory: Memory::new(index, Arc::new(Only(embedder)), settings) }
    }

    /// Puts the documents of a corpus into its collection, and takes out what was left of others. Tells how many chunks there are.
    pub(crate) async fn fill(&self, corpus: &Corpus) -> u64 {
        let name = CollectionName::new(corpus.name).unwrap();
        let items = corpus.documents().map(|(source, text)| Item {
            source: source.to_owned(),
            content: Content::Bytes { bytes: text.as_bytes().to_vec(), media_type: None },
            scope: Scope::Project,
            writer: Writer::default(),
            untrusted: false,
            metadata: serde_json::Map::new(),
        });
        self.memory.add(&name, items.collect()).await.unwrap();
        let index = self.memory.index();
        let there = index.documents(&name, &Filter::default(), None, 10_000).await.unwrap();
        let meant: HashSet<_> = corpus.documents().map(|(source, _)| source).collect();
        let left: Vec<_> = there.into_iter().filter(|one| !meant.contains(one.source.as_str())).collect();
        let left: Vec<_> = left.into_iter().map(|one| (one.source, one.scope)).collect();
        index.remove(&name, &left).await.unwrap();
        index.collection(&name).await.unwrap().unwrap().chunks
    }

    /// Asks the questions about a corpus.
    pub(crate) async fn ask(&self, corpus: &Corpus, questions: &[Question], by: SearchBy) -> Figures {
        let name = CollectionName::new(corpus.name).unwrap();
        let mut figures = Figures::default();
        for question in questions.iter().filter(|question| question.is_about(corpus)) {
            let text = question.text.clone();
            let query = Query { text, k: DEPTH, min_score: None, by, filter: Filter::default() };
            let found = self.memory.search(&name, &query).await.unwrap();
            figures.count(found.iter().position(|passage| question.is_answered_by(passage)).map(|at| at + 1));
        }
        figures
    }

    /// The similarity of what fits a question best, in a corpus.
    pub(crate) async fn nearest(&self, corpus: &Corpus, question: &str) -> f64 {
        let name = CollectionName::new(corpus.name).unwrap();
        let query = Query { text: question.to_owned(), k: 1, min_score: None, by: SearchBy::Meaning, filter: Filter::default() };
        self.memory.search(&name, &query).await.unwrap()[0].similarity.unwrap()
    }
}

async fn open(folder: &Path) -> Result<SqliteIndex> {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join("memory.db");
    store::open(&format!("sqlite:{}", path.display()), Synchronous::Normal).await?;
    SqliteIndex::open(path).await
}
