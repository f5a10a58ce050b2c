//! Tavily's Search API.
//!
//! # Source
//! Tavily documentation, "Search" and "Errors code", as of 2026.

use reqwest::{StatusCode, header::AUTHORIZATION};
use serde_json::json;

use crate::{
    error::ErrorKind,
    model::Value,
    tool::web::search::{
        answer::{Found, SearchResult, date_at, results_in, text_at, url_at},
        query::{Asked, Query, Recent},
    },
};

pub(super) fn asked(query: &Query) -> Asked {
    let mut body = json!({"query": query.text, "max_results": query.count, "search_depth": "basic"});
    if let Some(recent) = query.recent {
        body["time_range"] = Recent::as_str(recent).into();
    }
    Asked {
        query: Vec::new(),
        body: Some(("application/json", body.to_string().into_bytes())),
        key_header: Some((AUTHORIZATION, "Bearer ")),
    }
}

pub(super) fn found(answer: &Value) -> Option<Found> {
    let results = results_in(answer.get("results")?, |result| SearchResult {
        title: text_at(result, "title"),
        url: url_at(result, "url"),
        snippet: text_at(result, "content"),
        published: date_at(result, "published_date"),
    })?;
    Some(Found { results, notes: Vec::new() })
}

/// Tavily's own statuses: the plan's limit, and the limit of what may be paid beyond it.
pub(super) fn kind(status: StatusCode) -> Option<ErrorKind> {
    matches!(status.as_u16(), 432 | 433).then_some(ErrorKind::Quota)
}
