//! What is in a text or a list.

use super::{Mark, Missed, exact::is_equal, shown};
use crate::model::Value;

/// The share of what is expected that is there: a text in a text, an element in a list. Of a list that is expected, each counts alike.
pub(super) fn score(actual: &Value, expected: &Value) -> Mark {
    let has = |wanted: &Value| match (actual, wanted) {
        (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
        (Value::Array(items), wanted) => Ok(items.iter().any(|item| is_equal(item, wanted))),
        _ => Err(format!("{} is no text and no list that could have {} in it", shown(actual), shown(wanted))),
    };
    let wanted = wanted(expected);
    let mut missing = Vec::new();
    for part in wanted {
        if !has(part)? {
            missing.push(shown(part));
        }
    }
    if missing.is_empty() {
        return Ok(1.0);
    }
    #[expect(clippy::cast_precision_loss, reason = "lists of a row are short")]
    let score = (wanted.len() - missing.len()) as f64 / wanted.len() as f64;
    Err(Missed { score, why: format!("lacks {}", missing.join(", ")) })
}

/// Whether it can be looked for.
pub(super) fn check(expected: &Value) -> Result<(), String> {
    match wanted(expected) {
        [] => Err("an empty list is in everything: expect at least one thing".to_owned()),
        parts if parts.iter().any(|part| part.as_str() == Some("")) => {
            Err("an empty text is in every text: expect a text of at least one character".to_owned())
        }
        parts if parts.iter().any(Value::is_null) => {
            Err("`null` cannot be looked for: expect a text or a list of texts".to_owned())
        }
        _ => Ok(()),
    }
}

fn wanted(expected: &Value) -> &[Value] {
    match expected {
        Value::Array(parts) => parts,
        part => std::slice::from_ref(part),
    }
}
