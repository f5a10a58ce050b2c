//! Reads Anthropic's messages, streamed or whole.

use crate::{
    model::{FinishReason, Usage, Value},
    provider::{
        OnText,
        stream::{Draft, Protocol},
    },
};

/// Anthropic's messages.
///
/// # Source
/// Anthropic API reference, "Streaming Messages" and "Create a Message".
pub(super) struct Messages {
    /// The answer is the input of a tool; text around it is only talk.
    pub(super) structured: bool,
}

impl Protocol for Messages {
    fn event(&self, data: &Value, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
        let Some(kind) = data.get("type").and_then(Value::as_str) else { return Err("sent an event without a type") };
        match kind {
            "message_start" => {
                let message = data.get("message").ok_or("sent a `message_start` without a message")?;
                if draft.begun {
                    return Err("began its answer twice");
                }
                head(message, draft);
            }
            "content_block_start" => self.block(data.get("content_block"), draft, on_text),
            "content_block_delta" => {
                let text = |key: &str| data.pointer(key).and_then(Value::as_str).unwrap_or_default();
                match data.pointer("/delta/type").and_then(Value::as_str) {
                    Some("text_delta") => self.talk(text("/delta/text"), draft, on_text),
                    Some("input_json_delta") => self.answer(text("/delta/partial_json"), draft, on_text),
                    // Thinking and signatures.
                    _ => {}
                }
            }
            "message_delta" => {
                draft.usage = usage_of(data.get("usage"), draft.usage);
                finish(data.get("delta"), draft);
            }
            "message_stop" => draft.ended = true,
            // `ping`, `content_block_stop`, and what may come to be.
            _ => {}
        }
        Ok(())
    }

    fn document(&self, data: &Value, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
        let Some(blocks) = data.get("content").and_then(Value::as_array) else {
            return Err("answered with JSON that is no message");
        };
        head(data, draft);
        for block in blocks {
            self.block(Some(block), draft, on_text);
        }
        finish(Some(data), draft);
        Ok(())
    }
}

impl Messages {
    /// A block that begins, or is whole.
    fn block(&self, block: Option<&Value>, draft: &mut Draft, on_text: &OnText<'_>) {
        let Some(block) = block else { return };
        match block.get("type").and_then(Value::as_str) {
            Some("text") => self.talk(block.get("text").and_then(Value::as_str).unwrap_or_default(), draft, on_text),
            Some("tool_use") if self.structured => {
                // What was said before the answer is not part of it.
                draft.content.clear();
                let input = block.get("input").filter(|input| input.as_object().is_some_and(|fields| !fields.is_empty()));
                if let Some(input) = input {
                    self.answer(&input.to_string(), draft, on_text);
                }
            }
            _ => {}
        }
    }

    /// Text: the answer, unless a tool's input is. It is kept in case no tool is called.
    fn talk(&self, text: &str, draft: &mut Draft, on_text: &OnText<'_>) {
        draft.begun = true;
        draft.add(text, if self.structured { &|_| () } else { on_text });
    }

    fn answer(&self, json: &str, draft: &mut Draft, on_text: &OnText<'_>) {
        if self.structured {
            draft.begun = true;
            draft.add(json, on_text);
        }
    }
}

fn head(message: &Value, draft: &mut Draft) {
    draft.begun = true;
    draft.usage = usage_of(message.get("usage"), draft.usage);
    draft.model = message.get("model").and_then(Value::as_str).map(str::to_owned);
}

fn finish(of: Option<&Value>, draft: &mut Draft) {
    let reason = of.and_then(|delta| delta.get("stop_reason")).and_then(Value::as_str);
    draft.finish = match reason {
        None => draft.finish,
        Some("max_tokens" | "model_context_window_exceeded") => Some(FinishReason::Length),
        Some("refusal") => Some(FinishReason::ContentFilter),
        // `end_turn`, `stop_sequence`, `tool_use`, `pause_turn`.
        Some(_) => Some(FinishReason::Stop),
    };
}

/// The usage by now: the counts are cumulative, and those that are not told stay.
fn usage_of(usage: Option<&Value>, before: Option<Usage>) -> Option<Usage> {
    let count = |key: &str| usage.and_then(|usage| usage.get(key)).and_then(Value::as_u64);
    let mut known = before.unwrap_or_default();
    let (input, output) = (count("input_tokens"), count("output_tokens"));
    if let Some(fresh) = input {
        let cached = count("cache_read_input_tokens").unwrap_or(0);
        known.cached_tokens = cached;
        known.input_tokens = fresh + cached + count("cache_creation_input_tokens").unwrap_or(0);
    }
    known.output_tokens = output.unwrap_or(known.output_tokens);
    if input.is_none() && output.is_none() { before } else { Some(known) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;

    fn read(structured: bool, events: &[Value]) -> (Draft, String) {
        let heard = Mutex::new(String::new());
        let mut draft = Draft::default();
        for event in events {
            Messages { structured }.event(event, &mut draft, &|text| heard.lock().unwrap().push_str(text)).unwrap();
        }
        (draft, heard.into_inner().unwrap())
    }

    fn start() -> Value {
        let usage =
            json!({"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1});
        json!({"type": "message_start", "message": {"model": "claude-x", "content": [], "usage": usage}})
    }

    #[test]
    fn text_is_read_with_its_usage() {
        let (draft, heard) = read(
            false,
            &[
                start(),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                json!({"type": "ping"}),
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}),
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}}),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}}),
                json!({"type": "message_stop"}),
            ],
        );
        assert_eq!((draft.content.as_str(), heard.as_str(), draft.ended), ("Hello", "Hello", true));
        assert_eq!(draft.usage, Some(Usage { input_tokens: 115, cached_tokens: 100, output_tokens: 15 }));
        assert_eq!((draft.finish, draft.model.as_deref()), (Some(FinishReason::Stop), Some("claude-x")));
    }

    #[test]
    fn a_message_that_begins_twice_is_refused() {
        let mut draft = Draft::default();
        let mut take = || Messages { structured: false }.event(&start(), &mut draft, &|_| ());
        assert_eq!((take(), take()), (Ok(()), Err("began its answer twice")));
    }

    #[test]
    fn a_structured_answer_is_the_input_of_its_tool() {
        let (draft, heard) = read(
            true,
            &[
                start(),
                json!({"type": "content_block_start", "content_block": {"type": "text", "text": "Let me see."}}),
                json!({"type": "content_block_start", "content_block": {"type": "tool_use", "name": "answer", "input": {}}}),
                json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": ""}}),
                json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{\"a\""}}),
                json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": ":1}"}}),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
            ],
        );
        assert_eq!((draft.content.as_str(), heard.as_str()), ("{\"a\":1}", "{\"a\":1}"));
        assert_eq!(draft.finish, Some(FinishReason::Stop));
    }

    #[test]
    fn a_whole_message_is_read() {
        let mut draft = Draft::default();
        let message = json!({
            "model": "claude-x", "stop_reason": "max_tokens", "usage": {"input_tokens": 3, "output_tokens": 4},
            "content": [{"type": "text", "text": "So:"}, {"type": "tool_use", "name": "answer", "input": {"a": 1}}],
        });
        Messages { structured: true }.document(&message, &mut draft, &|_| ()).unwrap();
        assert_eq!((draft.content.as_str(), draft.finish), ("{\"a\":1}", Some(FinishReason::Length)));
        assert_eq!(draft.usage, Some(Usage { input_tokens: 3, cached_tokens: 0, output_tokens: 4 }));
    }

    #[test]
    fn refusals_and_wrong_events_are_told() {
        let (draft, _) = read(false, &[json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}})]);
        assert_eq!(draft.finish, Some(FinishReason::ContentFilter));
        let protocol = Messages { structured: false };
        assert!(protocol.event(&json!({}), &mut Draft::default(), &|_| ()).is_err());
        assert!(protocol.document(&json!({"id": 1}), &mut Draft::default(), &|_| ()).is_err());
        protocol.event(&json!({"type": "content_block_delta"}), &mut Draft::default(), &|_| ()).unwrap();
    }
}
