//! The two protocols of conversations: what is asked, and an answer in events or as one document.

use serde_json::{Value, json};

use crate::{document::smallest, http::Request, scenario::ToolCall};

/// Who defined how it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    OpenAi,
    Anthropic,
}

/// A question to a model.
pub(crate) struct Chat {
    protocol: Protocol,
    model: Value,
    /// The last message; of several results of tools in it, all.
    pub(crate) prompt: String,
    /// The first message of a user.
    pub(crate) first_prompt: String,
    /// How many answers the conversation has already.
    pub(crate) answers: u64,
    /// The answer is wanted in events.
    streamed: bool,
    /// What the answer has to follow.
    schema: Option<Value>,
    /// The tool whose input the answer is, in Anthropic's protocol.
    tool: Option<Value>,
}

/// An answer, before it is put on the wire.
pub(crate) struct Answer<'a> {
    pub(crate) text: &'a str,
    /// What it asks for, after the text.
    pub(crate) tool_calls: &'a [ToolCall],
    /// OpenAI's word for why it ends.
    pub(crate) finish: &'a str,
}

impl Chat {
    /// Reads a question; `None` when the request is none.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let protocol = match request.route() {
            path if path.ends_with("/chat/completions") => Protocol::OpenAi,
            path if path.ends_with("/messages") => Protocol::Anthropic,
            _ => return None,
        };
        if request.method != "POST" {
            return None;
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let first_prompt = messages.iter().find(|message| message["role"] == "user").map(text_of);
        let answers = messages.iter().filter(|message| message["role"] == "assistant").count();
        let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        // Beside other tools, the answer's is the last one.
        let tool = match body["tool_choice"]["type"].as_str() {
            Some("tool") => tools.iter().find(|tool| tool["name"] == body["tool_choice"]["name"]),
            Some("any") => tools.last(),
            _ => None,
        };
        let schema = [body.pointer("/response_format/json_schema/schema"), tool.map(|tool| &tool["input_schema"])];
        Some(Self {
            protocol,
            model: body["model"].clone(),
            prompt: messages.last().map(text_of).unwrap_or_default(),
            first_prompt: first_prompt.unwrap_or_default(),
            answers: answers as u64,
            streamed: body["stream"] == true,
            schema: schema.into_iter().flatten().next().cloned(),
            tool: tool.filter(|_| protocol == Protocol::Anthropic).map(|tool| tool["name"].clone()),
        })
    }

    /// What is answered when nothing else is said.
    pub(crate) fn usual(&self) -> String {
        self.schema.as_ref().map_or_else(|| format!("<{}>", self.prompt.len()), |schema| smallest(schema).to_string())
    }

    /// The media type and the body of an answer, in the form that is wanted.
    pub(crate) fn body(&self, answer: &Answer<'_>) -> (&'static str, String) {
        if self.streamed {
            ("text/event-stream", self.events(answer).concat())
        } else {
            ("application/json", self.document(answer).to_string())
        }
    }

    /// The answer as the events of a stream: one that begins, at least one with text, those that end it.
    pub(crate) fn events(&self, answer: &Answer<'_>) -> Vec<String> {
        match self.protocol {
            Protocol::OpenAi => self.chunks(answer),
            Protocol::Anthropic => self.message_events(answer),
        }
    }

    /// The events before the text and after it.
    pub(crate) fn around_text(&self) -> (usize, usize) {
        match self.protocol {
            Protocol::OpenAi => (1, 3),
            Protocol::Anthropic => (2, 3),
        }
    }

    /// An event with a piece of text.
    pub(crate) fn piece(&self, text: &str) -> String {
        match self.protocol {
            Protocol::OpenAi => self.chunk(&json!({ "content": text }), &Value::Null),
            Protocol::Anthropic => {
                let delta = match self.tool {
                    None => json!({ "type": "text_delta", "text": text }),
                    Some(_) => json!({ "type": "input_json_delta", "partial_json": text }),
                };
                block_delta(0, &delta)
            }
        }
    }

    /// An event that reports an error.
    pub(crate) fn error_event(&self, error: Option<&Value>) -> String {
        let usual = json!({ "type": "server_error", "message": "as the scenario says" });
        let error = error.unwrap_or(&usual);
        match self.protocol {
            Protocol::OpenAi => unnamed(&json!({ "error": error })),
            Protocol::Anthropic => named(&json!({ "type": "error", "error": error })),
        }
    }

    fn usage(&self, text: &str) -> (usize, usize) {
        (self.prompt.len() / 4 + 1, text.len() / 4 + 1)
    }

    fn chunk(&self, delta: &Value, finish: &Value) -> String {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        unnamed(&json!({ "id": "c", "object": "chat.completion.chunk", "created": 0, "model": self.model, "choices": [choice] }))
    }

    fn chunks(&self, answer: &Answer<'_>) -> Vec<String> {
        let (input, output) = self.usage(answer.text);
        let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
        let mut events = vec![self.chunk(&json!({ "role": "assistant", "content": "" }), &Value::Null)];
        events.extend(pieces(answer.text).map(|piece| self.piece(piece)));
        for (number, call) in answer.tool_calls.iter().enumerate() {
            let piece = |call: &Value| self.chunk(&json!({ "tool_calls": [call] }), &Value::Null);
            let function = json!({ "name": call.name, "arguments": "" });
            events.push(piece(&json!({ "index": number, "id": self.id(number), "type": "function", "function": function })));
            let more = |text: &str| piece(&json!({ "index": number, "function": { "arguments": text } }));
            events.extend(pieces(&call.arguments()).map(more));
        }
        events.push(self.chunk(&json!({}), &json!(finish_reason(answer))));
        events.push(unnamed(&json!({ "id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage })));
        events.push("data: [DONE]\n\n".to_owned());
        events
    }

    fn message_events(&self, answer: &Answer<'_>) -> Vec<String> {
        let (input, output) = self.usage(answer.text);
        let usage = json!({ "input_tokens": input, "output_tokens": 1 });
        let message = json!({ "id": "m", "role": "assistant", "model": self.model, "content": [], "usage": usage });
        let mut events = vec![named(&json!({ "type": "message_start", "message": message }))];
        for (number, block) in self.blocks(answer).into_iter().enumerate() {
            let (empty, kind, key, text) = match block {
                Block::Text(text) => (json!({ "type": "text", "text": "" }), "text_delta", "text", text),
                Block::Call { id, name, input } => (
                    json!({ "type": "tool_use", "id": id, "name": name, "input": {} }),
                    "input_json_delta",
                    "partial_json",
                    input,
                ),
            };
            events.push(named(&json!({ "type": "content_block_start", "index": number, "content_block": empty })));
            events.extend(pieces(&text).map(|piece| block_delta(number, &json!({ "type": kind, key: piece }))));
            events.push(named(&json!({ "type": "content_block_stop", "index": number })));
        }
        let delta = json!({ "stop_reason": self.stop_reason(answer) });
        events.push(named(&json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": output } })));
        events.push(named(&json!({ "type": "message_stop" })));
        events
    }

    fn document(&self, answer: &Answer<'_>) -> Value {
        let (input, output) = self.usage(answer.text);
        match self.protocol {
            Protocol::OpenAi => {
                let mut message = json!({ "role": "assistant", "content": answer.text });
                if !answer.tool_calls.is_empty() {
                    let call = |(number, call): (usize, &ToolCall)| {
                        let function = json!({ "name": call.name, "arguments": call.arguments() });
                        json!({ "id": self.id(number), "type": "function", "function": function })
                    };
                    message["tool_calls"] = answer.tool_calls.iter().enumerate().map(call).collect();
                }
                json!({
                    "id": "c", "object": "chat.completion", "created": 0, "model": self.model,
                    "choices": [{ "index": 0, "message": message, "finish_reason": finish_reason(answer) }],
                    "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output },
                })
            }
            Protocol::Anthropic => {
                let block = |block| match block {
                    Block::Text(text) => json!({ "type": "text", "text": text }),
                    Block::Call { id, name, input } => {
                        let input: Value = serde_json::from_str(&input).unwrap_or_else(|_| json!(input));
                        json!({ "type": "tool_use", "id": id, "name": name, "input": input })
                    }
                };
                let blocks: Vec<_> = self.blocks(answer).into_iter().map(block).collect();
                json!({
                    "id": "m", "type": "message", "role": "assistant", "model": self.model, "content": blocks,
                    "stop_reason": self.stop_reason(answer), "usage": { "input_tokens": input, "output_tokens": output },
                })
            }
        }
    }

    /// The blocks of an answer in Anthropic's protocol: its text, or the call that is a structured answer; then what it asks for.
    fn blocks(&self, answer: &Answer<'_>) -> Vec<Block> {
        let text = answer.text.to_owned();
        let first = match &self.tool {
            Some(name) if answer.tool_calls.is_empty() => {
                Some(Block::Call { id: "t".to_owned(), name: name.clone(), input: text })
            }
            _ => Some(Block::Text(text)).filter(|_| answer.tool_calls.is_empty() || !answer.text.is_empty()),
        };
        let call = |(number, call): (usize, &ToolCall)| Block::Call {
            id: self.id(number),
            name: json!(call.name),
            input: call.arguments(),
        };
        first.into_iter().chain(answer.tool_calls.iter().enumerate().map(call)).collect()
    }

    /// The id of a call, which no other one has in the conversation.
    fn id(&self, number: usize) -> String {
        format!("call_{}_{number}", self.answers)
    }

    /// Anthropic's word for why an answer ends.
    fn stop_reason(&self, answer: &Answer<'_>) -> &'static str {
        match answer.finish {
            "length" => "max_tokens",
            "content_filter" => "refusal",
            _ if self.tool.is_some() || !answer.tool_calls.is_empty() => "tool_use",
            _ => "end_turn",
        }
    }
}

/// A part of an answer in Anthropic's protocol.
enum Block {
    Text(String),
    Call { id: String, name: Value, input: String },
}

/// OpenAI's word for why an answer ends.
fn finish_reason<'a>(answer: &Answer<'a>) -> &'a str {
    if answer.finish == "stop" && !answer.tool_calls.is_empty() { "tool_calls" } else { answer.finish }
}

/// What a message says: a text, or the texts and results among its parts.
fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str().or_else(|| part["content"].as_str())).collect()
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn block_delta(index: usize, delta: &Value) -> String {
    named(&json!({ "type": "content_block_delta", "index": index, "delta": delta }))
}

/// A text in two, near its middle.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let middle = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let (first, second) = text.split_at(middle);
    [first, second].into_iter().filter(|piece| !piece.is_empty())
}

fn unnamed(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn named(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}
