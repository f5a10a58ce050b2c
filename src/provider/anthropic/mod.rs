//! Anthropic's messages. A structured answer is asked for as the call of a tool whose input is the answer.

mod answer;

use std::collections::BTreeMap;

use async_trait::async_trait;
use reqwest::header::HeaderName;
use serde_json::{Map, json};

use crate::{
    error::Result,
    model::{ChatMessage, ChatRequest, ChatResponse, Price, Role, Value},
    provider::{
        OnText, Provider, ServerSettings,
        anthropic::answer::Messages,
        http::{Endpoint, HttpClient},
        pricing, stream,
    },
};

/// The version of the interface that is spoken.
const VERSION: &str = "2023-06-01";
/// The protocol demands a limit; this one holds when no other is set. All its models allow as much.
const USUAL_MAX_TOKENS: u32 = 4_096;

/// A server that speaks Anthropic's messages.
#[derive(Debug)]
pub struct AnthropicProvider {
    http: HttpClient,
    endpoint: Endpoint,
    prices: BTreeMap<String, Price>,
}

impl AnthropicProvider {
    /// Makes one for `settings.base_url`, to which `/v1/messages` is appended. Opens no connection.
    ///
    /// # Errors
    /// `Invalid` when the URL, the key or a header cannot be used.
    pub fn new(settings: ServerSettings, http: HttpClient) -> Result<Self> {
        let ServerSettings { name, base_url, key, mut headers, prices } = settings;
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("anthropic-version")) {
            headers.push(("anthropic-version".to_owned(), VERSION.to_owned()));
        }
        let path = if base_url.trim_end_matches('/').ends_with("/v1") { "/messages" } else { "/v1/messages" };
        let key_header = (HeaderName::from_static("x-api-key"), "");
        let endpoint = Endpoint::new(name.as_str(), &base_url, path, key.as_ref(), key_header, &headers)?;
        Ok(Self { http, endpoint, prices })
    }
}

#[async_trait]
impl Provider for AnthropicProvider {
    async fn chat(&self, request: &ChatRequest, on_text: &OnText<'_>) -> Result<ChatResponse> {
        let body = body(request).to_string().into_bytes();
        let mut answer = self.http.post(&self.endpoint, &request.model, body).await?;
        let protocol = Messages { structured: request.output.is_some() };
        let draft = stream::read(&mut answer, &protocol, on_text).await?;
        draft.into_response(answer.asked(), &request.model)
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.prices.get(model).copied().or_else(|| pricing::price(self.endpoint.url.host_str()?, model))
    }

    fn address(&self) -> Option<String> {
        Some(self.endpoint.address())
    }
}

/// The body of the request.
///
/// # Source
/// Anthropic API reference, "Create a Message"; "Tool use", section "Forcing tool use".
fn body(request: &ChatRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    body.insert("max_tokens".to_owned(), json!(request.max_tokens.unwrap_or(USUAL_MAX_TOKENS)));
    let (system, messages): (Vec<&ChatMessage>, Vec<_>) =
        request.messages.iter().partition(|message| message.role == Role::System);
    if !system.is_empty() {
        let text = system.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n");
        body.insert("system".to_owned(), json!(text));
    }
    let messages: Vec<_> = messages
        .into_iter()
        .map(|message| {
            let role = if message.role == Role::Assistant { "assistant" } else { "user" };
            json!({ "role": role, "content": message.content })
        })
        .collect();
    body.insert("messages".to_owned(), json!(messages));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(output) = &request.output {
        let tool = json!({
            "name": output.name,
            "description": "Gives the answer. Its input is the whole answer.",
            "input_schema": output.schema,
        });
        body.insert("tools".to_owned(), json!([tool]));
        body.insert("tool_choice".to_owned(), json!({ "type": "tool", "name": output.name, "disable_parallel_tool_use": true }));
    }
    body.insert("stream".to_owned(), json!(true));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentName, CallOrigin, NodeId, NodePath, OutputSchema, RunId};

    #[test]
    fn a_request_has_its_system_apart_and_forces_the_answer() {
        let request = ChatRequest {
            origin: CallOrigin {
                run: RunId::generate(),
                node: NodePath::root(&NodeId::new("n").unwrap()),
                agent: AgentName::new("a").unwrap(),
                attempt: 1,
                ordinal: 0,
            },
            model: "claude-haiku-4-5".to_owned(),
            messages: vec![
                ChatMessage::new(Role::System, "Be brief."),
                ChatMessage::new(Role::User, "Hi"),
                ChatMessage::new(Role::Assistant, "{}"),
                ChatMessage::new(Role::User, "Again"),
            ],
            tools: Vec::new(),
            output: Some(OutputSchema { name: "answer".to_owned(), schema: json!({"type": "object"}), strict: false }),
            temperature: Some(0.5),
            max_tokens: None,
        };
        assert_eq!(
            body(&request),
            json!({
                "model": "claude-haiku-4-5", "max_tokens": 4096, "system": "Be brief.",
                "messages": [
                    {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "{}"}, {"role": "user", "content": "Again"},
                ],
                "temperature": 0.5,
                "tools": [{
                    "name": "answer", "description": "Gives the answer. Its input is the whole answer.", "input_schema": {"type": "object"},
                }],
                "tool_choice": {"type": "tool", "name": "answer", "disable_parallel_tool_use": true},
                "stream": true,
            })
        );
    }
}
