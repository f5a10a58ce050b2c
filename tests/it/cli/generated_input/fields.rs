//! The fields of a format, as its JSON Schema has them, and where they stand in a document.

use std::collections::BTreeSet;

use serde_json::Value;

/// Definitions that are no fields of ours: those of JSON Schema itself, and what is written in place of it.
const FOREIGN: [&str; 3] = ["schema", "json_schema", "input"];

/// A field in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// `DEFINITION/KEY`; for an entry of a map with free keys, `DEFINITION/KEY/*`.
    pub(super) field: String,
    /// Where it stands, as a JSON pointer.
    pub(super) pointer: String,
}

/// Every field of ours that `schema` has.
pub(super) fn all(schema: &Value) -> BTreeSet<String> {
    let definitions = schema["definitions"].as_object().unwrap();
    let ours = definitions.iter().filter(|(name, _)| !FOREIGN.contains(&name.as_str()));
    ours.flat_map(|(name, definition)| keys(definition).into_iter().map(move |key| format!("{name}/{key}"))).collect()
}

fn keys(definition: &Value) -> Vec<&String> {
    definition["properties"].as_object().into_iter().flat_map(|properties| properties.keys()).collect()
}

/// Where fields stand in `document`.
pub(super) fn places(schema: &Value, document: &Value) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    Walk { root: schema, places: &mut places }.value(schema, "", document, String::new());
    places
}

struct Walk<'a> {
    root: &'a Value,
    places: &'a mut BTreeSet<Place>,
}

impl Walk<'_> {
    /// Follows `schema`, a part of the field or definition `name`, into `value`. All alternatives are followed: those that do not fit
    /// have no keys in common with it.
    fn value(&mut self, schema: &Value, name: &str, value: &Value, pointer: String) {
        if !schema.is_object() {
            return;
        }
        if let Some(definition) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/definitions/")) {
            let root = self.root;
            return self.value(&root["definitions"][definition], definition, value, pointer);
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for part in schema[key].as_array().into_iter().flatten() {
                self.value(part, name, value, pointer.clone());
            }
        }
        for key in ["then", "else"] {
            self.value(&schema[key], name, value, pointer.clone());
        }
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    let (found, inner) = match (&schema["properties"][key], &schema["additionalProperties"]) {
                        (Value::Null, Value::Object(_)) => (&schema["additionalProperties"], format!("{name}/*")),
                        (Value::Null, _) => continue,
                        (found, _) => (found, format!("{name}/{key}")),
                    };
                    self.places.insert(Place { field: inner.clone(), pointer: below.clone() });
                    self.value(found, &inner, field, below);
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.value(&schema["items"], name, item, format!("{pointer}/{at}"));
                }
            }
            _ => {}
        }
    }
}
