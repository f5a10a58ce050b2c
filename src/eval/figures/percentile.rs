//! Percentiles by nearest rank: always a value that was measured.

/// The smallest value that at least `share` (0 to 1) of the values do not exceed; nothing of nothing.
#[must_use]
pub fn percentile(values: &[u64], share: f64) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product is between 0 and the number of values"
    )]
    let rank = (share.clamp(0.0, 1.0) * super::as_f64(sorted.len())).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest ranks of five values: 0.5 · 5 = 2.5 → the 3rd, 0.95 · 5 = 4.75 → the 5th.
    #[test]
    fn it_is_the_value_of_the_nearest_rank() {
        let values = [50, 15, 40, 20, 35];
        assert_eq!(
            [0.0, 0.05, 0.3, 0.4, 0.5, 0.95, 1.0].map(|share| percentile(&values, share).unwrap()),
            [15, 15, 20, 20, 35, 50, 50]
        );
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(percentile(&[7], 0.95), Some(7));
    }

    #[test]
    fn one_slow_run_of_twenty_is_not_the_95th_of_a_hundred() {
        let mut values = vec![10; 19];
        values.push(1_000);
        assert_eq!(percentile(&values, 0.95), Some(10));
        values.extend([1_000, 10, 10, 10]);
        assert_eq!(percentile(&values, 0.95), Some(1_000));
    }
}
