//! What one target lets through, as it turns out: pauses that it asks for, and a rate that is learned when nobody set one.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{limiter::RateLimiter, retry::LONGEST_REQUESTED};
use crate::model::Rate;

/// Over how long calls are counted to learn a rate.
const STRETCH: Duration = Duration::from_secs(10);
/// The least time a rate is computed over.
const LEAST: Duration = Duration::from_secs(1);

/// Holds calls of one target back after it said that they were too many; lets all through until then.
///
/// A server that asks for a delay gets it from every caller, not only from the one it told. Where no rate is set, the calls of
/// the last 10 s are taken for one that is twice too high; when it has come back, there is no limit any more.
#[derive(Debug, Default)]
pub struct Pace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    paused_until: Option<Instant>,
    learned: Option<RateLimiter>,
    /// Calls in the stretch that began at the instant, and in the one before it.
    stretch: Option<(Instant, u32)>,
    before: u32,
}

impl Pace {
    /// Reserves a call at `now`, and returns how long to wait before it.
    #[must_use]
    pub fn reserve(&self, now: Instant) -> Duration {
        let mut state = self.state();
        state.count(now);
        if state.learned.as_ref().is_some_and(|limiter| limiter.share_at(now) >= 1.0) {
            state.learned = None;
        }
        let for_rate = state.learned.as_ref().map_or(Duration::ZERO, |limiter| limiter.reserve_at(now, 1.0));
        for_rate.max(state.pause(now))
    }

    /// How long everybody waits because the server asked for it.
    #[must_use]
    pub fn pause(&self, now: Instant) -> Duration {
        self.state().pause(now)
    }

    /// The server asks to be left alone for `delay`. More than is worth waiting for holds nobody back.
    pub fn pause_for(&self, now: Instant, delay: Duration) {
        if delay <= LONGEST_REQUESTED {
            let mut state = self.state();
            state.paused_until = state.paused_until.max(Some(now + delay));
        }
    }

    /// A call that was made at `made_at` was too much: halves what is let through.
    pub fn slow_down(&self, now: Instant, made_at: Instant) {
        let mut state = self.state();
        let rate = state.observed(now);
        state.learned.get_or_insert_with(|| RateLimiter::new(rate)).slow_down_at(now, made_at);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pause(&self, now: Instant) -> Duration {
        self.paused_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn count(&mut self, now: Instant) {
        let (began, calls) = self.stretch.unwrap_or((now, 0));
        let age = now.saturating_duration_since(began);
        if age < STRETCH {
            self.stretch = Some((began, calls + 1));
        } else {
            self.before = if age < STRETCH * 2 { calls } else { 0 };
            self.stretch = Some((now, 1));
        }
    }

    /// How much was asked in the last while.
    fn observed(&self, now: Instant) -> Rate {
        let (began, calls) = self.stretch.unwrap_or((now, 1));
        let age = now.saturating_duration_since(began);
        let (calls, span) = if self.before > 0 { (calls + self.before, age + STRETCH) } else { (calls, age) };
        Rate { amount: f64::from(calls) / span.max(LEAST).as_secs_f64(), per: Duration::from_secs(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn nobody_waits_until_the_server_complains() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert!((0..10_000).all(|_| pace.reserve(now).is_zero()));
    }

    #[test]
    fn everybody_waits_as_long_as_the_server_asks_unless_that_is_too_long() {
        let (pace, now) = (Pace::default(), Instant::now());
        pace.pause_for(now, SECOND * 7);
        pace.pause_for(now, SECOND * 3);
        pace.pause_for(now, SECOND * 121);
        assert_eq!(pace.reserve(now), SECOND * 7);
        assert_eq!(pace.reserve(now + SECOND * 5), SECOND * 2);
        assert_eq!(pace.reserve(now + SECOND * 7), Duration::ZERO);
    }

    #[test]
    fn half_of_what_was_asked_is_let_through_and_the_limit_ends_when_it_has_come_back() {
        let (pace, began) = (Pace::default(), Instant::now());
        // 20 calls in 10 s: two per second, one of them too many.
        assert!((0..20).all(|half| pace.reserve(began + SECOND * half / 2).is_zero()));
        let now = began + SECOND * 10;
        pace.slow_down(now, now);
        let waits: Vec<_> = (0..4).map(|_| pace.reserve(now).as_millis()).collect();
        assert_eq!(waits, [0, 1_000, 2_000, 3_000]);
        assert!((0..10).any(|_| !pace.reserve(now + SECOND * 99).is_zero()));
        assert!((0..1_000).all(|_| pace.reserve(now + SECOND * 100).is_zero()));
    }

    #[test]
    fn a_burst_at_the_beginning_is_a_rate_too() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert!((0..16).all(|_| pace.reserve(now).is_zero()));
        pace.slow_down(now, now);
        assert_eq!((0..8).filter(|_| pace.reserve(now).is_zero()).count(), 8);
        assert_eq!(pace.reserve(now).as_millis(), 125);
    }
}
