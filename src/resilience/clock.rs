//! Wall-clock time that runs with the runtime's clock, so that paused time in tests is paused here too.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// How far the wall clock may be ahead before this one follows it.
const MOST_BEHIND: SignedDuration = SignedDuration::from_secs(60);

/// Tells the time that other processes have too. It runs with the runtime's clock, and catches up when the machine has slept.
#[derive(Debug)]
pub struct SharedClock {
    anchor: Mutex<(Timestamp, Instant)>,
    /// Whether it catches up with the wall clock.
    catches_up: bool,
}

impl Default for SharedClock {
    fn default() -> Self {
        Self { anchor: Mutex::new((Timestamp::now(), Instant::now())), catches_up: true }
    }
}

impl SharedClock {
    /// A clock that shows `wall` now and only runs with the runtime's clock, whatever the time is.
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        Self { anchor: Mutex::new((wall, Instant::now())), catches_up: false }
    }

    /// What time it is. Never earlier than it was.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now_by(Timestamp::now(), Instant::now())
    }

    fn now_by(&self, wall: Timestamp, instant: Instant) -> Timestamp {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, began) = *anchor;
        let elapsed = SignedDuration::try_from(instant.saturating_duration_since(began)).unwrap_or_default();
        let now = at.saturating_add(elapsed).unwrap_or(at);
        if self.catches_up && wall.duration_since(now) > MOST_BEHIND {
            *anchor = (wall, instant);
            return wall;
        }
        now
    }
}

/// How far `until` is from `now`; zero when it has passed.
#[must_use]
pub fn time_left(now: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_with_the_runtime_and_catches_up_after_a_sleep() {
        let (wall, instant) = (Timestamp::from_second(1_800_000_000).unwrap(), Instant::now());
        let clock = SharedClock { anchor: Mutex::new((wall, instant)), catches_up: true };
        let second = SignedDuration::from_secs(1);
        assert_eq!(clock.now_by(wall, instant + Duration::from_secs(3)), wall + second * 3);
        assert_eq!(clock.now_by(wall + second * 3_600, instant + Duration::from_secs(4)), wall + second * 3_600);
        assert_eq!(clock.now_by(wall, instant + Duration::from_secs(5)), wall + second * 3_601);
        let told = SharedClock { anchor: Mutex::new((wall, instant)), catches_up: false };
        assert_eq!(told.now_by(wall + second * 3_600, instant + Duration::from_secs(4)), wall + second * 4);
        assert_eq!(time_left(wall, wall + second * 2), Duration::from_secs(2));
        assert_eq!(time_left(wall + second, wall), Duration::ZERO);
    }
}
