//! Servers that speak OpenAI's embeddings.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    error::{Error, ErrorKind, Result},
    provider::{
        Embedder, HttpClient, ServerSettings,
        http::Endpoint,
        openai::{
            endpoint,
            vectors::{self, Request, Vectors, Wrong},
            window::Window,
        },
    },
};

/// The most texts of one call, and the most bytes of several: less than any server is known to refuse.
const MAX_TEXTS: usize = 96;
const MAX_BYTES: usize = 64 * 1024;
/// Calls in flight at once.
const CALLS: usize = 4;
/// What is sent instead of an empty text, which servers refuse.
const EMPTY: &str = " ";

/// A model on a server that speaks OpenAI's embeddings.
#[derive(Debug)]
pub struct OpenAiEmbedder {
    http: HttpClient,
    endpoint: Endpoint,
    id: String,
    model: String,
    window: Window,
    /// How many numbers the first vector had.
    dimension: OnceLock<usize>,
    charged: AtomicU64,
}

impl OpenAiEmbedder {
    /// Makes one for `model` at `settings.base_url`, to which `/embeddings` is appended. Opens no connection.
    ///
    /// # Errors
    /// `Invalid` when the URL, the key or a header cannot be used.
    pub fn new(settings: &ServerSettings, model: &str, http: HttpClient) -> Result<Self> {
        let window = Window::of(model);
        let dimension = OnceLock::new();
        if let Some(known) = window.dimension {
            dimension.get_or_init(|| known);
        }
        Ok(Self {
            http,
            endpoint: endpoint(settings, "/embeddings")?,
            id: format!("{}/{model}", settings.name),
            model: model.to_owned(),
            window,
            dimension,
            charged: AtomicU64::new(0),
        })
    }

    /// The vectors of one batch.
    async fn call(&self, batch: &[String]) -> Result<Vec<Vec<f32>>> {
        let count = batch.len();
        let input = batch.iter().map(|text| Some(self.window.cut(text)).filter(|text| !text.is_empty()).unwrap_or(EMPTY));
        let body = serde_json::to_vec(&Request { model: &self.model, input: input.collect() })
            .map_err(|err| Error::new(ErrorKind::Internal, "a request cannot be written as JSON").source(err))?;
        let mut answer = self.http.post(&self.endpoint, &self.model, body).await?;
        let whole = answer.whole().await?;
        let asked = answer.asked();
        let read = vectors::read(&whole, count, self.dimension.get().copied());
        let Vectors { vectors, charged } = read.map_err(|wrong| match wrong {
            Wrong::Refused(refusal) => asked.refusal(None, &refusal),
            Wrong::Malformed(what) => asked.error(ErrorKind::Malformed, &what),
        })?;
        let found = vectors.first().map_or(0, Vec::len);
        let known = *self.dimension.get_or_init(|| found);
        if found != known {
            // Another batch was first, with vectors of another kind.
            let what = format!("answered with a vector of {found} numbers instead of {known}");
            return Err(asked.error(ErrorKind::Malformed, &what));
        }
        self.charged.fetch_add(charged, Ordering::Relaxed);
        Ok(vectors)
    }
}

/// Divides the texts into what is sent at once.
fn batches(texts: &[String]) -> impl Iterator<Item = &[String]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |text: &&String| {
            bytes += text.len();
            bytes <= MAX_BYTES
        };
        let count = rest.iter().take(MAX_TEXTS).take_while(fits).count().max(1).min(rest.len());
        let (batch, after) = rest.split_at(count);
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> Option<usize> {
        self.dimension.get().copied()
    }

    fn max_tokens(&self) -> usize {
        self.window.max_tokens
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.window.count(text)
    }

    fn tokens_charged(&self) -> u64 {
        self.charged.load(Ordering::Relaxed)
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let calls: Vec<_> = batches(texts).map(|batch| self.call(batch)).collect();
        let vectors: Vec<_> = stream::iter(calls).buffered(CALLS).try_collect().await?;
        Ok(vectors.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_no_more_texts_and_bytes_than_servers_take() {
        let sizes = |texts: &[String]| batches(texts).map(<[String]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec!["word".to_owned(); 200]), [96, 96, 8]);
        assert_eq!(sizes(&vec!["x".repeat(30_000); 5]), [2, 2, 1]);
        assert_eq!(sizes(&["x".repeat(MAX_BYTES + 1), String::new(), String::new()]), [1, 2]);
    }
}
