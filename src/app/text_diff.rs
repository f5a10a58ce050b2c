//! The difference of two values in a few lines, for people.

use std::borrow::Cow;

use crate::model::{LineStep, Value, line_steps};

/// The most lines shown of each side.
const SHOWN: usize = 6;

/// Lines with `- ` that only `one` has, then lines with `+ ` that only `other` has. Empty when they are the same.
pub(super) fn difference(one: Option<&Value>, other: Option<&Value>) -> Vec<String> {
    let (one, other) = (text(one), text(other));
    let steps = line_steps(one.lines(), other.lines());
    ['-', '+'].into_iter().flat_map(|mark| side(mark, &steps)).collect()
}

fn side(mark: char, steps: &[LineStep<'_>]) -> Vec<String> {
    let lines = steps.iter().filter(|step| step.mark() == mark);
    let more = lines.clone().count().saturating_sub(SHOWN);
    let mut shown: Vec<String> = lines.take(SHOWN).map(|step| format!("{mark} {}", step.line())).collect();
    if more > 0 {
        shown.push(format!("{mark} … {more} more lines"));
    }
    shown
}

/// A text as it is, anything else as JSON over several lines.
fn text(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None => Cow::default(),
        Some(Value::String(text)) => text.into(),
        Some(value) => serde_json::to_string_pretty(value).unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_lines_that_differ_are_shown() {
        let diff = |one: &str, other: &str| difference(Some(&json!(one)), Some(&json!(other)));
        assert_eq!(diff("a\nb\nc", "a\nx\ny\nc"), ["- b", "+ x", "+ y"]);
        assert_eq!(diff("a\nb\nc\nd", "a\nx\nc\ny"), ["- b", "- d", "+ x", "+ y"]);
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
