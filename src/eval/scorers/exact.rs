//! Equality.

use super::{Mark, shown};
use crate::model::Value;

/// 1 when both are equal. White space around a text does not count, and numbers are compared by their value. A text that is expected of
/// what is no text, as all cells of a CSV file are texts, is read as JSON.
pub(super) fn score(actual: &Value, expected: &Value) -> Mark {
    let read;
    let wanted = match expected.as_str() {
        Some(text) if !actual.is_string() => match serde_json::from_str(text) {
            Ok(value) => {
                read = value;
                &read
            }
            Err(_) => expected,
        },
        _ => expected,
    };
    if is_equal(actual, wanted) { Ok(1.0) } else { Err(format!("{} is not {}", shown(actual), shown(wanted)).into()) }
}

/// Whether two values are the same, however their numbers are written.
pub(super) fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::String(one), Value::String(other)) => one.trim() == other.trim(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| is_equal(one, other)))
        }
        _ => one == other,
    }
}
