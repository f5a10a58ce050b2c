//! Signals: the first one ends a run gracefully, the second one at once. While a person is asked, the first one ends the program.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};

use crate::{
    cli::{
        exit,
        terminal::{Terminal, YELLOW, paint},
        ui::Speaker,
    },
    engine::Stop,
    error::{Error, ErrorKind, Result},
};

/// Which signal came, if one did. It is listened for until this is dropped.
#[derive(Debug)]
pub(super) struct Signals {
    code: Arc<AtomicU8>,
    listener: JoinHandle<()>,
}

impl Signals {
    /// Listens from now on, and stops runs through `stop`.
    ///
    /// # Errors
    /// `Internal` when the system does not let the process listen.
    pub(super) fn listen(stop: Stop, speaker: Speaker, color: bool) -> Result<Self> {
        let mut kinds = Kinds::listen()?;
        let code = Arc::default();
        let first = Arc::clone(&code);
        let told = paint(color, YELLOW, "stopping: calls in flight get 10 s to end; again to stop at once");
        let listener = tokio::spawn(async move { follow(&mut kinds, &stop, &first, &|| speaker.say(told.clone())).await });
        Ok(Self { code, listener })
    }

    /// Listens from now on: the first signal sets `flag`, the second one ends the program.
    ///
    /// # Errors
    /// As [`Signals::listen`].
    pub(super) fn raise(flag: Arc<AtomicBool>, told: &'static str, terminal: &Terminal) -> Result<Self> {
        let (mut kinds, terminal) = (Kinds::listen()?, terminal.clone());
        let code: Arc<AtomicU8> = Arc::default();
        let first = Arc::clone(&code);
        let listener = tokio::spawn(async move {
            first.store(kinds.next().await, Ordering::Relaxed);
            flag.store(true, Ordering::Relaxed);
            terminal.talk(&terminal.paint_err(YELLOW, told));
            std::process::exit(i32::from(kinds.next().await));
        });
        Ok(Self { code, listener })
    }

    /// Until what it gives is dropped, a signal ends the program, which says `farewell` before: there is nothing that could be stopped.
    ///
    /// # Errors
    /// As [`Signals::listen`].
    pub(super) fn leave_at_once(farewell: String, terminal: &Terminal) -> Result<Self> {
        let (mut kinds, terminal) = (Kinds::listen()?, terminal.clone());
        let listener = tokio::spawn(async move {
            let code = kinds.next().await;
            terminal.talk(&format!("\n{farewell}"));
            std::process::exit(i32::from(code));
        });
        Ok(Self { code: Arc::default(), listener })
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

impl Drop for Signals {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// The signals that are listened for, from when it is made.
pub(super) struct Kinds {
    interrupt: Signal,
    terminate: Signal,
}

impl Kinds {
    /// # Errors
    /// `Internal` when the system does not let the process listen.
    pub(super) fn listen() -> Result<Self> {
        let failed = |err| Error::new(ErrorKind::Internal, "cannot listen to signals").source(err);
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok(Self { interrupt, terminate })
    }

    /// The exit code of the next one.
    pub(super) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => exit::INTERRUPTED,
            _ = self.terminate.recv() => exit::TERMINATED,
        }
    }
}

async fn follow(kinds: &mut Kinds, stop: &Stop, first: &AtomicU8, tell: &(dyn Fn() + Sync)) {
    for nth in 0u8.. {
        let code = kinds.next().await;
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
