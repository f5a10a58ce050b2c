//! Wall-clock time that runs with the runtime's clock, so that paused time in tests is paused here too.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Reads the wall clock once and goes on with the monotonic one: times of one process never go backwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    wall: Timestamp,
    began: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { wall: Timestamp::now(), began: Instant::now() }
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
