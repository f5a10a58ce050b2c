//! The pages of DuckDuckGo for browsers without scripts. No interface for programs: they have changed before, and whoever asks often is
//! taken for a robot.

use html2text::Handle;
use reqwest::{StatusCode, Url};

use crate::{
    error::{Error, ErrorKind, Result},
    tool::web::{
        page::{Page, attribute, below, has_class, text_of},
        search::{
            answer::{Found, SearchResult, is_web},
            query::{Asked, Query},
        },
    },
};

/// What links of the page are relative to.
const PAGE: &str = "https://duckduckgo.com/html/";

pub(super) fn asked(query: &Query) -> Asked {
    let mut form = Url::parse(PAGE).expect("a URL of ours is one");
    form.query_pairs_mut().append_pair("q", &query.text).append_pair("b", "");
    if let Some(recent) = query.recent {
        form.query_pairs_mut().append_pair("df", recent.letter());
    }
    let form = form.query().unwrap_or_default().as_bytes().to_vec();
    Asked { query: Vec::new(), body: Some(("application/x-www-form-urlencoded", form)), key_header: None }
}

/// # Errors
/// `Throttle` when the page asks whether somebody is a robot, `Malformed` when it is another page than it was.
pub(super) fn found(html: &str) -> Result<Found> {
    let page = Page::parse(html)?;
    let results: Vec<_> = page
        .elements()
        .filter(|element| has_class(element, "result") && !has_class(element, "result--ad"))
        .filter_map(|element| result_in(&element))
        .collect();
    if !results.is_empty() || page.elements().any(|element| has_class(&element, "no-results")) {
        return Ok(Found { results, notes: Vec::new() });
    }
    if html.contains("anomaly") {
        let error = Error::new(ErrorKind::Throttle, "`duckduckgo` asks whether this is a robot");
        return Err(error.hint("use an engine with a key, or a SearXNG server"));
    }
    Err(Error::new(ErrorKind::Malformed, "`duckduckgo` answered with a page that has no results in the form that is known"))
}

fn result_in(element: &Handle) -> Option<SearchResult> {
    let link = below(element).find(|element| has_class(element, "result__a"))?;
    let url = target_of(&attribute(&link, "href")?)?;
    let snippet = below(element).find(|element| has_class(element, "result__snippet"));
    let snippet = snippet.map(|element| text_of(&element)).unwrap_or_default();
    let title = text_of(&link);
    (!title.is_empty()).then_some(SearchResult { title, url, snippet, published: None })
}

/// Where a link leads in the end: those of the page lead over DuckDuckGo, which notes it.
fn target_of(href: &str) -> Option<String> {
    let url = Url::parse(PAGE).ok()?.join(href).ok()?;
    if url.host_str().is_some_and(|host| host == "duckduckgo.com" || host.ends_with(".duckduckgo.com")) {
        let (_, target) = url.query_pairs().find(|(name, _)| name == "uddg")?;
        return is_web(&target).then(|| target.into_owned());
    }
    is_web(url.as_str()).then(|| url.into())
}

/// It answers 202 or 403 with a question to those it takes for robots.
pub(super) fn kind(status: StatusCode) -> Option<ErrorKind> {
    matches!(status.as_u16(), 202 | 403).then_some(ErrorKind::Throttle)
}
