//! What becomes of a request that is redirected.

use reqwest::{
    Method, StatusCode,
    header::{
        ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, HeaderMap, HeaderName,
        USER_AGENT,
    },
};

use crate::{
    error::{Error, ErrorKind},
    tool::web::guard::Target,
};

/// What another server may be told; all other headers were meant for the first one.
const SAFE: &[HeaderName] = &[ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];
const OF_A_BODY: &[HeaderName] = &[CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION];

/// What to do at the new place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Look at it.
    Get,
    /// Ask the same, body included.
    Same,
    /// Nothing.
    Refuse,
}

/// Whether a status says that what was asked for is elsewhere.
pub(super) fn is_one(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What to do after a redirect. A change goes to the server it was meant for, and to no other.
///
/// # Source
/// The Fetch standard, "HTTP-redirect fetch", which would let a change go to another server as well.
pub(super) fn next(status: StatusCode, method: &Method, is_same_origin: bool) -> Next {
    if *method == Method::GET {
        return Next::Same;
    }
    match status.as_u16() {
        303 => Next::Get,
        301 | 302 if *method == Method::POST => Next::Get,
        _ if is_same_origin => Next::Same,
        _ => Next::Refuse,
    }
}

/// Drops what another server may not be told.
pub(super) fn keep_safe(headers: &mut HeaderMap) {
    *headers = headers.drain().filter_map(|(name, value)| Some((name.filter(|name| SAFE.contains(name))?, value))).collect();
}

/// Drops what describes a body that is no longer there, and the key of a change that is none any more.
pub(super) fn keep_without_body(headers: &mut HeaderMap) {
    for name in OF_A_BODY {
        headers.remove(name);
    }
    headers.remove("idempotency-key");
}

/// The error of a change that would have gone to another server.
pub(super) fn refused(method: &Method, from: &Target, to: &Target) -> Error {
    let message = format!(
        "`{}` redirects the {method} to `{}`, another server: it was not sent there; call that URL if it is the right one",
        from.origin(),
        to.origin()
    );
    Error::new(ErrorKind::Request, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_not_sent_to_another_server() {
        let next = |status: u16, method: &Method, same: bool| next(StatusCode::from_u16(status).unwrap(), method, same);
        for status in [307, 308] {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                assert_eq!(next(status, &method, false), Next::Refuse, "{status} {method}");
                assert_eq!(next(status, &method, true), Next::Same, "{status} {method}");
            }
        }
        for status in [301, 302] {
            assert_eq!(next(status, &Method::POST, false), Next::Get);
            assert_eq!(next(status, &Method::PUT, false), Next::Refuse);
            assert_eq!(next(status, &Method::DELETE, true), Next::Same);
        }
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            assert_eq!(next(303, &method, false), Next::Get);
        }
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(next(status, &Method::GET, false), Next::Same);
        }
    }

    #[test]
    fn another_server_is_told_nothing_that_was_not_meant_for_all() {
        let names = [
            "accept",
            "accept-language",
            "content-type",
            "user-agent",
            "authorization",
            "cookie",
            "x-api-key",
            "api-key",
            "idempotency-key",
            "proxy-authorization",
            "x-anything",
        ];
        let mut headers: HeaderMap =
            names.iter().map(|name| (name.parse::<HeaderName>().unwrap(), "v".parse().unwrap())).collect();
        headers.append("cookie", "second".parse().unwrap());
        keep_safe(&mut headers);
        let mut kept: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["accept", "accept-language", "content-type", "user-agent"]);
        assert_eq!(headers.len(), 4);
    }
}
