//! A call of a model, in the words all providers share.

use serde::{Deserialize, Serialize};

use crate::model::{AgentName, NodePath, RunId, ToolRequest, ToolSpec, Value};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions of the agent's author.
    System,
    /// The prompt of the node, and what is sent back for repair.
    User,
    /// An answer of the model.
    Assistant,
    /// The result of a tool the model asked for.
    Tool,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// Of an answer: the calls of tools that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_requests: Vec<ToolRequest>,
    /// Of a result: the id of the request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ChatMessage {
    /// A message of `role` that says `content`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_requests: Vec::new(), request_id: None }
    }

    /// An answer that asks for calls of tools, beside what it says.
    pub fn requests(content: impl Into<String>, tool_requests: Vec<ToolRequest>) -> Self {
        Self { tool_requests, ..Self::new(Role::Assistant, content) }
    }

    /// The result of the request `id`.
    pub fn result(id: impl Into<String>, content: impl Into<String>) -> Self {
        Self { request_id: Some(id.into()), ..Self::new(Role::Tool, content) }
    }
}

/// The JSON Schema an answer must follow. Its root is always an object: other types are wrapped by the agent room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSchema {
    /// A name for the provider's interface: `[a-z0-9_]{1,64}`.
    pub name: String,
    /// The schema itself (draft 2020-12), `type: object` at its root.
    pub schema: Value,
    /// Whether all objects in it close and require all their properties, as OpenAI's strict mode demands.
    pub strict: bool,
}

/// Where a call comes from; providers may use it for logs, never for the answer. The mock provider is the exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOrigin {
    /// The run.
    pub run: RunId,
    /// The node instance.
    pub node: NodePath,
    /// The agent.
    pub agent: AgentName,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The ordinal of the call within the attempt, from 0.
    pub ordinal: u32,
}

/// One call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// Where the call comes from.
    pub origin: CallOrigin,
    /// The model's name as the provider knows it.
    pub model: String,
    /// The conversation, oldest first; a system message, if any, is the first.
    pub messages: Vec<ChatMessage>,
    /// The tools it may ask for.
    pub tools: Vec<ToolSpec>,
    /// The schema of the answer; plain text when absent.
    pub output: Option<OutputSchema>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f64>,
    /// The most tokens of the answer.
    pub max_tokens: Option<u32>,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// The answer was cut at the token limit.
    Length,
    /// The answer was withheld by a filter.
    ContentFilter,
    /// The model waits for the results of tools.
    ToolRequests,
}

/// Tokens of one call, as the provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Those of `input_tokens` that came from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_tokens: u64,
    /// Tokens written, hidden reasoning included.
    pub output_tokens: u64,
}

impl Usage {
    /// Tokens read and written. Servers may say any numbers.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatResponse {
    /// The text of the answer; JSON text when the request had an output schema.
    pub content: String,
    /// The calls of tools that it asks for; when it was cut at the token limit, the last one may have lost its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_requests: Vec<ToolRequest>,
    /// Why the model stopped.
    pub finish: FinishReason,
    /// Tokens, when the server reported them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The model that answered, as the server names it.
    pub model: String,
}

impl ChatResponse {
    /// A complete answer of `model` that asks for nothing and tells no usage.
    pub fn text(content: impl Into<String>, model: impl Into<String>) -> Self {
        let (content, model) = (content.into(), model.into());
        Self { content, tool_requests: Vec::new(), finish: FinishReason::Stop, usage: None, model }
    }
}
