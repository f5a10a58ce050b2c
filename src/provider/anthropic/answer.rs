//! Reads Anthropic's messages, streamed or whole.

use crate::{
    model::{FinishReason, Usage},
    provider::{
        OnText,
        calls::Call,
        stream::{Draft, Json, Protocol, tell},
    },
};

/// Anthropic's messages.
///
/// # Source
/// Anthropic API reference, "Streaming Messages" and "Create a Message".
pub(in crate::provider) struct Messages<'a> {
    /// The tool whose input is the answer, if it is a structured one; text is only talk then.
    pub(in crate::provider) answer_tool: Option<&'a str>,
}

impl Protocol for Messages<'_> {
    fn event(&self, data: &Json<'_>, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
        let Some(kind) = data.get("type").as_str() else { return Err("sent an event without a type") };
        let index = data.get("index").as_u64();
        match kind {
            "message_start" => {
                let message = data.get("message");
                if message.is_null() {
                    return Err("sent a `message_start` without a message");
                }
                if draft.begun {
                    return Err("began its answer twice");
                }
                head(message, draft);
            }
            "content_block_start" => self.block(data.get("content_block"), index, draft, on_text)?,
            "content_block_delta" => {
                let delta = data.get("delta");
                let text = |key: &'static str| delta.get(key).as_str().unwrap_or_default();
                match delta.get("type").as_str() {
                    Some("text_delta") => self.talk(text("text"), draft, on_text),
                    Some("input_json_delta") => self.input(text("partial_json"), index, draft, on_text),
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

    fn document(&self, data: &Json<'_>, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
        let Some(blocks) = data.get("content").as_array() else {
            return Err("answered with JSON that is no message");
        };
        head(data, draft);
        for block in blocks {
            self.block(block, None, draft, on_text)?;
        }
        finish(data, draft);
        Ok(())
    }
}

impl Messages<'_> {
    /// A block that begins, or is whole.
    fn block(&self, block: &Json<'_>, index: Option<u64>, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
        let text = |key: &'static str| block.get(key).as_str().unwrap_or_default();
        match block.get("type").as_str() {
            Some("text") => self.talk(text("text"), draft, on_text),
            Some("tool_use") => {
                draft.begun = true;
                let call = Call { index, id: text("id").to_owned(), name: text("name").to_owned(), arguments: String::new() };
                draft.calls.begin(call)?;
                // In a stream it is empty, and comes in pieces.
                let input = block.get("input");
                if !input.is_null() && input.as_object().is_none_or(|fields| !fields.is_empty()) {
                    self.input(&input.to_string(), index, draft, on_text);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Text: the answer, unless a tool's input is. It is kept in case that tool is not called.
    fn talk(&self, text: &str, draft: &mut Draft, on_text: &OnText<'_>) {
        draft.begun = true;
        draft.add(text, if self.answer_tool.is_some() { &|_| () } else { on_text });
    }

    /// A piece of the input of the call in block `index`.
    fn input(&self, json: &str, index: Option<u64>, draft: &mut Draft, on_text: &OnText<'_>) {
        let place = draft.calls.latest(|call| index.is_none() || call.index == index);
        let Some(call) = place.and_then(|place| draft.calls.at(place)) else { return };
        call.arguments.push_str(json);
        if self.answer_tool == Some(call.name.as_str()) {
            tell(json, on_text);
        }
    }
}

fn head(message: &Json<'_>, draft: &mut Draft) {
    draft.begun = true;
    draft.usage = usage_of(message.get("usage"), draft.usage);
    draft.model = message.get("model").as_str().map(str::to_owned);
}

fn finish(of: &Json<'_>, draft: &mut Draft) {
    draft.finish = match of.get("stop_reason").as_str() {
        None => draft.finish,
        Some("max_tokens" | "model_context_window_exceeded") => Some(FinishReason::Length),
        Some("refusal") => Some(FinishReason::ContentFilter),
        // `end_turn`, `stop_sequence`, `tool_use`, `pause_turn`.
        Some(_) => Some(FinishReason::Stop),
    };
}

/// The usage by now: the counts are cumulative, and those that are not told stay.
fn usage_of(usage: &Json<'_>, before: Option<Usage>) -> Option<Usage> {
    let count = |key: &'static str| usage.get(key).as_u64();
    let mut known = before.unwrap_or_default();
    let (input, output) = (count("input_tokens"), count("output_tokens"));
    if let Some(fresh) = input {
        let cached = count("cache_read_input_tokens").unwrap_or(0);
        known.cached_tokens = cached;
        let kept = count("cache_creation_input_tokens").unwrap_or(0);
        known.input_tokens = fresh.saturating_add(cached).saturating_add(kept);
    }
    known.output_tokens = output.unwrap_or(known.output_tokens);
    if input.is_none() && output.is_none() { before } else { Some(known) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::{Value, json};

    use super::*;

    fn read(answer_tool: Option<&str>, events: &[Value]) -> (Draft, String) {
        let heard = Mutex::new(String::new());
        let mut draft = Draft::default();
        for event in events {
            let text = event.to_string();
            let data = serde_json::from_str(&text).unwrap();
            Messages { answer_tool }.event(&data, &mut draft, &|text| heard.lock().unwrap().push_str(text)).unwrap();
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
            None,
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
        let mut take = || Messages { answer_tool: None }.event(&(&start()).into(), &mut draft, &|_| ());
        assert_eq!((take(), take()), (Ok(()), Err("began its answer twice")));
    }

    #[test]
    fn a_structured_answer_is_the_input_of_its_tool() {
        let (mut draft, heard) = read(
            Some("answer"),
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
        assert_eq!((draft.calls.take("answer").as_deref(), heard.as_str()), (Some("{\"a\":1}"), "{\"a\":1}"));
        assert_eq!(draft.finish, Some(FinishReason::Stop));
    }

    #[test]
    fn calls_are_told_apart_by_their_block() {
        let block = |index: u64, id: &str, name: &str| {
            let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
            json!({"type": "content_block_start", "index": index, "content_block": block})
        };
        let piece = |index: u64, json: &str| json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": json}});
        let (draft, heard) = read(
            None,
            &[
                start(),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "I look."}}),
                block(1, "t1", "add"),
                piece(1, "{\"x\":"),
                block(2, "t2", "now"),
                piece(1, "1}"),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
            ],
        );
        let requests = draft.calls.into_requests(&[], false).unwrap();
        let told: Vec<_> = requests.iter().map(|request| [&request.id, &request.name, &request.arguments]).collect();
        assert_eq!(told, [["t1", "add", "{\"x\":1}"], ["t2", "now", "{}"]]);
        assert_eq!((draft.content.as_str(), heard.as_str()), ("I look.", "I look."));
    }

    #[test]
    fn a_whole_message_is_read() {
        let mut draft = Draft::default();
        let message = json!({
            "model": "claude-x", "stop_reason": "max_tokens", "usage": {"input_tokens": 3, "output_tokens": 4},
            "content": [{"type": "text", "text": "So:"}, {"type": "tool_use", "name": "answer", "input": {"a": 1}}],
        });
        let text = message.to_string();
        let data = serde_json::from_str(&text).unwrap();
        Messages { answer_tool: Some("answer") }.document(&data, &mut draft, &|_| ()).unwrap();
        assert_eq!(
            (draft.content.as_str(), draft.calls.take("answer").as_deref(), draft.finish),
            ("So:", Some("{\"a\":1}"), Some(FinishReason::Length))
        );
        assert_eq!(draft.usage, Some(Usage { input_tokens: 3, cached_tokens: 0, output_tokens: 4 }));
    }

    #[test]
    fn counts_that_no_message_can_have_are_taken_as_the_most_there_are() {
        let usage =
            json!({"input_tokens": u64::MAX, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7, "output_tokens": 1});
        let text = usage.to_string();
        let usage = serde_json::from_str(&text).unwrap();
        assert_eq!(usage_of(&usage, None), Some(Usage { input_tokens: u64::MAX, cached_tokens: 5, output_tokens: 1 }));
    }

    #[test]
    fn refusals_and_wrong_events_are_told() {
        let (draft, _) = read(None, &[json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}})]);
        assert_eq!(draft.finish, Some(FinishReason::ContentFilter));
        let protocol = Messages { answer_tool: None };
        assert!(protocol.event(&(&json!({})).into(), &mut Draft::default(), &|_| ()).is_err());
        assert!(protocol.document(&(&json!({"id": 1})).into(), &mut Draft::default(), &|_| ()).is_err());
        protocol.event(&(&json!({"type": "content_block_delta"})).into(), &mut Draft::default(), &|_| ()).unwrap();
    }
}
