//! What a server says when it refuses a call: the forms of error bodies, and the delay it asks for.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::{error::ErrorKind, model::Value, provider::status::kind_of_error};

/// The most characters of a server's message that are shown.
const MAX_MESSAGE: usize = 300;

/// An error as a server tells it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Refusal {
    /// Its type and its code, whatever the server has of them.
    pub(super) names: Vec<String>,
    /// In the server's own words, plain and cut.
    pub(super) message: String,
    /// The delay told in the body.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads a body: the JSON forms of OpenAI, Anthropic, Gemini, Mistral, Ollama and others, or text.
    pub(super) fn read(body: &[u8]) -> Self {
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            return Self::of_value(&value);
        }
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start();
        let is_page = text.get(..1) == Some("<");
        Self { message: if is_page { "an HTML page".to_owned() } else { plain(text) }, ..Self::default() }
    }

    /// Reads an error object, or a body that has one under `error`.
    pub(super) fn of_value(value: &Value) -> Self {
        // Gemini's OpenAI interface wraps its errors in a list.
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let error = value.get("error").unwrap_or(value);
        let text = |key: &str| error.get(key).and_then(name_of);
        let message = match error {
            Value::String(message) => message.clone(),
            _ => ["message", "detail", "error_description"]
                .iter()
                .find_map(|key| error.get(*key).or_else(|| value.get(*key)))
                .map(|message| message.as_str().map_or_else(|| message.to_string(), str::to_owned))
                .unwrap_or_default(),
        };
        let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
        let retry_after = details
            .filter_map(|detail| detail.get("retryDelay")?.as_str()?.strip_suffix('s')?.parse::<f64>().ok())
            .find_map(seconds);
        Self { names: ["code", "type", "status"].into_iter().filter_map(text).collect(), message: plain(&message), retry_after }
    }

    /// What kind of failure it is.
    pub(super) fn kind(&self, status: Option<u16>) -> ErrorKind {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        kind_of_error(status, &names, &self.message)
    }
}

/// A code as text; OpenRouter's are numbers.
fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `text` on one line, without control characters and what reorders text, and cut.
pub(super) fn plain(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let spaced: String = text.chars().take(MAX_MESSAGE * 8).map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let mut line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_MESSAGE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The delay that `retry-after-ms` or `Retry-After` asks for: milliseconds, seconds, or a date; positive and finite.
///
/// # Source
/// RFC 9110, section 10.2.3; the header in milliseconds is OpenAI's.
pub(super) fn requested_delay(headers: &HeaderMap) -> Option<Duration> {
    requested_delay_at(headers, Timestamp::now())
}

fn requested_delay_at(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(delay) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()).and_then(|ms| seconds(ms / 1_000.0)) {
        return Some(delay);
    }
    let text = text(RETRY_AFTER.as_str())?;
    if let Ok(number) = text.parse::<f64>() {
        return seconds(number);
    }
    let due = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(due.duration_since(now)).ok().filter(|delay| !delay.is_zero())
}

/// A positive, finite number of seconds.
fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok().filter(|delay| !delay.is_zero())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, proptest};

    use super::*;

    proptest! {
        #[test]
        fn any_body_gives_a_short_plain_message(body in prop::collection::vec(any::<u8>(), 0..2_000), text in ".{0,500}") {
            for body in [body, text.clone().into_bytes(), serde_json::json!({"error": {"message": text}}).to_string().into_bytes()] {
                let message = Refusal::read(&body).message;
                prop_assert!(message.chars().count() <= MAX_MESSAGE + 1 && !message.chars().any(char::is_control), "{}", message);
            }
        }

        #[test]
        fn any_header_gives_a_positive_delay_or_none(value in "[ -~]{0,40}") {
            let given = delay("retry-after", &value);
            prop_assert!(given.is_none_or(|delay| !delay.is_zero()));
        }
    }

    #[track_caller]
    fn delay(name: &'static str, value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        requested_delay_at(&headers, "2026-11-22T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn delays_are_read_in_three_forms() {
        assert_eq!(delay("retry-after-ms", "1500"), Some(Duration::from_millis(1_500)));
        assert_eq!(delay("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(delay("retry-after", " 0.25 "), Some(Duration::from_millis(250)));
        assert_eq!(delay("retry-after", "Sun, 22 Nov 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        for nothing in ["0", "-3", "NaN", "inf", "1e400", "soon", "", "Sun, 22 Nov 2026 11:00:00 GMT", "99999999999999999999999"]
        {
            assert_eq!(delay("retry-after", nothing), None, "{nothing}");
        }
    }

    #[track_caller]
    fn check(body: &str, names: &[&str], message: &str) {
        let refusal = Refusal::read(body.as_bytes());
        assert_eq!(
            (refusal.names.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), refusal.message.as_str()),
            (names, message)
        );
    }

    #[test]
    fn bodies_of_many_servers_are_read() {
        check(
            r#"{"error": {"message": "You exceeded your quota", "type": "insufficient_quota", "param": null, "code": "insufficient_quota"}}"#,
            &["insufficient_quota", "insufficient_quota"],
            "You exceeded your quota",
        );
        check(
            r#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}"#,
            &["overloaded_error"],
            "Overloaded",
        );
        check(r#"{"error": "model 'x' not found"}"#, &[], "model 'x' not found");
        check(
            r#"{"object": "error", "message": "bad", "type": "invalid_request_error", "code": 3}"#,
            &["3", "invalid_request_error"],
            "bad",
        );
        check(r#"{"detail": [{"loc": ["body"], "msg": "no"}]}"#, &[], r#"[{"loc":["body"],"msg":"no"}]"#);
        check("<html><body>502 Bad Gateway", &[], "an HTML page");
        check("upstream\r\n\u{1b}[31mfailed\u{202e}", &[], "upstream [31mfailed");
        check("", &[], "");
        let long = Refusal::read("é".repeat(5_000).as_bytes());
        assert_eq!(long.message.chars().count(), MAX_MESSAGE + 1);
    }

    #[test]
    fn a_delay_in_the_body_is_read() {
        let body = r#"[{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [{"a": 1}, {"retryDelay": "12.5s"}]}}]"#;
        let refusal = Refusal::read(body.as_bytes());
        assert_eq!(refusal.retry_after, Some(Duration::from_millis(12_500)));
        assert_eq!(refusal.kind(Some(429)), ErrorKind::Throttle);
    }
}
