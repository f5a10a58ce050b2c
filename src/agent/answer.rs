//! The form an answer must have: text, or JSON by a schema, and what the provider is told of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::{
    error::{Error, Result},
    model::{OutputSchema, Value},
    schema::Validator,
};

/// The key under which an answer that is no object is wrapped, because providers take only objects.
const WRAPPER: &str = "answer";
/// The deepest nesting and the most properties that OpenAI's strict mode takes.
const STRICT_DEPTH: usize = 10;
const STRICT_PROPERTIES: usize = 5_000;

/// What an answer must look like. Cheap to clone. Stored as the author's schema; `null` for text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Option<Value>", into = "Option<Value>")]
pub enum AnswerForm {
    /// Any text.
    Text,
    /// JSON that follows a schema.
    Json(Arc<JsonForm>),
}

/// JSON that follows a schema.
#[derive(Debug, Clone)]
pub struct JsonForm {
    /// The schema as the author has it.
    author: Value,
    /// What the provider is told.
    request: OutputSchema,
    /// Of `request.schema`.
    validator: Validator,
    /// Of `author`, when answers are wrapped.
    inner: Option<Validator>,
}

impl AnswerForm {
    /// The form of answers that follow `schema`: text when it is absent or any string at all.
    ///
    /// # Errors
    /// `Invalid` when `schema` is no JSON Schema.
    pub fn new(schema: Option<&Value>) -> Result<Self> {
        match schema {
            None => Ok(Self::Text),
            Some(schema) if is_any_string(schema) => Ok(Self::Text),
            Some(schema) => JsonForm::new(schema).map(|form| Self::Json(Arc::new(form))),
        }
    }

    /// What the provider is told; `None` for text.
    #[must_use]
    pub fn request(&self) -> Option<&OutputSchema> {
        match self {
            Self::Text => None,
            Self::Json(form) => Some(&form.request),
        }
    }
}

impl TryFrom<Option<Value>> for AnswerForm {
    type Error = Error;

    fn try_from(schema: Option<Value>) -> Result<Self> {
        Self::new(schema.as_ref())
    }
}

impl From<AnswerForm> for Option<Value> {
    fn from(form: AnswerForm) -> Self {
        match form {
            AnswerForm::Text => None,
            AnswerForm::Json(form) => Some(form.author.clone()),
        }
    }
}

impl JsonForm {
    fn new(author: &Value) -> Result<Self> {
        let wrapped = author.get("type").and_then(Value::as_str) != Some("object");
        let mut schema = if wrapped { wrap(author) } else { author.clone() };
        if let Some(keywords) = schema.as_object_mut() {
            keywords.shift_remove("$schema");
        }
        let strict = is_strict(&schema);
        let request = OutputSchema { name: WRAPPER.to_owned(), schema, strict };
        Ok(Self {
            author: author.clone(),
            validator: Validator::new(&request.schema)?,
            inner: wrapped.then(|| Validator::new(author)).transpose()?,
            request,
        })
    }

    /// Whether `value` is an answer, wrapped or not.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        self.validator.accepts(value) || self.inner.as_ref().is_some_and(|inner| inner.accepts(value))
    }

    /// The answer in `value`, and whether the wrapper was left out.
    ///
    /// # Errors
    /// What is wrong with it, each problem with its place in the JSON the model wrote.
    pub(super) fn unwrap(&self, mut value: Value) -> std::result::Result<(Value, bool), Vec<String>> {
        let Some(inner) = &self.inner else {
            let problems = self.validator.problems(&value);
            return if problems.is_empty() { Ok((value, false)) } else { Err(problems) };
        };
        if self.validator.accepts(&value) {
            return Ok((value.get_mut(WRAPPER).map(Value::take).unwrap_or_default(), false));
        }
        if inner.accepts(&value) {
            return Ok((value, true));
        }
        Err(self.validator.problems(&value))
    }
}

/// Whether `schema` takes every string and nothing else: such an answer is plain text.
fn is_any_string(schema: &Value) -> bool {
    schema.as_object().is_some_and(|keywords| {
        keywords.get("type").and_then(Value::as_str) == Some("string")
            && keywords.keys().all(|key| matches!(key.as_str(), "type" | "description" | "title" | "$schema" | "$comment"))
    })
}

/// `{"answer": …}` around `schema`; its definitions move to the root and its local references follow.
fn wrap(schema: &Value) -> Value {
    let mut inner = schema.clone();
    let mut root = Map::new();
    root.insert("type".to_owned(), json!("object"));
    let has_own_base = inner.get("$id").is_some();
    if let (Some(keywords), false) = (inner.as_object_mut(), has_own_base) {
        keywords.shift_remove("$schema");
        let hoisted: Vec<_> =
            ["$defs", "definitions"].into_iter().filter_map(|key| Some((key, keywords.shift_remove(key)?))).collect();
        move_references(&mut inner);
        root.insert("properties".to_owned(), json!({ WRAPPER: inner }));
        for (key, mut definitions) in hoisted {
            if let Some(definitions) = definitions.as_object_mut() {
                definitions.values_mut().for_each(move_references);
            }
            root.insert(key.to_owned(), definitions);
        }
    } else {
        root.insert("properties".to_owned(), json!({ WRAPPER: inner }));
    }
    root.insert("required".to_owned(), json!([WRAPPER]));
    root.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(root)
}

/// Points references to the former root, or into it, to where it is now.
fn move_references(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            for (key, value) in keywords {
                match (key.as_str(), value) {
                    ("const" | "enum" | "default" | "examples", _) => {}
                    ("$ref" | "$dynamicRef", Value::String(target)) => {
                        if let Some(rest) = target.strip_prefix('#') {
                            let stays = ["/$defs/", "/definitions/"].iter().any(|kept| rest.starts_with(kept));
                            if !stays && (rest.is_empty() || rest.starts_with('/')) {
                                *target = format!("#/properties/{WRAPPER}{rest}");
                            }
                        }
                    }
                    (_, value) => move_references(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(move_references),
        _ => {}
    }
}

/// Whether OpenAI's strict mode takes `schema`.
///
/// # Source
/// OpenAI, "Structured model outputs", section "Supported schemas".
fn is_strict(schema: &Value) -> bool {
    let mut properties = 0;
    strict_part(schema, 0, &mut properties) && properties <= STRICT_PROPERTIES
}

fn strict_part(schema: &Value, depth: usize, properties: &mut usize) -> bool {
    const FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];
    let Some(keywords) = schema.as_object() else { return false };
    if depth > STRICT_DEPTH || !["type", "$ref", "anyOf", "enum", "const"].iter().any(|key| keywords.contains_key(*key)) {
        return false;
    }
    let named: &Map<String, Value> = match keywords.get("properties") {
        Some(Value::Object(named)) => named,
        Some(_) => return false,
        None => &Map::new(),
    };
    *properties += named.len();
    let is_object = match keywords.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        kind => kind.is_some_and(|kind| kind == "object"),
    };
    if is_object || !named.is_empty() {
        let required = keywords.get("required").and_then(Value::as_array);
        let all_required = named.keys().all(|name| required.is_some_and(|names| names.iter().any(|known| known == name)));
        if !all_required || keywords.get("additionalProperties") != Some(&Value::Bool(false)) {
            return false;
        }
    }
    keywords.iter().all(|(key, value)| match key.as_str() {
        "type"
        | "required"
        | "additionalProperties"
        | "enum"
        | "const"
        | "description"
        | "title"
        | "$ref"
        | "pattern"
        | "multipleOf"
        | "minimum"
        | "maximum"
        | "exclusiveMinimum"
        | "exclusiveMaximum"
        | "minItems"
        | "maxItems" => true,
        "format" => value.as_str().is_some_and(|format| FORMATS.contains(&format)),
        "items" => strict_part(value, depth + 1, properties),
        "properties" => named.values().all(|part| strict_part(part, depth + 1, properties)),
        "$defs" | "definitions" => {
            value.as_object().is_some_and(|parts| parts.values().all(|part| strict_part(part, depth + 1, properties)))
        }
        "anyOf" => {
            depth > 0 && value.as_array().is_some_and(|parts| parts.iter().all(|part| strict_part(part, depth, properties)))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(schema: &Value) -> JsonForm {
        match AnswerForm::new(Some(schema)).unwrap() {
            AnswerForm::Json(form) => (*form).clone(),
            AnswerForm::Text => panic!("{schema} is text"),
        }
    }

    #[test]
    fn strings_are_text_and_narrower_strings_are_not() {
        assert!(matches!(AnswerForm::new(None).unwrap(), AnswerForm::Text));
        assert!(matches!(AnswerForm::new(Some(&json!({"type": "string", "description": "x"}))).unwrap(), AnswerForm::Text));
        assert!(AnswerForm::new(Some(&json!({"type": "string", "enum": ["a"]}))).unwrap().request().is_some());
    }

    #[test]
    fn an_object_stays_as_it_is() {
        let schema =
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
        let form = form(&schema);
        assert_eq!(form.request.schema, schema);
        assert!(form.request.strict);
        assert_eq!(form.unwrap(json!({"a": "x"})), Ok((json!({"a": "x"}), false)));
        assert_eq!(form.unwrap(json!({"a": 1})), Err(vec!["at /a: 1 is not of type \"string\"".to_owned()]));
    }

    #[test]
    fn a_list_is_wrapped_and_taken_with_or_without_the_wrapper() {
        let form = form(&json!({"type": "array", "items": {"type": "integer"}}));
        assert!(form.request.strict);
        assert_eq!(form.unwrap(json!({"answer": [1]})), Ok((json!([1]), false)));
        assert_eq!(form.unwrap(json!([1])), Ok((json!([1]), true)));
        assert_eq!(form.unwrap(json!({"answer": ["x"]})), Err(vec!["at /answer/0: \"x\" is not of type \"integer\"".to_owned()]));
    }

    #[test]
    fn references_work_inside_the_wrapper() {
        let tree = json!({
            "type": "array", "items": {"$ref": "#/$defs/leaf"},
            "$defs": {"leaf": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}},
        });
        let form = form(&tree);
        assert_eq!(form.unwrap(json!({"answer": [1, [2, [3]]]})), Ok((json!([1, [2, [3]]]), false)));
        assert!(form.unwrap(json!({"answer": [1, ["x"]]})).is_err());
    }

    #[test]
    fn strict_needs_closed_objects_with_all_properties_required() {
        let open = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
        let optional = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
        let any = json!({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false});
        let length = json!({"type": "array", "items": {"type": "string", "minLength": 2}});
        for schema in [open, optional, any, length] {
            assert!(!form(&schema).request.strict, "{schema}");
        }
        let free = json!({"type": "object", "additionalProperties": {"type": "string"}});
        assert!(!form(&free).request.strict);
    }

    #[test]
    fn a_form_is_stored_as_its_schema() {
        let form = AnswerForm::new(Some(&json!({"type": "integer"}))).unwrap();
        let text = serde_json::to_string(&form).unwrap();
        assert_eq!(text, r#"{"type":"integer"}"#);
        let again: AnswerForm = serde_json::from_str(&text).unwrap();
        assert_eq!(again.request(), form.request());
        assert!(matches!(serde_json::from_str("null").unwrap(), AnswerForm::Text));
    }
}
