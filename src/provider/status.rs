//! What kind of failure a server means by a status or by the name it gives an error.

use crate::error::ErrorKind;

/// The kind of an HTTP status that is no success.
///
/// # Source
/// The retryability table of the execution semantics (docs/semantics.md).
#[must_use]
pub fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Auth,
        402 => ErrorKind::Quota,
        404 => ErrorKind::UnknownModel,
        409 | 425 => ErrorKind::NotReady,
        429 => ErrorKind::Throttle,
        529 => ErrorKind::Overloaded,
        408 | 500..=599 => ErrorKind::Transient,
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
        | "too_many_requests"
        | "RESOURCE_EXHAUSTED" => ErrorKind::Throttle,
        "overloaded_error" | "overloaded" => ErrorKind::Overloaded,
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
        "invalid_request_error" | "INVALID_ARGUMENT" => ErrorKind::Request,
        "context_length_exceeded" | "exceed_context_size_error" | "request_too_large" => ErrorKind::ContextLength,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => ErrorKind::UnknownModel,
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
        ErrorKind::Transient if has(ErrorKind::Overloaded) => ErrorKind::Overloaded,
        // OpenAI answers 403 when a project may not use a model.
        ErrorKind::Request | ErrorKind::Auth if has(ErrorKind::UnknownModel) => ErrorKind::UnknownModel,
        ErrorKind::Request if has(ErrorKind::ContextLength) || is_too_long(&message) => ErrorKind::ContextLength,
        ErrorKind::Request if has(ErrorKind::Refused) => ErrorKind::Refused,
        ErrorKind::Request if has(ErrorKind::Malformed) => ErrorKind::Malformed,
        // Gemini answers a wrong key with 400.
        ErrorKind::Request if status == 400 && (has(ErrorKind::Auth) || message.contains("api key not valid")) => ErrorKind::Auth,
        kind => kind,
    }
}

/// Whether a server without a name for it says that the request is longer than the model can read. `message` is in lower case.
///
/// # Source
/// In this order: OpenAI, vLLM and many others; OpenRouter and LM Studio; Anthropic; Gemini. As of 2025.
fn is_too_long(message: &str) -> bool {
    ["maximum context length", "context window", "prompt is too long", "exceeds the maximum number of tokens allowed"]
        .iter()
        .any(|sign| message.contains(sign))
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
        for status in [408, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524] {
            check(Some(status), &[], "", ErrorKind::Transient);
        }
        for status in [300, 301, 307, 400, 405, 413, 415, 418, 422] {
            check(Some(status), &[], "", ErrorKind::Request);
        }
        for (status, kind) in [(401, ErrorKind::Auth), (403, ErrorKind::Auth), (402, ErrorKind::Quota)] {
            check(Some(status), &[], "", kind);
        }
        for (status, kind) in [
            (404, ErrorKind::UnknownModel),
            (409, ErrorKind::NotReady),
            (425, ErrorKind::NotReady),
            (429, ErrorKind::Throttle),
            (529, ErrorKind::Overloaded),
        ] {
            check(Some(status), &[], "", kind);
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
        check(Some(503), &["overloaded"], "", ErrorKind::Overloaded);
        check(Some(400), &["context_length_exceeded", "invalid_request_error"], "", ErrorKind::ContextLength);
        check(Some(400), &["exceed_context_size_error"], "", ErrorKind::ContextLength);
        check(Some(400), &["invalid_request_error"], "prompt is too long: 210000 tokens > 200000", ErrorKind::ContextLength);
        check(Some(413), &["request_too_large"], "", ErrorKind::ContextLength);
        check(Some(400), &["model_not_found"], "", ErrorKind::UnknownModel);
        check(Some(403), &["model_not_found"], "", ErrorKind::UnknownModel);
        check(Some(400), &["INVALID_ARGUMENT"], "API key not valid. Please pass a valid API key.", ErrorKind::Auth);
        check(Some(400), &["json_validate_failed"], "", ErrorKind::Malformed);
        check(Some(401), &["insufficient_quota"], "", ErrorKind::Auth);
    }

    #[test]
    fn inside_a_stream_names_and_numbers_decide() {
        check(None, &["overloaded_error"], "", ErrorKind::Overloaded);
        check(None, &["context_length_exceeded"], "", ErrorKind::ContextLength);
        check(None, &["NOT_FOUND"], "", ErrorKind::UnknownModel);
        check(None, &["server_error"], "", ErrorKind::Transient);
        check(None, &["invalid_request_error"], "", ErrorKind::Request);
        check(None, &["429"], "", ErrorKind::Throttle);
        check(None, &["401"], "", ErrorKind::Auth);
        check(None, &["something_new"], "", ErrorKind::Transient);
    }
}
