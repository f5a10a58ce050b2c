//! When a failed attempt is made again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind},
    resilience::{Again, verdict},
};

/// The shortest delay before a retry with jitter.
const FLOOR: Duration = Duration::from_millis(100);
/// The longest wait a server may ask for; beyond it the attempt has failed.
pub(super) const LONGEST_REQUESTED: Duration = Duration::from_secs(120);

/// How delays are spread, so that clients that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Anywhere between the floor of 100 ms and the delay.
    Full,
    /// Half the delay, and anywhere in the other half.
    Equal,
    /// The delay itself.
    None,
}

/// How often and when an attempt is made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// The delay before the first retry, without jitter.
    pub initial: Duration,
    /// By what each further delay grows; at least 1.
    pub factor: f64,
    /// The longest delay.
    pub max: Duration,
    /// How delays are spread. A throttled call is spread by [`Jitter::Equal`] instead of [`Jitter::Full`].
    pub jitter: Jitter,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            initial: Duration::from_millis(500),
            factor: 2.0,
            max: Duration::from_secs(30),
            jitter: Jitter::Full,
        }
    }
}

impl RetryPolicy {
    /// One attempt, no retry.
    #[must_use]
    pub fn never() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// How long to wait before the attempt after `attempt` (from 1), which failed with `error`; `None` when there is none.
    ///
    /// `random` is uniform in [0, 1). Never earlier than the server asked for; a server that asks for more than 120 s is not
    /// waited for.
    ///
    /// # Source
    /// "Layers around a call" in docs/semantics.md; full and equal jitter after the AWS Architecture Blog, "Exponential Backoff
    /// And Jitter".
    #[must_use]
    pub fn delay_after(&self, attempt: u32, error: &Error, random: f64) -> Option<Duration> {
        let is_worth_it = match verdict(error.kind()).again {
            Again::Never => false,
            Again::Once => attempt < 2,
            Again::Yes => true,
        };
        if !is_worth_it || attempt >= self.max_attempts {
            return None;
        }
        let base = self.base_delay(attempt, error.kind());
        let delay = match (self.jitter, error.kind()) {
            (Jitter::None, _) => base,
            (Jitter::Equal, _) | (Jitter::Full, ErrorKind::Throttle | ErrorKind::Overloaded) => {
                base / 2 + base.mul_f64(random / 2.0)
            }
            (Jitter::Full, _) => base.mul_f64(random).max(FLOOR.min(base)),
        };
        match error.requested_delay() {
            Some(requested) if requested > LONGEST_REQUESTED => None,
            Some(requested) => {
                let spread = requested.mul_f64(0.1).min(Duration::from_secs(1)).mul_f64(random);
                Some(delay.max(requested) + spread)
            }
            None => Some(delay),
        }
    }

    /// The delay without jitter: `initial · factor^(attempt - 1)`, at most `max`; twice that for a throttled call.
    fn base_delay(&self, attempt: u32, kind: ErrorKind) -> Duration {
        let scale = if matches!(kind, ErrorKind::Throttle | ErrorKind::Overloaded) { 2 } else { 1 };
        let longest = self.max * scale;
        #[expect(clippy::cast_possible_truncation, reason = "backon takes f32, delays need no more digits")]
        let factor = self.factor.max(1.0) as f32;
        ExponentialBuilder::default()
            .with_min_delay((self.initial * scale).min(longest))
            .with_max_delay(longest)
            .with_factor(factor)
            .without_max_times()
            .build()
            .nth(attempt.saturating_sub(1) as usize)
            .unwrap_or(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transient() -> Error {
        Error::new(ErrorKind::Transient, "server answered 503")
    }

    #[track_caller]
    fn check(policy: &RetryPolicy, attempt: u32, error: &Error, random: f64, expected_ms: Option<u64>) {
        assert_eq!(policy.delay_after(attempt, error, random), expected_ms.map(Duration::from_millis));
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let policy = RetryPolicy { jitter: Jitter::None, max_attempts: 20, ..RetryPolicy::default() };
        check(&policy, 1, &transient(), 0.0, Some(500));
        check(&policy, 2, &transient(), 0.0, Some(1_000));
        check(&policy, 3, &transient(), 0.0, Some(2_000));
        check(&policy, 12, &transient(), 0.0, Some(30_000));
    }

    #[test]
    fn full_jitter_lies_between_the_floor_and_the_delay() {
        let policy = RetryPolicy::default();
        check(&policy, 1, &transient(), 0.0, Some(100));
        check(&policy, 1, &transient(), 0.5, Some(250));
    }

    #[test]
    fn a_throttled_call_waits_at_least_half_of_twice_the_delay() {
        for kind in [ErrorKind::Throttle, ErrorKind::Overloaded] {
            let throttled = Error::new(kind, "slow down");
            check(&RetryPolicy::default(), 1, &throttled, 0.0, Some(500));
            check(&RetryPolicy::default(), 1, &throttled, 0.5, Some(750));
        }
    }

    #[test]
    fn a_server_that_asks_for_a_delay_gets_it_and_no_less() {
        let asked = transient().retry_after(Some(Duration::from_secs(7)));
        check(&RetryPolicy::default(), 1, &asked, 0.0, Some(7_000));
        check(&RetryPolicy::default(), 1, &asked, 0.5, Some(7_350));
        check(&RetryPolicy::default(), 1, &transient().retry_after(Some(Duration::from_secs(121))), 0.0, None);
    }

    #[test]
    fn retries_stop_at_max_attempts_and_when_the_error_is_permanent() {
        check(&RetryPolicy::default(), 4, &transient(), 0.5, None);
        check(&RetryPolicy::never(), 1, &transient(), 0.5, None);
        check(&RetryPolicy::default(), 1, &Error::new(ErrorKind::Auth, "401"), 0.5, None);
        check(&RetryPolicy::default(), 2, &Error::new(ErrorKind::Malformed, "no JSON"), 0.5, None);
    }
}
