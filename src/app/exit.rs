//! Exit codes: what a script may rely on. The one place where an outcome becomes a number.

use crate::{
    error::{Error, ErrorKind},
    model::RunStatus,
};

/// All went well; a run succeeded.
pub const SUCCEEDED: u8 = 0;
/// A node of the run failed and nothing caught it; also a server that refused, a difference where `--exit-code` was asked, and a defect.
pub const RUN_FAILED: u8 = 1;
/// Wrong usage, workflow, manifest or input; nothing was started.
pub const USAGE: u8 = 2;
/// The run cannot go on without something from outside.
pub const WAITING: u8 = 3;
/// The stored state is damaged, of a newer version, or does not fit what is asked.
pub const CORRUPT: u8 = 4;
/// Another process holds the run.
pub const LOCKED: u8 = 5;
/// Refused by policy; or permissions are widened, and `diff --fail-on widened` was asked.
pub const DENIED: u8 = 6;
/// A budget of the run is spent.
pub const BUDGET: u8 = 7;
/// The store cannot be read or written at the moment.
pub const STORE_UNAVAILABLE: u8 = 75;
/// Stopped by SIGINT (Ctrl-C).
pub const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM.
pub const TERMINATED: u8 = 143;

/// The code for an error that ends a command.
#[must_use]
pub fn of_error(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::NotFound => USAGE,
        kind => of_failed_run(kind),
    }
}

/// The code for a run that came to its end with `status`, or stands still, because of an error of kind `why`.
#[must_use]
pub fn of_run(status: RunStatus, why: Option<ErrorKind>) -> u8 {
    match (status, why) {
        (RunStatus::Succeeded, _) => SUCCEEDED,
        (RunStatus::Running | RunStatus::Failed | RunStatus::Cancelled, Some(kind)) => of_failed_run(kind),
        (RunStatus::Waiting, _) | (RunStatus::Running, None) => WAITING,
        (RunStatus::Failed | RunStatus::Cancelled, None) => RUN_FAILED,
    }
}

/// The code for what ended a run. A node that failed because something in it was invalid is a failed run, not wrong usage.
fn of_failed_run(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Waiting => WAITING,
        ErrorKind::Corrupt | ErrorKind::Divergent => CORRUPT,
        ErrorKind::Locked | ErrorKind::Fenced | ErrorKind::Conflict => LOCKED,
        ErrorKind::Denied => DENIED,
        ErrorKind::Budget => BUDGET,
        ErrorKind::StoreUnavailable => STORE_UNAVAILABLE,
        ErrorKind::Interrupted => INTERRUPTED,
        ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::Unrecorded
        | ErrorKind::Timeout
        | ErrorKind::Transient
        | ErrorKind::NotReady
        | ErrorKind::Throttle
        | ErrorKind::Overloaded
        | ErrorKind::Quota
        | ErrorKind::Truncated
        | ErrorKind::Malformed
        | ErrorKind::Request
        | ErrorKind::ContextLength
        | ErrorKind::UnknownModel
        | ErrorKind::CircuitOpen
        | ErrorKind::Auth
        | ErrorKind::Refused
        | ErrorKind::Schema
        | ErrorKind::Template
        | ErrorKind::Cancelled
        | ErrorKind::Internal => RUN_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_usage_before_a_run_is_a_failed_run_in_it() {
        assert_eq!(of_error(&Error::new(ErrorKind::Invalid, "x")), 2);
        assert_eq!(of_error(&Error::new(ErrorKind::NotFound, "x")), 2);
        assert_eq!(of_run(RunStatus::Failed, Some(ErrorKind::Invalid)), 1);
        assert_eq!(of_run(RunStatus::Failed, Some(ErrorKind::NotFound)), 1);
    }

    #[test]
    fn each_way_to_end_has_its_code() {
        let codes = [
            (ErrorKind::Waiting, 3),
            (ErrorKind::Corrupt, 4),
            (ErrorKind::Divergent, 4),
            (ErrorKind::Locked, 5),
            (ErrorKind::Fenced, 5),
            (ErrorKind::Denied, 6),
            (ErrorKind::Budget, 7),
            (ErrorKind::StoreUnavailable, 75),
            (ErrorKind::Interrupted, 130),
            (ErrorKind::Auth, 1),
            (ErrorKind::Internal, 1),
        ];
        for (kind, code) in codes {
            assert_eq!(of_error(&Error::new(kind, "x")), code, "{kind:?}");
            assert_eq!(of_run(RunStatus::Failed, Some(kind)), code, "{kind:?}");
        }
        assert_eq!(of_run(RunStatus::Succeeded, None), 0);
        assert_eq!(of_run(RunStatus::Failed, None), 1);
        assert_eq!(of_run(RunStatus::Running, None), 3);
        assert_eq!(of_run(RunStatus::Waiting, None), 3);
    }
}
