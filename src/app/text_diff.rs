//! The difference of two values in a few lines, for people.

use crate::model::Value;

/// The most lines shown of each side.
const SHOWN: usize = 6;

/// Lines with `- ` that only `one` has, then lines with `+ ` that only `other` has, between the lines that both begin and end with.
/// Empty when they are the same.
pub(super) fn difference(one: Option<&Value>, other: Option<&Value>) -> Vec<String> {
    let (one, other) = (lines(one), lines(other));
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[same..], &other[same..]);
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    let mut found = side('-', &one[..one.len() - end]);
    found.extend(side('+', &other[..other.len() - end]));
    found
}

fn side(mark: char, lines: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = lines.iter().take(SHOWN).map(|line| format!("{mark} {line}")).collect();
    if lines.len() > SHOWN {
        shown.push(format!("{mark} … {} more lines", lines.len() - SHOWN));
    }
    shown
}

/// A text by its lines, anything else as JSON over several.
fn lines(value: Option<&Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::String(text)) => text.lines().map(str::to_owned).collect(),
        Some(value) => serde_json::to_string_pretty(value).unwrap_or_default().lines().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_lines_between_what_is_the_same_are_shown() {
        let diff = |one: &str, other: &str| difference(Some(&json!(one)), Some(&json!(other)));
        assert_eq!(diff("a\nb\nc", "a\nx\ny\nc"), ["- b", "+ x", "+ y"]);
        assert_eq!(diff("a\na", "a"), ["- a"]);
        assert_eq!(diff("a", "a"), [""; 0]);
        assert_eq!(difference(Some(&json!({"a": 1, "b": 2})), Some(&json!({"a": 1, "b": 3}))), ["-   \"b\": 2", "+   \"b\": 3"]);
        assert_eq!(difference(None, Some(&json!("new"))), ["+ new"]);
    }

    #[test]
    fn a_long_difference_is_cut() {
        let long = (0..20).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        let diff = difference(Some(&json!(long)), None);
        assert_eq!((diff.len(), diff[6].as_str()), (7, "- … 14 more lines"));
    }
}
