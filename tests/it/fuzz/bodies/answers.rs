//! The JSON in what a model wrote.

use agentflow::agent::fuzz::json_in;
use serde_json::Value;

pub(super) fn json_in_text(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let found = json_in(text);
    // What is JSON by itself is found as it is.
    if let Ok(whole) = serde_json::from_str::<Value>(text) {
        assert_eq!(found, Some(whole));
        return;
    }
    // What is found stands in the text; nothing is made up, and nothing is repaired.
    if let Some(found) = found {
        let text = text.trim_start_matches('\u{feff}').trim();
        let from = |at: usize| serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>().next();
        let is_found = |at| matches!(from(at), Some(Ok(value)) if value == found);
        assert!(is_found(0) || text.match_indices(['{', '[']).any(|(at, _)| is_found(at)), "{found} is not in {text:?}");
    }
}
