//! The grammar as JSON Schema (draft 7, which editors know best). It accepts what the structural check accepts; only what JSON
//! Schema cannot say is left out: duplicate keys, and values that follow from other values.

use serde_json::{Map, json};

use super::{
    grammar::{
        CountSize, EVAL_FILE, Field, INTERCHANGE, Kind, MANIFEST, NODE, NameRule, Object, POLICY, Rule, Shape, TEST_FILE,
        WORKFLOW,
    },
    names, schema_shorthand,
};
use crate::model::Value;

/// Which files a JSON Schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaOf {
    /// Workflow files, in both forms.
    Workflow,
    /// Manifest files.
    Agents,
    /// Test files.
    Test,
    /// Eval files.
    Eval,
    /// Policy files.
    Policy,
}

/// The JSON Schema of a sort of files.
#[must_use]
pub fn json_schema(of: SchemaOf) -> Value {
    let mut definitions = Definitions::default();
    let (root, title) = match of {
        SchemaOf::Workflow => {
            let exchanged = definitions.object(&INTERCHANGE);
            let written = definitions.object(&WORKFLOW);
            let is_exchanged = json!({ "required": ["nodes", "edges"], "properties": { "nodes": { "type": "array" } } });
            (json!({ "type": "object", "if": is_exchanged, "then": exchanged, "else": written }), "agentflow workflow")
        }
        SchemaOf::Agents => (definitions.object(&MANIFEST), "agentflow manifest"),
        SchemaOf::Test => (definitions.object(&TEST_FILE), "agentflow tests"),
        SchemaOf::Eval => (definitions.object(&EVAL_FILE), "agentflow eval"),
        SchemaOf::Policy => (definitions.object(&POLICY), "agentflow policy"),
    };
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!(title));
    // Beside `$ref` draft 7 ignores everything else.
    match root {
        Value::Object(root) if root.contains_key("$ref") => schema.insert("allOf".to_owned(), json!([root])),
        Value::Object(root) => {
            schema.extend(root);
            None
        }
        _ => None,
    };
    schema.insert("definitions".to_owned(), Value::Object(definitions.made));
    Value::Object(schema)
}

#[derive(Default)]
struct Definitions {
    made: Map<String, Value>,
}

impl Definitions {
    /// A reference to the definition `name`, which is made when it is new.
    fn reference(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.made.contains_key(name) {
            // Objects hold each other: the place is taken before the work begins.
            self.made.insert(name.to_owned(), Value::Null);
            let definition = make(self);
            self.made.insert(name.to_owned(), definition);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    fn object(&mut self, object: &'static Object) -> Value {
        self.reference(object.name, |definitions| definitions.make_object(object))
    }

    fn make_object(&mut self, object: &'static Object) -> Value {
        let mut properties = Map::new();
        let is_shared =
            |key: &str| object.kinds.iter().any(|kind| kind.field.name == key) && object.kinds.iter().any(|kind| kind.has(key));
        for field in object.all_fields() {
            // What kinds share has the words of the first. What is a kind and a key of another one is told below.
            if is_shared(field.name) {
                properties.insert(field.name.to_owned(), json!({}));
            } else if !properties.contains_key(field.name) {
                properties.insert(field.name.to_owned(), self.field(field));
            }
        }
        let required: Vec<&str> = object.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        let mut schema = json!({
            "type": "object",
            "title": object.what,
            "description": object.doc,
            "properties": properties,
            "additionalProperties": false,
        });
        let mut dependencies = Map::new();
        let mut all: Vec<Value> = object.rules.iter().filter_map(|rule| rule_schema(rule, &mut dependencies)).collect();
        for kind in object.kinds {
            let own = kind.fields.iter().filter(|field| !is_shared(field.name));
            dependencies.extend(own.map(|field| (field.name.to_owned(), kinds_with(object, field.name))));
            for field in std::iter::once(&kind.field).chain(kind.fields).filter(|field| is_shared(field.name)) {
                let schema = self.field(field);
                all.push(json!({ "if": is_kind(object, kind), "then": { "properties": { field.name: schema } } }));
            }
            let rules: Vec<Value> = kind.rules.iter().filter_map(|rule| rule_schema(rule, &mut dependencies)).collect();
            if !rules.is_empty() {
                all.push(json!({ "if": { "required": [kind.field.name] }, "then": { "allOf": rules } }));
            }
        }
        let kinds: Vec<Value> = object.kinds.iter().map(|kind| is_kind(object, kind)).collect();
        if std::ptr::eq(object, &raw const super::grammar::EXCHANGED_NODE) {
            all.extend(agreement_of_type_and_config());
        }
        for (name, value) in [
            ("required", json!(required)),
            ("oneOf", json!(kinds)),
            ("allOf", json!(all)),
            ("dependencies", Value::Object(dependencies)),
        ] {
            let is_empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
            if !is_empty {
                schema[name] = value;
            }
        }
        schema
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut schema = self.shape(&field.shape);
        if schema.get("$ref").is_some() {
            schema = json!({ "allOf": [schema] });
        }
        schema["description"] = json!(field.doc);
        schema
    }

    fn shape(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Text | Shape::Template => json!({ "type": "string" }),
            Shape::Expression => json!({ "type": ["string", "boolean"] }),
            Shape::Name(rule) => {
                let mut schema = name_schema(*rule);
                schema["type"] = json!("string");
                schema
            }
            Shape::Url => json!({ "type": "string", "pattern": "^https?://\\S+$" }),
            Shape::Permission => permission_schema(),
            Shape::Folder => json!({ "type": "string", "pattern": "^/" }),
            Shape::Word(words) => {
                let list: Vec<Value> = words.iter().map(|(word, doc)| json!({ "const": word, "description": doc })).collect();
                json!({ "type": "string", "enum": words.iter().map(|(word, _)| *word).collect::<Vec<_>>(), "anyOf": list })
            }
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
            Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Shape::Count(size) => json!({ "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": size.max() },
                { "type": "string", "pattern": format!("^\\s*{}\\s*$", count_pattern(*size)), "allOf": [{ "pattern": "[1-9]" }] },
            ] }),
            Shape::Duration { may_be_zero } => json!({
                "type": "string",
                "pattern": duration_pattern(),
                "allOf": [{ "pattern": if *may_be_zero { "[0-9]" } else { "[1-9]" } }],
            }),
            Shape::Rate => json!({
                "type": "string",
                "pattern": format!("^\\s*{}\\s*/\\s*(s|m|h|d)\\s*$", count_pattern(CountSize::Large)),
                "allOf": [{ "pattern": "[1-9]" }],
            }),
            Shape::Data => json!({}),
            Shape::Schema => self.schema(),
            Shape::Input => self.input(),
            Shape::List { of, min } => self.list(of, *min),
            Shape::OneOrMany { of, min } => {
                let one = self.shape(of);
                json!({ "anyOf": [one, self.list(of, *min)] })
            }
            Shape::Map { keys, of, filled } => {
                let values = self.shape(of);
                let mut schema = json!({ "type": "object", "propertyNames": name_schema(*keys), "additionalProperties": values });
                if *filled {
                    schema["minProperties"] = json!(1);
                }
                schema
            }
            Shape::Object(object) => self.object(object),
            Shape::Short(short, object) => {
                let short = self.shape(short);
                json!({ "anyOf": [short, self.object(object)] })
            }
        }
    }

    fn list(&mut self, of: &Shape, min: usize) -> Value {
        let items = self.shape(of);
        if min == 0 {
            json!({ "type": "array", "items": items })
        } else {
            json!({ "type": "array", "items": items, "minItems": min })
        }
    }

    /// A schema, in shorthand or full.
    fn schema(&mut self) -> Value {
        self.reference("schema", |definitions| {
            let itself = json!({ "$ref": "#/definitions/schema" });
            let full = definitions.full_schema();
            let types = schema_shorthand::TYPES.join("|");
            json!({
                "title": "a schema",
                "description": "What values are allowed: `string`, `integer`, `number`, `boolean`, `any`, `a | b`, `[T]`, a map of fields (`field?` is optional), or a JSON Schema.",
                "anyOf": [
                    { "enum": schema_shorthand::TYPES },
                    { "type": "string", "pattern": format!("^\\s*({types})\\s*$") },
                    {
                        "type": "string",
                        "description": "One of several words: `a | b | c`.",
                        "pattern": "^\\s*[^|\\s][^|]*(\\|\\s*[^|\\s][^|]*)+$",
                        "not": { "pattern": format!("(^|\\|)\\s*({types}|object|array|null)\\s*(\\||$)") },
                    },
                    { "type": "array", "items": itself, "minItems": 1, "maxItems": 1 },
                    {
                        "type": "object",
                        "if": is_full(),
                        "then": full,
                        "else": {
                            "minProperties": 1,
                            "propertyNames": { "not": { "pattern": "^\\s*\\??$" } },
                            "additionalProperties": itself,
                        },
                    },
                ],
            })
        })
    }

    /// A full JSON Schema, as far as its form goes.
    fn full_schema(&mut self) -> Value {
        self.reference("json_schema", |_| {
            let itself = json!({ "$ref": "#/definitions/json_schema" });
            let any = json!({ "anyOf": [{ "type": "boolean" }, itself] });
            let by_name = json!({ "type": "object", "additionalProperties": any });
            let list = json!({ "type": "array", "items": any, "minItems": 1 });
            let names = json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true });
            let number = json!({ "type": "number" });
            let size = json!({ "type": "integer", "minimum": 0 });
            let text = json!({ "type": "string" });
            let properties: Map<String, Value> = schema_shorthand::KEYWORDS
                .iter()
                .map(|keyword| {
                    let schema = match *keyword {
                        "type" => {
                            let one = json!({ "enum": ["string", "integer", "number", "boolean", "object", "array", "null"] });
                            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "uniqueItems": true }] })
                        }
                        keyword if schema_shorthand::SCHEMAS_BY_NAME.contains(&keyword) => by_name.clone(),
                        keyword if schema_shorthand::ONE_SCHEMA.contains(&keyword) => any.clone(),
                        keyword if schema_shorthand::SCHEMA_LISTS.contains(&keyword) => list.clone(),
                        "required" => names.clone(),
                        "enum" | "examples" => json!({ "type": "array" }),
                        "maximum" | "minimum" | "exclusiveMaximum" | "exclusiveMinimum" => number.clone(),
                        "multipleOf" => json!({ "type": "number", "exclusiveMinimum": 0 }),
                        "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties"
                        | "maxContains" | "minContains" => size.clone(),
                        "uniqueItems" | "deprecated" | "readOnly" | "writeOnly" => json!({ "type": "boolean" }),
                        "$ref" => json!({ "type": "string", "pattern": "^#" }),
                        "title" | "description" | "format" | "pattern" | "$comment" | "$schema" | "$id" | "$anchor"
                        | "contentEncoding" | "contentMediaType" => text.clone(),
                        _ => json!({}),
                    };
                    ((*keyword).to_owned(), schema)
                })
                .collect();
            json!({
                "title": "a JSON Schema",
                "type": "object",
                "properties": properties,
                "patternProperties": { "^x-": {} },
                "additionalProperties": false,
            })
        })
    }

    /// An input: a schema, or the long form.
    fn input(&mut self) -> Value {
        let schema = self.schema();
        let full = self.full_schema();
        self.reference("input", |_| {
            json!({
                "title": "an input",
                "description": "What an input takes: a type, or `{ type, default, description }`.",
                "if": { "type": "object", "required": ["type"] },
                "then": { "anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "type": schema,
                            "default": { "description": "The value when none is given; without it the input is required." },
                            "description": { "type": "string", "description": "What the input is, for people." },
                        },
                        "required": ["type"],
                        "additionalProperties": false,
                    },
                    full,
                ] },
                "else": schema,
            })
        })
    }
}

/// Whether a map is a full JSON Schema: the rule of `schema_shorthand`.
fn is_full() -> Value {
    let only_json = json!({ "enum": ["object", "array", "null"] });
    let shared = json!({ "enum": ["string", "integer", "number", "boolean"] });
    let every = json!({ "enum": ["string", "integer", "number", "boolean", "object", "array", "null"] });
    json!({ "anyOf": [
        { "required": ["$ref"] },
        { "required": ["$schema"] },
        { "required": ["type"], "properties": { "type": only_json } },
        { "required": ["type"], "properties": { "type": { "type": "array", "items": every, "minItems": 2 } } },
        { "required": ["type"], "properties": { "type": { "type": "array", "items": only_json, "minItems": 1 } } },
        {
            "required": ["type"],
            "properties": { "type": { "anyOf": [shared, { "type": "array", "items": shared, "minItems": 1 }] } },
            "propertyNames": { "enum": schema_shorthand::KEYWORDS },
        },
    ] })
}

/// That an object is of a kind: it has the key that says so, and is of none of the other kinds that have this key, too.
fn is_kind(object: &Object, kind: &Kind) -> Value {
    let others = object.kinds.iter().filter(|other| other.has(kind.field.name));
    let others: Vec<Value> = others.map(|other| json!({ "required": [other.field.name] })).collect();
    let is_one = json!({ "required": [kind.field.name] });
    if others.is_empty() { is_one } else { json!({ "allOf": [is_one, { "not": { "anyOf": others } }] }) }
}

/// Of a key that only some kinds have: that it is one of these.
fn kinds_with(object: &Object, key: &str) -> Value {
    let has = |kind: &&Kind| kind.has(key);
    let kinds: Vec<&str> = object.kinds.iter().filter(has).map(|kind| kind.field.name).collect();
    match kinds[..] {
        [only] => json!([only]),
        _ => json!({ "anyOf": kinds.iter().map(|kind| json!({ "required": [kind] })).collect::<Vec<_>>() }),
    }
}

fn rule_schema(rule: &Rule, dependencies: &mut Map<String, Value>) -> Option<Value> {
    match *rule {
        Rule::NotBoth(one, other) => Some(json!({ "not": { "required": [one, other] } })),
        Rule::Either(one, other) => Some(json!({ "anyOf": [{ "required": [one] }, { "required": [other] }] })),
        Rule::Needs(key, needed) => {
            dependencies.insert(key.to_owned(), json!([needed]));
            None
        }
    }
}

/// In the interchange form `config` has the key that `node_type` names.
fn agreement_of_type_and_config() -> impl Iterator<Item = Value> {
    NODE.kinds.iter().map(|kind| {
        json!({
            "if": { "required": ["node_type"], "properties": { "node_type": { "const": kind.field.name } } },
            "then": { "properties": { "config": is_kind(&NODE, kind) } },
        })
    })
}

fn name_schema(rule: NameRule) -> Value {
    let refused = names::refused(rule);
    if refused.is_empty() {
        return json!({ "pattern": names::pattern(rule) });
    }
    json!({ "pattern": names::pattern(rule), "not": { "enum": refused } })
}

/// The forms of permissions, as `Permission` parses them.
fn permission_schema() -> Value {
    let forms = [
        r"net:(https?://)?(\[[0-9a-fA-F:.]+\]|\*|(\*\.)?[^*/@?#\\ %:\[.][^*/@?#\\ %:]*)(:0*[1-9][0-9]{0,4})?",
        r"fs:(read|write):[^/\\][^\\]*",
        r"run:[^* ]+( [^ ]+)*",
        r"mcp:[^*/]+(/.+)?",
        r"memory:(read|write):[A-Za-z0-9_*-]+",
        r"mailbox:(send|read):[A-Za-z0-9_*-]+",
        r"secret:.+",
    ];
    json!({
        "type": "string",
        "maxLength": 1_000,
        "pattern": format!("^({})$", forms.join("|")),
        // Control characters, and paths that lead out of the folder or nowhere.
        "not": { "pattern": r"[\x00-\x1f\x7f-\x9f]|^fs:[a-z]+:(\./$|(.*/)?\.\.(/|$)|.*//)" },
    })
}

fn count_pattern(size: CountSize) -> &'static str {
    match size {
        CountSize::Small => "([0-9]{1,9}|[0-9]{1,6}(\\.[0-9]{1,3})?[kK]|[0-9]{1,3}(\\.[0-9]{1,6})?M)",
        CountSize::Large => {
            "([0-9]{1,15}|[0-9]{1,12}(\\.[0-9]{1,3})?[kK]|[0-9]{1,9}(\\.[0-9]{1,6})?M|[0-9]{1,6}(\\.[0-9]{1,9})?G)"
        }
    }
}

fn duration_pattern() -> String {
    let parts = ["d", "h", "m", "s", "ms"].map(|unit| format!("([0-9]{{1,15}}(\\.[0-9]{{1,9}})?{unit})?"));
    format!("^\\s*{}\\s*$", parts.concat())
}
