//! Reads chat completions, streamed or whole, from servers that leave out or add what they like.

use std::borrow::Cow;

use crate::{
    model::{FinishReason, Usage},
    provider::{
        OnText,
        openai::tool_calls,
        stream::{Draft, Json, Protocol},
    },
};

/// OpenAI's chat completions.
///
/// # Source
/// OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
pub(in crate::provider) struct Completions;

impl Protocol for Completions {
    fn event(&self, data: &Json<'_>, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
        take(data, draft, on_text)
    }

    fn document(&self, data: &Json<'_>, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
        if data.get("choices").is_null() {
            return Err("answered with JSON that is no chat completion");
        }
        take(data, draft, on_text)
    }
}

fn take(data: &Json<'_>, draft: &mut Draft, on_text: &OnText<'_>) -> Result<(), &'static str> {
    if !data.is_object() {
        return Err("sent an event that is no object");
    }
    if let Some(model) = data.get("model").as_str().filter(|model| !model.is_empty() && draft.model.as_deref() != Some(*model)) {
        draft.model = Some(model.to_owned());
    }
    // Groq reports the usage of a stream apart.
    let usage = [data.get("usage"), data.get("x_groq").get("usage")].into_iter().find_map(usage_of);
    draft.usage = usage.or(draft.usage);
    let choices = match data.get("choices") {
        Json::Null => return Ok(()),
        Json::Array(choices) => choices,
        _ => return Err("sent an event whose `choices` are no list"),
    };
    // Only one choice was asked for; some servers number it differently.
    let Some(choice) = choices.first() else { return Ok(()) };
    draft.begun = true;
    let (message, is_whole) = match choice.get("delta") {
        Json::Null => (choice.get("message"), true),
        delta => (delta, false),
    };
    draft.add(&text_of(message.get("content")), on_text);
    draft.refusal.push_str(&text_of(message.get("refusal")));
    tool_calls::take(message.get("tool_calls"), is_whole, &mut draft.calls)?;
    match choice.get("finish_reason") {
        Json::Str(reason) => draft.finish = Some(finish_of(reason)?),
        Json::Null => {}
        _ => return Err("sent an event whose `finish_reason` is no string"),
    }
    Ok(())
}

/// Text, or the text among typed parts; reasoning is not among the answer.
fn text_of<'a>(content: &'a Json<'_>) -> Cow<'a, str> {
    match content {
        Json::Str(text) => Cow::Borrowed(text),
        Json::Array(parts) => parts
            .iter()
            .filter(|part| part.get("type").as_str().is_none_or(|kind| matches!(kind, "text" | "output_text")))
            .filter_map(|part| part.get("text").as_str())
            .collect(),
        _ => Cow::Borrowed(""),
    }
}

fn finish_of(reason: &str) -> Result<FinishReason, &'static str> {
    match reason.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "max_output_tokens" | "model_length" => Ok(FinishReason::Length),
        "content_filter" | "safety" | "refusal" | "recitation" | "prohibited_content" => Ok(FinishReason::ContentFilter),
        "error" => Err("broke off its answer with an error it does not name"),
        // `stop`, `eos`, `end_turn`, `tool_calls`, and what further servers call it.
        _ => Ok(FinishReason::Stop),
    }
}

/// The usage, if any of its counts is there.
fn usage_of(usage: &Json<'_>) -> Option<Usage> {
    let count = |name: &'static str| usage.get(name).as_u64();
    let (input, output) = (count("prompt_tokens"), count("completion_tokens"));
    if input.is_none() && output.is_none() {
        return None;
    }
    let total = count("total_tokens");
    let rest = |known: Option<u64>| total.zip(known).map_or(0, |(total, known)| total.saturating_sub(known));
    let cached = usage.get("prompt_tokens_details").get("cached_tokens").as_u64();
    Some(Usage {
        input_tokens: input.unwrap_or_else(|| rest(output)),
        // The second name is DeepSeek's.
        cached_tokens: cached.or_else(|| count("prompt_cache_hit_tokens")).unwrap_or(0),
        output_tokens: output.unwrap_or_else(|| rest(input)),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::{Value, json};

    use super::*;

    fn read(events: &[Value]) -> (Draft, String) {
        let heard = Mutex::new(String::new());
        let mut draft = Draft::default();
        for event in events {
            let text = event.to_string();
            let data = serde_json::from_str(&text).unwrap();
            Completions.event(&data, &mut draft, &|text| heard.lock().unwrap().push_str(text)).unwrap();
        }
        (draft, heard.into_inner().unwrap())
    }

    #[test]
    fn a_stream_of_openai_is_read() {
        let (draft, heard) = read(&[
            json!({"model": "gpt-5-mini-2025-08-07", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}], "usage": null}),
            json!({"choices": [{"delta": {"content": "Hel"}}]}),
            json!({"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "prompt_tokens_details": {"cached_tokens": 4}}}),
        ]);
        assert_eq!((draft.content.as_str(), heard.as_str()), ("Hello", "Hello"));
        assert_eq!((draft.finish, draft.model.as_deref()), (Some(FinishReason::Stop), Some("gpt-5-mini-2025-08-07")));
        assert_eq!(draft.usage, Some(Usage { input_tokens: 9, cached_tokens: 4, output_tokens: 2 }));
    }

    #[test]
    fn what_is_missing_or_more_does_no_harm() {
        let (draft, _) = read(&[
            json!({}),
            json!({"choices": null}),
            json!({"choices": [{}]}),
            json!({"choices": [{"delta": null}], "model": null, "usage": {}}),
            json!({"choices": [{"delta": {"reasoning_content": "hm", "content": null}}]}),
            json!({"choices": [{"message": {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}, {"text": "b"}]}}]}),
            json!({"choices": [{"delta": {"content": "c"}, "finish_reason": "eos"}], "x_groq": {"usage": {"prompt_tokens": 1, "total_tokens": 3}}}),
        ]);
        assert_eq!((draft.content.as_str(), draft.finish), ("abc", Some(FinishReason::Stop)));
        assert_eq!(draft.usage, Some(Usage { input_tokens: 1, cached_tokens: 0, output_tokens: 2 }));
    }

    #[test]
    fn reasons_to_stop_are_told_apart() {
        for (reason, expected) in [
            ("stop", FinishReason::Stop),
            ("STOP", FinishReason::Stop),
            ("tool_calls", FinishReason::Stop),
            ("length", FinishReason::Length),
            ("content_filter", FinishReason::ContentFilter),
        ] {
            assert_eq!(finish_of(reason), Ok(expected));
        }
        assert!(finish_of("error").is_err());
        let (draft, _) = read(&[json!({"choices": [{"delta": {"refusal": "I can't"}, "finish_reason": "stop"}]})]);
        assert_eq!(draft.refusal, "I can't");
    }

    #[test]
    fn wrong_types_are_refused() {
        for wrong in [json!([]), json!("x"), json!({"choices": {}}), json!({"choices": [{"finish_reason": 1}]})] {
            assert!(Completions.event(&(&wrong).into(), &mut Draft::default(), &|_| ()).is_err(), "{wrong}");
        }
        assert!(Completions.document(&(&json!({"id": 1})).into(), &mut Draft::default(), &|_| ()).is_err());
    }
}
