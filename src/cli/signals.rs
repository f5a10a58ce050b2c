//! Signals: the first one ends a run gracefully, the second one at once.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{
        exit,
        terminal::{YELLOW, paint},
        ui::Speaker,
    },
    engine::Stop,
    error::{Error, ErrorKind, Result},
};

/// Which signal came, if one did.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    code: Arc<AtomicU8>,
}

impl Signals {
    /// Listens from now on, and stops runs through `stop`.
    ///
    /// # Errors
    /// `Internal` when the system does not let the process listen.
    pub(super) fn listen(stop: Stop, speaker: Speaker, color: bool) -> Result<Self> {
        let failed = |err| Error::new(ErrorKind::Internal, "cannot listen to signals").source(err);
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let signals = Self::default();
        let code = Arc::clone(&signals.code);
        let told = paint(color, YELLOW, "stopping: calls in flight get 10 s to end; again to stop at once");
        tokio::spawn(follow(interrupt, terminate, stop, code, move || speaker.say(told.clone())));
        Ok(signals)
    }

    /// The exit code of the signal that came first; that of an interrupt when none came.
    pub(super) fn exit_code(&self) -> u8 {
        match self.code.load(Ordering::Relaxed) {
            0 => exit::INTERRUPTED,
            code => code,
        }
    }

    /// Whether one came.
    pub(super) fn came(&self) -> bool {
        self.code.load(Ordering::Relaxed) != 0
    }
}

async fn follow(mut interrupt: Signal, mut terminate: Signal, stop: Stop, first: Arc<AtomicU8>, tell: impl Fn()) {
    for nth in 0u8.. {
        let code = tokio::select! {
            _ = interrupt.recv() => exit::INTERRUPTED,
            _ = terminate.recv() => exit::TERMINATED,
        };
        match nth {
            0 => {
                first.store(code, Ordering::Relaxed);
                stop.gracefully();
                tell();
            }
            1 => stop.at_once(),
            // Nothing that counts is only in memory, so the process may end here.
            _ => std::process::exit(i32::from(code)),
        }
    }
}
