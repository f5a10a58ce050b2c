//! Makes up values that follow a JSON Schema, and texts that say they are made up. Deterministic for a random generator's state.

mod strings;

use fastrand::Rng;
use serde_json::{Map, json};

use crate::{
    error::Result,
    model::{ChatRequest, Role, Value},
    provider::simulate::strings::words,
    schema::Validator,
};

/// Below this depth only what must be there is made.
const DEEP: usize = 6;
/// The most values of one answer.
const MAX_VALUES: usize = 20_000;
/// How often a value is made again when keywords that cannot be aimed at (`not`, `oneOf`, …) refuse it.
const TRIES: usize = 32;

/// A few sentences that say what they are.
pub(super) fn text(request: &ChatRequest, rng: &mut Rng) -> String {
    const CLOSINGS: [&str; 4] = [
        "A real model would answer the prompt in its own words.",
        "Nothing in it should be taken for a fact.",
        "Configure a provider to get a real one.",
        "It is the same in every run with the same seed and inputs.",
    ];
    let origin = &request.origin;
    let prompt = request.messages.iter().rfind(|message| message.role == Role::User).map_or("", |message| message.content.trim());
    let begin: String = prompt.lines().next().unwrap_or_default().chars().take(60).collect();
    format!(
        "Simulated answer of `{}` for `{}`: no model was asked. It answers a prompt of {} words that begins with \"{begin}\". {}",
        origin.agent,
        origin.node,
        prompt.split_whitespace().count(),
        CLOSINGS[rng.usize(..CLOSINGS.len())],
    )
}

/// A value that follows `schema`, as far as that can be done. Strings name `agent` as their author.
///
/// # Errors
/// `Invalid` when `schema` is no JSON Schema; that is only noticed for schemas with keywords that need checking.
pub(super) fn value(schema: &Value, agent: &str, rng: &mut Rng) -> Result<Value> {
    let mut maker = Maker { root: schema, agent, rng, left: MAX_VALUES, unsure: false };
    let mut made = maker.value(schema, Place { name: "answer", index: None, depth: 0 });
    if maker.unsure {
        let validator = Validator::new(schema)?;
        for _ in 1..TRIES {
            if validator.accepts(&made) {
                break;
            }
            maker.left = MAX_VALUES;
            made = maker.value(schema, Place { name: "answer", index: None, depth: 0 });
        }
    }
    Ok(made)
}

/// A value that follows `schema`, for something of the workflow that is called `name`; the same each time.
///
/// # Errors
/// `Invalid` when `schema` is no JSON Schema; that is only noticed for schemas with keywords that need checking.
pub fn made_up(schema: &Value, name: &str) -> Result<Value> {
    value(schema, name, &mut Rng::with_seed(0))
}

/// Where in the answer a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The nearest field.
    name: &'a str,
    /// In a list, the element, from 0.
    index: Option<usize>,
    depth: usize,
}

impl Place<'_> {
    fn is_deep(self) -> bool {
        self.depth > DEEP
    }
}

struct Maker<'a> {
    root: &'a Value,
    agent: &'a str,
    rng: &'a mut Rng,
    /// How many values may still be made.
    left: usize,
    /// Something was made without knowing that it follows the schema.
    unsure: bool,
}

impl Maker<'_> {
    fn value(&mut self, schema: &Value, place: Place<'_>) -> Value {
        self.left = self.left.saturating_sub(1);
        let Some(keywords) = schema.as_object() else {
            return if schema == &Value::Bool(false) { Value::Null } else { self.string(&Map::new(), place).into() };
        };
        if place.depth > 64 || self.left == 0 {
            return Value::Null;
        }
        if let Some(one) = keywords.get("const") {
            return one.clone();
        }
        if let Some(flat) = self.flattened(keywords, place) {
            return self.value(&flat, Place { depth: place.depth + 1, ..place });
        }
        if ["not", "if", "dependentSchemas", "propertyNames", "patternProperties", "unevaluatedProperties"]
            .iter()
            .any(|key| keywords.contains_key(*key))
        {
            self.unsure = true;
        }
        if let Some(choices) = keywords.get("enum").and_then(Value::as_array).filter(|choices| !choices.is_empty()) {
            let fitting: Vec<_> = match keywords.get("type").and_then(Value::as_str) {
                Some(kind) => choices.iter().filter(|choice| is_of(choice, kind)).collect(),
                None => choices.iter().collect(),
            };
            return fitting.get(self.rng.usize(..fitting.len().max(1))).map_or(Value::Null, |choice| (*choice).clone());
        }
        match self.kind(keywords, place) {
            "object" => self.object(keywords, place),
            "array" => self.array(keywords, place),
            "integer" => self.integer(keywords),
            "number" => self.number(keywords, place),
            "boolean" => self.rng.bool().into(),
            "null" => Value::Null,
            _ => self.string(keywords, place).into(),
        }
    }

    /// One schema instead of a reference, a combination or a choice; `None` when there is none of them.
    fn flattened(&mut self, keywords: &Map<String, Value>, place: Place<'_>) -> Option<Value> {
        let mut rest = keywords.clone();
        let parts = if let Some(target) = rest.shift_remove("$ref") {
            let pointer = target.as_str().and_then(|target| target.strip_prefix('#')).unwrap_or("/?").to_owned();
            vec![self.root.pointer(&pointer).cloned().unwrap_or(Value::Bool(true))]
        } else if let Some(Value::Array(parts)) = rest.shift_remove("allOf") {
            parts
        } else {
            let choices = rest.shift_remove("anyOf").or_else(|| {
                self.unsure |= rest.contains_key("oneOf");
                rest.shift_remove("oneOf")
            });
            let Some(Value::Array(choices)) = choices else { return None };
            vec![self.choose(&choices, place)]
        };
        Some(parts.into_iter().fold(Value::Object(rest), merge))
    }

    /// One of `choices`: `null` only when there is nothing else, or deep down.
    fn choose(&mut self, choices: &[Value], place: Place<'_>) -> Value {
        let is_null = |choice: &&Value| choice.get("type").is_some_and(|kind| kind == "null");
        let fitting: Vec<_> = if place.is_deep() {
            let flat: Vec<_> = choices.iter().filter(|choice| is_null(choice)).collect();
            if flat.is_empty() {
                choices.iter().filter(|choice| !choice.to_string().contains("\"$ref\"")).collect()
            } else {
                flat
            }
        } else {
            choices.iter().filter(|choice| !is_null(choice)).collect()
        };
        let fitting = if fitting.is_empty() { choices.iter().collect() } else { fitting };
        fitting.get(self.rng.usize(..fitting.len().max(1))).map_or(Value::Bool(true), |choice| (*choice).clone())
    }

    /// The type to make: the one written, else the one that the other keywords are for.
    fn kind<'k>(&mut self, keywords: &'k Map<String, Value>, place: Place<'_>) -> &'k str {
        match keywords.get("type") {
            Some(Value::String(kind)) => return kind,
            Some(Value::Array(kinds)) => {
                let kinds: Vec<_> = kinds.iter().filter_map(Value::as_str).collect();
                if place.is_deep() && kinds.contains(&"null") {
                    return "null";
                }
                let solid: Vec<_> = kinds.iter().copied().filter(|kind| *kind != "null").collect();
                return solid.get(self.rng.usize(..solid.len().max(1))).copied().unwrap_or("null");
            }
            _ => {}
        }
        let has = |names: &[&str]| names.iter().any(|name| keywords.contains_key(*name));
        if has(&["properties", "required", "additionalProperties", "minProperties"]) {
            "object"
        } else if has(&["items", "prefixItems", "minItems", "contains"]) {
            "array"
        } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
            "number"
        } else {
            "string"
        }
    }

    fn object(&mut self, keywords: &Map<String, Value>, place: Place<'_>) -> Value {
        let empty = Map::new();
        let properties = keywords.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required: Vec<&str> =
            keywords.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let others = keywords.get("additionalProperties");
        let most = size(keywords, "maxProperties").unwrap_or(usize::MAX);
        let least = size(keywords, "minProperties").unwrap_or(0).min(MAX_VALUES);
        let spare = most.saturating_sub(required.len());
        let mut optional = 0;
        let mut object = Map::new();
        for (name, schema) in properties {
            let is_required = required.contains(&name.as_str());
            if !is_required {
                optional += 1;
                if place.is_deep() || self.left == 0 || optional > spare || schema == &Value::Bool(false) {
                    continue;
                }
            }
            let made = self.value(schema, Place { name, index: place.index, depth: place.depth + 1 });
            object.insert(name.clone(), made);
        }
        let free = others.filter(|schema| schema.is_object()).cloned().unwrap_or(Value::Bool(true));
        for name in required {
            if !object.contains_key(name) {
                let made = self.value(&free, Place { name, index: place.index, depth: place.depth + 1 });
                object.insert(name.to_owned(), made);
            }
        }
        let is_free_map = properties.is_empty() && others.is_some_and(Value::is_object) && !place.is_deep();
        let wanted = if is_free_map { least.max(2).min(most) } else { least };
        let mut number = 0;
        while object.len() < wanted && self.left > 0 && others != Some(&Value::Bool(false)) {
            number += 1;
            let name = format!("{}_{number}", place.name);
            let made = self.value(&free, Place { name: place.name, index: Some(number - 1), depth: place.depth + 1 });
            object.insert(name, made);
        }
        Value::Object(object)
    }

    fn array(&mut self, keywords: &Map<String, Value>, place: Place<'_>) -> Value {
        let least = size(keywords, "minItems").unwrap_or(0).max(usize::from(keywords.contains_key("contains")));
        let most = size(keywords, "maxItems").unwrap_or(usize::MAX);
        let first: &[Value] = keywords.get("prefixItems").and_then(Value::as_array).map_or(&[], Vec::as_slice);
        let item = keywords.get("items").cloned().unwrap_or(Value::Bool(true));
        let wanted = if place.is_deep() { least } else { self.rng.usize(2..=3).max(first.len()) };
        let closed = if item == Value::Bool(false) { first.len() } else { usize::MAX };
        let count = wanted.max(least).min(most).min(closed);
        let unique = keywords.get("uniqueItems") == Some(&Value::Bool(true));
        let mut items: Vec<Value> = Vec::new();
        for index in 0..count {
            if self.left == 0 {
                break;
            }
            let here = Place { name: place.name, index: Some(index), depth: place.depth + 1 };
            let schema = match (first.get(index), keywords.get("contains")) {
                (Some(schema), _) => schema.clone(),
                (None, Some(contained)) if index == first.len() => merge(item.clone(), contained.clone()),
                _ => item.clone(),
            };
            let mut made = self.value(&schema, here);
            let mut tries = 0;
            while unique && items.contains(&made) && tries < TRIES {
                made = self.value(&schema, here);
                tries += 1;
            }
            if !(unique && items.contains(&made)) {
                items.push(made);
            }
        }
        Value::Array(items)
    }

    fn integer(&mut self, keywords: &Map<String, Value>) -> Value {
        let step = keywords.get("multipleOf").and_then(Value::as_i64).filter(|step| *step > 0).unwrap_or(1);
        let low = [bound(keywords, "minimum").map(f64::ceil), bound(keywords, "exclusiveMinimum").map(|low| low.floor() + 1.0)];
        let high =
            [bound(keywords, "maximum").map(f64::floor), bound(keywords, "exclusiveMaximum").map(|high| high.ceil() - 1.0)];
        let low = low.into_iter().flatten().reduce(f64::max);
        let high = high.into_iter().flatten().reduce(f64::min);
        let (low, high) = match (low, high) {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => (low.max(1.0), low.max(1.0) + 9.0),
            (None, Some(high)) => (high.min(1.0), high),
            (None, None) => (1.0, 10.0),
        };
        #[expect(clippy::cast_possible_truncation, reason = "the conversion saturates, and far bounds are not worth more")]
        let (low, high) = (low as i64, high as i64);
        let first = low.div_euclid(step) + i64::from(low.rem_euclid(step) != 0);
        let last = high.div_euclid(step);
        // No multiple near 1 to 10: the first one there is.
        let last = if last < first && bound(keywords, "maximum").is_none() { first } else { last };
        let factor = if first <= last { self.rng.i64(first..=last) } else { first };
        factor.saturating_mul(step).into()
    }

    fn number(&mut self, keywords: &Map<String, Value>, place: Place<'_>) -> Value {
        let words = words(place.name);
        let is_share = ["confidence", "probability", "likelihood", "ratio", "share"].iter().any(|share| words.contains(share));
        let (usual_low, usual_high) = if is_share { (0.0, 1.0) } else { (1.0, 10.0) };
        let above = bound(keywords, "exclusiveMinimum");
        let below = bound(keywords, "exclusiveMaximum");
        let low = [bound(keywords, "minimum"), above].into_iter().flatten().reduce(f64::max);
        let high = [bound(keywords, "maximum"), below].into_iter().flatten().reduce(f64::min);
        let (low, high) = match (low, high) {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => (low, if low < usual_high { usual_high } else { low + 9.0 }),
            (None, Some(high)) => (if high > usual_low { usual_low } else { high - 9.0 }, high),
            (None, None) => (usual_low, usual_high),
        };
        if let Some(step) = bound(keywords, "multipleOf").filter(|step| *step > 0.0) {
            let (first, last) = ((low / step).ceil(), (high / step).floor());
            let factor = first + (self.rng.f64() * (last - first + 1.0)).floor().max(0.0);
            return json!(factor.min(last.max(first)) * step);
        }
        let exact = low + (high - low) * self.rng.f64();
        let rounded = (exact * 100.0).round() / 100.0;
        let fits =
            |number: f64| number >= low && number <= high && above.is_none_or(|a| number > a) && below.is_none_or(|b| number < b);
        json!(if fits(rounded) {
            rounded
        } else if fits(exact) {
            exact
        } else {
            low.midpoint(high)
        })
    }
}

/// Both schemas as one, as `allOf` would mean it: properties and required names are joined, the tighter bound counts.
fn merge(whole: Value, part: Value) -> Value {
    let (mut whole, part) = match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => (whole, part),
        (whole, Value::Bool(true)) => return whole,
        (_, part) => return part,
    };
    for (key, value) in part {
        let merged = match (key.as_str(), whole.shift_remove(&key)) {
            ("properties", Some(Value::Object(mut known))) => {
                for (name, schema) in value.as_object().cloned().unwrap_or_default() {
                    let joined = match known.shift_remove(&name) {
                        Some(before) => merge(before, schema),
                        None => schema,
                    };
                    known.insert(name, joined);
                }
                Value::Object(known)
            }
            ("items", Some(known)) => merge(known, value),
            ("required" | "allOf", Some(Value::Array(mut known))) => {
                known.extend(value.as_array().cloned().unwrap_or_default());
                Value::Array(known)
            }
            ("enum", Some(Value::Array(known))) => {
                let allowed = value.as_array().cloned().unwrap_or_default();
                Value::Array(known.into_iter().filter(|choice| allowed.contains(choice)).collect())
            }
            ("minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties", Some(known)) => {
                if known.as_f64() > value.as_f64() { known } else { value }
            }
            ("maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties", Some(known)) => {
                if known.as_f64() < value.as_f64() { known } else { value }
            }
            ("type", Some(Value::String(known))) if known == "integer" => Value::String(known),
            _ => value,
        };
        whole.insert(key, merged);
    }
    Value::Object(whole)
}

/// Whether `value` is of the JSON Schema type `kind`.
fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn size(keywords: &Map<String, Value>, name: &str) -> Option<usize> {
    keywords.get(name).and_then(Value::as_u64).map(|size| usize::try_from(size).unwrap_or(usize::MAX))
}

fn bound(keywords: &Map<String, Value>, name: &str) -> Option<f64> {
    keywords.get(name).and_then(Value::as_f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_oneof, proptest};

    use super::*;

    #[track_caller]
    fn check(schema: &Value) {
        let validator = Validator::new(schema).unwrap();
        for seed in 0..50 {
            let made = value(schema, "writer", &mut Rng::with_seed(seed)).unwrap();
            assert_eq!(validator.problems(&made), Vec::<String>::new(), "{schema} gave {made}");
        }
    }

    #[test]
    fn values_follow_their_schema() {
        check(&json!({}));
        check(&json!(true));
        check(&json!({"type": "string", "minLength": 80, "maxLength": 90}));
        check(&json!({"type": "string", "maxLength": 3}));
        check(&json!({"type": "string", "enum": ["a", "b"]}));
        check(&json!({"enum": [1, "x", null], "type": "integer"}));
        check(&json!({"const": {"a": [1]}}));
        check(&json!({"type": "integer", "minimum": 3, "maximum": 4}));
        check(&json!({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}));
        check(&json!({"type": "integer", "maximum": -5}));
        check(&json!({"type": "integer", "multipleOf": 25}));
        check(&json!({"type": "integer", "minimum": -9, "maximum": -1, "multipleOf": 4}));
        check(&json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}));
        check(&json!({"type": "number", "minimum": 0.001, "maximum": 0.002}));
        check(&json!({"type": "number", "minimum": 0, "multipleOf": 0.5}));
        check(&json!({"type": ["null", "integer"]}));
        check(&json!({"type": "array", "minItems": 5, "items": {"type": "boolean"}}));
        check(&json!({"type": "array", "maxItems": 1}));
        check(&json!({"type": "array", "uniqueItems": true, "items": {"enum": ["a", "b", "c"]}}));
        check(&json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false}));
        check(&json!({"type": "array", "contains": {"const": 7}}));
        check(&json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3}));
        check(&json!({"type": "object", "required": ["x"], "additionalProperties": {"type": "boolean"}}));
        check(&json!({"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["c"], "maxProperties": 2}));
    }

    #[test]
    fn combinations_and_references_work() {
        check(&json!({"anyOf": [{"type": "null"}, {"type": "string"}]}));
        check(&json!({"oneOf": [{"type": "integer", "minimum": 5}, {"type": "integer", "maximum": 6}]}));
        check(&json!({"type": "integer", "not": {"const": 3}}));
        check(&json!({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                                {"properties": {"b": {"type": "string"}}, "required": ["b"]}]}));
        check(
            &json!({"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "n": {"type": "integer"}}, "required": ["kind", "n"],
                      "if": {"properties": {"kind": {"const": "a"}}}, "then": {"properties": {"n": {"minimum": 5}}}}),
        );
        check(&json!({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "required": ["name", "children"],
            "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}}}));
        check(
            &json!({"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]}),
        );
    }

    #[test]
    fn huge_texts_and_patterns_end() {
        let long = value(&json!({"type": "string", "minLength": 500_000}), "a", &mut Rng::with_seed(0)).unwrap();
        assert!(long.as_str().unwrap().len() >= 500_000);
        for pattern in ["^(a?){1000}{1000}{1000}$", "(^){4000000000}", "[", "((((((a*)*)*)*)*)*)*", r"\p{Greek}", "(?=a)b"] {
            value(&json!({"type": "string", "pattern": pattern}), "a", &mut Rng::with_seed(0)).ok();
        }
    }

    #[test]
    fn patterns_and_formats_are_met() {
        for pattern in [
            "^[A-Z]{2}-[0-9]{4}$",
            "^(low|high)$",
            "^[a-z][a-z0-9_-]*$",
            "^#[0-9a-f]{6}$",
            r"^\d{4}-\d{2}$",
            "x+y?z*",
            "^.{3,5}$",
        ] {
            check(&json!({"type": "string", "pattern": pattern}));
        }
        for format in ["date", "time", "date-time", "email", "uri", "uuid", "ipv4", "ipv6", "hostname", "duration"] {
            let schema = json!({"type": "string", "format": format});
            let checked = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
            let made = value(&schema, "writer", &mut Rng::with_seed(1)).unwrap();
            assert!(checked.is_valid(&made), "{format}: {made}");
        }
    }

    #[test]
    fn strings_tell_their_field_and_agent() {
        let schema = json!({"type": "object", "properties": {
            "rootCause": {"type": "string"}, "areas": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        }});
        let made = value(&schema, "analyst", &mut Rng::with_seed(0)).unwrap();
        assert_eq!(
            made,
            json!({"rootCause": "Simulated root cause by analyst", "areas": ["Simulated areas 1 by analyst", "Simulated areas 2 by analyst"]})
        );
    }

    #[test]
    fn a_huge_or_endless_schema_ends() {
        let huge = json!({"type": "array", "minItems": 100_000_000, "items": {"type": "array", "minItems": 1_000_000}});
        value(&huge, "a", &mut Rng::with_seed(0)).unwrap();
        let endless = json!({"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]});
        value(&endless, "a", &mut Rng::with_seed(0)).unwrap();
        let wide = json!({"type": "array", "minItems": 3, "items": {"$ref": "#"}});
        value(&wide, "a", &mut Rng::with_seed(0)).unwrap();
        let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
        assert_eq!(value(&circle, "a", &mut Rng::with_seed(0)).unwrap(), Value::Null);
    }

    /// Schemas such as authors write them.
    fn schemas() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!({"type": "string"})),
            Just(json!({"type": "boolean"})),
            (-100i64..100, 0i64..50).prop_map(|(low, span)| json!({"type": "integer", "minimum": low, "maximum": low + span})),
            (-10.0..10.0f64, 0.0..5.0f64)
                .prop_map(|(low, span)| json!({"type": "number", "minimum": low, "maximum": low + span})),
            prop::collection::vec("[a-z]{1,5}", 1..4).prop_map(|names| json!({"type": "string", "enum": names})),
            (0usize..40, 0usize..40).prop_map(|(low, span)| json!({"type": "string", "minLength": low, "maxLength": low + span})),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (inner.clone(), 0usize..4, 0usize..3).prop_map(
                    |(items, low, span)| json!({"type": "array", "items": items, "minItems": low, "maxItems": low + span})
                ),
                (prop::collection::btree_map("[a-z]{1,6}", inner.clone(), 0..4), any::<bool>()).prop_map(|(properties, all)| {
                    let required: Vec<_> = properties.keys().filter(|_| all).cloned().collect();
                    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
                }),
                prop::collection::vec(inner, 1..3).prop_map(|choices| json!({"anyOf": choices})),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_schema_is_followed(schema in schemas(), seed: u64) {
            let made = value(&schema, "writer", &mut Rng::with_seed(seed)).unwrap();
            let problems = Validator::new(&schema).unwrap().problems(&made);
            prop_assert!(problems.is_empty(), "{} gave {}: {:?}", schema, made, problems);
        }
    }
}
