//! How much may be asked of a server in a span of time.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

/// So much per span of time, e.g. `60/m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How much; more than 0.
    pub amount: f64,
    /// In how long.
    pub per: Duration,
}

/// Spaces out calls so that they keep to a [`Rate`]; first come, first served.
///
/// Amounts are reserved in advance, so a caller learns at once how long to wait, and a caller that gives up has still used its share.
///
/// # Source
/// The generic cell rate algorithm (ITU-T I.371, Annex A) as a virtual schedule, with a burst of one span's amount.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    /// The theoretical arrival time: when all that was reserved so far is paid back.
    settled_at: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// Makes a limiter with its full amount free.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, settled_at: Mutex::new(None) }
    }

    /// Reserves `amount` and returns how long to wait before using it; zero when it is free now.
    ///
    /// More than one span's amount is let through alone and paid back afterwards.
    #[must_use]
    pub fn reserve(&self, amount: f64) -> Duration {
        self.reserve_at(Instant::now(), amount)
    }

    fn reserve_at(&self, now: Instant, amount: f64) -> Duration {
        let mut settled_at = self.settled_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let begin = settled_at.unwrap_or(now).max(now);
        let end = begin + self.rate.per.mul_f64((amount / self.rate.amount).max(0.0));
        *settled_at = Some(end);
        let earliest_end = now + self.rate.per;
        (end.saturating_duration_since(earliest_end)).min(begin.saturating_duration_since(now))
    }

    /// Corrects a reservation of `reserved` after `used` turned out to be needed.
    pub fn settle(&self, reserved: f64, used: f64) {
        let mut settled_at = self.settled_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(at) = *settled_at {
            let span = self.rate.per.mul_f64((used - reserved).abs() / self.rate.amount);
            *settled_at = Some(if used > reserved { at + span } else { at.checked_sub(span).unwrap_or(at) });
        }
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
}
