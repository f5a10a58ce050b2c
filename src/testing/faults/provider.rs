//! A provider that answers as another one does, when it answers well, and at the prices of the models that are named.

use std::{collections::BTreeMap, future::pending, sync::Arc};

use async_trait::async_trait;

use super::{FaultKind, Faults, Site};
use crate::{
    error::Result,
    model::{ChatRequest, ChatResponse, FinishReason, Price, ProviderName},
    provider::{OnText, Provider},
    testing::crash::Paid,
};

/// Stands before the provider that answers in a test.
#[derive(Debug)]
pub(in crate::testing) struct FaultyProvider {
    name: ProviderName,
    inner: Arc<dyn Provider>,
    faults: Arc<Faults>,
    /// Counts the calls that are made.
    paid: Arc<Paid>,
    /// What models cost, by name, when answers cost something.
    prices: Option<BTreeMap<String, Price>>,
}

impl FaultyProvider {
    /// Answers for the provider `name` by `inner`, as far as `faults` let it.
    pub(in crate::testing) fn new(name: ProviderName, inner: Arc<dyn Provider>, faults: Arc<Faults>, paid: Arc<Paid>) -> Self {
        Self { name, inner, faults, paid, prices: None }
    }

    /// The same, whose answers cost what is said here by the names of models.
    pub(in crate::testing) fn priced(self, prices: BTreeMap<String, Price>) -> Self {
        Self { prices: Some(prices), ..self }
    }
}

#[async_trait]
impl Provider for FaultyProvider {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        self.paid.count(&request.origin);
        let model = format!("{}/{}", self.name, request.model);
        let (node, agent) = (&request.origin.node, Some(request.origin.agent.as_str()));
        let site = Site { node, agent, model: Some(&model), tool: None };
        let Some(fault) = self.faults.meet(site) else { return self.inner.chat(request, on_text).await };
        match fault.kind {
            FaultKind::Timeout => pending().await,
            FaultKind::Slow => {
                tokio::time::sleep(fault.delay).await;
                return self.inner.chat(request, on_text).await;
            }
            // A model that is to answer in JSON writes half of it, and is asked to repair it.
            FaultKind::Malformed if request.output.is_some() => {
                let mut response = self.inner.chat(request, &|_| ()).await?;
                response.content = half(&response.content).to_owned();
                response.tool_requests.clear();
                response.finish = FinishReason::Stop;
                on_text(&response.content);
                return Ok(response);
            }
            FaultKind::Truncated => {
                let response = self.inner.chat(request, &|_| ()).await?;
                on_text(half(&response.content));
            }
            _ => {}
        }
        match fault.error(site) {
            Some(error) => Err(error),
            None => self.inner.chat(request, on_text).await,
        }
    }

    fn price(&self, model: &str) -> Option<Price> {
        match &self.prices {
            Some(prices) => prices.get(model).copied(),
            // What is made up is free: its price is known.
            None if self.inner.is_simulated() => Some(Price { input: 0.0, cached_input: None, output: 0.0 }),
            None => self.inner.price(model),
        }
    }

    fn window(&self, model: &str) -> Option<u32> {
        self.inner.window(model)
    }

    fn address(&self) -> Option<String> {
        self.inner.address()
    }

    fn is_simulated(&self) -> bool {
        // What costs something, and what fails, is held to the limits that a server is held to.
        self.prices.is_none() && self.faults.is_empty() && self.inner.is_simulated()
    }
}

/// The first half of a text; of one that is shorter than that, nothing.
fn half(text: &str) -> &str {
    let mut end = text.len() / 2;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
