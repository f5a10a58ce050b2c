//! What the failures of a server mean: which kind they are, what a model is told and what the operator.

use std::{error::Error as StdError, io, time::Duration};

use rmcp::{
    model::{ErrorCode, ErrorData},
    service::{ClientInitializeError, ServiceError},
    transport::streamable_http_client::StreamableHttpError,
};

use crate::error::{Error, ErrorKind};

/// What stands in place of an answer that is none.
pub(super) const MALFORMED: &str = "the answer is no message of the protocol";
/// How much of what a server says is told, in characters.
const TOLD: usize = 2_000;

/// Makes the errors of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failures<'a> {
    server: &'a str,
}

impl<'a> Failures<'a> {
    pub(super) fn of(server: &'a str) -> Self {
        Self { server }
    }

    /// An error that begins with the server.
    pub(super) fn error(&self, kind: ErrorKind, what: &str) -> Error {
        Error::new(kind, format!("MCP server `{}` {what}", self.server))
    }

    /// The program is not there, or may not be started.
    pub(super) fn not_started(&self, command: &[String], error: io::Error) -> Error {
        let program = command.first().map_or("", String::as_str);
        let (kind, hint) = match error.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, "is not installed, or the folder it is to start in is not there"),
            _ => (ErrorKind::Invalid, "cannot be started"),
        };
        self.error(kind, "cannot be started")
            .hint(format!("`{}` {hint}; see `command` of the server", program.escape_debug()))
            .source(error)
    }

    /// The process ended before it had greeted.
    pub(super) fn died_at_start(&self, reason: Option<String>, last_words: &str) -> Error {
        let how = reason.unwrap_or_else(|| "ended".to_owned());
        with_last_words(self.error(ErrorKind::Transient, &format!("did not start: it {how}")), Some(last_words))
    }

    /// It did not greet in time.
    pub(super) fn silent_at_start(&self, limit: Duration, last_words: Option<&str>) -> Error {
        let error = self.error(ErrorKind::Timeout, &format!("was not ready within {limit:?}"));
        with_last_words(error.hint("raise `start_timeout` of the server if it needs longer"), last_words)
    }

    /// It did not greet as the protocol says.
    pub(super) fn not_greeted(&self, error: ClientInitializeError) -> Error {
        match error {
            ClientInitializeError::JsonRpcError(error) => self.refused(&error),
            ClientInitializeError::TransportError { error, .. } => self.not_sent(error.error.as_ref()),
            ClientInitializeError::ConnectionClosed(_) => self.error(ErrorKind::Transient, "closed the connection"),
            error => self.error(ErrorKind::Malformed, "did not greet as the protocol says").source(cut(&error.to_string())),
        }
    }

    /// The connection ended during a request.
    pub(super) fn lost(&self, reason: Option<String>, last_words: Option<&str>) -> Error {
        let how = reason.unwrap_or_else(|| "closed the connection".to_owned());
        with_last_words(self.error(ErrorKind::Transient, &how), last_words)
    }

    /// No answer in time.
    pub(super) fn silent(&self, what: &str, limit: Duration) -> Error {
        self.error(ErrorKind::Timeout, &format!("did not answer {what} within {limit:?}"))
    }

    /// A request failed.
    pub(super) fn service(&self, error: ServiceError) -> Error {
        match error {
            ServiceError::McpError(error) => self.refused(&error),
            ServiceError::TransportSend(error) => self.not_sent(error.error.as_ref()),
            ServiceError::TransportClosed => self.lost(None, None),
            ServiceError::UnexpectedResponse => self.error(ErrorKind::Malformed, &format!("failed: {MALFORMED}")),
            error => self.error(ErrorKind::Request, "did not answer the request").source(cut(&error.to_string())),
        }
    }

    /// It answers that it does not do it.
    fn refused(&self, error: &ErrorData) -> Error {
        if error.code == ErrorCode::PARSE_ERROR {
            return self.error(ErrorKind::Malformed, &format!("failed: {MALFORMED}"));
        }
        self.error(ErrorKind::Request, &format!("refuses: {}", cut(&error.message)))
    }

    /// A request over HTTP did not get there, or was answered with a status that says no.
    fn not_sent(&self, error: &(dyn StdError + Send + Sync + 'static)) -> Error {
        let (status, retry_after) = match error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
            Some(StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_)) => (Some(401), None),
            Some(StreamableHttpError::HttpStatus(error)) => (Some(error.status), error.retry_after.as_deref()),
            Some(StreamableHttpError::Client(error)) => (error.status().map(|status| status.as_u16()), None),
            // The status is told in words only.
            Some(StreamableHttpError::UnexpectedServerResponse(said)) => (status_in(said), None),
            Some(StreamableHttpError::ReservedHeaderConflict(name)) => {
                return self.error(ErrorKind::Invalid, &format!("cannot be given the header `{}`", name.escape_debug()));
            }
            Some(StreamableHttpError::ResponseBodyTooLarge { max_size }) => {
                return self.error(ErrorKind::Request, &format!("answered with more than {} MiB", max_size >> 20));
            }
            _ => (None, None),
        };
        match status {
            Some(status) => self.status(status, retry_after),
            None => self.error(ErrorKind::Transient, "cannot be reached").source(cut(&error.to_string())),
        }
    }

    fn status(&self, status: u16, retry_after: Option<&str>) -> Error {
        let (kind, hint) = match status {
            401 | 403 => {
                let error = self.error(ErrorKind::Auth, "refuses the credentials");
                return error.hint("check `headers` of the server");
            }
            300..=399 => (ErrorKind::Request, "redirects are not followed; check `url` of the server"),
            404 => (ErrorKind::NotFound, "check `url` of the server"),
            429 => (ErrorKind::Throttle, "it asks to be called more slowly"),
            408 | 500.. => (ErrorKind::Transient, "it may be better after a while"),
            _ => (ErrorKind::Request, "check `url` of the server"),
        };
        let seconds = retry_after.and_then(|text| text.trim().parse::<u32>().ok());
        let delay = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        self.error(kind, &format!("answered {status}")).hint(hint).retry_after(delay)
    }
}

/// The status in `HTTP 404 Not Found: …`.
fn status_in(said: &str) -> Option<u16> {
    said.strip_prefix("HTTP ")?.get(..3)?.parse().ok()
}

fn with_last_words(error: Error, words: Option<&str>) -> Error {
    match words {
        Some(words) if !words.is_empty() => error.hint(format!("the end of its standard error: {}", end_of(words))),
        _ => error,
    }
}

/// The last lines, without what would move the cursor.
fn end_of(words: &str) -> String {
    let clean: String = words.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    let skipped = clean.chars().count().saturating_sub(TOLD);
    clean.chars().skip(skipped).collect()
}

/// What a server says, made one line of bounded length.
pub(super) fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(TOLD).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < text.len() && text.chars().nth(TOLD).is_some() {
        cut.push('…');
    }
    cut
}
