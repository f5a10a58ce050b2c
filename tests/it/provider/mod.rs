//! Providers against servers that answer, fail and break off in every way.

mod anthropic;
mod embeddings;
mod mock;
mod openai;
mod real_server;
mod server;
mod tools;

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use agentflow::{
    Error, Result,
    model::{
        AgentName, CallOrigin, ChatMessage, ChatRequest, ChatResponse, NodeId, NodePath, OutputSchema, ProviderName, Role, RunId,
    },
    provider::{HttpClient, HttpTimes, Provider, ServerSettings},
};
use serde_json::{Value, json};

/// A call of `model` with a prompt and nothing else.
pub(crate) fn request(model: &str) -> ChatRequest {
    ChatRequest {
        origin: CallOrigin {
            run: RunId::generate(),
            node: NodePath::root(&NodeId::new("node").unwrap()),
            agent: AgentName::new("writer").unwrap(),
            attempt: 1,
            ordinal: 0,
        },
        model: model.to_owned(),
        messages: vec![ChatMessage::new(Role::System, "Be brief."), ChatMessage::new(Role::User, "Say hello.")],
        tools: Vec::new(),
        output: None,
        temperature: None,
        max_tokens: None,
    }
}

/// The same with a schema for its answer.
fn structured_request(model: &str) -> ChatRequest {
    let schema = json!({
        "type": "object", "properties": {"word": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["word", "count"], "additionalProperties": false,
    });
    ChatRequest { output: Some(OutputSchema { name: "answer".to_owned(), schema, strict: true }), ..request(model) }
}

fn settings(base_url: &str) -> ServerSettings {
    ServerSettings {
        name: ProviderName::new("lab").unwrap(),
        base_url: base_url.to_owned(),
        key: Some("sk-test-key".into()),
        headers: Vec::new(),
        prices: BTreeMap::new(),
        windows: BTreeMap::new(),
    }
}

/// A client with time limits that a test can wait for.
fn hasty() -> HttpClient {
    let short = Duration::from_millis(100);
    HttpClient::new(HttpTimes {
        connect: Duration::from_secs(5),
        first_byte: short,
        first_byte_local: short,
        thinking: short,
        idle: short,
    })
}

/// Asks, and returns the answer with the pieces that were streamed.
async fn ask(provider: &dyn Provider, request: &ChatRequest) -> Result<(ChatResponse, Vec<String>)> {
    let pieces = Mutex::new(Vec::new());
    let response = provider.chat(request, &|text| pieces.lock().unwrap().push(text.to_owned())).await?;
    Ok((response, pieces.into_inner().unwrap()))
}

/// Asks, and returns the failure.
async fn failure(provider: &dyn Provider, request: &ChatRequest) -> Error {
    ask(provider, request).await.expect_err("the call was answered")
}

/// Events as a server sends them.
fn events(data: &[Value]) -> String {
    data.iter().map(|value| format!("data: {value}\n\n")).collect::<Vec<_>>().concat()
}
