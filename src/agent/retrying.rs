//! Embeddings that failed are asked for again, by the policy of model calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    error::{Error, Result},
    provider::Embedder,
    resilience::RetryPolicy,
};

/// How many texts are asked for again when one call fails: as many as servers take at once.
const TEXTS: usize = 96;
/// Calls in flight at once, unless less is permitted.
const CALLS: usize = 4;

/// An embedder that tries again what may be better the next time.
#[derive(Debug)]
pub struct RetryingEmbedder {
    inner: Arc<dyn Embedder>,
    policy: RetryPolicy,
    texts: usize,
    calls: usize,
}

impl RetryingEmbedder {
    /// Tries again where `inner`, a server, fails. Of one call only its own texts are sent again. `max_concurrent` is how many calls
    /// the server may be asked at once.
    #[must_use]
    pub fn of_server(inner: Arc<dyn Embedder>, policy: RetryPolicy, max_concurrent: Option<u32>) -> Self {
        let permitted = max_concurrent.and_then(|most| usize::try_from(most).ok()).unwrap_or(CALLS);
        Self { inner, policy, texts: TEXTS, calls: permitted.clamp(1, CALLS) }
    }

    /// Tries again where `inner`, on this machine, fails: it may have to get its files from somewhere.
    #[must_use]
    pub fn of_machine(inner: Arc<dyn Embedder>, policy: RetryPolicy) -> Self {
        Self { inner, policy, texts: usize::MAX, calls: 1 }
    }

    /// How long to wait before the attempt after `attempt`.
    ///
    /// # Errors
    /// `error`, when there is none.
    fn delay(&self, attempt: u32, error: Error) -> Result<Duration> {
        match self.policy.delay_after(attempt, &error, fastrand::f64()) {
            Some(delay) => {
                tracing::warn!(embedder = self.inner.id(), attempt, ?delay, %error, "embeddings are asked for again");
                Ok(delay)
            }
            None => Err(error),
        }
    }

    async fn slice(&self, texts: &[String], done: &(dyn Fn(usize) + Send + Sync)) -> Result<Vec<Vec<f32>>> {
        let mut attempt = 1;
        let most = AtomicUsize::new(0);
        loop {
            let now = AtomicUsize::new(0);
            // What was done before the attempt failed is done again, and told once.
            let tell = |count: usize| {
                let now = now.fetch_add(count, Ordering::Relaxed) + count;
                let before = most.fetch_max(now, Ordering::Relaxed);
                done(now.saturating_sub(before));
            };
            match self.inner.embed_telling(texts, &tell).await {
                Ok(vectors) => return Ok(vectors),
                Err(error) => tokio::time::sleep(self.delay(attempt, error)?).await,
            }
            attempt += 1;
        }
    }
}

#[async_trait]
impl Embedder for RetryingEmbedder {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn dimension(&self) -> Option<usize> {
        self.inner.dimension()
    }

    fn max_tokens(&self) -> usize {
        self.inner.max_tokens()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.inner.count_tokens(text)
    }

    fn tokens_charged(&self) -> u64 {
        self.inner.tokens_charged()
    }

    async fn prepare(&self) -> Result<()> {
        let mut attempt = 1;
        while let Err(error) = self.inner.prepare().await {
            tokio::time::sleep(self.delay(attempt, error)?).await;
            attempt += 1;
        }
        Ok(())
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        self.embed_telling(texts, &|_| ()).await
    }

    async fn embed_telling(&self, texts: &[String], done: &(dyn Fn(usize) + Send + Sync)) -> Result<Vec<Vec<f32>>> {
        let slices: Vec<_> = texts.chunks(self.texts).map(|slice| self.slice(slice, done)).collect();
        let vectors: Vec<_> = stream::iter(slices).buffered(self.calls).try_collect().await?;
        Ok(vectors.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::error::ErrorKind;

    /// Fails as its script says, when it gets ready or having told half of the texts, then answers with the lengths of the texts.
    #[derive(Debug, Default)]
    struct Scripted {
        failures: Mutex<Vec<Error>>,
        asked: Mutex<Vec<usize>>,
        prepared: AtomicUsize,
    }

    #[async_trait]
    impl Embedder for Scripted {
        fn id(&self) -> &'static str {
            "scripted"
        }

        fn dimension(&self) -> Option<usize> {
            Some(1)
        }

        async fn prepare(&self) -> Result<()> {
            self.prepared.fetch_add(1, Ordering::Relaxed);
            self.failures.lock().unwrap().pop().map_or(Ok(()), Err)
        }

        fn max_tokens(&self) -> usize {
            10
        }

        fn count_tokens(&self, text: &str) -> usize {
            text.len()
        }

        async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
            self.embed_telling(texts, &|_| ()).await
        }

        async fn embed_telling(&self, texts: &[String], done: &(dyn Fn(usize) + Send + Sync)) -> Result<Vec<Vec<f32>>> {
            done(texts.len() / 2);
            self.asked.lock().unwrap().push(texts.len());
            if let Some(error) = self.failures.lock().unwrap().pop() {
                return Err(error);
            }
            done(texts.len().div_ceil(2));
            Ok(texts.iter().map(|text| vec![f32::from(u16::try_from(text.len()).unwrap())]).collect())
        }
    }

    fn scripted(failures: Vec<Error>) -> Arc<Scripted> {
        Arc::new(Scripted { failures: Mutex::new(failures), ..Scripted::default() })
    }

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|length| "x".repeat(length)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_texts_of_the_call_that_failed_are_sent_again() {
        let inner = scripted(vec![Error::new(ErrorKind::Transient, "503")]);
        let embedder = RetryingEmbedder::of_server(inner.clone(), RetryPolicy::default(), None);
        let vectors = embedder.embed(&texts(200)).await.unwrap();
        let expected: Vec<_> = (0_u16..200).map(|length| vec![f32::from(length)]).collect();
        assert_eq!(vectors, expected);
        let mut asked = inner.asked.lock().unwrap().clone();
        asked.sort_unstable();
        assert_eq!(asked, [8, 96, 96, 96]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_to_wait_is_waited_for() {
        let throttled = Error::new(ErrorKind::Throttle, "429").retry_after(Some(Duration::from_secs(7)));
        let embedder = RetryingEmbedder::of_server(scripted(vec![throttled]), RetryPolicy::default(), Some(1));
        let begun = tokio::time::Instant::now();
        embedder.embed(&texts(2)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(7), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn each_text_is_told_once_however_often_it_is_embedded() {
        let failures = (0..2).map(|_| Error::new(ErrorKind::Transient, "503")).collect();
        let embedder = RetryingEmbedder::of_machine(scripted(failures), RetryPolicy::default());
        let (told, steps) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let done = |count: usize| {
            told.fetch_add(count, Ordering::Relaxed);
            steps.fetch_add(usize::from(count > 0), Ordering::Relaxed);
        };
        embedder.embed_telling(&texts(500), &done).await.unwrap();
        assert_eq!((told.into_inner(), steps.into_inner()), (500, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_get_better_is_told_at_once_and_the_rest_after_some_tries() {
        let inner = scripted(vec![Error::new(ErrorKind::Auth, "401")]);
        let embedder = RetryingEmbedder::of_server(inner.clone(), RetryPolicy::default(), None);
        assert_eq!(embedder.embed(&texts(1)).await.unwrap_err().kind(), ErrorKind::Auth);
        assert_eq!(inner.asked.lock().unwrap().len(), 1);

        let inner = scripted((0..9).map(|_| Error::new(ErrorKind::Transient, "503")).collect());
        let embedder = RetryingEmbedder::of_machine(inner.clone(), RetryPolicy::default());
        assert_eq!(embedder.embed(&texts(500)).await.unwrap_err().kind(), ErrorKind::Transient);
        assert_eq!(*inner.asked.lock().unwrap(), [500; 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_get_ready_at_first_is_tried_again() {
        let slow = Error::new(ErrorKind::Throttle, "429").retry_after(Some(Duration::from_secs(7)));
        let inner = scripted(vec![Error::new(ErrorKind::Transient, "503"), slow]);
        let begun = tokio::time::Instant::now();
        RetryingEmbedder::of_machine(inner.clone(), RetryPolicy::default()).prepare().await.unwrap();
        assert_eq!(inner.prepared.load(Ordering::Relaxed), 3);
        assert!(begun.elapsed() >= Duration::from_secs(7), "{:?}", begun.elapsed());

        let inner = scripted((0..9).map(|_| Error::new(ErrorKind::Transient, "503")).collect());
        let error = RetryingEmbedder::of_machine(inner.clone(), RetryPolicy::default()).prepare().await.unwrap_err();
        assert_eq!((error.kind(), inner.prepared.load(Ordering::Relaxed)), (ErrorKind::Transient, 4));

        let inner = scripted(vec![Error::new(ErrorKind::NotFound, "no such model")]);
        let error = RetryingEmbedder::of_machine(inner.clone(), RetryPolicy::default()).prepare().await.unwrap_err();
        assert_eq!((error.kind(), inner.prepared.load(Ordering::Relaxed)), (ErrorKind::NotFound, 1));
    }
}
