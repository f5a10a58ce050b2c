//! Anthropic's messages. A structured answer is asked for as the call of a tool whose input is the answer.

pub(super) mod answer;
mod request;

use std::collections::BTreeMap;

use async_trait::async_trait;
use reqwest::header::HeaderName;

use crate::{
    error::Result,
    model::{ChatRequest, ChatResponse, Price},
    provider::{
        OnText, Provider, ServerSettings,
        anthropic::{
            answer::Messages,
            request::{answer_tool, body},
        },
        http::{Endpoint, HttpClient},
        pricing, stream, windows,
    },
};

/// The version of the interface that is spoken.
const VERSION: &str = "2023-06-01";

/// A server that speaks Anthropic's messages.
#[derive(Debug)]
pub struct AnthropicProvider {
    http: HttpClient,
    endpoint: Endpoint,
    prices: BTreeMap<String, Price>,
    windows: BTreeMap<String, u32>,
}

impl AnthropicProvider {
    /// Makes one for `settings.base_url`, to which `/v1/messages` is appended. Opens no connection.
    ///
    /// # Errors
    /// `Invalid` when the URL, the key or a header cannot be used.
    pub fn new(settings: ServerSettings, http: HttpClient) -> Result<Self> {
        let ServerSettings { name, base_url, key, mut headers, prices, windows } = settings;
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("anthropic-version")) {
            headers.push(("anthropic-version".to_owned(), VERSION.to_owned()));
        }
        let path = if base_url.trim_end_matches('/').ends_with("/v1") { "/messages" } else { "/v1/messages" };
        let key_header = (HeaderName::from_static("x-api-key"), "");
        let endpoint = Endpoint::new(name.as_str(), &base_url, path, key.as_ref(), key_header, &headers)?;
        Ok(Self { http, endpoint, prices, windows })
    }
}

#[async_trait]
impl Provider for AnthropicProvider {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        let answer_tool = answer_tool(request);
        let body = body(request, answer_tool.as_deref()).to_string().into_bytes();
        let mut answer = self.http.post(&self.endpoint, &request.model, body).await?;
        let protocol = Messages { answer_tool: answer_tool.as_deref() };
        let mut draft = stream::read(&mut answer, &protocol, on_text).await?;
        let structured = answer_tool.and_then(|name| draft.calls.take(&name));
        // Whoever asks for tools as well has answered too early.
        if let Some(structured) = structured.filter(|_| draft.calls.is_empty() || request.tools.is_empty()) {
            draft.content = structured;
        }
        draft.into_response(answer.asked(), request)
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.prices.get(model).copied().or_else(|| pricing::price(self.endpoint.url.host_str()?, model))
    }

    fn window(&self, model: &str) -> Option<u32> {
        self.windows.get(model).copied().or_else(|| windows::window(self.endpoint.url.host_str()?, model))
    }

    fn address(&self) -> Option<String> {
        Some(self.endpoint.address())
    }
}
