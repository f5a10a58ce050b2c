//! What leads from one list of lines to another, as `similar` finds it.

use std::ops::Range;

use similar::{Algorithm, Change, ChangeTag, DiffOp, capture_diff_slices, group_diff_ops};

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

/// A short way from `one` to `other`, lines that are removed before those that are added. It is the shortest where both lists have up to
/// 192 lines; among more, not every way is tried. No clock ends the search: the same lists give the same steps.
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
    groups.iter().map(|operations| group(operations, &one, &other)).collect()
}

fn group<'a>(operations: &[DiffOp], one: &[&'a str], other: &[&'a str]) -> LineGroup<'a> {
    let lines = |of: fn(&DiffOp) -> Range<usize>| {
        let (first, last) = (operations.first().map(of), operations.last().map(of));
        first.map_or(0, |first| first.start)..last.map_or(0, |last| last.end)
    };
    LineGroup { one: lines(DiffOp::old_range), other: lines(DiffOp::new_range), steps: steps(operations, one, other) }
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
    capture_diff_slices(Algorithm::Myers, one, other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn lists() -> impl Strategy<Value = Vec<&'static str>> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..24)
    }

    /// Up to the most lines among which the shortest way is promised, with more or less in common.
    fn long_lists() -> impl Strategy<Value = [Vec<String>; 2]> {
        (1_u16..400).prop_flat_map(|kinds| {
            let lines = || prop::collection::vec((0..kinds).prop_map(|kind| kind.to_string()), 0..=192);
            [lines(), lines()]
        })
    }

    fn texts(lines: &[String]) -> impl Iterator<Item = &str> {
        lines.iter().map(String::as_str)
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
        fn the_steps_give_both_lists_again_and_no_way_is_shorter([one, other] in long_lists()) {
            let (one, other): (Vec<&str>, Vec<&str>) = (texts(&one).collect(), texts(&other).collect());
            let steps = line_steps(one.iter().copied(), other.iter().copied());
            prop_assert_eq!(&without('+', &steps), &one);
            prop_assert_eq!(&without('-', &steps), &other);
            prop_assert_eq!(changes(&steps), one.len() + other.len() - 2 * common(&one, &other));
            let order_kept = |pair: &[LineStep<'_>]| !matches!(pair, [LineStep::Added(_), LineStep::Removed(_)]);
            prop_assert!(steps.windows(2).all(order_kept));
        }

        #[test]
        fn groups_have_all_changes_and_say_where_they_are(one in lists(), other in lists(), around in 0_usize..4) {
            let groups = line_groups(one.iter().copied(), other.iter().copied(), around);
            let (mut one_at, mut other_at) = (0, 0);
            for group in &groups {
                prop_assert_eq!(&one[one_at..group.one.start], &other[other_at..group.other.start]);
                prop_assert!(changes(&group.steps) > 0);
                prop_assert_eq!(&without('+', &group.steps), &one[group.one.clone()]);
                prop_assert_eq!(&without('-', &group.steps), &other[group.other.clone()]);
                (one_at, other_at) = (group.one.end, group.other.end);
            }
            prop_assert_eq!(&one[one_at..], &other[other_at..]);
            let all = line_steps(one.iter().copied(), other.iter().copied());
            prop_assert_eq!(groups.iter().map(|group| changes(&group.steps)).sum::<usize>(), changes(&all));
            prop_assert_eq!(line_groups(one.iter().copied(), one.iter().copied(), around), []);
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
    fn of_many_lines_with_only_their_ends_in_common_all_between_is_other() {
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

    #[test]
    fn many_lines_in_another_order_or_of_few_kinds_are_not_searched_without_end() {
        const LINES: u32 = 50_000;
        let list = |line: fn(u32) -> u32| (0..LINES).map(|at| line(at).to_string()).collect::<Vec<_>>();
        // Numbers as if by chance, the same in every run.
        let kind = |at: u32| ((at ^ (at >> 7)).wrapping_mul(0x9E37_79B9) ^ (at << 9)).wrapping_mul(0x85EB_CA6B) >> 29;
        // A prime that is no divisor of `LINES` gives each line once, in another order.
        let (sorted, mixed) = (list(|at| at), list(|at| at * 31_337 % LINES));
        let (few, other_few) = (list(kind), (0..LINES).map(|at| kind(at + LINES).to_string()).collect());
        for (one, other) in [(sorted, mixed), (few, other_few)] {
            let steps = line_steps(texts(&one), texts(&other));
            assert!(without('+', &steps).into_iter().eq(texts(&one)));
            assert!(without('-', &steps).into_iter().eq(texts(&other)));
        }
    }
}
