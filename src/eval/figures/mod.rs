//! Honest figures of few rows: a mean never without how sure it is, and chance with a seed that is told.
//!
//! Repeats of a row are averaged before anything is counted: they say more about the row, not about rows that were never run.

mod bootstrap;
mod percentile;
mod sign_flip;
mod wilson;

use serde::{Deserialize, Serialize};

pub use bootstrap::bootstrap;
pub use percentile::percentile;
pub use sign_flip::sign_flip;
pub use wilson::wilson;

/// The range in which the true value is for 95 of 100 such samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` is in it.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The same range, as far as it must be moved to hold `value`.
    #[must_use]
    fn holding(self, value: f64) -> Self {
        Self { low: self.low.min(value), high: self.high.max(value) }
    }
}

/// The mean; nothing of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / as_f64(values.len()))
}

/// The interval of the mean of scores from 0 to 1: by resampling; where all are the same and resampling would claim to be certain, or
/// where there is one only, as wide as that of a rate of the same size.
#[must_use]
pub fn interval_of_scores(scores: &[f64], seed: u64) -> Option<Interval> {
    let mean = mean(scores)?;
    bootstrap(scores, seed).or_else(|| wilson(mean, scores.len()))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows are far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_mean_of_nothing_is_nothing() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, 0.0, 0.5]), Some(0.5));
        assert_eq!(interval_of_scores(&[], 0), None);
    }

    #[test]
    fn scores_that_are_all_the_same_are_no_certainty() {
        let interval = interval_of_scores(&[1.0; 5], 0).unwrap();
        assert!((interval.low - 0.565_518).abs() < 1e-6 && (interval.high - 1.0).abs() < 1e-12, "{interval:?}");
        assert_eq!(interval_of_scores(&[0.5], 0), wilson(0.5, 1));
    }

    proptest! {
        #[test]
        fn an_interval_of_scores_holds_their_mean_and_stays_between_0_and_1(
            scores in prop::collection::vec(0.0..=1.0f64, 1..40),
            seed in any::<u64>(),
        ) {
            let interval = interval_of_scores(&scores, seed).unwrap();
            prop_assert!(interval.contains(mean(&scores).unwrap()), "{interval:?}");
            prop_assert!(interval.low >= 0.0 && interval.high <= 1.0 + 1e-12, "{interval:?}");
        }

        #[test]
        fn four_times_the_rows_give_a_narrower_interval(scores in prop::collection::vec(0.0..=1.0f64, 8..30), seed in any::<u64>()) {
            prop_assume!(scores.iter().any(|score| (score - scores[0]).abs() > 0.05));
            let width = |scores: &[f64]| interval_of_scores(scores, seed).map(|found| found.high - found.low).unwrap();
            prop_assert!(width(&scores.repeat(4)) < width(&scores));
        }
    }
}
