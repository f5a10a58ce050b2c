//! What servers of models send: streams, events, refusals and the delays they ask for.

use agentflow::provider::fuzz::{
    Spoken, answer as read_answer, cassette as rewritten, delay as requested_delay, events as read_events,
    refusal as read_refusal,
};
use serde_json::Value;

/// The most characters of a server's words that are shown; one more says that there were more.
const SHOWN: usize = 301;

/// A stream is the same wherever it is cut.
pub(super) fn events(bytes: &[u8]) {
    let whole = read_events(&[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(whole, read_events(&single));
    for cut in [bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let (one, two) = bytes.split_at(cut);
        assert_eq!(whole, read_events(&[one, &[], two]), "cut at {cut}");
    }
    for (_, data) in whole.into_iter().flatten() {
        assert!(data.len() <= bytes.len());
    }
}

/// Whoever listens hears the answer, whole and in order.
pub(super) fn answer(bytes: &[u8]) {
    let Some(events) = read_events(&[bytes]) else { return };
    let documents: Vec<Value> = events.iter().filter_map(|(_, data)| serde_json::from_str(data).ok()).collect();
    for spoken in [Spoken::Completions, Spoken::Messages] {
        let told = read_answer(spoken, &documents);
        assert_eq!(told.content, told.heard.concat());
        assert!(told.heard.iter().all(|piece| !piece.is_empty()));
    }
}

/// A delay is one that a clock can add.
pub(super) fn delay(bytes: &[u8]) {
    for name in ["retry-after", "retry-after-ms"] {
        if let Some(delay) = requested_delay(name, bytes) {
            assert!(!delay.is_zero());
        }
    }
}

/// What a server says is shown on one line, short, and steers no terminal.
pub(super) fn refusal(bytes: &[u8]) {
    for status in [None, Some(429), Some(500)] {
        let (message, delay) = read_refusal(bytes, status);
        assert!(!message.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{message:?}");
        assert!(message.chars().count() <= SHOWN, "{message:?}");
        assert!(delay.is_none_or(|delay| !delay.is_zero()));
    }
}

/// A cassette that is read is written so that it is the same one when it is read again.
pub(super) fn cassette(bytes: &[u8]) {
    if let Some(written) = super::text(bytes).and_then(rewritten) {
        assert_eq!(rewritten(&written).as_ref(), Some(&written));
    }
}
