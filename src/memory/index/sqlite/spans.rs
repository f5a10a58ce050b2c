//! Sets of chunk numbers, kept as the stretches they consist of: the chunks of a document stand side by side.

use std::ops::Range;

/// A set of chunk numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spans {
    /// In order, apart from each other, none empty.
    stretches: Vec<Range<u32>>,
}

impl Spans {
    /// The union of stretches in any order.
    pub(super) fn of(mut stretches: Vec<Range<u32>>) -> Self {
        stretches.retain(|one| !one.is_empty());
        stretches.sort_unstable_by_key(|one| one.start);
        let mut spans = Self::default();
        for one in stretches {
            spans.push(one);
        }
        spans
    }

    /// Adds a stretch that begins no earlier than the last one.
    pub(super) fn push(&mut self, stretch: Range<u32>) {
        if stretch.is_empty() {
            return;
        }
        match self.stretches.last_mut() {
            Some(last) if stretch.start <= last.end => last.end = last.end.max(stretch.end),
            _ => self.stretches.push(stretch),
        }
    }

    /// How many numbers are in it.
    pub(super) fn len(&self) -> usize {
        self.stretches.iter().map(|one| (one.end - one.start) as usize).sum()
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        self.within(number..number.saturating_add(1)).next().is_some()
    }

    /// The stretches, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        self.stretches.iter().cloned()
    }

    /// What of it lies in `window`, in order.
    pub(super) fn within(&self, window: Range<u32>) -> impl Iterator<Item = Range<u32>> + '_ {
        let from = self.stretches.partition_point(|one| one.end <= window.start);
        let end = window.end;
        self.stretches[from..]
            .iter()
            .take_while(move |one| one.start < end)
            .map(move |one| one.start.max(window.start)..one.end.min(end))
    }

    /// This with `other`.
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut both = self.stretches.clone();
        both.extend(other.iter());
        Self::of(both)
    }

    /// This without `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Self::default();
        for stretch in self.iter() {
            let mut from = stretch.start;
            for hole in other.within(stretch.clone()) {
                left.push(from..hole.start);
                from = hole.end;
            }
            left.push(from..stretch.end);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Spans;

    fn stretches() -> impl Strategy<Value = Vec<std::ops::Range<u32>>> {
        proptest::collection::vec((0u32..60, 0u32..8).prop_map(|(first, count)| first..first + count), 0..12)
    }

    fn numbers(stretches: &[std::ops::Range<u32>]) -> BTreeSet<u32> {
        stretches.iter().cloned().flatten().collect()
    }

    proptest! {
        #[test]
        fn spans_are_sets(a in stretches(), b in stretches(), window in (0u32..70, 0u32..20)) {
            let (left, right) = (numbers(&a), numbers(&b));
            let (spans, other) = (Spans::of(a), Spans::of(b));
            let read = |spans: &Spans| spans.iter().flatten().collect::<BTreeSet<_>>();
            prop_assert_eq!(read(&spans), left.clone());
            prop_assert_eq!(spans.len(), left.len());
            prop_assert_eq!(read(&spans.with(&other)), &left | &right);
            prop_assert_eq!(read(&spans.without(&other)), &left - &right);
            (0..80).for_each(|number| assert_eq!(spans.contains(number), left.contains(&number)));
            let window = window.0..window.0 + window.1;
            let inside: BTreeSet<_> = left.iter().copied().filter(|number| window.contains(number)).collect();
            prop_assert_eq!(spans.within(window).flatten().collect::<BTreeSet<_>>(), inside);
            let ordered: Vec<_> = spans.iter().collect();
            prop_assert!(ordered.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
