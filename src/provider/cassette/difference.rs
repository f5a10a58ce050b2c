//! Two requests, line by line: what has changed, as `diff -u` shows it.

use crate::model::{LineStep, line_steps};

/// How many lines that are the same are shown around a change.
const AROUND: usize = 2;
/// The most lines that are shown.
const MOST_LINES: usize = 60;
/// The most characters of a line that are shown.
const MOST_CHARACTERS: usize = 200;
/// The most pairs of lines that are compared; of longer texts, what lies between their first and last change counts as changed.
const MOST_PAIRS: usize = 4_000_000;

/// How many lines are only in one of two texts.
pub(super) fn distance(old: &[String], new: &[String]) -> usize {
    lines(old, new).iter().filter(|line| !matches!(line, LineStep::Both(_))).count()
}

/// What has changed from `old` to `new`.
pub(super) fn unified(old: (&str, &[String]), new: (&str, &[String])) -> Vec<String> {
    let all = lines(old.1, new.1);
    let mut shown = vec![format!("--- {}", old.0), format!("+++ {}", new.0)];
    let is_near = |at: usize| {
        let around = &all[at.saturating_sub(AROUND)..(at + AROUND + 1).min(all.len())];
        around.iter().any(|line| !matches!(line, LineStep::Both(_)))
    };
    let (mut old_at, mut new_at, mut was_near) = (1, 1, false);
    for (at, line) in all.iter().enumerate() {
        let is_shown = is_near(at);
        if is_shown && !was_near {
            shown.push(format!("@@ -{old_at} +{new_at} @@"));
        }
        was_near = is_shown;
        let (mark, text) = match line {
            LineStep::Both(text) => (' ', text),
            LineStep::Removed(text) => ('-', text),
            LineStep::Added(text) => ('+', text),
        };
        old_at += usize::from(mark != '+');
        new_at += usize::from(mark != '-');
        if is_shown {
            shown.push(format!("{mark}{}", cut(text)));
        }
    }
    if shown.len() > MOST_LINES {
        let left = shown.len() - MOST_LINES;
        shown.truncate(MOST_LINES);
        shown.push(format!("… {left} more lines"));
    }
    shown
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

/// Both texts in one: their longest common part, with what only one of them has where it stands.
fn lines<'a>(old: &'a [String], new: &'a [String]) -> Vec<LineStep<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let begin = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let end = old[begin..].iter().rev().zip(new[begin..].iter().rev()).take_while(|(old, new)| old == new).count();
    let both = |line: &&'a str| LineStep::Both(line);
    let mut all: Vec<LineStep<'_>> = old[..begin].iter().map(both).collect();
    all.extend(line_steps(&old[begin..old.len() - end], &new[begin..new.len() - end], MOST_PAIRS));
    all.extend(old[old.len() - end..].iter().map(both));
    all
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
        fn both_texts_are_in_it_and_no_line_more_than_is_needed(old in "[a-d]{0,12}", new in "[a-d]{0,12}") {
            let (old, new) = (text(&old), text(&new));
            let all = lines(&old, &new);
            let of = |has: fn(&LineStep<'_>) -> bool| all.iter().filter(|line| has(line)).map(|line| match line {
                LineStep::Both(text) | LineStep::Removed(text) | LineStep::Added(text) => (*text).to_owned(),
            }).collect::<Vec<_>>();
            prop_assert_eq!(of(|line| !matches!(line, LineStep::Added(_))), old.clone());
            prop_assert_eq!(of(|line| !matches!(line, LineStep::Removed(_))), new.clone());
            prop_assert_eq!(distance(&old, &new), distance(&new, &old));
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
