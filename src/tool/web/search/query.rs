//! What is searched for, and how it is put to an engine.

use reqwest::header::HeaderName;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
};

/// The most results.
pub(super) const MAX_COUNT: usize = 20;

/// What is searched for.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) count: usize,
    pub(super) recent: Option<Recent>,
}

/// Not longer ago than that.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recent {
    Day,
    Week,
    Month,
    Year,
}

impl Recent {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    pub(super) fn letter(self) -> &'static str {
        &self.as_str()[..1]
    }
}

/// What is particular to an engine's requests.
pub(super) struct Asked {
    pub(super) query: Vec<(&'static str, String)>,
    /// The media type of a body and the body; there is none for a GET.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    /// The header that the key goes into, and what stands before it there.
    pub(super) key_header: Option<(HeaderName, &'static str)>,
}

pub(super) fn query_of(arguments: &Value, usual_count: usize) -> Result<Query> {
    let text = arguments.get("query").and_then(Value::as_str).unwrap_or_default().trim();
    if text.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "`query` is empty"));
    }
    let count = arguments.get("count").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
    let recent = match arguments.get("recent").and_then(Value::as_str) {
        Some("day") => Some(Recent::Day),
        Some("week") => Some(Recent::Week),
        Some("month") => Some(Recent::Month),
        Some("year") => Some(Recent::Year),
        Some(_) | None => None,
    };
    Ok(Query { text: text.to_owned(), count: count.unwrap_or(usual_count).clamp(1, MAX_COUNT), recent })
}
