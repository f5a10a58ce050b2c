//! What kind of failure a server means by a status or by the name it gives an error.

use crate::error::ErrorKind;

/// The kind of an HTTP status that is no success.
///
/// # Source
/// The retryability table of the execution semantics (docs/semantics.md).
pub(super) fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Auth,
        402 => ErrorKind::Quota,
        429 | 529 => ErrorKind::Throttle,
        408 | 409 | 425 | 500..=599 => ErrorKind::Transient,
        _ => ErrorKind::Request,
    }
}

/// The kind of an error that a server names in a body or in a stream; `None` when the name says nothing.
///
/// # Source
/// OpenAI, "Error codes"; Anthropic, "Errors"; both as of 2025. Azure names what its filter withholds `content_filter`.
pub(super) fn kind_of_name(name: &str) -> Option<ErrorKind> {
    Some(match name {
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "billing_error"
        | "quota_exceeded"
        | "insufficient_balance"
        | "spend_limit_reached" => ErrorKind::Quota,
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "rate_limit_reached"
        | "requests"
        | "tokens"
        | "slow_down"
        | "overloaded_error"
        | "overloaded"
        | "too_many_requests"
        | "RESOURCE_EXHAUSTED" => ErrorKind::Throttle,
        "server_error"
        | "api_error"
        | "internal_error"
        | "internal_server_error"
        | "timeout_error"
        | "service_unavailable"
        | "upstream_error"
        | "INTERNAL"
        | "UNAVAILABLE"
        | "DEADLINE_EXCEEDED" => ErrorKind::Transient,
        "invalid_api_key"
        | "authentication_error"
        | "permission_error"
        | "invalid_authentication"
        | "PERMISSION_DENIED"
        | "UNAUTHENTICATED" => ErrorKind::Auth,
        "invalid_request_error"
        | "not_found_error"
        | "model_not_found"
        | "context_length_exceeded"
        | "request_too_large"
        | "exceed_context_size_error"
        | "INVALID_ARGUMENT"
        | "NOT_FOUND" => ErrorKind::Request,
        "content_filter" | "content_policy_violation" | "content_filter_error" => ErrorKind::Refused,
        // The server's own check of a structured answer: the model may do better next time.
        "json_validate_failed" => ErrorKind::Malformed,
        _ => return None,
    })
}

/// The kind of an error with a status, the names the server gives it and its message.
///
/// A name only sharpens what the status says: a 429 may be a spent quota, a 503 a request to slow down, a 400 a filter or an
/// empty account. Without a status (an error inside a stream) the names decide; an unknown one is worth another try.
pub(super) fn kind_of_error(status: Option<u16>, names: &[&str], message: &str) -> ErrorKind {
    let by_name = || names.iter().find_map(|name| kind_of_name(name));
    let Some(status) = status else {
        let number = || names.iter().find_map(|name| name.parse::<u16>().ok()).filter(|status| (400..600).contains(status));
        return by_name().or_else(|| number().map(kind_of_status)).unwrap_or(ErrorKind::Transient);
    };
    let message = message.to_ascii_lowercase();
    let account_is_empty =
        ["credit balance is too low", "insufficient balance", "insufficient_quota"].iter().any(|sign| message.contains(sign));
    // "requests" and "tokens" are types of OpenAI's rate limits; the code beside them may still tell of a spent quota.
    let has = |kind| names.iter().any(|name| kind_of_name(name) == Some(kind));
    match kind_of_status(status) {
        ErrorKind::Throttle | ErrorKind::Request if account_is_empty || has(ErrorKind::Quota) => ErrorKind::Quota,
        ErrorKind::Transient if has(ErrorKind::Throttle) => ErrorKind::Throttle,
        ErrorKind::Request if has(ErrorKind::Refused) => ErrorKind::Refused,
        ErrorKind::Request if has(ErrorKind::Malformed) => ErrorKind::Malformed,
        // Gemini answers a wrong key with 400.
        ErrorKind::Request if status == 400 && (has(ErrorKind::Auth) || message.contains("api key not valid")) => ErrorKind::Auth,
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: Option<u16>, names: &[&str], message: &str, expected: ErrorKind) {
        assert_eq!(kind_of_error(status, names, message), expected, "{status:?} {names:?} {message}");
    }

    #[test]
    fn statuses_follow_the_table() {
        for status in [408, 409, 425, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524] {
            check(Some(status), &[], "", ErrorKind::Transient);
        }
        for status in [300, 301, 307, 400, 404, 405, 413, 415, 418, 422] {
            check(Some(status), &[], "", ErrorKind::Request);
        }
        for (status, kind) in [(401, ErrorKind::Auth), (403, ErrorKind::Auth), (402, ErrorKind::Quota)] {
            check(Some(status), &[], "", kind);
        }
        for status in [429, 529] {
            check(Some(status), &[], "", ErrorKind::Throttle);
        }
    }

    #[test]
    fn names_sharpen_statuses() {
        check(Some(429), &["requests", "rate_limit_exceeded"], "", ErrorKind::Throttle);
        check(Some(429), &["tokens", "insufficient_quota"], "", ErrorKind::Quota);
        check(Some(429), &["insufficient_quota"], "", ErrorKind::Quota);
        check(Some(503), &["slow_down"], "", ErrorKind::Throttle);
        check(Some(400), &["content_filter"], "", ErrorKind::Refused);
        check(Some(400), &["invalid_request_error"], "Your credit balance is too low to access the API", ErrorKind::Quota);
        check(Some(400), &["context_length_exceeded"], "", ErrorKind::Request);
        check(Some(400), &["INVALID_ARGUMENT"], "API key not valid. Please pass a valid API key.", ErrorKind::Auth);
        check(Some(400), &["json_validate_failed"], "", ErrorKind::Malformed);
        check(Some(401), &["insufficient_quota"], "", ErrorKind::Auth);
    }

    #[test]
    fn inside_a_stream_names_and_numbers_decide() {
        check(None, &["overloaded_error"], "", ErrorKind::Throttle);
        check(None, &["server_error"], "", ErrorKind::Transient);
        check(None, &["invalid_request_error"], "", ErrorKind::Request);
        check(None, &["429"], "", ErrorKind::Throttle);
        check(None, &["401"], "", ErrorKind::Auth);
        check(None, &["something_new"], "", ErrorKind::Transient);
    }
}
