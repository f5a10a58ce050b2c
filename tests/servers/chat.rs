//! The two protocols of conversations: what is asked, and an answer in events or as one document.

use serde_json::{Value, json};

use crate::{document::smallest, http::Request};

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
    /// The last message.
    pub(crate) prompt: String,
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
        let content = &body["messages"].as_array().and_then(|messages| messages.last()).unwrap_or(&Value::Null)["content"];
        let prompt = match content {
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let tool = Some(&body["tools"][0]).filter(|_| body["tool_choice"].is_object()).map(|tool| tool["name"].clone());
        let schema = [
            body.pointer("/response_format/json_schema/schema"),
            body.pointer("/tools/0/input_schema").filter(|_| tool.is_some()),
        ];
        Some(Self {
            protocol,
            model: body["model"].clone(),
            prompt,
            streamed: body["stream"] == true,
            schema: schema.into_iter().flatten().next().cloned(),
            tool: tool.filter(|_| protocol == Protocol::Anthropic),
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
                named(&json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
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
        events.push(self.chunk(&json!({}), &json!(answer.finish)));
        events.push(unnamed(&json!({ "id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage })));
        events.push("data: [DONE]\n\n".to_owned());
        events
    }

    fn message_events(&self, answer: &Answer<'_>) -> Vec<String> {
        let (input, output) = self.usage(answer.text);
        let block = match &self.tool {
            None => json!({ "type": "text", "text": "" }),
            Some(name) => json!({ "type": "tool_use", "id": "t", "name": name, "input": {} }),
        };
        let usage = json!({ "input_tokens": input, "output_tokens": 1 });
        let message = json!({ "id": "m", "role": "assistant", "model": self.model, "content": [], "usage": usage });
        let mut events = vec![
            named(&json!({ "type": "message_start", "message": message })),
            named(&json!({ "type": "content_block_start", "index": 0, "content_block": block })),
        ];
        events.extend(pieces(answer.text).map(|piece| self.piece(piece)));
        events.push(named(&json!({ "type": "content_block_stop", "index": 0 })));
        let delta = json!({ "stop_reason": self.stop_reason(answer.finish) });
        events.push(named(&json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": output } })));
        events.push(named(&json!({ "type": "message_stop" })));
        events
    }

    fn document(&self, answer: &Answer<'_>) -> Value {
        let (input, output) = self.usage(answer.text);
        match self.protocol {
            Protocol::OpenAi => {
                let message = json!({ "role": "assistant", "content": answer.text });
                json!({
                    "id": "c", "object": "chat.completion", "created": 0, "model": self.model,
                    "choices": [{ "index": 0, "message": message, "finish_reason": answer.finish }],
                    "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output },
                })
            }
            Protocol::Anthropic => {
                let block = match &self.tool {
                    None => json!({ "type": "text", "text": answer.text }),
                    Some(name) => {
                        let input: Value = serde_json::from_str(answer.text).unwrap_or_else(|_| json!(answer.text));
                        json!({ "type": "tool_use", "id": "t", "name": name, "input": input })
                    }
                };
                json!({
                    "id": "m", "type": "message", "role": "assistant", "model": self.model, "content": [block],
                    "stop_reason": self.stop_reason(answer.finish), "usage": { "input_tokens": input, "output_tokens": output },
                })
            }
        }
    }

    /// Anthropic's word for why an answer ends.
    fn stop_reason(&self, finish: &str) -> &'static str {
        match finish {
            "length" => "max_tokens",
            "content_filter" => "refusal",
            _ if self.tool.is_some() => "tool_use",
            _ => "end_turn",
        }
    }
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
