//! How many retries a target gets: enough for what goes wrong now and then, too few to multiply the load on one that is down.

use std::time::Duration;

use jiff::Timestamp;

use super::window::Window;

/// How far back calls and retries count.
const WINDOW: Duration = Duration::from_secs(60);
/// One retry for so many calls.
const CALLS_PER_RETRY: u32 = 5;
/// Retries in a window that are always granted: one per second.
const ALWAYS: u32 = 60;

/// The retries of one target: a fifth of its calls, and one per second at least, over the last minute.
#[derive(Debug, Clone, Default)]
pub struct RetryBudget {
    calls: Window,
    retries: Window,
}

impl RetryBudget {
    /// Counts a call.
    pub fn on_call(&mut self, now: Timestamp) {
        self.calls.count(now, WINDOW, false);
    }

    /// Grants a retry, or does not.
    pub fn grant(&mut self, now: Timestamp) -> bool {
        let (calls, _) = self.calls.totals(now, WINDOW);
        let (retries, _) = self.retries.totals(now, WINDOW);
        let is_granted = retries < ALWAYS.max(calls / CALLS_PER_RETRY);
        if is_granted {
            self.retries.count(now, WINDOW, false);
        }
        is_granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// How many retries are granted at once.
    fn granted(budget: &mut RetryBudget, at: i64) -> usize {
        (0..10_000).take_while(|_| budget.grant(second(at))).count()
    }

    #[test]
    fn one_retry_a_second_is_always_granted() {
        let mut budget = RetryBudget::default();
        assert_eq!(granted(&mut budget, 0), 60);
        assert_eq!(granted(&mut budget, 59), 0);
        assert_eq!(granted(&mut budget, 60), 60);
    }

    #[test]
    fn a_fifth_of_many_calls_may_be_made_again() {
        let mut budget = RetryBudget::default();
        (0..1_000).for_each(|_| budget.on_call(second(0)));
        assert_eq!(granted(&mut budget, 30), 200);
        assert_eq!(granted(&mut budget, 89), 0);
        assert_eq!(granted(&mut budget, 90), 60);
    }
}
