//! The smallest document that follows a JSON Schema, for the simple schemas that workflows have.

use serde_json::{Map, Value, json};

/// Makes one. Knows `$ref`, `const`, `enum`, `anyOf`, `oneOf`, the types, `required`, `minimum`, `minLength` and `minItems`.
pub(crate) fn smallest(schema: &Value) -> Value {
    of(schema, schema)
}

fn of(schema: &Value, root: &Value) -> Value {
    let target = schema["$ref"].as_str().and_then(|target| root.pointer(target.strip_prefix('#')?));
    if let Some(target) = target {
        return of(target, root);
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = schema["enum"].as_array().and_then(|values| values.first()) {
        return value.clone();
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(first) = schema[choice].as_array().and_then(|choices| choices.first()) {
            return of(first, root);
        }
    }
    let kind = schema["type"].as_array().and_then(|kinds| kinds.first()).unwrap_or(&schema["type"]);
    let least = |key: &str| usize::try_from(schema[key].as_u64().unwrap_or(0)).unwrap_or(0);
    match kind.as_str() {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        Some("null") => Value::Null,
        Some("string") => json!("x".repeat(least("minLength"))),
        Some("array") => (0..least("minItems")).map(|_| of(&schema["items"], root)).collect(),
        _ if schema["properties"].is_object() => {
            let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let fields = required.iter().map(|name| ((*name).to_owned(), of(&schema["properties"][*name], root)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        _ => json!({}),
    }
}
