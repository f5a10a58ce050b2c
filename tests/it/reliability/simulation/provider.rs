//! A provider whose answers, errors and delays come from a seed, in the order in which it is asked.

use std::{sync::Mutex, time::Duration};

use agentflow::{
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, ChatResponse, FinishReason, Price, Usage},
    provider::{OnText, Provider},
};
use async_trait::async_trait;
use fastrand::Rng;
use tokio::time::sleep;

/// Every way in which a call can fail.
const ERRORS: [ErrorKind; 9] = [
    ErrorKind::Transient,
    ErrorKind::Throttle,
    ErrorKind::Quota,
    ErrorKind::Truncated,
    ErrorKind::Malformed,
    ErrorKind::Timeout,
    ErrorKind::Request,
    ErrorKind::Auth,
    ErrorKind::Refused,
];

/// Answers by a seed.
#[derive(Debug)]
pub(crate) struct SimulatedProvider(Mutex<Rng>);

impl SimulatedProvider {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::with_seed(seed)))
    }
}

#[async_trait]
impl Provider for SimulatedProvider {
    async fn chat(&self, _request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        let (fate, number, latency, wait) = {
            let mut rng = self.0.lock().unwrap();
            let longest = if rng.u8(..30) == 0 { 60_000 } else { 2_000 };
            (rng.usize(..40), rng.u64(..1_000), rng.u64(..longest), rng.u64(..130_000))
        };
        sleep(Duration::from_millis(latency)).await;
        if let Some(kind) = ERRORS.get(fate) {
            let asked = (*kind == ErrorKind::Throttle && wait % 2 == 0).then(|| Duration::from_millis(wait));
            return Err(Error::new(*kind, "as the seed says").retry_after(asked));
        }
        let (content, finish) = match fate {
            10 => ("no".to_owned(), FinishReason::ContentFilter),
            11 => (String::new(), FinishReason::Length),
            12..15 => ("let me think".to_owned(), FinishReason::Stop),
            _ => (number.to_string(), FinishReason::Stop),
        };
        on_text(&content);
        let usage = (fate != 16).then_some(Usage { input_tokens: 2, cached_tokens: 0, output_tokens: 1 });
        Ok(ChatResponse { content, tool_requests: Vec::new(), finish, usage, model: "m".to_owned() })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        Some(Price { input: 1.0, cached_input: None, output: 3.0 })
    }
}
