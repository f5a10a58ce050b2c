//! A SearXNG server's JSON.
//!
//! # Source
//! SearXNG documentation, "Search API", as of 2026.

use reqwest::StatusCode;

use crate::{
    error::ErrorKind,
    model::Value,
    tool::web::search::{
        answer::{Found, SearchResult, date_at, results_in, text_at, url_at},
        query::{Asked, Query},
    },
};

/// There is no way to ask for a number of results.
pub(super) fn asked(query: &Query) -> Asked {
    let mut pairs = vec![("q", query.text.clone()), ("format", "json".to_owned()), ("categories", "general".to_owned())];
    if let Some(recent) = query.recent {
        pairs.push(("time_range", recent.as_str().to_owned()));
    }
    Asked { query: pairs, body: None, key_header: None }
}

pub(super) fn found(answer: &Value) -> Option<Found> {
    let results = results_in(answer.get("results")?, |result| SearchResult {
        title: text_at(result, "title"),
        url: url_at(result, "url"),
        snippet: text_at(result, "content"),
        published: date_at(result, "publishedDate"),
    })?;
    let silent: Vec<String> = answer
        .get("unresponsive_engines")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|pair| pair.get(0).and_then(Value::as_str).or_else(|| pair.as_str()))
        .map(|name| format!("`{}`", name.escape_default()))
        .collect();
    let notes = if silent.is_empty() { Vec::new() } else { vec![format!("no answer came from {}", silent.join(", "))] };
    Some(Found { results, notes })
}

/// A server that is not set up to give JSON says 403; there are no credentials that could be wrong.
pub(super) fn kind(status: StatusCode) -> Option<ErrorKind> {
    (status == StatusCode::FORBIDDEN).then_some(ErrorKind::Request)
}
