//! A provider that gives scripted answers to whom a script names, and really asks for all others.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;

use super::script::Script;
use crate::{
    error::Result,
    model::{ChatRequest, ChatResponse, Price},
    provider::{OnText, Provider},
};

/// Asks a real provider, unless the answers of an agent are scripted.
#[derive(Debug)]
pub(super) struct PartlyScripted {
    agents: BTreeSet<String>,
    scripted: Arc<dyn Provider>,
    real: Arc<dyn Provider>,
}

impl PartlyScripted {
    pub(super) fn new(script: &Script, scripted: Arc<dyn Provider>, real: Arc<dyn Provider>) -> Self {
        Self { agents: script.agents.keys().cloned().collect(), scripted, real }
    }
}

#[async_trait]
impl Provider for PartlyScripted {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        let is_scripted = self.agents.contains(request.origin.agent.as_str());
        let asked = if is_scripted { &self.scripted } else { &self.real };
        asked.chat(request, on_text).await
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.real.price(model)
    }

    fn window(&self, model: &str) -> Option<u32> {
        self.real.window(model)
    }

    fn address(&self) -> Option<String> {
        self.real.address()
    }
}
