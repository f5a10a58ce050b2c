//! The one error type of the library: a kind to branch on, a sentence to read, hints to act on.
//!
//! Every room returns it. Problems in an author's file are `plan::Diagnostic`s instead, because they are
//! collected; `cli` turns both into an exit code.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The result of anything that can fail while agentflow works.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller may branch on. The text of an error is for people only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Wrong usage, workflow, manifest or input; nothing was started.
    Invalid,
    /// The named run, document, file or agent does not exist.
    NotFound,
    /// The run cannot proceed without something from outside.
    Waiting,
    /// Stored data is damaged, or of a newer version than this program reads.
    Corrupt,
    /// A replayed step asks for something else than the log recorded under the same key.
    Divergent,
    /// A run that plays a cassette asks for something that was not recorded.
    Unrecorded,
    /// Another live process holds the run.
    Locked,
    /// Another process has taken the run over since; this one may write nothing more.
    Fenced,
    /// A compare-and-set or an append met a newer version.
    Conflict,
    /// Refused by policy.
    Denied,
    /// A budget of the run is spent.
    Budget,
    /// The store cannot be read or written at the moment.
    StoreUnavailable,
    /// A signal asked the process to stop.
    Interrupted,
    /// Cut off by its own time limit.
    Timeout,
    /// A connection failed, a server answered 5xx or 408: worth another try.
    Transient,
    /// The server cannot take this request just now (409, 425): worth another try, and says nothing about its health.
    NotReady,
    /// The server asks to slow down (429).
    Throttle,
    /// The server has more to do than it can (529): worth another try, as slowly as after `Throttle`.
    Overloaded,
    /// A quota or spend limit is used up (402, 429 of that sort): waiting does not help.
    Quota,
    /// A stream ended before its terminal event.
    Truncated,
    /// The answer is no valid message of its protocol.
    Malformed,
    /// The server refuses the request as it is (400, 413, 422, …).
    Request,
    /// The request is longer than the model can read; a model with a larger window may take it.
    ContextLength,
    /// The server has no such model (404).
    UnknownModel,
    /// Not asked: too many calls of this model failed, and it is left alone for a while.
    CircuitOpen,
    /// The server refuses the credentials (401, 403).
    Auth,
    /// The model declined to answer.
    Refused,
    /// A structured answer still violates its schema after the repair turns.
    Schema,
    /// A template or expression could not be evaluated over the run's values.
    Template,
    /// Ended because the run or the node was cancelled.
    Cancelled,
    /// Broken invariant: a defect of agentflow.
    Internal,
}

/// Something failed: which kind, what happened, what the reader can do.
///
/// The message is lower case, without a full stop, and names the thing in backticks.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<String>,
    hints: Vec<String>,
    retry_after: Option<Duration>,
    raw_text: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind` that reads `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                context: Vec::new(),
                hints: Vec::new(),
                retry_after: None,
                raw_text: None,
                source: None,
            }),
        }
    }

    /// Adds the layer that knows more, e.g. ``node `draft` ``; the outermost context is printed first.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.inner.context.push(context.into());
        self
    }

    /// Adds something the reader can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hints.push(hint.into());
        self
    }

    /// Sets how long the server asks to wait before another try.
    #[must_use]
    pub fn retry_after(mut self, delay: Option<Duration>) -> Self {
        self.inner.retry_after = delay;
        self
    }

    /// Keeps the paid answer that could not be used.
    #[must_use]
    pub fn raw_text(mut self, text: impl Into<String>) -> Self {
        self.inner.raw_text = Some(text.into());
        self
    }

    /// Sets the lower-level error this one comes from.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// What a caller may branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// What the reader can do, most useful first; may be empty.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.inner.hints
    }

    /// The message alone, without contexts and causes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The message with its contexts, the outermost first, and without causes.
    #[must_use]
    pub fn headline(&self) -> String {
        let mut headline = String::new();
        for context in self.inner.context.iter().rev() {
            headline.push_str(context);
            headline.push_str(": ");
        }
        headline + &self.inner.message
    }

    /// How long the server asked to wait, if it did.
    #[must_use]
    pub fn requested_delay(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// Turns the error into what the log keeps of it.
    #[must_use]
    pub fn to_record(&self) -> ErrorRecord {
        ErrorRecord {
            kind: self.inner.kind,
            message: self.to_string(),
            hints: self.inner.hints.clone(),
            raw_text: self.inner.raw_text.clone(),
            retry_after_ms: self.inner.retry_after.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.inner.context.iter().rev() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&self.inner.message)?;
        let mut cause = self.inner.source.as_deref().map(|source| source as &dyn std::error::Error);
        while let Some(source) = cause {
            let text = source.to_string();
            // Many libraries repeat their cause in their own text; saying it once is enough.
            if !self.inner.message.contains(&text) {
                write!(f, ": {text}")?;
            }
            cause = source.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("message", &self.to_string())
            .field("hints", &self.inner.hints)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

/// An error as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRecord {
    /// What a caller may branch on.
    pub kind: ErrorKind,
    /// What happened, with all contexts and causes.
    pub message: String,
    /// What the reader can do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// The paid answer that could not be used, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_text: Option<String>,
    /// How long the server asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl From<ErrorRecord> for Error {
    fn from(record: ErrorRecord) -> Self {
        let mut error = Self::new(record.kind, record.message).retry_after(record.retry_after_ms.map(Duration::from_millis));
        error.inner.hints = record.hints;
        error.inner.raw_text = record.raw_text;
        error
    }
}

/// "Did you mean": the nearest of `names`, if it is near enough to be a slip of the pen.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(name);
    let length = wanted.chars().count();
    let longest = (length / 3).clamp(1, 3);
    names
        .into_iter()
        // What differs in length by more differs by more: it need not be compared.
        .filter(|candidate| *candidate != name && candidate.chars().count().abs_diff(length) <= longest)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= longest && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let names = ["prompt", "prompt_file", "output", "on_error", "as"];
        assert_eq!(nearest("promt", names), Some("prompt"));
        assert_eq!(nearest("prompt-file", names), Some("prompt_file"));
        assert_eq!(nearest("onError", names), Some("on_error"));
        assert_eq!(nearest("ouptut", names), Some("output"));
        assert_eq!(nearest("temperature", names), None);
        assert_eq!(nearest("x", names), None);
    }
}
