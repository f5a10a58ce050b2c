//! The headers that calls may set and results show.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
};

/// What the connection is made of, and what would have a server take a request for something else than it is.
const NOT_TO_BE_SET: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];
/// What is worth telling of an answer, and how such headers begin.
const SHOWN: &[&str] = &[
    "allow",
    "cache-control",
    "content-disposition",
    "content-language",
    "content-location",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "x-request-id",
    "x-total-count",
];
const SHOWN_BEGINNINGS: &[&str] = &["ratelimit", "x-ratelimit-"];

/// The headers of the argument `headers`.
///
/// # Errors
/// `Invalid` for what is no header, and for headers that a call may not set.
pub(super) fn of_argument(argument: Option<&Value>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in argument.and_then(Value::as_object).into_iter().flatten() {
        let invalid = |what: &str| Error::new(ErrorKind::Invalid, format!("header `{}` {what}", name.escape_default()));
        let known = HeaderName::try_from(name).map_err(|_| invalid("has a name that no header has"))?;
        if NOT_TO_BE_SET.contains(&known.as_str()) || known.as_str().starts_with("proxy-") {
            return Err(invalid("may not be set"));
        }
        let text = value.as_str().ok_or_else(|| invalid("has to be a string"))?;
        let mut value = HeaderValue::from_str(text).map_err(|_| invalid("has characters that no header may have"))?;
        // It may well be a key.
        value.set_sensitive(true);
        if headers.insert(known, value).is_some() {
            return Err(invalid("is there twice"));
        }
    }
    Ok(headers)
}

/// What is shown of the headers of an answer; several of one name are joined.
pub(super) fn shown(headers: &HeaderMap) -> Value {
    let mut object = serde_json::Map::new();
    for name in headers.keys() {
        let text = name.as_str();
        if SHOWN.contains(&text) || SHOWN_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) {
            let values: Vec<_> =
                headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
            object.insert(text.to_owned(), Value::String(values.join(", ")));
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_refused(name: &str, value: &str) {
        let error = of_argument(Some(&json!({ name: value }))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {error}");
        assert!(value.len() < 3 || !error.to_string().contains(value), "{error}");
    }

    #[test]
    fn a_header_cannot_smuggle_another_one_in() {
        check_refused("x-a", "1\r\nHost: evil");
        check_refused("x-a", "1\nx-b: 2");
        check_refused("x-a\r\nx-b", "12345");
        check_refused("x-a: 1", "12345");
        check_refused("", "12345");
        check_refused("x-a", "a\u{0}b");
    }

    #[test]
    fn a_call_cannot_say_how_it_is_sent_or_what_it_really_is() {
        for name in [
            "Host",
            "Connection",
            "Content-Length",
            "Transfer-Encoding",
            "Upgrade",
            "Proxy-Authorization",
            "Accept-Encoding",
            "X-HTTP-Method-Override",
            "X-Forwarded-For",
        ] {
            check_refused(name, "12345");
        }
    }

    #[test]
    fn other_headers_are_set_and_not_shown_in_debug() {
        let headers = of_argument(Some(&json!({"Authorization": "Bearer s3cret", "Accept": "text/csv"}))).unwrap();
        assert_eq!(headers["accept"], "text/csv");
        assert!(!format!("{headers:?}").contains("s3cret"));
        assert!(of_argument(None).unwrap().is_empty());
        assert!(of_argument(Some(&json!({"a": "1", "A": "2"}))).is_err());
    }

    #[test]
    fn only_useful_headers_of_an_answer_are_shown() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/plain"),
            ("set-cookie", "session=1"),
            ("server", "nginx"),
            ("x-ratelimit-remaining", "3"),
            ("link", "<a>; rel=next"),
            ("link", "<b>; rel=last"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let expected = json!({
            "content-type": "text/plain", "x-ratelimit-remaining": "3", "link": "<a>; rel=next, <b>; rel=last",
        });
        assert_eq!(shown(&headers), expected);
    }
}
