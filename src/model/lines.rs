//! What leads from one list of lines to another, as `similar` finds it.

use std::{iter::zip, ops::Range};

use similar::{Algorithm, Change, ChangeTag, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

/// The most lines of both lists, between those that both begin and end with, among which the shortest way is searched: the time it takes
/// grows with their square when they have nothing in common. No clock may end the search, because the same lists give the same steps.
const SEARCHED: usize = 4_000;

/// A step from one list of lines to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStep<'a> {
    /// A line that both have.
    Both(&'a str),
    /// A line that only the first has.
    Removed(&'a str),
    /// A line that only the second has.
    Added(&'a str),
}

impl<'a> LineStep<'a> {
    /// What stands before its line in a difference, as `diff -u` has it.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Both(_) => ' ',
            Self::Removed(_) => '-',
            Self::Added(_) => '+',
        }
    }

    /// Its line.
    #[must_use]
    pub const fn line(self) -> &'a str {
        match self {
            Self::Both(line) | Self::Removed(line) | Self::Added(line) => line,
        }
    }
}

/// Changes that are near each other, with lines around them that both lists have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineGroup<'a> {
    /// Its lines of the first list, counted from 0.
    pub one: Range<usize>,
    /// Its lines of the second list.
    pub other: Range<usize>,
    /// What leads from those to these.
    pub steps: Vec<LineStep<'a>>,
}

/// The shortest way from `one` to `other`, lines that are removed before those that are added. Where it is too long to search, everything
/// between what both begin and end with is removed and added.
#[must_use]
pub fn line_steps<'a>(one: impl IntoIterator<Item = &'a str>, other: impl IntoIterator<Item = &'a str>) -> Vec<LineStep<'a>> {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.into_iter().collect(), other.into_iter().collect());
    steps(&operations(&one, &other), &one, &other)
}

/// The changes among [`line_steps`], with up to `around` lines before and after them that both have. Nothing when both are the same.
#[must_use]
pub fn line_groups<'a>(
    one: impl IntoIterator<Item = &'a str>,
    other: impl IntoIterator<Item = &'a str>,
    around: usize,
) -> Vec<LineGroup<'a>> {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.into_iter().collect(), other.into_iter().collect());
    let groups = group_diff_ops(operations(&one, &other), around);
    groups.iter().map(|operations| group(operations, &one, &other)).filter(|group| !group.steps.is_empty()).collect()
}

fn group<'a>(operations: &[DiffOp], one: &[&'a str], other: &[&'a str]) -> LineGroup<'a> {
    // After `similar` has moved a change, the place it has in the list that lacks its lines may be wrong. So places are taken from what
    // both have: a group begins with that, or where the lists begin.
    let first = operations.first().filter(|first| first.tag() == DiffTag::Equal);
    let (one_from, other_from) = first.map_or((0, 0), |first| (first.old_range().start, first.new_range().start));
    let steps = steps(operations, one, other);
    let lines_without = |mark| steps.iter().filter(|step| step.mark() != mark).count();
    LineGroup { one: one_from..one_from + lines_without('+'), other: other_from..other_from + lines_without('-'), steps }
}

fn steps<'a>(operations: &[DiffOp], one: &[&'a str], other: &[&'a str]) -> Vec<LineStep<'a>> {
    let step = |change: Change<&'a str>| match change.tag() {
        ChangeTag::Equal => LineStep::Both(change.value()),
        ChangeTag::Delete => LineStep::Removed(change.value()),
        ChangeTag::Insert => LineStep::Added(change.value()),
    };
    operations.iter().flat_map(|operation| operation.iter_changes(one, other)).map(step).collect()
}

fn operations(one: &[&str], other: &[&str]) -> Vec<DiffOp> {
    let begin = zip(one, other).take_while(|(one, other)| one == other).count();
    let end = zip(one[begin..].iter().rev(), other[begin..].iter().rev()).take_while(|(one, other)| one == other).count();
    let (old_len, new_len) = (one.len() - begin - end, other.len() - begin - end);
    if old_len + new_len <= SEARCHED {
        return capture_diff_slices(Algorithm::Myers, one, other);
    }
    vec![
        DiffOp::Equal { old_index: 0, new_index: 0, len: begin },
        DiffOp::Replace { old_index: begin, old_len, new_index: begin, new_len },
        DiffOp::Equal { old_index: begin + old_len, new_index: begin + new_len, len: end },
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert_eq, proptest};

    use super::*;

    fn lists() -> impl Strategy<Value = Vec<&'static str>> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..24)
    }

    fn without<'a>(mark: char, steps: &[LineStep<'a>]) -> Vec<&'a str> {
        steps.iter().filter(|step| step.mark() != mark).map(|step| step.line()).collect()
    }

    fn changes(steps: &[LineStep<'_>]) -> usize {
        without(' ', steps).len()
    }

    /// How many lines both have in their order, at most.
    fn common(one: &[&str], other: &[&str]) -> usize {
        let mut row = vec![0; other.len() + 1];
        for line in one {
            let mut before = 0;
            for (at, theirs) in other.iter().enumerate() {
                let above = row[at + 1];
                row[at + 1] = if line == theirs { before + 1 } else { above.max(row[at]) };
                before = above;
            }
        }
        row[other.len()]
    }

    proptest! {
        #[test]
        fn the_steps_give_both_lists_again_and_no_way_is_shorter(one in lists(), other in lists()) {
            let steps = line_steps(one.iter().copied(), other.iter().copied());
            prop_assert_eq!(&without('+', &steps), &one);
            prop_assert_eq!(&without('-', &steps), &other);
            prop_assert_eq!(changes(&steps), one.len() + other.len() - 2 * common(&one, &other));
        }

        #[test]
        fn groups_have_all_changes_and_say_where_they_are(one in lists(), other in lists(), around in 0_usize..4) {
            let groups = line_groups(one.iter().copied(), other.iter().copied(), around);
            let (mut one_at, mut other_at) = (0, 0);
            for group in &groups {
                prop_assert_eq!(&one[one_at..group.one.start], &other[other_at..group.other.start]);
                prop_assert_eq!(&without('+', &group.steps), &one[group.one.clone()]);
                prop_assert_eq!(&without('-', &group.steps), &other[group.other.clone()]);
                (one_at, other_at) = (group.one.end, group.other.end);
            }
            prop_assert_eq!(&one[one_at..], &other[other_at..]);
            let all = line_steps(one.iter().copied(), other.iter().copied());
            prop_assert_eq!(groups.iter().map(|group| changes(&group.steps)).sum::<usize>(), changes(&all));
        }
    }

    #[test]
    fn a_group_keeps_its_place_where_changes_were_moved() {
        let steps = |one: &str, other: &str| -> Vec<_> {
            let groups = line_groups(one.split(' '), other.split(' '), 1);
            groups.into_iter().map(|group| (group.one, group.other)).collect()
        };
        assert_eq!(
            steps("c a c b a b c a c c a b b c a b a", "a a c a b c c a a b c b a a b b b c c c"),
            [(0..5, 0..4), (6..17, 5..20)]
        );
    }

    #[test]
    fn of_what_is_too_large_to_search_all_between_both_ends_is_other() {
        let text = |mark: &str| (0..100_000).map(|line| format!("{mark}{line}\n")).collect::<Vec<_>>().concat();
        let (one, other) = (format!("same\n{}end", text("a")), format!("same\n{}end", text("b")));
        let groups = line_groups(one.lines(), other.lines(), 3);
        let [LineGroup { one, other, steps }] = groups.as_slice() else { panic!("{} groups", groups.len()) };
        assert_eq!((one, other), (&(0..100_002), &(0..100_002)));
        assert_eq!(
            (steps[0], steps[1], steps[100_001]),
            (LineStep::Both("same"), LineStep::Removed("a0"), LineStep::Added("b0"))
        );
        assert_eq!((steps.len(), steps.last()), (200_002, Some(&LineStep::Both("end"))));
    }
}
