//! How long a call waits for the breaker of a model that nobody can stand in for.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// How long in all: a short outage is sat out, a long one is told soon.
pub const BREAKER_PATIENCE: Duration = Duration::from_secs(60);

/// The shortest wait between two looks.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is left of the patience of one call.
pub(super) struct Patience<'a> {
    left: Duration,
    /// Is told of the first wait, which is the long one; the others wait for the probe of another call.
    tell: Option<&'a (dyn Fn(Duration) + Send + Sync)>,
}

impl<'a> Patience<'a> {
    pub(super) fn new(patience: Duration, tell: &'a (dyn Fn(Duration) + Send + Sync)) -> Self {
        Self { left: patience, tell: Some(tell) }
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
        if let Some(tell) = self.tell.take() {
            tell(wait);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
