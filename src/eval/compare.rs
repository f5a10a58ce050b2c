//! Two sides over the same rows: the paired difference of their scores, and whether it is more than chance.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::eval::figures::{Interval, bootstrap, mean, sign_flip};

/// Chance that is not called a difference any more.
const CHANCE: f64 = 0.05;

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The second side scores higher.
    Better,
    /// The second side scores lower.
    Worse,
    /// These rows do not show that one is better; that they are alike is not shown either.
    NoDifferenceShown,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifferenceShown => "no difference shown",
        }
    }
}

/// One side against another, by one scorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The scorer.
    pub scorer: String,
    /// What is compared with.
    pub from: String,
    /// What is compared.
    pub to: String,
    /// How many rows both have.
    pub rows: usize,
    /// How many rows only one of them has, or that are not the same any more.
    pub unpaired: usize,
    /// The mean of the differences; above 0 when `to` scores higher.
    pub difference: Option<f64>,
    /// Its interval; absent where nothing can be said of it.
    pub interval: Option<Interval>,
    /// How likely chance alone makes a difference as large.
    pub p_value: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// A score of a row, with what tells whether the row is still the same.
#[derive(Debug, Clone, PartialEq)]
pub struct RowScore {
    /// A digest of the row.
    pub digest: String,
    /// The mean of its repeats.
    pub score: f64,
}

/// Compares the scores of `to` with those of `from`, both by row. It is called better or worse only when chance alone makes such a
/// difference in fewer than 5 of 100 cases and its interval does not reach over zero.
#[must_use]
pub fn compare(
    scorer: &str,
    (from, before): (&str, &IndexMap<String, RowScore>),
    (to, after): (&str, &IndexMap<String, RowScore>),
    seed: u64,
) -> Comparison {
    let differences: Vec<f64> = after
        .iter()
        .filter_map(|(row, after)| {
            let before = before.get(row).filter(|before| before.digest == after.digest)?;
            Some(after.score - before.score)
        })
        .collect();
    let rows = differences.len();
    let (difference, interval) = (mean(&differences), bootstrap(&differences, seed));
    let p_value = sign_flip(&differences, seed);
    let is_shown = p_value < CHANCE && interval.is_none_or(|interval| !interval.contains(0.0));
    let verdict = match difference {
        Some(difference) if is_shown && difference > 0.0 => Verdict::Better,
        Some(difference) if is_shown && difference < 0.0 => Verdict::Worse,
        _ => Verdict::NoDifferenceShown,
    };
    let unpaired = (before.len() - rows) + (after.len() - rows);
    Comparison {
        scorer: scorer.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        rows,
        unpaired,
        difference,
        interval,
        p_value,
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn side(scores: &[f64]) -> IndexMap<String, RowScore> {
        let row = |(nth, score): (usize, &f64)| (format!("r{nth}"), RowScore { digest: "d".into(), score: *score });
        scores.iter().enumerate().map(row).collect()
    }

    fn of(before: &[f64], after: &[f64]) -> Comparison {
        compare("s", ("a", &side(before)), ("b", &side(after)), 0)
    }

    #[test]
    fn eight_rows_that_all_rise_are_better_and_the_other_way_round_worse() {
        let (low, high) = ([0.0, 0.1, 0.2, 0.0, 0.3, 0.1, 0.0, 0.2], [0.5, 0.4, 0.9, 1.0, 0.8, 0.6, 0.3, 0.9]);
        let up = of(&low, &high);
        assert_eq!((up.verdict, up.rows, up.unpaired), (Verdict::Better, 8, 0));
        assert!((up.difference.unwrap() - 0.5625).abs() < 1e-12, "{up:?}");
        assert!((up.p_value - 2.0 / 256.0).abs() < 1e-12, "{up:?}");
        assert_eq!(of(&high, &low).verdict, Verdict::Worse);
        assert_eq!(of(&low, &low).verdict, Verdict::NoDifferenceShown);
    }

    #[test]
    fn few_rows_show_nothing_however_far_apart() {
        for rows in 1..=5 {
            assert_eq!(of(&vec![0.0; rows], &vec![1.0; rows]).verdict, Verdict::NoDifferenceShown, "{rows}");
        }
        assert_eq!(of(&[0.0; 6], &[1.0; 6]).verdict, Verdict::Better);
        let nothing = of(&[], &[]);
        assert_eq!((nothing.difference, nothing.verdict), (None, Verdict::NoDifferenceShown));
    }

    #[test]
    fn rows_that_one_side_lacks_or_that_have_changed_are_counted_apart() {
        let mut before = side(&[0.0, 0.0, 0.0]);
        before["r1"].digest = "another".into();
        before.swap_remove("r2");
        let found = compare("s", ("a", &before), ("b", &side(&[1.0, 1.0, 1.0])), 0);
        assert_eq!((found.rows, found.unpaired), (1, 3));
        assert_eq!(found.difference, Some(1.0));
    }

    proptest! {
        #[test]
        fn a_comparison_is_the_mirror_of_the_other_way_round(
            pairs in prop::collection::vec((0.0..=1.0f64, 0.0..=1.0f64), 0..30),
        ) {
            let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (one, other) = (of(&before, &after), of(&after, &before));
            prop_assert_eq!(one.difference.map(|one| -one), other.difference);
            prop_assert_eq!(one.interval.map(|one| (-one.high, -one.low)), other.interval.map(|other| (other.low, other.high)));
            prop_assert_eq!(one.p_value.to_bits(), other.p_value.to_bits());
            let mirrored = match one.verdict {
                Verdict::Better => Verdict::Worse,
                Verdict::Worse => Verdict::Better,
                Verdict::NoDifferenceShown => Verdict::NoDifferenceShown,
            };
            prop_assert_eq!(mirrored, other.verdict);
        }
    }
}
