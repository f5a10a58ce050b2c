//! Brave's Web Search API.
//!
//! # Source
//! Brave Search API documentation, "Web search", as of 2026.

use reqwest::{StatusCode, header::HeaderName};

use crate::{
    error::ErrorKind,
    model::Value,
    tool::web::search::{
        answer::{Found, SearchResult, date_at, results_in, text_at, url_at},
        query::{Asked, Query},
    },
};

pub(super) fn asked(query: &Query) -> Asked {
    let mut pairs = vec![("q", query.text.clone()), ("count", query.count.to_string()), ("result_filter", "web".to_owned())];
    if let Some(recent) = query.recent {
        pairs.push(("freshness", format!("p{}", recent.letter())));
    }
    Asked { query: pairs, body: None, key_header: Some((HeaderName::from_static("x-subscription-token"), "")) }
}

pub(super) fn found(answer: &Value) -> Option<Found> {
    // When nothing was found there is no `web`.
    let Some(web) = answer.get("web") else { return answer.get("query").map(|_| Found::default()) };
    let results = results_in(web.get("results")?, |result| SearchResult {
        title: text_at(result, "title"),
        url: url_at(result, "url"),
        snippet: text_at(result, "description"),
        published: date_at(result, "page_age").or_else(|| date_at(result, "age")),
    })?;
    Some(Found { results, notes: Vec::new() })
}

/// A wrong key is a request that cannot be processed, to Brave.
pub(super) fn kind(status: StatusCode, text: &str) -> Option<ErrorKind> {
    (status.as_u16() == 422 && text.contains("SUBSCRIPTION_TOKEN_INVALID")).then_some(ErrorKind::Auth)
}
