//! The difference of two texts as lines, for people: what only one has, what only the other has, and a line around it.

use crate::model::{LineStep, line_steps};

/// The most lines of each text between what both begin and end with that are compared one by one.
const COMPARED: usize = 400;
/// The most lines of a difference that are shown.
const SHOWN: usize = 40;

/// Lines with `- ` that only `one` has, lines with `+ ` that only `other` has, and with two blanks the line before and after a change.
/// Empty when they are the same.
#[must_use]
pub fn difference(one: &str, other: &str) -> Vec<String> {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let (rest, others) = (&one[same..], &other[same..]);
    let end = rest.iter().rev().zip(others.iter().rev()).take_while(|(one, other)| one == other).count();
    let (rest, others) = (&rest[..rest.len() - end], &others[..others.len() - end]);
    if rest.is_empty() && others.is_empty() {
        return Vec::new();
    }
    let mut steps: Vec<(char, &str)> = same.checked_sub(1).map(|last| (' ', one[last])).into_iter().collect();
    steps.extend(steps_between(rest, others));
    steps.extend(one.get(same + rest.len()).map(|line| (' ', *line)));
    let mut lines: Vec<String> = near_changes(&steps).map(|(mark, line)| format!("{mark} {line}")).collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("… {more} more lines"));
    }
    lines
}

/// What leads from `one` to `other`: lines that are taken out, put in, and kept.
fn steps_between<'a>(one: &[&'a str], other: &[&'a str]) -> Vec<(char, &'a str)> {
    let most_pairs = if one.len() > COMPARED || other.len() > COMPARED { 0 } else { COMPARED * COMPARED };
    let marked = |step| match step {
        LineStep::Both(line) => (' ', line),
        LineStep::Removed(line) => ('-', line),
        LineStep::Added(line) => ('+', line),
    };
    line_steps(one, other, most_pairs).into_iter().map(marked).collect()
}

/// The steps that change something, and those directly before and after one.
fn near_changes<'a, 'b>(steps: &'b [(char, &'a str)]) -> impl Iterator<Item = (char, &'a str)> + 'b {
    let changes = |at: usize| steps.get(at).is_some_and(|(mark, _)| *mark != ' ');
    let near = move |at: usize| changes(at) || changes(at + 1) || at.checked_sub(1).is_some_and(changes);
    steps.iter().enumerate().filter(move |(at, _)| near(*at)).map(|(_, step)| *step)
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
