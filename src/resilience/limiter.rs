//! How much may be asked of a server in a span of time.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::model::Rate;

/// How much of the full rate comes back in a [`RECOVERY_STEP`], and the least that is left of it.
const RECOVERY: f64 = 0.05;
const RECOVERY_STEP: Duration = Duration::from_secs(10);

/// Spaces out calls so that they keep to a [`Rate`]; first come, first served.
///
/// Amounts are reserved in advance, so a caller learns at once how long to wait, and a caller that gives up has still used its share.
/// A server that finds it too fast halves the rate; 5 % of the full rate come back every 10 s.
///
/// # Source
/// The generic cell rate algorithm (ITU-T I.371, Annex A) as a virtual schedule, with a burst of one span's amount.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The theoretical arrival time: when all that was reserved so far is paid back.
    settled_at: Option<Instant>,
    /// When the rate was halved last, and what part of it was left.
    slowed: Option<(Instant, f64)>,
}

impl RateLimiter {
    /// Makes a limiter with its full amount free.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, state: Mutex::default() }
    }

    /// Reserves `amount` and returns how long to wait before using it; zero when it is free now.
    ///
    /// More than one span's amount is let through alone and paid back afterwards.
    #[must_use]
    pub fn reserve(&self, amount: f64) -> Duration {
        self.reserve_at(Instant::now(), amount)
    }

    /// As [`RateLimiter::reserve`], at a time that is given.
    #[must_use]
    pub fn reserve_at(&self, now: Instant, amount: f64) -> Duration {
        let mut state = self.state();
        let begin = state.settled_at.unwrap_or(now).max(now);
        let end = begin + self.span_of(amount, state.share_at(now));
        state.settled_at = Some(end);
        let earliest_end = now + self.rate.per;
        (end.saturating_duration_since(earliest_end)).min(begin.saturating_duration_since(now))
    }

    /// Corrects a reservation of `reserved` after `used` turned out to be needed.
    pub fn settle(&self, reserved: f64, used: f64) {
        self.settle_at(Instant::now(), reserved, used);
    }

    /// As [`RateLimiter::settle`], at a time that is given.
    pub fn settle_at(&self, now: Instant, reserved: f64, used: f64) {
        let mut state = self.state();
        if let Some(at) = state.settled_at {
            let span = self.span_of((used - reserved).abs(), state.share_at(now));
            state.settled_at = Some(if used > reserved { at + span } else { at.checked_sub(span).unwrap_or(at) });
        }
    }

    /// Halves the rate because a call that was made at `made_at` was too much. Calls that were made before the last halving say
    /// nothing about what came of it.
    pub fn slow_down(&self, made_at: Instant) {
        self.slow_down_at(Instant::now(), made_at);
    }

    /// As [`RateLimiter::slow_down`], at a time that is given.
    pub fn slow_down_at(&self, now: Instant, made_at: Instant) {
        let mut state = self.state();
        if state.slowed.is_none_or(|(at, _)| made_at >= at) {
            state.slowed = Some((now, (state.share_at(now) / 2.0).max(RECOVERY)));
        }
    }

    /// What part of the full rate holds at `now`.
    #[must_use]
    pub fn share_at(&self, now: Instant) -> f64 {
        self.state().share_at(now)
    }

    /// In how long `amount` is paid back.
    fn span_of(&self, amount: f64, share: f64) -> Duration {
        self.rate.per.mul_f64((amount / (self.rate.amount * share)).max(0.0))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn share_at(&self, now: Instant) -> f64 {
        let Some((at, left)) = self.slowed else { return 1.0 };
        let steps = now.saturating_duration_since(at).as_millis() / RECOVERY_STEP.as_millis();
        (left + RECOVERY * f64::from(u32::try_from(steps).unwrap_or(u32::MAX))).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_is_spaced() {
        let limiter = RateLimiter::new(Rate { amount: 2.0, per: Duration::from_secs(1) });
        let now = Instant::now();
        let waits: Vec<_> = (0..5).map(|_| limiter.reserve_at(now, 1.0).as_millis()).collect();
        assert_eq!(waits, [0, 0, 500, 1000, 1500]);
        assert_eq!(limiter.reserve_at(now + Duration::from_secs(10), 1.0), Duration::ZERO);
    }

    #[test]
    fn what_was_not_used_is_given_back() {
        let limiter = RateLimiter::new(Rate { amount: 100.0, per: Duration::from_secs(1) });
        let now = Instant::now();
        assert_eq!(limiter.reserve_at(now, 100.0), Duration::ZERO);
        limiter.settle(100.0, 50.0);
        assert_eq!(limiter.reserve_at(now, 50.0), Duration::ZERO);
        assert_eq!(limiter.reserve_at(now, 50.0).as_millis(), 500);
    }

    #[test]
    fn an_amount_above_the_rate_passes_when_nothing_else_is_owed() {
        let limiter = RateLimiter::new(Rate { amount: 10.0, per: Duration::from_secs(1) });
        let now = Instant::now();
        assert_eq!(limiter.reserve_at(now, 50.0), Duration::ZERO);
        assert_eq!(limiter.reserve_at(now, 1.0).as_millis(), 4_100);
    }

    #[test]
    fn too_much_halves_the_rate_and_it_comes_back_step_by_step() {
        let limiter = RateLimiter::new(Rate { amount: 10.0, per: Duration::from_secs(1) });
        let now = Instant::now();
        limiter.slow_down_at(now, now);
        let waits: Vec<_> = (0..7).map(|_| limiter.reserve_at(now, 1.0).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 200, 400]);
        for (seconds, share) in [(9, 0.5), (10, 0.55), (25, 0.6), (99, 0.95), (100, 1.0), (1_000_000, 1.0)] {
            let held = limiter.share_at(now + Duration::from_secs(seconds));
            assert!((held - share).abs() < 1e-9, "{held} after {seconds} s");
        }
    }

    #[test]
    fn calls_that_were_under_way_together_halve_it_once() {
        let limiter = RateLimiter::new(Rate { amount: 10.0, per: Duration::from_secs(1) });
        let made_at = Instant::now();
        let later = made_at + Duration::from_secs(1);
        (0..64).for_each(|_| limiter.slow_down_at(later, made_at));
        assert!((limiter.share_at(later) - 0.5).abs() < 1e-9);
        (0..64).for_each(|_| limiter.slow_down_at(later, later));
        assert!((limiter.share_at(later) - 0.05).abs() < 1e-9);
    }
}
