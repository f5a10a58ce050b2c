//! Tools that speak to servers: `http_get`, `http_post`, `http_put`, `http_delete`, `web_fetch` and `web_search`.
//!
//! None of them speaks to a server but through [`WebClient`], which has every URL pass the guard: on the way there, at each redirect,
//! and when a connection is made. What a model or a page wrote as a URL never leads to this host, a private network or a cloud's
//! metadata, unless the operator names that very host in a rule.

mod address;
mod body;
mod client;
mod download;
mod failure;
mod fetch;
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod headers;
mod http;
mod page;
mod redirect;
mod resolver;
mod search;

pub use client::WebClient;
pub use download::Download;
pub use fetch::WebFetch;
pub use http::{http_tools, http_tools_over};
pub use resolver::{Lookup, SystemLookup};
pub use search::{SearchEngine, SearchResult, SearchSettings, WebSearch};

use crate::model::ToolSpec;

/// What the tools are, the search with its usual settings.
pub(super) fn specs() -> Vec<ToolSpec> {
    let requests = http::specs().into_iter().map(|(_, spec)| spec);
    requests.chain([WebFetch::described(), WebSearch::described(search::USUAL_COUNT)]).collect()
}
