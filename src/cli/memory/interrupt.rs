//! Work that a signal ends between two of its steps: what is complete stays.

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::exit,
    error::{Error, ErrorKind, Result},
};

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
    let failed = |err| Error::new(ErrorKind::Internal, "cannot listen to signals").source(err);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        done = work => done.map(Ended::Done),
        _ = interrupt.recv() => Ok(Ended::Stopped(exit::INTERRUPTED)),
        _ = terminate.recv() => Ok(Ended::Stopped(exit::TERMINATED)),
    }
}
