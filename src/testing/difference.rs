//! The difference of two texts as lines, for people: what only one has, what only the other has, and a line around it.

use crate::model::line_groups;

/// How many lines that are the same are shown before and after a change.
const AROUND: usize = 1;
/// The most lines of a difference that are shown.
const SHOWN: usize = 40;

/// Lines with `- ` that only `one` has, lines with `+ ` that only `other` has, and with two blanks the line before and after a change.
/// Empty when they are the same.
#[must_use]
pub fn difference(one: &str, other: &str) -> Vec<String> {
    let steps = line_groups(one.lines(), other.lines(), AROUND).into_iter().flat_map(|group| group.steps);
    let mut lines: Vec<String> = steps.map(|step| format!("{} {}", step.mark(), step.line())).collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("… {more} more lines"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: &[&str]) {
        assert_eq!(difference(one, other), expected);
    }

    #[test]
    fn what_changed_is_shown_with_a_line_around_it() {
        check("a\nb\nc\nd\ne", "a\nb\nx\nd\ne", &["  b", "- c", "+ x", "  d"]);
        check("a", "a", &[]);
        check("", "new", &["+ new"]);
        check("a\na", "a", &["  a", "- a"]);
    }

    #[test]
    fn two_changes_are_not_made_one() {
        check("1\n2\n3\n4\n5\n6\n7", "1\nx\n3\n4\n5\ny\n7", &["  1", "- 2", "+ x", "  3", "  5", "- 6", "+ y", "  7"]);
    }

    #[test]
    fn long_texts_are_cut_and_take_no_time() {
        let long = |text: &str| (0..20_000).map(|line| format!("{text}{line}")).collect::<Vec<_>>().join("\n");
        let lines = difference(&long("a"), &long("b"));
        assert_eq!((lines.len(), lines[SHOWN].as_str()), (SHOWN + 1, "… 39960 more lines"));
    }
}
