//! Calls and failures of the last while, counted in a few buckets, so that old ones fall out without a list of all.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// In how many buckets a window is cut.
const BUCKETS: u32 = 6;

/// What was counted in one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    /// Where it begins, in milliseconds since 1970: a multiple of its width, so that all processes cut time at the same places.
    begins: i64,
    calls: u32,
    failures: u32,
}

/// Calls and failures of the last while, as plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window {
    /// In order of time; none of them empty.
    buckets: Vec<Bucket>,
}

impl Window {
    /// Counts a call that ended at `now`, and forgets what is older than `length`.
    pub(super) fn count(&mut self, now: Timestamp, length: Duration, has_failed: bool) {
        let begins = self.newest().max(bucket_of(now, length));
        self.forget(begins, length);
        self.add(Bucket { begins, calls: 1, failures: u32::from(has_failed) });
    }

    /// Counts what another window counted.
    pub(super) fn absorb(&mut self, other: &Self) {
        other.buckets.iter().for_each(|bucket| self.add(*bucket));
    }

    /// Calls and failures of the buckets that `now` still sees.
    pub(super) fn totals(&self, now: Timestamp, length: Duration) -> (u32, u32) {
        let oldest = self.newest().max(bucket_of(now, length)).saturating_sub(millis(length));
        let seen = self.buckets.iter().filter(|bucket| bucket.begins > oldest);
        seen.fold((0, 0), |(calls, failures), bucket| {
            (calls.saturating_add(bucket.calls), failures.saturating_add(bucket.failures))
        })
    }

    /// Nothing goes into a bucket before the newest: the clocks of processes differ.
    fn newest(&self) -> i64 {
        self.buckets.last().map_or(i64::MIN, |bucket| bucket.begins)
    }

    fn forget(&mut self, begins: i64, length: Duration) {
        let oldest = begins.saturating_sub(millis(length));
        self.buckets.retain(|bucket| bucket.begins > oldest);
    }

    fn add(&mut self, new: Bucket) {
        match self.buckets.binary_search_by_key(&new.begins, |bucket| bucket.begins) {
            Ok(at) => {
                let bucket = &mut self.buckets[at];
                bucket.calls = bucket.calls.saturating_add(new.calls);
                bucket.failures = bucket.failures.saturating_add(new.failures);
            }
            Err(at) => self.buckets.insert(at, new),
        }
    }
}

/// Where the bucket of `at` begins.
fn bucket_of(at: Timestamp, length: Duration) -> i64 {
    let width = millis(length / BUCKETS).max(1);
    at.as_millisecond().div_euclid(width) * width
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// `at` moved by `by`; the end of time when there is no such time.
pub(super) fn after(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn what_is_old_falls_out_a_bucket_at_a_time() {
        let mut window = Window::default();
        for at in [0, 9, 10, 59] {
            window.count(second(at), MINUTE, at == 9);
        }
        assert_eq!(window.totals(second(59), MINUTE), (4, 1));
        assert_eq!(window.totals(second(60), MINUTE), (2, 0));
        assert_eq!(window.totals(second(69), MINUTE), (2, 0));
        assert_eq!(window.totals(second(70), MINUTE), (1, 0));
        assert_eq!(window.totals(second(119), MINUTE), (0, 0));
        window.count(second(500), MINUTE, true);
        assert_eq!(window.buckets.len(), 1);
    }

    #[test]
    fn a_clock_that_is_behind_counts_into_the_newest_bucket() {
        let mut window = Window::default();
        window.count(second(30), MINUTE, true);
        window.count(second(5), MINUTE, false);
        assert_eq!((window.totals(second(5), MINUTE), window.buckets.len()), ((2, 1), 1));
    }

    #[test]
    fn windows_of_two_processes_add_up() {
        let (mut one, mut other) = (Window::default(), Window::default());
        for at in [0, 20] {
            one.count(second(at), MINUTE, true);
            other.count(second(at + 10), MINUTE, false);
        }
        one.absorb(&other);
        assert_eq!(one.totals(second(35), MINUTE), (4, 2));
        assert!(one.buckets.is_sorted_by_key(|bucket| bucket.begins));
    }
}
