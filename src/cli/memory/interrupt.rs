//! Work that a signal ends between two of its steps: what is complete stays.

use crate::{cli::signals::Kinds, error::Result};

/// How work ended.
#[derive(Debug)]
pub(super) enum Ended<T> {
    /// By itself.
    Done(T),
    /// By a signal, with the exit code that says so.
    Stopped(u8),
}

/// Works until it is done or a signal comes.
///
/// # Errors
/// Those of the work; `Internal` when the system does not let the process listen.
pub(super) async fn until_signal<T>(work: impl Future<Output = Result<T>>) -> Result<Ended<T>> {
    let mut signals = Kinds::listen()?;
    tokio::select! {
        done = work => done.map(Ended::Done),
        code = signals.next() => Ok(Ended::Stopped(code)),
    }
}
