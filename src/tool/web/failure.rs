//! What the failures of HTTP mean, in words that a model may read: who was asked, never with what.

use std::{io, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};

use crate::{
    error::{Error, ErrorKind},
    tool::web::guard::Target,
};

/// The most characters of a server's words that are shown.
const MAX_EXCERPT: usize = 300;

/// The kind of a status that is a failure.
///
/// # Source
/// The retryability table of the execution semantics (docs/semantics.md).
pub(super) fn kind_of_status(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Auth,
        402 => ErrorKind::Quota,
        404 | 410 => ErrorKind::NotFound,
        409 | 425 => ErrorKind::NotReady,
        429 => ErrorKind::Throttle,
        529 => ErrorKind::Overloaded,
        408 | 500..=599 => ErrorKind::Transient,
        _ => ErrorKind::Request,
    }
}

/// The error of an answer with a status that is a failure.
pub(super) fn refused(kind: ErrorKind, target: &Target, status: StatusCode, headers: &HeaderMap, said: &str) -> Error {
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let error = Error::new(kind, format!("`{}` answered {status}{said}", target.origin()));
    error.retry_after(requested_delay(headers, Timestamp::now()))
}

/// The error of a request that got no answer.
pub(super) fn not_answered(err: &reqwest::Error, target: &Target) -> Error {
    // The guard's own words come through the connector.
    if let Some(guarded) = causes(err).find_map(|cause| cause.downcast_ref::<Error>()) {
        return Error::from(guarded.to_record());
    }
    let origin = target.origin();
    if causes(err).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse) {
        return Error::new(ErrorKind::Malformed, format!("`{origin}` answered with something that is no HTTP: {}", root(err)));
    }
    if err.is_builder() {
        return Error::new(ErrorKind::Invalid, format!("no request can be made of this: {}", root(err)));
    }
    let what = if err.is_timeout() { "no connection in time".to_owned() } else { root(err) };
    Error::new(ErrorKind::Transient, format!("`{origin}` did not answer: {what}"))
}

/// The error of an answer whose body broke off or could not be unpacked.
pub(super) fn broken_off(err: &reqwest::Error, target: &Target) -> Error {
    let origin = target.origin();
    // To unpack is the outermost step, so that every error looks like one of unpacking.
    let of_connection = causes(err).find_map(|cause| cause.downcast_ref::<hyper::Error>());
    let is_broken = if let Some(hyper) = of_connection {
        !hyper.is_parse()
    } else {
        let mut system = causes(err).filter_map(|cause| cause.downcast_ref::<io::Error>());
        !err.is_decode() || system.any(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    };
    if is_broken {
        return Error::new(ErrorKind::Truncated, format!("`{origin}` broke off in the middle of its answer: {}", root(err)));
    }
    Error::new(ErrorKind::Malformed, format!("`{origin}` answered with a body that cannot be unpacked: {}", root(err)))
}

/// What a server says on one line, without control characters and what reorders text, and cut.
pub(super) fn excerpt(text: &str) -> String {
    if text.trim_start().starts_with('<') {
        return "an HTML page".to_owned();
    }
    let is_hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let spaced: String = text.chars().take(MAX_EXCERPT * 8).map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let mut line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_EXCERPT) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The delay that `Retry-After` asks for: seconds or a date; positive and finite.
///
/// # Source
/// RFC 9110, section 10.2.3.
fn requested_delay(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = if let Ok(seconds) = text.parse::<f64>() {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let due = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Duration::try_from(due.duration_since(now)).ok()?
    };
    (!delay.is_zero()).then_some(delay)
}

/// The error itself, what caused it, and so on.
fn causes(err: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let err: &(dyn std::error::Error + 'static) = err;
    std::iter::successors(Some(err), |cause| cause.source())
}

/// The innermost cause: the outer ones name the URL.
fn root(err: &reqwest::Error) -> String {
    excerpt(&causes(err).skip(1).last().map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_follow_the_table() {
        for (status, kind) in [
            (400, ErrorKind::Request),
            (401, ErrorKind::Auth),
            (402, ErrorKind::Quota),
            (403, ErrorKind::Auth),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::Request),
            (408, ErrorKind::Transient),
            (409, ErrorKind::NotReady),
            (410, ErrorKind::NotFound),
            (413, ErrorKind::Request),
            (415, ErrorKind::Request),
            (422, ErrorKind::Request),
            (425, ErrorKind::NotReady),
            (429, ErrorKind::Throttle),
            (500, ErrorKind::Transient),
            (503, ErrorKind::Transient),
            (520, ErrorKind::Transient),
            (529, ErrorKind::Overloaded),
        ] {
            assert_eq!(kind_of_status(StatusCode::from_u16(status).unwrap()), kind, "{status}");
        }
    }

    #[test]
    fn a_delay_is_read_in_seconds_or_as_a_date() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let delay = |text: &str| requested_delay(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now);
        assert_eq!(delay("7"), Some(Duration::from_secs(7)));
        assert_eq!(delay("Sun, 22 Nov 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        for nothing in ["0", "-1", "NaN", "inf", "soon", "", "Sun, 22 Nov 2026 11:59:59 GMT"] {
            assert_eq!(delay(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_a_server_says_is_one_plain_line() {
        assert_eq!(excerpt(" a\n\u{1b}[31mb\u{202e}c\t d "), "a [31mb c d");
        assert_eq!(excerpt("<!doctype html><p>x"), "an HTML page");
        assert_eq!(excerpt(&"ä".repeat(400)).chars().count(), MAX_EXCERPT + 1);
    }
}
