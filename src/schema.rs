//! JSON Schema over values: checking answers and inputs, and following a reference into what a node puts out.

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
};

/// The most problems told of one value.
const MAX_PROBLEMS: usize = 8;

/// A compiled JSON Schema (draft 2020-12). Remote references are not followed.
#[derive(Debug, Clone)]
pub struct Validator {
    inner: std::sync::Arc<jsonschema::Validator>,
}

impl Validator {
    /// Compiles `schema`.
    ///
    /// # Errors
    /// `Invalid` when it is no valid JSON Schema, or refers to another document.
    pub fn new(schema: &Value) -> Result<Self> {
        jsonschema::draft202012::new(schema)
            .map(|inner| Self { inner: std::sync::Arc::new(inner) })
            .map_err(|err| Error::new(ErrorKind::Invalid, format!("no valid JSON Schema: {err}")))
    }

    /// Whether `value` follows the schema.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.inner.is_valid(value)
    }

    /// What is wrong with `value`, each with the place in it (`at /issues/0/line: …`); empty when it follows the schema.
    #[must_use]
    pub fn problems(&self, value: &Value) -> Vec<String> {
        self.inner
            .iter_errors(value)
            .take(MAX_PROBLEMS)
            .map(|err| {
                let place = err.instance_path().to_string();
                if place.is_empty() { err.to_string() } else { format!("at {place}: {err}") }
            })
            .collect()
    }
}

/// The most problems told of one schema.
const MAX_SCHEMA_PROBLEMS: usize = 200;

/// What is wrong with `schema` as a JSON Schema (draft 2020-12): the place in it, a JSON pointer, and the problem. The first 200.
#[must_use]
pub fn problems_of_schema(schema: &Value) -> Vec<(String, String)> {
    let problems = jsonschema::draft202012::meta::validator();
    let errors = problems.iter_errors(schema).take(MAX_SCHEMA_PROBLEMS);
    errors.map(|err| (err.instance_path().to_string(), err.to_string())).collect()
}

/// What is known of a field of a value with a given schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<'a> {
    /// It is there, with this schema.
    Required(&'a Value),
    /// It may be there, with this schema.
    Optional(&'a Value),
    /// The schema says nothing of it.
    Unknown,
    /// There is no such field; these are the ones there are.
    Missing(Vec<&'a str>),
}

/// Looks `name` up in an object of `schema`, or, when it is a number, in a list.
#[must_use]
pub fn field<'a>(schema: &'a Value, name: &str) -> Field<'a> {
    let kind = schema.get("type").and_then(Value::as_str);
    if kind == Some("array") {
        return match (name.parse::<usize>(), schema.get("items")) {
            (Ok(_), Some(items)) => Field::Optional(items),
            (Ok(_), None) => Field::Unknown,
            (Err(_), _) => Field::Missing(Vec::new()),
        };
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        if let Some(found) = properties.get(name) {
            let required = schema
                .get("required")
                .and_then(Value::as_array)
                .is_some_and(|names| names.iter().any(|required| required == name));
            return if required { Field::Required(found) } else { Field::Optional(found) };
        }
        if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
            return Field::Missing(properties.keys().map(String::as_str).collect());
        }
        return Field::Unknown;
    }
    match kind {
        Some("string" | "integer" | "number" | "boolean" | "null") => Field::Missing(Vec::new()),
        _ => Field::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn problems_name_the_place() {
        let validator =
            Validator::new(&json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})).unwrap();
        assert!(validator.accepts(&json!({"n": 1})));
        assert_eq!(validator.problems(&json!({"n": "x"})), ["at /n: \"x\" is not of type \"integer\""]);
        assert_eq!(validator.problems(&json!({})), ["\"n\" is a required property"]);
    }

    #[test]
    fn a_remote_reference_is_refused() {
        let error = Validator::new(&json!({"$ref": "https://example.com/schema.json"})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }

    #[test]
    fn fields_are_found_in_objects_and_lists() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"], "additionalProperties": false});
        assert_eq!(field(&schema, "a"), Field::Required(&json!({"type": "string"})));
        assert_eq!(field(&schema, "b"), Field::Optional(&json!({})));
        assert_eq!(field(&schema, "c"), Field::Missing(vec!["a", "b"]));
        assert_eq!(field(&json!({"type": "string"}), "length"), Field::Missing(vec![]));
        assert_eq!(field(&json!({}), "anything"), Field::Unknown);
    }
}
