//! By what an answer is found: a digest of what is asked, without secrets and without what is another in every run.

use std::collections::HashMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    entry::{Answer, Asked, Called, Said},
    volatile::Volatile,
};
use crate::model::{
    ChatMessage, ChatRequest, ChatResponse, Effect, FinishReason, ModelRef, Role, ToolName, ToolRequest, ToolSpec, Value,
    fingerprint,
};

/// How many hexadecimal digits of a digest a key has.
const KEY: usize = 16;
/// How many hexadecimal digits are shown of a digest that only tells two things apart.
const SHOWN: usize = 8;

/// The key of a request to `model`, with the request as it is written.
pub(super) fn of_request(model: &ModelRef, request: &ChatRequest, volatile: &mut Volatile<'_>) -> (String, Asked) {
    let mut ids = Ids::default();
    let messages: Vec<ChatMessage> = request
        .messages
        .iter()
        .map(|message| ChatMessage {
            role: message.role,
            content: volatile.asked(&message.content),
            tool_requests: message.tool_requests.iter().map(|call| ids.asked(call, volatile)).collect(),
            request_id: message.request_id.as_deref().map(|id| ids.of(id)),
        })
        .collect();
    // What a call of a tool does to the world is not told to models.
    let tools: Vec<ToolSpec> = request
        .tools
        .iter()
        .map(|tool| ToolSpec { effect: Effect::Pure, description: volatile.asked(&tool.description), ..tool.clone() })
        .collect();
    let plain = ChatRequest { messages, tools, ..request.clone() };
    let asked = Asked {
        model: model.to_string(),
        temperature: plain.temperature,
        max_tokens: plain.max_tokens,
        schema: plain.output.as_ref().map(|output| format!("{} {}", output.name, digest(&output.schema, SHOWN))),
        tools: plain.tools.iter().map(|tool| format!("{} {}", tool.name, digest(tool, SHOWN))).collect(),
        messages: plain.messages.iter().map(said).collect(),
    };
    let mut key = fingerprint(model, &plain);
    key.truncate(KEY);
    (key, asked)
}

/// The key of a call of a tool, with the call as it is written.
pub(super) fn of_call(tool: &ToolName, arguments: &Value, volatile: &mut Volatile<'_>) -> (String, Called) {
    let mut arguments = Volatile::value(arguments, &mut |text| volatile.asked(text));
    arguments.sort_all_objects();
    let called = Called { tool: tool.to_string(), arguments };
    (digest(&called, KEY), called)
}

/// An answer as it is told to who asked in a run with a cassette: requests for tools have the ids that they have in every run.
pub(super) fn with_own_ids(request: &ChatRequest, mut response: ChatResponse) -> ChatResponse {
    let earlier = request.messages.iter().map(|message| message.tool_requests.len()).sum::<usize>();
    for (call, number) in response.tool_requests.iter_mut().zip(earlier..) {
        call.id = format!("call_{number}");
    }
    response
}

/// An answer as it is written.
pub(super) fn answer(attempt: u32, request: &ChatRequest, response: &ChatResponse, volatile: &mut Volatile<'_>) -> Answer {
    let mut calls = response.tool_requests.clone();
    for call in &mut calls {
        call.arguments = volatile.answered(&call.arguments);
    }
    Answer {
        attempt,
        text: (!response.content.is_empty()).then(|| volatile.answered(&response.content)),
        calls,
        finish: Some(response.finish),
        by: (response.model != request.model).then(|| response.model.clone()),
        usage: response.usage,
        cost_usd: None,
        simulated: false,
        error: None,
    }
}

/// The answer that was written, as it is told in this run.
pub(super) fn response(request: &ChatRequest, answer: &Answer, volatile: &Volatile<'_>) -> ChatResponse {
    let usual = if answer.calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolRequests };
    let mut tool_requests = answer.calls.clone();
    for call in &mut tool_requests {
        call.arguments = volatile.played(&call.arguments);
    }
    let response = ChatResponse {
        content: volatile.played(answer.text.as_deref().unwrap_or_default()),
        tool_requests,
        finish: answer.finish.unwrap_or(usual),
        usage: answer.usage,
        model: answer.by.clone().unwrap_or_else(|| request.model.clone()),
    };
    with_own_ids(request, response)
}

fn said(message: &ChatMessage) -> Said {
    let text = Some(message.content.clone());
    let said = Said { calls: message.tool_requests.clone(), of: message.request_id.clone(), ..Said::default() };
    match message.role {
        Role::System => Said { system: text, ..said },
        Role::User => Said { user: text, ..said },
        Role::Assistant => Said { assistant: text, ..said },
        Role::Tool => Said { tool: text, ..said },
    }
}

/// The beginning of the SHA-256 over something as JSON with sorted keys.
fn digest(data: &impl Serialize, length: usize) -> String {
    let mut value = serde_json::to_value(data).expect("plain data has a JSON form");
    value.sort_all_objects();
    let mut hex = data_encoding::HEXLOWER.encode(&Sha256::digest(value.to_string().as_bytes()));
    hex.truncate(length);
    hex
}

/// The ids of requests for tools, which servers make up: numbers in the order in which they come.
#[derive(Default)]
struct Ids(HashMap<String, usize>);

impl Ids {
    fn asked(&mut self, call: &ToolRequest, volatile: &mut Volatile<'_>) -> ToolRequest {
        let number = self.0.len();
        self.0.insert(call.id.clone(), number);
        ToolRequest { id: self.of(&call.id), name: call.name.clone(), arguments: volatile.asked(&call.arguments) }
    }

    fn of(&self, id: &str) -> String {
        self.0.get(id).map_or_else(|| id.to_owned(), |number| format!("call_{number}"))
    }
}
