//! What SQLite says, in our words: which kind, which file, what to do.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// Why a statement or a group of them did not come to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// Our own rules refuse it, or what was read is damaged. The connection is fine.
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
    /// The error to show, for the memory in the file at `path`.
    pub(super) fn into_error(self, path: &Path) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Sqlite(error) => describe(path, &error),
        }
    }

    /// Whether the connection is fine after this.
    ///
    /// After a failed flush it is not: what the operating system still has in memory may or may not reach the disk.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted)
            ),
        }
    }
}

/// The error for something in the tables of `what` that cannot be.
pub(super) fn damaged(what: &str) -> Failure {
    Error::new(ErrorKind::Corrupt, format!("{what} is damaged"))
        .hint("make the collection anew: `agentflow memory rm COLLECTION`, then `agentflow memory add PATH --collection COLLECTION`")
        .into()
}

/// The error to show for what SQLite says of the memory in the file at `path`.
pub(super) fn describe(path: &Path, error: &rusqlite::Error) -> Error {
    const PLACE: &str = "check the permissions of the file and of its folder, or name another place with `--store sqlite:PATH`";
    let file = path.display();
    // A value of another type, out of range or no UTF-8: somebody else wrote it, or the disk lost it.
    let code = error.sqlite_error_code().unwrap_or(ErrorCode::DatabaseCorrupt);
    let (kind, message, hint) = match code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => (
            ErrorKind::Corrupt,
            format!("memory in `{file}` is damaged"),
            "restore the file from a backup; `sqlite3 FILE .recover` saves what can be read",
        ),
        ErrorCode::DiskFull => (
            ErrorKind::StoreUnavailable,
            format!("no space is left for memory in `{file}`"),
            "free some space and try again; documents that were not added as a whole are not there",
        ),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
            ErrorKind::StoreUnavailable,
            format!("store `{file}` is kept locked by another process"),
            "find what holds it (a shell with an open transaction, a backup), let it end, and try again",
        ),
        ErrorCode::ReadOnly => (ErrorKind::StoreUnavailable, format!("store `{file}` cannot be written"), PLACE),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            (ErrorKind::StoreUnavailable, format!("store `{file}` cannot be opened"), PLACE)
        }
        ErrorCode::SystemIoFailure => (
            ErrorKind::StoreUnavailable,
            format!("reading or writing memory in `{file}` failed"),
            "check the disk, then try again",
        ),
        // The version is ours, but the tables do not take our statements.
        ErrorCode::Unknown => (
            ErrorKind::Corrupt,
            format!("memory in `{file}` does not have the tables it should have"),
            "restore the file from a backup",
        ),
        _ => (ErrorKind::Internal, format!("memory in `{file}` failed"), "please report this with the text of this error"),
    };
    // As text: the errors of `rusqlite` repeat each other.
    Error::new(kind, message).hint(hint).source(error.to_string())
}
