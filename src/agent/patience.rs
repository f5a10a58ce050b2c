//! How long a call waits for the breaker of a model that nobody can stand in for.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// How long in all: a short outage is sat out, a long one is told soon.
pub const BREAKER_PATIENCE: Duration = Duration::from_secs(60);

/// The shortest wait between two looks.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is left of the patience of one call.
#[derive(Debug)]
pub(super) struct Patience {
    left: Duration,
    /// How long it has waited.
    pub(super) waited: Duration,
}

impl Patience {
    pub(super) fn new(patience: Duration) -> Self {
        Self { left: patience, waited: Duration::ZERO }
    }

    /// Waits until a model that was left alone may be asked again.
    ///
    /// # Errors
    /// `refused`, when that is not soon enough, or it says something else.
    pub(super) async fn outwait(&mut self, refused: Error) -> Result<()> {
        let wait = refused.requested_delay().unwrap_or_default().max(SHORTEST);
        if refused.kind() != ErrorKind::CircuitOpen || wait > self.left {
            return Err(refused);
        }
        self.left -= wait;
        self.waited += wait;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
