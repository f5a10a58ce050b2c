//! Numbers that are near enough.

use super::{Mark, shown};
use crate::model::Value;

/// 1 when the distance is at most `abs`, or at most the share `rel` of what is expected. A text that is a number counts as it.
pub(super) fn score(actual: &Value, expected: &Value, abs: f64, rel: f64) -> Mark {
    let wanted = self::expected(expected)?;
    let Some(found) = number(actual) else { return Err(format!("{} is no number", shown(actual)).into()) };
    let distance = (found - wanted).abs();
    let most = abs.max(rel * wanted.abs());
    if distance <= most {
        return Ok(1.0);
    }
    Err(format!("{found} is {distance} away from {wanted}, and {most} is permitted").into())
}

/// What is expected, as a number.
pub(super) fn expected(value: &Value) -> Result<f64, String> {
    number(value).ok_or_else(|| format!("a number must be expected, and {} is none", shown(value)))
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    Some(number).filter(|number: &f64| number.is_finite())
}
