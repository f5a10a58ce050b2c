//! JSON Schemas.

use super::Mark;
use crate::{model::Value, schema::Validator};

/// 1 when the value follows the schema.
pub(super) fn score(actual: &Value, schema: &Validator) -> Mark {
    match schema.problems(actual).as_slice() {
        [] => Ok(1.0),
        problems => Err(problems.join("; ").into()),
    }
}

/// What is expected, as a JSON Schema.
pub(super) fn expected(value: &Value) -> Result<Validator, String> {
    if !value.is_object() && !value.is_boolean() {
        return Err(format!("a JSON Schema must be expected, and {} is none", super::shown(value)));
    }
    Validator::new(value).map_err(|error| error.message().to_owned())
}
