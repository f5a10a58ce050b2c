//! Work on files beside the runtime's own threads, given up when nobody waits for it any more.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    error::{Error, ErrorKind, Result},
    tool::ToolOutput,
};

/// Tells work that nobody waits for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// To be asked between pieces of work.
    ///
    /// # Errors
    /// `Cancelled` when nobody waits.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "the call was given up"));
        }
        Ok(())
    }
}

/// Stops the work when the future that waits for it is dropped.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` on a thread that may block.
pub(super) async fn work(work: impl FnOnce(&Stop) -> Result<ToolOutput> + Send + 'static) -> Result<ToolOutput> {
    let stop = Stop::default();
    let _guard = StopOnDrop(stop.clone());
    let done = tokio::task::spawn_blocking(move || work(&stop)).await;
    done.map_err(|err| Error::new(ErrorKind::Internal, "the work on files broke off").source(err))?
}
