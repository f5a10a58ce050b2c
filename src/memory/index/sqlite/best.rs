//! Keeps the best of many, in little room.

use std::{cmp::Ordering, collections::BinaryHeap};

/// The best so far; of those that are equally good, those of the lowest numbers.
#[derive(Debug)]
pub(super) struct Best {
    most: usize,
    /// The worst on top.
    kept: BinaryHeap<Scored>,
}

impl Best {
    pub(super) fn of(most: usize) -> Self {
        Self { most, kept: BinaryHeap::with_capacity(most.min(4_096) + 1) }
    }

    pub(super) fn offer(&mut self, number: u32, score: f64) {
        let offered = Scored { number, score };
        if self.kept.len() < self.most {
            self.kept.push(offered);
        } else if let Some(mut worst) = self.kept.peek_mut()
            && offered < *worst
        {
            *worst = offered;
        }
    }

    /// All that were kept, the best first.
    pub(super) fn into_ordered(self) -> Vec<(u32, f64)> {
        self.kept.into_sorted_vec().into_iter().map(|one| (one.number, one.score)).collect()
    }
}

/// Ordered so that what is better is less.
#[derive(Debug, Clone, Copy)]
struct Scored {
    number: u32,
    score: f64,
}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scored {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Best;

    proptest! {
        #[test]
        fn the_best_are_kept_in_order(scores in proptest::collection::vec(0_u8..10, 0..50), most in 0_usize..12) {
            let mut best = Best::of(most);
            let mut all: Vec<_> = (0_u32..).zip(scores.iter().map(|score| f64::from(*score))).collect();
            all.iter().rev().for_each(|(number, score)| best.offer(*number, *score));
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(most);
            prop_assert_eq!(best.into_ordered(), all);
        }
    }
}
