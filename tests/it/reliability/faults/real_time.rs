//! A provider whose calls take no time: they go out over real sockets while the paused clock of the engine stands still.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use agentflow::{
    Error, ErrorKind, Result,
    model::{ChatRequest, ChatResponse, Price},
    provider::{OnText, Provider},
};
use async_trait::async_trait;
use tokio::runtime::Handle;

/// Makes each call on a runtime of its own, with a clock of its own. A paused clock waits for blocking work before it moves on.
pub(super) struct OnRealTime {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) runtime: Handle,
}

impl fmt::Debug for OnRealTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(f)
    }
}

#[async_trait]
impl Provider for OnRealTime {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        let (provider, runtime, request) = (Arc::clone(&self.provider), self.runtime.clone(), request.clone());
        let pieces = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&pieces);
        let call = move || {
            let on_text = |text: &str| heard.lock().unwrap().push(text.to_owned());
            runtime.block_on(provider.chat(&request, &on_text))
        };
        let answer = tokio::task::spawn_blocking(call)
            .await
            .map_err(|err| Error::new(ErrorKind::Internal, "a call did not end").source(err))?;
        pieces.lock().unwrap().iter().for_each(|text| on_text(text));
        answer
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.provider.price(model)
    }
}
