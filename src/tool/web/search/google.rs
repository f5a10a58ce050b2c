//! Google's Custom Search JSON API, over a programmable search engine. Closed to new customers, and to end on the first of January 2027.
//!
//! # Source
//! Google, "Custom Search JSON API" and its reference of `cse.list`, as of 2026.

use reqwest::StatusCode;
use secrecy::ExposeSecret as _;

use crate::{
    error::ErrorKind,
    model::Value,
    tool::web::search::{
        answer::{Found, SearchResult, date_at, results_in, text_at, url_at},
        engine::SearchSettings,
        query::{Asked, Query},
    },
};

/// The most results of a request.
const MAX_COUNT: usize = 10;

/// The key is a part of the URL, and so URLs are in no message.
pub(super) fn asked(query: &Query, settings: &SearchSettings) -> Asked {
    let key = settings.key.as_ref().map(|key| key.expose_secret().trim().to_owned()).unwrap_or_default();
    let mut pairs = vec![
        ("key", key),
        ("cx", settings.engine_id.clone().unwrap_or_default()),
        ("q", query.text.clone()),
        ("num", query.count.min(MAX_COUNT).to_string()),
    ];
    if let Some(recent) = query.recent {
        pairs.push(("dateRestrict", format!("{}1", recent.letter())));
    }
    Asked { query: pairs, body: None, key_header: None }
}

pub(super) fn found(answer: &Value) -> Option<Found> {
    // When nothing was found there are no `items`.
    let Some(items) = answer.get("items") else { return answer.get("searchInformation").map(|_| Found::default()) };
    let results = results_in(items, |item| SearchResult {
        title: text_at(item, "title"),
        url: url_at(item, "link"),
        snippet: text_at(item, "snippet"),
        published: item.pointer("/pagemap/metatags/0").and_then(|tags| date_at(tags, "article:published_time")),
    })?;
    Some(Found { results, notes: Vec::new() })
}

/// Google tells a wrong key by 400, and a spent day by 403 or 429.
pub(super) fn kind(status: StatusCode, text: &str) -> Option<ErrorKind> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match status.as_u16() {
        400 if has(&["API key not valid", "API_KEY_INVALID"]) => Some(ErrorKind::Auth),
        403 | 429 if has(&["dailyLimitExceeded", "per day"]) => Some(ErrorKind::Quota),
        403 if has(&["rateLimitExceeded", "userRateLimitExceeded"]) => Some(ErrorKind::Throttle),
        _ => None,
    }
}
