//! The difference of two texts, line by line, with some of what is the same around it.

use serde::Serialize;

use crate::model::{LineStep, line_steps};

/// Lines kept before and after what is other.
const AROUND: usize = 3;
/// The largest table of lines that is searched for the shortest difference; beyond it, all between what is the same at both ends is other.
const LARGEST: usize = 4_000_000;

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
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let begin = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let end = one[begin..].iter().rev().zip(other[begin..].iter().rev()).take_while(|(one, other)| one == other).count();
    let mut lines: Vec<DiffLine> = same(&one[..begin]).collect();
    let steps = line_steps(&one[begin..one.len() - end], &other[begin..other.len() - end], LARGEST);
    lines.extend(steps.into_iter().map(of_step));
    lines.extend(same(&one[one.len() - end..]));
    if lines.iter().all(|line| matches!(line, DiffLine::Same(_))) {
        return Vec::new();
    }
    without_what_is_far(lines)
}

fn same<'a>(lines: &'a [&str]) -> impl Iterator<Item = DiffLine> + 'a {
    lines.iter().map(|line| DiffLine::Same((*line).to_owned()))
}

fn of_step(step: LineStep<'_>) -> DiffLine {
    match step {
        LineStep::Both(line) => DiffLine::Same(line.to_owned()),
        LineStep::Removed(line) => DiffLine::Removed(line.to_owned()),
        LineStep::Added(line) => DiffLine::Added(line.to_owned()),
    }
}

/// Leaves out what is the same and far from what is other.
fn without_what_is_far(lines: Vec<DiffLine>) -> Vec<DiffLine> {
    let is_same = |line: &DiffLine| matches!(line, DiffLine::Same(_));
    let mut is_near = vec![false; lines.len()];
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| !is_same(line)) {
        let last = (at + AROUND).min(lines.len() - 1);
        is_near[at.saturating_sub(AROUND)..=last].fill(true);
    }
    let mut kept = Vec::with_capacity(lines.len());
    for (line, is_near) in lines.into_iter().zip(is_near) {
        match (is_near, kept.last_mut()) {
            (true, _) => kept.push(line),
            (false, Some(DiffLine::Gap(lines))) => *lines += 1,
            (false, _) => kept.push(DiffLine::Gap(1)),
        }
    }
    kept
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
    fn texts_too_large_to_search_are_told_whole_between_their_ends() {
        let text = |mark: &str| -> String { (0..2_100).map(|n| format!("{mark}{n}\n")).collect::<Vec<_>>().concat() };
        let told = line_diff(&format!("same\n{}same", text("a")), &format!("same\n{}same", text("b")));
        assert_eq!(told.len(), 4_202);
        assert_eq!((&told[0], &told[1]), (&DiffLine::Same("same".into()), &DiffLine::Removed("a0".into())));
    }

    proptest::proptest! {
        #[test]
        fn a_difference_without_gaps_gives_both_texts_again(one in "[ab\n]{0,40}", other in "[ab\n]{0,40}") {
            let (ones, others): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
            let lines: Vec<DiffLine> = line_steps(&ones, &others, LARGEST).into_iter().map(of_step).collect();
            let side = |keep: fn(&DiffLine) -> Option<&String>| lines.iter().filter_map(keep).cloned().collect::<Vec<_>>();
            let first = side(|line| match line { DiffLine::Same(line) | DiffLine::Removed(line) => Some(line), _ => None });
            let second = side(|line| match line { DiffLine::Same(line) | DiffLine::Added(line) => Some(line), _ => None });
            proptest::prop_assert_eq!(first, one.lines().map(str::to_owned).collect::<Vec<_>>());
            proptest::prop_assert_eq!(second, other.lines().map(str::to_owned).collect::<Vec<_>>());
        }
    }
}
