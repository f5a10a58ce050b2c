//! The difference of two texts, line by line, with some of what is the same around it.

use serde::Serialize;

use crate::model::{LineStep, line_groups};

/// Lines kept before and after what is other.
const AROUND: usize = 3;

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", content = "line", rename_all = "snake_case")]
pub enum DiffLine {
    /// It is in both.
    Same(String),
    /// Only in the first.
    Removed(String),
    /// Only in the second.
    Added(String),
    /// So many lines that are the same are left out here.
    Gap(usize),
}

impl DiffLine {
    /// The line with its mark before it, as `diff` writes it.
    #[must_use]
    pub fn marked(&self) -> String {
        match self {
            Self::Same(line) => format!("  {line}"),
            Self::Removed(line) => format!("- {line}"),
            Self::Added(line) => format!("+ {line}"),
            Self::Gap(1) => "@@ 1 line @@".to_owned(),
            Self::Gap(lines) => format!("@@ {lines} lines @@"),
        }
    }
}

/// What is other in `other` than in `one`; nothing when they are the same.
#[must_use]
pub fn line_diff(one: &str, other: &str) -> Vec<DiffLine> {
    let groups = line_groups(one.lines(), other.lines(), AROUND);
    let (mut lines, mut told) = (Vec::new(), 0);
    for group in &groups {
        lines.extend(gap(group.one.start - told));
        lines.extend(group.steps.iter().map(of_step));
        told = group.one.end;
    }
    if !groups.is_empty() {
        lines.extend(gap(one.lines().count() - told));
    }
    lines
}

fn gap(lines: usize) -> Option<DiffLine> {
    (lines > 0).then_some(DiffLine::Gap(lines))
}

fn of_step(step: &LineStep<'_>) -> DiffLine {
    match *step {
        LineStep::Both(line) => DiffLine::Same(line.to_owned()),
        LineStep::Removed(line) => DiffLine::Removed(line.to_owned()),
        LineStep::Added(line) => DiffLine::Added(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(one: &str, other: &str) -> String {
        line_diff(one, other).iter().map(|line| line.marked() + "\n").collect()
    }

    #[test]
    fn what_is_the_same_has_no_difference() {
        assert_eq!(diff("a\nb", "a\nb"), "");
        assert_eq!(diff("", ""), "");
    }

    #[test]
    fn lines_that_moved_are_found_between_those_that_stayed() {
        assert_eq!(diff("a\nb\nc\nd", "a\nx\nc\ny\nd"), "  a\n- b\n+ x\n  c\n+ y\n  d\n");
        assert_eq!(diff("a", ""), "- a\n");
        assert_eq!(diff("", "a\nb"), "+ a\n+ b\n");
    }

    #[test]
    fn what_is_far_from_every_change_is_left_out() {
        let lines = |changed: &[usize]| -> String {
            let line = |n: usize| if changed.contains(&n) { format!("new {n}\n") } else { format!("{n}\n") };
            (0..30).map(line).collect()
        };
        let told = diff(&lines(&[]), &lines(&[5, 20]));
        assert_eq!(
            told,
            "@@ 2 lines @@\n  2\n  3\n  4\n- 5\n+ new 5\n  6\n  7\n  8\n@@ 8 lines @@\n  17\n  18\n  19\n- 20\n+ new 20\n  21\n  22\n  23\n@@ 6 lines @@\n"
        );
    }

    #[test]
    fn texts_with_only_their_ends_in_common_are_told_whole_between_them() {
        let text = |mark: &str| -> String { (0..2_100).map(|n| format!("{mark}{n}\n")).collect::<Vec<_>>().concat() };
        let told = line_diff(&format!("same\n{}same", text("a")), &format!("same\n{}same", text("b")));
        assert_eq!(told.len(), 4_202);
        assert_eq!((&told[0], &told[1]), (&DiffLine::Same("same".into()), &DiffLine::Removed("a0".into())));
    }

    proptest::proptest! {
        #[test]
        fn a_difference_gives_both_texts_again(one in "[ab\n]{0,40}", other in "[ab\n]{0,40}") {
            let told = line_diff(&one, &other);
            proptest::prop_assert_eq!(told.is_empty(), one.lines().eq(other.lines()));
            // The lines of a gap are in both texts: they are taken from the first.
            let (mut rest, mut first, mut second) = (one.lines(), Vec::new(), Vec::new());
            for line in told {
                match line {
                    DiffLine::Same(line) => {
                        first.push(line.clone());
                        second.push(line);
                        rest.next();
                    }
                    DiffLine::Removed(line) => {
                        first.push(line);
                        rest.next();
                    }
                    DiffLine::Added(line) => second.push(line),
                    DiffLine::Gap(lines) => for line in rest.by_ref().take(lines) {
                        first.push(line.to_owned());
                        second.push(line.to_owned());
                    },
                }
            }
            if one.lines().ne(other.lines()) {
                proptest::prop_assert_eq!(first, one.lines().collect::<Vec<_>>());
                proptest::prop_assert_eq!(second, other.lines().collect::<Vec<_>>());
            }
        }
    }
}
