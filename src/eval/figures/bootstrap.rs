//! The interval of a mean by resampling (the percentile bootstrap): rows are drawn again and again, and the middle 95 % of the means
//! are kept.

use super::{Interval, as_f64, mean};

/// How often the rows are drawn.
const SAMPLES: usize = 4_000;
/// How many of the sorted means are cut off at each end: 2.5 %.
const CUT: usize = SAMPLES / 40;

/// The interval of the mean of `values`; the same seed gives the same one. `None` when there is nothing to draw from: one value, or
/// values that are all the same.
#[must_use]
pub fn bootstrap(values: &[f64], seed: u64) -> Option<Interval> {
    let mean = mean(values)?;
    if values.iter().all(|value| value.total_cmp(&values[0]).is_eq()) {
        return None;
    }
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut sample = || {
        let sum: f64 = (0..values.len()).map(|_| values[chance.usize(..values.len())]).sum();
        sum / as_f64(values.len())
    };
    let mut means: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
    means.sort_by(f64::total_cmp);
    Some(Interval { low: means[CUT], high: means[SAMPLES - 1 - CUT] }.holding(mean))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let values: Vec<f64> = (0..50).map(|nth| f64::from(nth * nth % 47)).collect();
        assert_eq!(bootstrap(&values, 7), bootstrap(&values, 7));
        assert_ne!(bootstrap(&values, 7), bootstrap(&values, 8), "another seed draws other rows");
    }

    /// Of rows that are 0 or 1 by halves, the mean of 400 has the deviation √(0.25 / 400) = 0.025: the interval is near ± 1.96 · 0.025.
    #[test]
    fn it_is_near_to_what_is_known_of_many_rows() {
        let values: Vec<f64> = (0..400).map(|nth| f64::from(nth % 2)).collect();
        let found = bootstrap(&values, 0).unwrap();
        assert!((found.low - 0.451).abs() < 0.005 && (found.high - 0.549).abs() < 0.005, "{found:?}");
    }

    /// Of two values, each of the means 0, 0.5 and 1 is drawn with 1/4, 1/2, 1/4: the middle 95 % are all of them.
    #[test]
    fn of_two_values_it_is_all_between_them() {
        assert_eq!(bootstrap(&[0.0, 1.0], 3), Some(Interval { low: 0.0, high: 1.0 }));
    }

    #[test]
    fn nothing_is_drawn_from_values_that_are_the_same() {
        assert_eq!(bootstrap(&[], 0), None);
        assert_eq!(bootstrap(&[0.3], 0), None);
        assert_eq!(bootstrap(&[0.3; 9], 0), None);
    }

    proptest! {
        #[test]
        fn turning_the_signs_turns_the_interval(values in prop::collection::vec(-1.0..=1.0f64, 2..30), seed in any::<u64>()) {
            let turned: Vec<f64> = values.iter().map(|value| -value).collect();
            let (one, other) = (bootstrap(&values, seed), bootstrap(&turned, seed));
            prop_assert_eq!(one.map(|one| (-one.high, -one.low)), other.map(|other| (other.low, other.high)));
        }
    }
}
