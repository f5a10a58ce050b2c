//! The interval of a rate, after Wilson (1927): right also for few rows and for rates near 0 and 1.

use super::{Interval, as_f64};

/// 97.5 % of a normal distribution are below it.
const Z: f64 = 1.959_963_984_540_054;

/// The interval of a rate that was found in `rows` rows. A row that passed in a part of its repeats counts as that part: its spread is
/// never more than that of rows that pass or do not.
#[must_use]
pub fn wilson(rate: f64, rows: usize) -> Option<Interval> {
    if rows == 0 {
        return None;
    }
    let n = as_f64(rows);
    let square = Z * Z / n;
    let centre = rate + square / 2.0;
    let half = Z * (rate * (1.0 - rate) / n + square / (4.0 * n)).max(0.0).sqrt();
    let end = |value: f64| (value / (1.0 + square)).clamp(0.0, 1.0);
    Some(Interval { low: end(centre - half), high: end(centre + half) }.holding(rate))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn is(passed: usize, rows: usize, low: f64, high: f64) {
        let found = wilson(as_f64(passed) / as_f64(rows), rows).unwrap();
        assert!((found.low - low).abs() < 5e-5 && (found.high - high).abs() < 5e-5, "{found:?}");
    }

    /// Computed by hand: with z² = 3.841459, the ends of 8 of 10 are (0.8 + 0.192073 ± 1.959964 · √(0.016 + 0.009604)) / 1.384146.
    #[test]
    fn the_interval_is_that_of_the_formula() {
        is(8, 10, 0.4902, 0.9433);
        is(0, 10, 0.0, 0.2775);
        is(10, 10, 0.7225, 1.0);
        is(50, 100, 0.4038, 0.5962);
        is(1, 1, 0.2065, 1.0);
        assert_eq!(wilson(0.5, 0), None);
    }

    proptest! {
        #[test]
        fn it_holds_the_rate_and_more_rows_narrow_it(rate in 0.0..=1.0f64, rows in 1usize..500) {
            let few = wilson(rate, rows).unwrap();
            let more = wilson(rate, rows * 2).unwrap();
            prop_assert!(few.contains(rate) && more.contains(rate));
            prop_assert!(few.low >= 0.0 && few.high <= 1.0);
            prop_assert!(more.high - more.low < few.high - few.low);
        }

        #[test]
        fn failing_is_the_mirror_of_passing(rate in 0.0..=1.0f64, rows in 1usize..500) {
            let (passed, failed) = (wilson(rate, rows).unwrap(), wilson(1.0 - rate, rows).unwrap());
            prop_assert!((passed.low - (1.0 - failed.high)).abs() < 1e-9);
        }
    }
}
