//! Sets of numbers that are mostly without gaps: kept as stretches.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A set of numbers, as its stretches: in order, none empty, no two of them side by side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Numbers(Vec<(u64, u64)>);

impl Numbers {
    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let behind = self.0.partition_point(|(from, _)| *from <= number);
        behind > 0 && number < self.0[behind - 1].1
    }

    /// Whether every number of `range` is here.
    pub(super) fn covers(&self, range: &Range<u64>) -> bool {
        self.gaps(range.clone()).next().is_none()
    }

    /// How many of the stretches that begin at multiples of `length` and are so long are here whole.
    pub(super) fn whole(&self, length: u64) -> u64 {
        self.0.iter().map(|(from, to)| (to / length).saturating_sub(from.div_ceil(length))).sum()
    }

    /// Adds `number`; whether it is new.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let behind = self.0.partition_point(|(from, _)| *from <= number);
        if behind > 0 && number < self.0[behind - 1].1 {
            return false;
        }
        let joins_before = behind > 0 && self.0[behind - 1].1 == number;
        let joins_after = behind < self.0.len() && self.0[behind].0 == number + 1;
        match (joins_before, joins_after) {
            (true, true) => {
                self.0[behind - 1].1 = self.0[behind].1;
                self.0.remove(behind);
            }
            (true, false) => self.0[behind - 1].1 += 1,
            (false, true) => self.0[behind].0 = number,
            (false, false) => self.0.insert(behind, (number, number + 1)),
        }
        true
    }

    /// The stretches of `range` that are not here, in order.
    pub(super) fn gaps(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut from = range.start;
        let first = self.0.partition_point(|(_, to)| *to <= range.start);
        let ends = self.0[first..].iter().copied().take_while(move |(start, _)| *start < range.end);
        ends.chain(std::iter::once((range.end, range.end))).filter_map(move |(start, end)| {
            let gap = from..start;
            from = from.max(end);
            (!gap.is_empty()).then_some(gap)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_set_whatever_the_order() {
        let mut random = fastrand::Rng::with_seed(7);
        for size in [1, 8, 60] {
            let (mut numbers, mut set) = (Numbers::default(), BTreeSet::new());
            for _ in 0..size * 2 {
                let number = random.u64(..size);
                assert_eq!(numbers.insert(number), set.insert(number));
                assert_eq!(numbers.len(), set.len() as u64);
                assert!((0..size + 2).all(|number| numbers.contains(number) == set.contains(&number)), "{numbers:?}");
                assert!(numbers.0.windows(2).all(|pair| pair[0].1 < pair[1].0), "{numbers:?}");
                let range = random.u64(..size)..size + 1;
                let absent: Vec<_> = range.clone().filter(|number| !set.contains(number)).collect();
                assert_eq!(numbers.gaps(range.clone()).flatten().collect::<Vec<_>>(), absent, "{numbers:?} {range:?}");
                assert_eq!(numbers.covers(&range), absent.is_empty());
                let whole = (0..size / 4).filter(|part| (part * 4..part * 4 + 4).all(|number| set.contains(&number)));
                assert_eq!(numbers.whole(4), whole.count() as u64, "{numbers:?}");
            }
        }
    }

    #[test]
    fn what_is_side_by_side_is_one_stretch() {
        let mut numbers = Numbers::default();
        for number in [0, 2, 1, 5, 4] {
            numbers.insert(number);
        }
        assert_eq!(serde_json::to_string(&numbers).unwrap(), "[[0,3],[4,6]]");
    }
}
