//! What the failures of a server mean: which kind they are, what a model is told and what the operator.

use std::{error::Error as StdError, io, time::Duration};

use rmcp::{
    model::{ErrorCode, ErrorData},
    service::{ClientInitializeError, ServiceError},
    transport::streamable_http_client::{AuthRequiredError, HttpStatusError, InsufficientScopeError},
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
    pub(super) fn silent_at_start(&self, limit: Duration, last_words: Option<String>) -> Error {
        let error = self.error(ErrorKind::Timeout, &format!("was not ready within {limit:?}"));
        with_last_words(error.hint("raise `start_timeout` of the server if it needs longer"), last_words.as_deref())
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
    pub(super) fn lost(&self, reason: Option<String>, last_words: Option<String>) -> Error {
        let how = reason.unwrap_or_else(|| "closed the connection".to_owned());
        with_last_words(self.error(ErrorKind::Transient, &how), last_words.as_deref())
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
    fn not_sent(&self, error: &(dyn StdError + 'static)) -> Error {
        let mut cause = Some(error);
        while let Some(at) = cause {
            if at.is::<AuthRequiredError>() || at.is::<InsufficientScopeError>() {
                return self.unauthorized();
            }
            if let Some(http) = at.downcast_ref::<HttpStatusError>() {
                let seconds = http.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
                let kind = if http.status == 429 { ErrorKind::Throttle } else { ErrorKind::Transient };
                return self
                    .error(kind, &format!("answered {}", http.status))
                    .retry_after(seconds.map(|seconds: u32| Duration::from_secs(seconds.into())));
            }
            if let Some(status) = at.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::status) {
                return match status.as_u16() {
                    401 | 403 => self.unauthorized(),
                    404 => self.error(ErrorKind::NotFound, "is not there: 404").hint("check `url` of the server"),
                    status => self.error(ErrorKind::Request, &format!("answered {status}")),
                };
            }
            cause = at.source();
        }
        let mut told = cut(&error.to_string());
        // What the server sends instead of an answer begins with its status.
        for (status, kind) in [("HTTP 401", ErrorKind::Auth), ("HTTP 403", ErrorKind::Auth), ("HTTP 3", ErrorKind::Request)] {
            if told.contains(status) {
                told.truncate(0);
                return match kind {
                    ErrorKind::Auth => self.unauthorized(),
                    kind => self.error(kind, "answered with a redirect").hint("redirects are not followed; check `url` of the server"),
                };
            }
        }
        self.error(ErrorKind::Transient, "cannot be reached").source(told)
    }

    fn unauthorized(&self) -> Error {
        self.error(ErrorKind::Auth, "refuses the credentials").hint("check `headers` of the server")
    }
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
