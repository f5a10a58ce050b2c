//! What follows from a failed call: whether it is made again, whether another model is asked, and what it says about the health of
//! its target. The one place where this is decided.

use crate::error::ErrorKind;

/// Whether the same call is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It would fail in the same way.
    Never,
    /// One more time.
    Once,
    /// As often as the [`RetryPolicy`](crate::resilience::RetryPolicy) allows.
    Yes,
}

/// Whether the next model of a fallback chain is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// What failed would fail there as well, or its end was wanted.
    Never,
    /// Without delay.
    AtOnce,
    /// Once there is no attempt left, or the server asks for a longer wait than is worth it.
    AfterRetries,
    /// Only one that reads more than this one.
    IfLarger,
    /// Only when the chain says so.
    IfAsked,
}

/// What a circuit breaker makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// It says nothing about the health of the target.
    Ignore,
    /// The target failed.
    Failure,
    /// The account has nothing left, and will not for a while.
    Quota,
}

/// What follows from a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// On the same target.
    pub again: Again,
    /// On the next one.
    pub next: Next,
    /// For the breaker of the target.
    pub breaker: Counts,
}

/// What follows from a call that failed with `kind`.
///
/// # Source
/// The retryability table of the execution semantics (docs/semantics.md).
#[must_use]
pub fn verdict(kind: ErrorKind) -> Verdict {
    let (again, next, breaker) = match kind {
        ErrorKind::Transient | ErrorKind::Timeout | ErrorKind::Truncated | ErrorKind::Overloaded => {
            (Again::Yes, Next::AfterRetries, Counts::Failure)
        }
        ErrorKind::Malformed => (Again::Once, Next::AfterRetries, Counts::Failure),
        // These come from a server that is well; a 429 teaches the rate limiter instead.
        ErrorKind::NotReady | ErrorKind::Throttle | ErrorKind::Schema => (Again::Yes, Next::AfterRetries, Counts::Ignore),
        ErrorKind::Quota => (Again::Never, Next::AtOnce, Counts::Quota),
        ErrorKind::UnknownModel | ErrorKind::CircuitOpen => (Again::Never, Next::AtOnce, Counts::Ignore),
        ErrorKind::ContextLength => (Again::Never, Next::IfLarger, Counts::Ignore),
        ErrorKind::Auth => (Again::Never, Next::IfAsked, Counts::Ignore),
        ErrorKind::Request
        | ErrorKind::Refused
        | ErrorKind::Template
        | ErrorKind::Budget
        | ErrorKind::Denied
        | ErrorKind::Cancelled
        | ErrorKind::Interrupted
        | ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::Waiting
        | ErrorKind::Corrupt
        | ErrorKind::Divergent
        | ErrorKind::Unrecorded
        | ErrorKind::Locked
        | ErrorKind::Fenced
        | ErrorKind::Conflict
        | ErrorKind::StoreUnavailable
        | ErrorKind::Internal => (Again::Never, Next::Never, Counts::Ignore),
    };
    Verdict { again, next, breaker }
}

impl ErrorKind {
    /// Whether the same call may succeed when it is simply made again: see [`verdict()`].
    #[must_use]
    pub fn is_temporary(self) -> bool {
        verdict(self).again != Again::Never
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn row(kinds: &[ErrorKind], again: Again, next: Next, breaker: Counts) {
        for kind in kinds {
            assert_eq!(verdict(*kind), Verdict { again, next, breaker }, "{kind:?}");
            assert_eq!(kind.is_temporary(), again != Again::Never, "{kind:?}");
        }
    }

    /// The rows of the table in docs/semantics.md, in its order.
    #[test]
    fn the_table_holds_row_by_row() {
        row(&[ErrorKind::Transient], Again::Yes, Next::AfterRetries, Counts::Failure);
        row(&[ErrorKind::NotReady], Again::Yes, Next::AfterRetries, Counts::Ignore);
        row(&[ErrorKind::Throttle], Again::Yes, Next::AfterRetries, Counts::Ignore);
        row(&[ErrorKind::Overloaded], Again::Yes, Next::AfterRetries, Counts::Failure);
        row(&[ErrorKind::Quota], Again::Never, Next::AtOnce, Counts::Quota);
        row(&[ErrorKind::Truncated], Again::Yes, Next::AfterRetries, Counts::Failure);
        row(&[ErrorKind::Malformed], Again::Once, Next::AfterRetries, Counts::Failure);
        row(&[ErrorKind::Timeout], Again::Yes, Next::AfterRetries, Counts::Failure);
        row(&[ErrorKind::Schema], Again::Yes, Next::AfterRetries, Counts::Ignore);
        row(&[ErrorKind::CircuitOpen], Again::Never, Next::AtOnce, Counts::Ignore);
        row(&[ErrorKind::ContextLength], Again::Never, Next::IfLarger, Counts::Ignore);
        row(&[ErrorKind::UnknownModel], Again::Never, Next::AtOnce, Counts::Ignore);
        row(&[ErrorKind::Request], Again::Never, Next::Never, Counts::Ignore);
        row(&[ErrorKind::Auth], Again::Never, Next::IfAsked, Counts::Ignore);
        row(
            &[ErrorKind::Refused, ErrorKind::Template, ErrorKind::Budget, ErrorKind::Denied],
            Again::Never,
            Next::Never,
            Counts::Ignore,
        );
        row(
            &[
                ErrorKind::Cancelled,
                ErrorKind::Unrecorded,
                ErrorKind::Interrupted,
                ErrorKind::Fenced,
                ErrorKind::Internal,
                ErrorKind::StoreUnavailable,
            ],
            Again::Never,
            Next::Never,
            Counts::Ignore,
        );
    }
}
