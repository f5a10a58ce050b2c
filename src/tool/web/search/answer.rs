//! What engines answer, read with care: strangers wrote it.

use serde::Serialize;

use crate::{model::Value, tool::web::page};

/// The most characters of a snippet. Some engines give whole paragraphs.
const MAX_SNIPPET: usize = 1_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SearchResult {
    /// The title of the page.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// What of it fits the question.
    pub snippet: String,
    /// When it was published, as the engine writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
}

/// What an engine's answer says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) results: Vec<SearchResult>,
    pub(super) notes: Vec<String>,
}

/// The results in a list of an engine's answer, each made by `make`; what has no title or no web address is left out.
pub(super) fn results_in(list: &Value, make: impl Fn(&Value) -> SearchResult) -> Option<Vec<SearchResult>> {
    let results = list.as_array()?.iter().map(make);
    Some(results.filter(|result| !result.title.is_empty() && is_web(&result.url)).collect())
}

pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// A text of an engine's answer, on one line and without the marks that some put around words found.
pub(super) fn text_at(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
    let text: String = text.chars().take(MAX_SNIPPET * 4).collect();
    let plain = if text.contains(['<', '&']) { page::plain(&text) } else { text };
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SNIPPET) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A URL of an engine's answer, as it is.
pub(super) fn url_at(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A date of an engine's answer, as it is written there.
pub(super) fn date_at(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned).filter(|date| !date.is_empty())
}

/// What an engine says went wrong, out of the forms that engines say it in.
pub(super) fn words_of(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    ["/detail/error", "/error/message", "/error/detail", "/detail", "/message", "/error"]
        .iter()
        .find_map(|at| value.pointer(at)?.as_str().map(str::to_owned))
        .unwrap_or_else(|| text.to_owned())
}
