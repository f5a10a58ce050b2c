//! Wall-clock time that runs with the runtime's clock, so that paused time in tests is paused here too.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Knows the wall clock's time at one moment and goes on with the monotonic clock: its times never go backwards.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Timestamp,
    began: Instant,
}

impl Clock {
    /// Reads the wall clock, once.
    #[must_use]
    pub fn start() -> Self {
        Self::at(Timestamp::now())
    }

    /// A clock that shows `wall` now, whatever the time is: a run that is told its clock, id and owner writes the same log again.
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        Self { wall, began: Instant::now() }
    }

    pub(super) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        self.wall.saturating_add(elapsed).unwrap_or(self.wall)
    }

    /// The instant at which this clock shows `at`; now, if that has passed.
    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        let ahead = std::time::Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        Instant::now() + ahead
    }
}
