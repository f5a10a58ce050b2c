//! Events and other values as JSON on standard output.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    error::{Error, ErrorKind, Result},
    model::Event,
};

/// `value` as a document of several lines, with a line break at its end.
pub(super) fn document(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(no_json)?;
    Ok(text + "\n")
}

/// An event as an object: `seq`, `at`, `type`, and what belongs to the type.
pub(super) fn event(event: &Event) -> Result<Value> {
    let mut object = Map::new();
    object.insert("seq".to_owned(), json!(event.seq));
    object.insert("at".to_owned(), json!(event.at));
    if let Value::Object(body) = serde_json::to_value(&event.body).map_err(no_json)? {
        object.extend(body);
    }
    Ok(Value::Object(object))
}

fn no_json(err: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "a value cannot be written as JSON").source(err)
}
