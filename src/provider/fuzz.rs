//! What servers send, given to its readers as it is: for fuzz targets, and no part of the interface.

use std::{sync::Mutex, time::Duration};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    model::FinishReason,
    provider::{
        anthropic::answer::Messages,
        openai::answer::Completions,
        refusal::{Refusal, requested_delay},
        sse::{SseEvent, SseParser},
        stream::{Draft, Protocol},
    },
};

/// The events in a stream that arrives in `pieces`, each with its type; none when it is no text.
#[must_use]
pub fn events(pieces: &[&[u8]]) -> Option<Vec<(String, String)>> {
    let mut parser = SseParser::default();
    let mut events: Vec<SseEvent> = Vec::new();
    for piece in pieces {
        events.extend(parser.push(piece).ok()?);
    }
    events.extend(parser.finish());
    Some(events.into_iter().map(|event| (event.name, event.data)).collect())
}

/// Which servers speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// Those with OpenAI's chat completions.
    Completions,
    /// Anthropic's.
    Messages,
}

/// An answer as far as events tell it.
#[derive(Debug)]
pub struct Told {
    /// Its text.
    pub content: String,
    /// The pieces that a listener was told.
    pub heard: Vec<String>,
    /// Why it ended.
    pub finish: Option<FinishReason>,
}

/// What the JSON `documents` of a stream make of an answer, up to the first that is refused.
#[must_use]
pub fn answer(spoken: Spoken, documents: &[serde_json::Value]) -> Told {
    let heard = Mutex::new(Vec::new());
    let on_text = |text: &str| {
        if let Ok(mut heard) = heard.lock() {
            heard.push(text.to_owned());
        }
    };
    let protocol: &dyn Protocol = match spoken {
        Spoken::Completions => &Completions,
        Spoken::Messages => &Messages { answer_tool: None },
    };
    let mut draft = Draft::default();
    for document in documents {
        let text = document.to_string();
        let read = serde_json::from_str(&text).is_ok_and(|data| protocol.event(&data, &mut draft, &on_text).is_ok());
        if !read {
            break;
        }
    }
    Told { content: draft.content, finish: draft.finish, heard: heard.into_inner().unwrap_or_default() }
}

/// The delay that a header of this name asks for.
#[must_use]
pub fn delay(name: &'static str, value: &[u8]) -> Option<Duration> {
    let value = HeaderValue::from_bytes(value).ok()?;
    requested_delay(&HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
}

/// What is shown of the body of a refusal, and the delay it asks for.
#[must_use]
pub fn refusal(body: &[u8], status: Option<u16>) -> (String, Option<Duration>) {
    let refusal = Refusal::read(body);
    // The kind is one of a closed set: that it is found at all is what matters.
    let _kind = refusal.kind(status);
    (refusal.message, refusal.retry_after)
}

/// A cassette, written again as it was read; none for what is no cassette.
#[must_use]
pub fn cassette(text: &str) -> Option<String> {
    super::cassette::rewritten(text).ok()
}
