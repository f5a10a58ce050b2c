//! How easily chance alone makes such a difference: the test of paired rows by exchanging their two sides (the permutation test).
//!
//! If the two sides are alike, each difference is as likely with the other sign. Exact for few rows, by lot for many.

/// Up to how many rows that differ all signs are tried.
const EXACT: usize = 14;
/// How many signs are drawn of more.
const SAMPLES: u32 = 10_000;

/// The share of all ways to exchange sides in which the sum of `differences` is at least as far from zero. Small values speak for a real
/// difference; with five rows it cannot be below 0.0625.
#[must_use]
pub fn sign_flip(differences: &[f64], seed: u64) -> f64 {
    // Rows without a difference have it with either sign.
    let differences: Vec<f64> = differences.iter().copied().filter(|difference| difference.abs() > 0.0).collect();
    let scale: f64 = differences.iter().map(|difference| difference.abs()).sum();
    let observed = differences.iter().sum::<f64>().abs() - scale * 1e-12;
    let is_as_far = |signs: &mut dyn FnMut(usize) -> bool| {
        let sum: f64 = differences.iter().enumerate().map(|(nth, one)| if signs(nth) { *one } else { -one }).sum();
        sum.abs() >= observed
    };
    if differences.len() <= EXACT {
        let all = 1u32 << differences.len();
        let far = (0..all).filter(|bits| is_as_far(&mut |nth| bits >> nth & 1 == 1)).count();
        return super::as_f64(far) / f64::from(all);
    }
    let mut chance = fastrand::Rng::with_seed(seed);
    let far = (0..SAMPLES).filter(|_| is_as_far(&mut |_| chance.bool())).count();
    // What was seen is one of the ways itself.
    (super::as_f64(far) + 1.0) / f64::from(SAMPLES + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of n equal differences, two of the 2ⁿ ways have the same sum or its opposite.
    #[test]
    fn few_rows_cannot_show_a_difference() {
        assert!((sign_flip(&[1.0; 5], 0) - 0.0625).abs() < 1e-12);
        assert!((sign_flip(&[0.2; 6], 0) - 0.03125).abs() < 1e-12);
        assert!((sign_flip(&[0.5, 0.0, 0.5], 0) - 0.5).abs() < 1e-12, "a row without a difference says nothing");
        assert!((sign_flip(&[], 0) - 1.0).abs() < 1e-12);
        assert!((sign_flip(&[1.0, -1.0], 0) - 1.0).abs() < 1e-12);
    }

    /// Of 1, 2 and 3, the ways ± 6 are two of eight; of 1, 2 and -3 all ways are as far as 0.
    #[test]
    fn it_counts_the_ways_that_are_as_far() {
        assert!((sign_flip(&[1.0, 2.0, 3.0], 0) - 0.25).abs() < 1e-12);
        assert!((sign_flip(&[1.0, 2.0, -3.0], 0) - 1.0).abs() < 1e-12);
        assert!((sign_flip(&[3.0, 2.0, -1.0], 0) - 0.5).abs() < 1e-12, "± 6 and ± 4");
    }

    #[test]
    fn many_rows_are_decided_by_lot() {
        assert!(sign_flip(&[0.1; 40], 0) < 0.001);
        let even: Vec<f64> = (0..40).map(|nth| if nth % 2 == 0 { 0.3 } else { -0.3 }).collect();
        assert!(sign_flip(&even, 0) > 0.9);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_side_is_first(differences in prop::collection::vec(-1.0..=1.0f64, 0..25), seed in any::<u64>()) {
            let turned: Vec<f64> = differences.iter().map(|one| -one).collect();
            prop_assert_eq!(sign_flip(&differences, seed).to_bits(), sign_flip(&turned, seed).to_bits());
        }
    }
}
