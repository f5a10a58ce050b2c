//! What SQLite says, in our words: which kind, which file, what to do.

use std::{io, path::Path};

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// Why a statement or a group of them did not come to its end.
pub(super) enum Failure {
    /// Our own rules refuse it. Nothing was written, and the connection is fine.
    Refused(Error),
    /// SQLite could not do it.
    Sqlite(rusqlite::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// Whether another connection was in the way.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }

    /// The error to show, for the store at `path`.
    pub(super) fn into_error(self, path: &Path) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Sqlite(error) => describe(path, &error),
        }
    }
}

/// Whether the connection is fine after `error`, so that the next transaction may be tried on it.
///
/// After a failed flush it is not: what the operating system still has in memory may or may not reach the disk, and
/// another flush that succeeds says nothing about the first.
pub(super) fn is_passing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted)
    )
}

/// The error to show for what SQLite says of the store at `path`.
pub(super) fn describe(path: &Path, error: &rusqlite::Error) -> Error {
    let file = path.display();
    let code = match error.sqlite_error_code() {
        Some(code) => code,
        // A value of another type, out of range or no UTF-8: somebody else wrote it, or the disk lost it.
        None => ErrorCode::DatabaseCorrupt,
    };
    let (kind, message, hint) = match code {
        ErrorCode::DatabaseCorrupt => (
            ErrorKind::Corrupt,
            format!("store `{file}` is damaged"),
            "restore it from a backup; `sqlite3 FILE .recover` saves what can be read",
        ),
        ErrorCode::NotADatabase => (
            ErrorKind::Corrupt,
            format!("store `{file}` is no SQLite database"),
            "name another file with `--store sqlite:PATH`, or restore this one from a backup",
        ),
        ErrorCode::DiskFull => (
            ErrorKind::StoreUnavailable,
            format!("no space is left for store `{file}`"),
            "free some space and go on with `agentflow resume`; what is not recorded is not counted as done",
        ),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
            ErrorKind::StoreUnavailable,
            format!("store `{file}` is kept locked by another process"),
            "find what holds it (a shell with an open transaction, a backup), let it end, and try again",
        ),
        ErrorCode::ReadOnly => (
            ErrorKind::StoreUnavailable,
            format!("store `{file}` cannot be written"),
            "check the permissions of the file and of its folder, or name another place with `--store sqlite:PATH`",
        ),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => (
            ErrorKind::StoreUnavailable,
            format!("store `{file}` cannot be opened"),
            "check the permissions of the file and of its folder, or name another place with `--store sqlite:PATH`",
        ),
        ErrorCode::SystemIoFailure => (
            ErrorKind::StoreUnavailable,
            format!("reading or writing store `{file}` failed"),
            "check the disk; then go on with `agentflow resume`: what is not recorded is not counted as done",
        ),
        // The tables are ours (the application id says so), but they do not take our statements.
        ErrorCode::Unknown => {
            (ErrorKind::Corrupt, format!("store `{file}` does not have the tables it should have"), "restore it from a backup")
        }
        _ => (ErrorKind::Internal, format!("store `{file}` failed"), "please report this with the text of this error"),
    };
    // As text: the errors of `rusqlite` repeat each other.
    Error::new(kind, message).hint(hint).source(error.to_string())
}

/// The error to show for what the operating system says of the store at `path` while `doing` something.
pub(super) fn describe_io(path: &Path, doing: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::StoreUnavailable, format!("store `{}` cannot be {doing}", path.display()))
        .hint("check that its folder is there and can be written, or name another place with `--store sqlite:PATH`")
        .source(error)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[track_caller]
    fn check(code: i32, kind: ErrorKind, passing: bool) {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert_eq!(is_passing(&error), passing, "{code}");
        let shown = describe(Path::new("state/agentflow.db"), &error);
        assert_eq!(shown.kind(), kind, "{code}");
        assert!(shown.to_string().contains("`state/agentflow.db`"), "{shown}");
        assert_eq!(shown.hints().len(), 1);
    }

    #[test]
    fn what_sqlite_says_is_sorted_by_what_can_be_done() {
        check(ffi::SQLITE_FULL, ErrorKind::StoreUnavailable, true);
        check(ffi::SQLITE_BUSY, ErrorKind::StoreUnavailable, true);
        check(ffi::SQLITE_BUSY_RECOVERY, ErrorKind::StoreUnavailable, true);
        check(ffi::SQLITE_IOERR_FSYNC, ErrorKind::StoreUnavailable, false);
        check(ffi::SQLITE_IOERR_WRITE, ErrorKind::StoreUnavailable, false);
        check(ffi::SQLITE_READONLY, ErrorKind::StoreUnavailable, false);
        check(ffi::SQLITE_CANTOPEN, ErrorKind::StoreUnavailable, false);
        check(ffi::SQLITE_CORRUPT, ErrorKind::Corrupt, false);
        check(ffi::SQLITE_NOTADB, ErrorKind::Corrupt, false);
        check(ffi::SQLITE_ERROR, ErrorKind::Corrupt, false);
        check(ffi::SQLITE_MISUSE, ErrorKind::Internal, false);
    }
}
