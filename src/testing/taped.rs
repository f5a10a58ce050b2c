//! A provider that answers from a cassette what it has, for agents without scripted answers.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;

use super::script::Script;
use crate::{
    app::cassette::{CassetteChoice, CassetteMode},
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, ChatResponse, Cost, ModelRef, Price, ProviderName},
    provider::{Cassette, OnText, Provider},
    tool::LiveSecrets,
};

/// Opens the cassette of a script, if it has one.
///
/// # Errors
/// `Invalid` when it is not there, or no cassette.
pub(super) fn cassette(script: &Script) -> Result<Option<Arc<Cassette>>> {
    let Some((path, mode)) = &script.cassette else { return Ok(None) };
    let choice = CassetteChoice { path: path.clone(), mode: *mode };
    choice.open(Path::new(""), false, &LiveSecrets::default()).map(Some)
}

/// What is done with a cassette whose test says `word`, when models are really asked and when they are not.
pub(super) fn cassette_mode(word: Option<&str>, live: bool) -> CassetteMode {
    match (word, live) {
        (Some("record"), true) => CassetteMode::Record,
        (Some("replay"), true) => CassetteMode::Replay,
        (Some("replay"), false) => CassetteMode::ReplayOrAsk,
        _ => CassetteMode::ReplayOrFail,
    }
}

/// Plays and records what the models of one provider are asked.
#[derive(Debug)]
pub(super) struct TapedProvider {
    name: ProviderName,
    cassette: Arc<Cassette>,
    /// Agents whose answers are scripted: the cassette knows nothing of them.
    scripted: BTreeSet<String>,
    inner: Arc<dyn Provider>,
}

impl TapedProvider {
    pub(super) fn new(name: ProviderName, cassette: Arc<Cassette>, script: &Script, inner: Arc<dyn Provider>) -> Self {
        Self { name, cassette, scripted: script.agents.keys().cloned().collect(), inner }
    }
}

#[async_trait]
impl Provider for TapedProvider {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        if self.scripted.contains(request.origin.agent.as_str()) {
            return self.inner.chat(request, on_text).await;
        }
        let model: ModelRef = format!("{}/{}", self.name, request.model)
            .parse()
            .map_err(|err: Error| Error::new(ErrorKind::Internal, "a model that is asked has no name").source(err))?;
        if let Some(played) = self.cassette.answer(&model, request)? {
            let response = played.outcome?;
            on_text(&response.content);
            return Ok(response);
        }
        let came = self.inner.chat(request, on_text).await;
        let cost = |response: &ChatResponse| match (response.usage, self.inner.price(&request.model)) {
            _ if self.inner.is_simulated() => Cost::Simulated,
            (Some(usage), Some(price)) => Cost::Usd(price.of(usage)),
            _ => Cost::Unpriced,
        };
        let came = came.map(|response| {
            let cost = cost(&response);
            (response, cost)
        });
        self.cassette.keep(&model, request, came).map(|(response, _)| response)
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.inner.price(model)
    }

    fn window(&self, model: &str) -> Option<u32> {
        self.inner.window(model)
    }

    fn address(&self) -> Option<String> {
        self.inner.address()
    }

    fn is_simulated(&self) -> bool {
        self.inner.is_simulated()
    }
}
