//! Puts a call into the words a server knows. OpenAI's own are tried first; what a server refuses by name is said differently.

use async_openai::types::chat::{
    ChatCompletionMessageToolCall, ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessage,
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage, ChatCompletionRequestToolMessage,
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, ChatCompletionTool, ChatCompletionTools,
    CreateChatCompletionRequest, FunctionCall, FunctionObject, ResponseFormat, ResponseFormatJsonSchema,
};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatMessage, ChatRequest, OutputSchema, Role, ToolSpec},
};

/// Which of several ways a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Asks for the usage at the end of a stream.
    usage: bool,
    /// What the most tokens of the answer are called.
    token_limit: TokenLimit,
    /// Says the temperature; some models have only one.
    temperature: bool,
    /// How the form of a structured answer is asked for.
    structure: Structure,
    /// Puts the schema into the system message as well.
    schema_in_prompt: bool,
}

/// What the most tokens of the answer are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenLimit {
    /// `max_tokens`, as most servers call it.
    Tokens,
    /// `max_completion_tokens`, as reasoning models of OpenAI want it.
    CompletionTokens,
}

/// How the form of a structured answer is asked for, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Structure {
    /// A schema the server enforces, strictly if it can be.
    Strict,
    /// A schema the server follows as it can.
    Schema,
    /// Any JSON object.
    Object,
    /// By words only.
    Words,
}

impl Dialect {
    /// How a server is spoken to before it has refused anything. A server on this host constrains the tokens of the answer to
    /// the schema without telling the model of it, so the prompt does.
    pub(super) fn usual(is_openai: bool, is_local: bool) -> Self {
        Self {
            usage: true,
            token_limit: if is_openai { TokenLimit::CompletionTokens } else { TokenLimit::Tokens },
            temperature: true,
            structure: Structure::Strict,
            schema_in_prompt: is_local && !is_openai,
        }
    }

    /// The body of the request, JSON.
    ///
    /// # Errors
    /// `Internal` if it cannot be written as JSON.
    pub(super) fn body(self, request: &ChatRequest) -> Result<Vec<u8>> {
        let limit = request.max_tokens;
        #[expect(clippy::cast_possible_truncation, reason = "a temperature has few digits")]
        let temperature = request.temperature.filter(|_| self.temperature).map(|temperature| temperature as f32);
        #[expect(deprecated, reason = "servers other than OpenAI's know only `max_tokens`")]
        let body = CreateChatCompletionRequest {
            model: request.model.clone(),
            messages: self.messages(request),
            temperature,
            max_completion_tokens: limit.filter(|_| self.token_limit == TokenLimit::CompletionTokens),
            max_tokens: limit.filter(|_| self.token_limit == TokenLimit::Tokens),
            tools: Some(&request.tools).filter(|tools| !tools.is_empty()).map(|tools| tools.iter().map(tool).collect()),
            response_format: request.output.as_ref().and_then(|output| self.response_format(output)),
            stream: Some(true),
            stream_options: self
                .usage
                .then_some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None }),
            ..CreateChatCompletionRequest::default()
        };
        serde_json::to_vec(&body).map_err(|err| Error::new(ErrorKind::Internal, "a chat request has no JSON form").source(err))
    }

    fn messages(self, request: &ChatRequest) -> Vec<ChatCompletionRequestMessage> {
        let told_by_words = self.schema_in_prompt || matches!(self.structure, Structure::Object | Structure::Words);
        let mut words =
            request.output.as_ref().filter(|_| told_by_words).map(|output| in_words(output, !request.tools.is_empty()));
        let mut messages = Vec::with_capacity(request.messages.len() + 1);
        if let Some(words) = words.take_if(|_| request.messages.first().is_none_or(|first| first.role != Role::System)) {
            messages.push(system(&words));
        }
        for message in &request.messages {
            let content = message.content.as_str();
            messages.push(match message.role {
                Role::System => match words.take() {
                    Some(words) => system(&format!("{content}\n\n{words}")),
                    None => system(content),
                },
                Role::User => ChatCompletionRequestMessage::User(ChatCompletionRequestUserMessage::from(content)),
                Role::Tool => ChatCompletionRequestMessage::Tool(ChatCompletionRequestToolMessage {
                    content: content.into(),
                    tool_call_id: message.request_id.clone().unwrap_or_default(),
                }),
                Role::Assistant => ChatCompletionRequestMessage::Assistant(said(message)),
            });
        }
        messages
    }

    fn response_format(self, output: &OutputSchema) -> Option<ResponseFormat> {
        let schema = |strict| ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                description: None,
                name: output.name.clone(),
                schema: output.schema.clone(),
                strict: Some(strict),
            },
        };
        match self.structure {
            Structure::Strict => Some(schema(output.strict)),
            Structure::Schema => Some(schema(false)),
            Structure::Object => Some(ResponseFormat::JsonObject),
            Structure::Words => None,
        }
    }

    /// Another way to say what a server refused with `message`; `None` when it does not name anything we can say differently.
    pub(super) fn adapted(self, request: &ChatRequest, message: &str) -> Option<Self> {
        let message = message.to_ascii_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| message.contains(word));
        // A value out of range is the author's to correct; only a parameter as such can be said differently.
        let is_unknown = names(&[
            "unsupported",
            "not support",
            "unrecognized",
            "unknown",
            "unexpected",
            "not permitted",
            "not allowed",
            "invalid parameter",
            "deprecated",
            "extra",
            "instead",
            "does not exist",
        ]);
        if self.usage && names(&["stream_options", "include_usage"]) {
            return Some(Self { usage: false, ..self });
        }
        if request.max_tokens.is_some() && is_unknown && names(&["max_completion_tokens", "max_tokens"]) {
            // Only away from what was said: a server that refuses both is not asked in circles for long.
            let (said, other) = match self.token_limit {
                TokenLimit::Tokens => ("max_tokens", TokenLimit::CompletionTokens),
                TokenLimit::CompletionTokens => ("max_completion_tokens", TokenLimit::Tokens),
            };
            return message.contains(said).then_some(Self { token_limit: other, ..self });
        }
        if self.temperature && request.temperature.is_some() && is_unknown && names(&["temperature"]) {
            return Some(Self { temperature: false, ..self });
        }
        let output = request.output.as_ref()?;
        // The schema of a tool, which is as it is.
        if !request.tools.is_empty() && names(&["tools[", "schema for function"]) {
            return None;
        }
        if names(&["response_format", "response mime type", "schema", "grammar", "structured output", "json_object", "json mode"])
        {
            let structure = match self.structure {
                Structure::Strict if output.strict => Structure::Schema,
                Structure::Strict | Structure::Schema => Structure::Object,
                Structure::Object => Structure::Words,
                Structure::Words => return None,
            };
            return Some(Self { structure, ..self });
        }
        None
    }
}

fn system(text: &str) -> ChatCompletionRequestMessage {
    ChatCompletionRequestMessage::System(ChatCompletionRequestSystemMessage::from(text))
}

/// What the model said and asked for.
fn said(message: &ChatMessage) -> ChatCompletionRequestAssistantMessage {
    let said = ChatCompletionRequestAssistantMessage::from(message.content.as_str());
    if message.tool_requests.is_empty() {
        return said;
    }
    let calls = message.tool_requests.iter().map(|request| {
        let function = FunctionCall { name: request.name.clone(), arguments: request.arguments.clone() };
        ChatCompletionMessageToolCalls::Function(ChatCompletionMessageToolCall { id: request.id.clone(), function })
    });
    ChatCompletionRequestAssistantMessage {
        // Nothing rather than an empty text, which some servers refuse.
        content: said.content.filter(|_| !message.content.is_empty()),
        tool_calls: Some(calls.collect()),
        ..ChatCompletionRequestAssistantMessage::default()
    }
}

/// A tool. Not strict: that would need schemas that close all objects and require all properties, which few tools have.
fn tool(tool: &ToolSpec) -> ChatCompletionTools {
    ChatCompletionTools::Function(ChatCompletionTool {
        function: FunctionObject {
            name: tool.name.wire(),
            description: Some(tool.description.clone()).filter(|text| !text.is_empty()),
            parameters: Some(tool.parameters.clone()),
            strict: None,
        },
    })
}

/// The form of the answer, for the model to read.
fn in_words(output: &OutputSchema, with_tools: bool) -> String {
    let when = if with_tools { "When you need no more tools, answer" } else { "Answer" };
    format!("{when} with one JSON object that follows this JSON Schema, and with nothing else:\n{}", output.schema)
}

/// Whether `message`, with which a server refuses a request with tools, says that it knows none: there is no other way to offer them.
///
/// # Source
/// In this order: Ollama; `DeepSeek`; vLLM; llama.cpp; OpenRouter; OpenAI. As of 2025.
pub(super) fn lacks_tools(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "not support tools",
        "not support function calling",
        "tool choice requires",
        "tools param requires",
        "support tool use",
        "argument supplied: tools",
        "parameter: 'tools'",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{AgentName, CallOrigin, Effect, NodeId, NodePath, RunId, ToolName, ToolRequest};

    fn request(output: Option<Value>) -> ChatRequest {
        ChatRequest {
            origin: CallOrigin {
                run: RunId::generate(),
                node: NodePath::root(&NodeId::new("n").unwrap()),
                agent: AgentName::new("a").unwrap(),
                attempt: 1,
                ordinal: 0,
            },
            model: "m".to_owned(),
            messages: vec![ChatMessage::new(Role::System, "Be brief."), ChatMessage::new(Role::User, "Hi")],
            tools: Vec::new(),
            output: output.map(|schema| OutputSchema { name: "answer".to_owned(), schema, strict: true }),
            temperature: Some(0.2),
            max_tokens: Some(100),
        }
    }

    fn body(dialect: Dialect, request: &ChatRequest) -> Value {
        serde_json::from_slice(&dialect.body(request).unwrap()).unwrap()
    }

    #[test]
    fn a_plain_request_says_only_what_is_set() {
        let openai = Dialect::usual(true, false);
        assert_eq!(
            body(openai, &request(None)),
            json!({
                "model": "m",
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
                "temperature": 0.2, "max_completion_tokens": 100,
                "stream": true, "stream_options": {"include_usage": true},
            })
        );
        let bare = ChatRequest { temperature: None, max_tokens: None, ..request(None) };
        let keys: Vec<_> = body(openai, &bare).as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["messages", "model", "stream", "stream_options"]);
        assert_eq!(body(Dialect::usual(false, false), &request(None))["max_tokens"], 100);
    }

    #[test]
    fn a_schema_is_sent_as_a_response_format() {
        let schema = json!({"type": "object"});
        assert_eq!(
            body(Dialect::usual(true, false), &request(Some(schema.clone())))["response_format"],
            json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}})
        );
        let local = body(Dialect::usual(false, true), &request(Some(schema)));
        assert!(local["messages"][0]["content"].as_str().unwrap().ends_with("nothing else:\n{\"type\":\"object\"}"));
    }

    fn with_tools(request: ChatRequest) -> ChatRequest {
        let spec = ToolSpec {
            name: ToolName::new("mcp:github/look").unwrap(),
            description: "Looks.".to_owned(),
            parameters: json!({"type": "object", "properties": {"x": {"type": "integer"}}}),
            effect: Effect::Read,
        };
        ChatRequest { tools: vec![spec], ..request }
    }

    #[test]
    fn tools_are_offered_beside_the_form_of_the_answer() {
        let request = with_tools(request(Some(json!({"type": "object"}))));
        let body = body(Dialect::usual(false, true), &request);
        assert_eq!(
            body["tools"],
            json!([{"type": "function", "function": {
                "name": "mcp__github__look", "description": "Looks.", "parameters": request.tools[0].parameters,
            }}])
        );
        assert_eq!(body["response_format"]["type"], "json_schema");
        assert!(body["messages"][0]["content"].as_str().unwrap().contains("When you need no more tools, answer with one JSON"));
    }

    #[test]
    fn requests_and_their_results_are_messages() {
        let ask = |id: &str| ToolRequest { id: id.into(), name: "look".into(), arguments: "{\"x\":1".into() };
        let messages = vec![
            ChatMessage::new(Role::User, "Hi"),
            ChatMessage::requests("", vec![ask("a"), ask("b")]),
            ChatMessage::result("a", "one"),
            ChatMessage::result("b", ""),
            ChatMessage::requests("Again.", vec![ask("c")]),
        ];
        let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "look", "arguments": "{\"x\":1"}});
        assert_eq!(
            body(Dialect::usual(true, false), &ChatRequest { messages, ..with_tools(request(None)) })["messages"],
            json!([
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "tool_calls": [call("a"), call("b")]},
                {"role": "tool", "tool_call_id": "a", "content": "one"},
                {"role": "tool", "tool_call_id": "b", "content": ""},
                {"role": "assistant", "content": "Again.", "tool_calls": [call("c")]},
            ])
        );
    }

    #[test]
    fn a_server_without_tools_is_recognised_and_one_that_corrects_a_tool_is_not() {
        for message in [
            "registry.ollama.ai/library/gemma:2b does not support tools",
            "deepseek-reasoner does not support Function Calling",
            "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set",
            "tools param requires --jinja flag",
            "No endpoints found that support tool use.",
            "Unrecognized request argument supplied: tools",
            "Unsupported parameter: 'tools' is not supported with this model.",
        ] {
            assert!(lacks_tools(message), "{message}");
            assert_eq!(Dialect::usual(false, false).adapted(&with_tools(request(Some(json!({})))), message), None, "{message}");
        }
        for message in [
            "Invalid schema for function 'look': 'x' is not of type 'object'",
            "Invalid 'tools[0].function.name': string does not match pattern",
        ] {
            assert!(!lacks_tools(message), "{message}");
            assert_eq!(Dialect::usual(false, false).adapted(&with_tools(request(Some(json!({})))), message), None, "{message}");
        }
    }

    #[test]
    fn a_form_that_does_not_go_with_tools_is_asked_for_in_words() {
        for message in [
            "json mode cannot be combined with tool/function calling",
            "Function calling with a response mime type: 'application/json' is unsupported",
        ] {
            let request = with_tools(request(Some(json!({"type": "object"}))));
            let mut dialect = Dialect::usual(true, false);
            while let Some(other) = dialect.adapted(&request, message) {
                dialect = other;
            }
            let body = body(dialect, &request);
            assert!(body.get("response_format").is_none() && body["tools"].is_array(), "{message}: {body}");
        }
    }

    #[test]
    fn what_a_server_refuses_by_name_is_said_differently() {
        let request = request(Some(json!({"type": "object"})));
        let usual = Dialect::usual(false, false);
        let after = |dialect: Dialect, message: &str| dialect.adapted(&request, message);
        assert_eq!(after(usual, "Extra inputs are not permitted: stream_options"), Some(Dialect { usage: false, ..usual }));
        let tokens = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        let other = Dialect { token_limit: TokenLimit::CompletionTokens, ..usual };
        assert_eq!(after(usual, tokens), Some(other));
        assert_eq!(after(other, "unknown field max_completion_tokens"), Some(usual));
        assert_eq!(after(other, "max_completion_tokens is too large: 100"), None);
        let warm =
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.";
        assert_eq!(after(usual, warm), Some(Dialect { temperature: false, ..usual }));
        assert_eq!(after(usual, "model `x` not found"), None);
    }

    #[test]
    fn a_form_is_asked_for_in_weaker_and_weaker_ways() {
        let request = request(Some(json!({"type": "object"})));
        let mut dialect = Dialect::usual(false, false);
        let mut formats = Vec::new();
        while let Some(other) = dialect.adapted(&request, "This response_format type is unavailable now") {
            dialect = other;
            formats.push(body(dialect, &request)["response_format"]["type"].clone());
        }
        assert_eq!(formats, [json!("json_schema"), json!("json_object"), Value::Null]);
        assert!(body(dialect, &request)["messages"][0]["content"].as_str().unwrap().contains("JSON Schema"));
    }
}
