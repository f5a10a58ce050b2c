//! Who turns texts into vectors.

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;

/// Turns texts into vectors whose angles tell how near their meanings are.
#[async_trait]
pub trait Embedder: fmt::Debug + Send + Sync {
    /// What tells its vectors from those of others: `local/all-MiniLM-L6-v2`, `openai/text-embedding-3-small`, `mock`. Recorded with
    /// each collection; vectors of different ids are never compared.
    fn id(&self) -> &str;

    /// How many numbers a vector has; `None` while nobody knows, which the first answer of a server ends.
    fn dimension(&self) -> Option<usize>;

    /// The most tokens of a text that count; what is after them is not seen.
    fn max_tokens(&self) -> usize;

    /// How many tokens `text` has: exactly, or no fewer where only a server knows.
    fn count_tokens(&self, text: &str) -> usize;

    /// Makes ready what the first text needs, such as the files of a model that are not there yet. Call it before tokens are counted:
    /// until then some embedders know only a bound.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    async fn prepare(&self) -> Result<()> {
        Ok(())
    }

    /// How many tokens a server has charged for so far; 0 where nothing is charged or told.
    fn tokens_charged(&self) -> u64 {
        0
    }

    /// A vector of length 1 for each text, in their order. Divides them into batches by itself, works at several at once, and takes as
    /// many as are given. Makes no retries of its own. Dropping the future ends the calls under way.
    ///
    /// # Errors
    /// Those of [`Provider::chat`](crate::provider::Provider::chat); `Malformed` for an answer with another number of vectors, of
    /// another dimension, or with numbers that are none; `NotFound` with hints when the model is not on this machine and cannot be had.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>>;

    /// As [`embed`](Self::embed); `done` hears of each batch as soon as it has its vectors, with the number of its texts. Those whose
    /// batches take long say it themselves.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    async fn embed_telling(&self, texts: &[String], done: &(dyn Fn(usize) + Send + Sync)) -> Result<Vec<Vec<f32>>> {
        let vectors = self.embed(texts).await?;
        done(vectors.len());
        Ok(vectors)
    }
}
