//! Two requests, line by line: what has changed, as `diff -u` shows it.

use crate::model::{LineStep, line_groups, line_steps};

/// How many lines that are the same are shown around a change.
const AROUND: usize = 2;
/// The most lines that are shown.
const MOST_LINES: usize = 60;
/// The most characters of a line that are shown.
const MOST_CHARACTERS: usize = 200;

/// How many lines are only in one of two texts.
pub(super) fn distance(old: &[String], new: &[String]) -> usize {
    line_steps(texts(old), texts(new)).iter().filter(|step| !matches!(step, LineStep::Both(_))).count()
}

/// What has changed from `old` to `new`.
pub(super) fn unified(old: (&str, &[String]), new: (&str, &[String])) -> Vec<String> {
    let mut shown = vec![format!("--- {}", old.0), format!("+++ {}", new.0)];
    for group in line_groups(texts(old.1), texts(new.1), AROUND) {
        shown.push(format!("@@ -{} +{} @@", group.one.start + 1, group.other.start + 1));
        shown.extend(group.steps.iter().map(|step| format!("{}{}", step.mark(), cut(step.line()))));
    }
    if shown.len() > MOST_LINES {
        let left = shown.len() - MOST_LINES;
        shown.truncate(MOST_LINES);
        shown.push(format!("… {left} more lines"));
    }
    shown
}

fn texts(lines: &[String]) -> impl Iterator<Item = &str> {
    lines.iter().map(String::as_str)
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn text(lines: &str) -> Vec<String> {
        lines.chars().map(String::from).collect()
    }

    #[test]
    fn what_has_changed_is_shown_with_what_is_around_it() {
        let shown = unified(("recorded", &text("abcdefghij")), ("asked", &text("abcdeXghij")));
        assert_eq!(shown, ["--- recorded", "+++ asked", "@@ -4 +4 @@", " d", " e", "-f", "+X", " g", " h"]);
        let shown = unified(("o", &text("abcdefghij")), ("n", &text("bcdefghijk")));
        assert_eq!(shown, ["--- o", "+++ n", "@@ -1 +1 @@", "-a", " b", " c", "@@ -9 +8 @@", " i", " j", "+k"]);
    }

    #[test]
    fn what_is_long_is_cut() {
        let (old, new) = (vec!["x".repeat(300)], (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
        let shown = unified(("o", &old), ("n", &new));
        assert_eq!((shown.len(), shown[3].chars().count()), (MOST_LINES + 1, 1 + MOST_CHARACTERS + 2));
        assert_eq!(shown[MOST_LINES], "… 144 more lines");
    }

    proptest! {
        #[test]
        fn it_is_as_far_there_as_back_and_nothing_is_far_from_itself(old in "[a-d]{0,12}", new in "[a-d]{0,12}") {
            let (old, new) = (text(&old), text(&new));
            prop_assert_eq!(distance(&old, &new), distance(&new, &old));
            prop_assert_eq!(distance(&old, &new) == 0, old == new);
            prop_assert_eq!(distance(&old, &old), 0);
        }

        #[test]
        fn one_changed_line_is_two_lines_of_difference(lines in prop::collection::vec("[a-z]{1,5}", 1..20), at in 0_usize..20) {
            let mut changed = lines.clone();
            let at = at % lines.len();
            changed[at] = "CHANGED".to_owned();
            prop_assert_eq!(distance(&lines, &changed), 2);
            let shown = unified(("o", &lines), ("n", &changed));
            let minus = format!("-{}", lines[at]);
            prop_assert!(shown.contains(&minus));
            prop_assert!(shown.contains(&"+CHANGED".to_owned()));
        }
    }
}
