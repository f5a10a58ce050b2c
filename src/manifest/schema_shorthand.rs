//! The schema shorthand of `output` and `inputs`: `string`, `a | b`, `[T]`, a map of fields, or a full JSON Schema.
//!
//! A map is a full JSON Schema when it has `$ref` or `$schema`, or when its `type` is the name of a JSON Schema type and all other
//! keys are JSON Schema keywords. So `{ type: string, maxLength: 80 }` is a JSON Schema, `{ type: bug | feature, title: string }`
//! and `{ type: string, line: integer }` are objects with a field called `type`. (`type: object`, `array`, `null`, or a list of
//! several types always mark a JSON Schema: the shorthand has no such types.)

use serde_json::Map;

use super::load::shown;
use crate::{
    diagnostic::{Code, Diagnostic, Span, Spanned, nearest},
    manifest::{Entries, Tree, TreeKind, check::MAX_PROBLEMS},
    model::Value,
    schema::{Validator, problems_of_schema},
};

/// The types of the shorthand.
pub(super) const TYPES: [&str; 5] = ["string", "integer", "number", "boolean", "any"];
/// The types that only JSON Schema has.
const JSON_SCHEMA_TYPES: [&str; 3] = ["object", "array", "null"];
/// Keywords whose value is a map of schemas.
pub(super) const SCHEMAS_BY_NAME: &[&str] = &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords whose value is a schema.
pub(super) const ONE_SCHEMA: &[&str] =
    &["items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames", "contentSchema"];
/// Keywords whose value is a list of schemas.
pub(super) const SCHEMA_LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];

/// What JSON Schema (drafts 7 to 2020-12) gives a meaning.
pub(super) const KEYWORDS: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
];
/// The long form of an input.
const LONG_INPUT: [&str; 3] = ["type", "default", "description"];

/// Which part of an input is its type, and whether the entry has `default` and `description` beside it.
///
/// A map with the key `type` is the long form, or a full JSON Schema; any other value is the type itself.
pub(super) fn input_type(tree: &Tree) -> (&Tree, bool) {
    let (Some(entries), Some(written)) = (tree.as_map(), tree.get("type")) else {
        return (tree, tree.as_map().is_some_and(is_marked));
    };
    let is_long = entries.iter().all(|(key, _)| LONG_INPUT.contains(&key.value.as_str())) && !is_beyond_shorthand(written);
    (if is_long { written } else { tree }, true)
}

/// Reads the type of an input, whatever its form.
pub(super) fn input_schema(tree: &Tree, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    let (written, is_long) = input_type(tree);
    if is_long && std::ptr::eq(written, tree) { full(tree, problems) } else { to_json_schema(written, problems) }
}

/// Keys of an input in long form that mean nothing.
pub(super) fn unknown_input_keys(tree: &Tree) -> impl Iterator<Item = &Spanned<String>> {
    let entries = tree.as_map().filter(|_| tree.get("type").is_some()).unwrap_or_default();
    entries.iter().map(|(key, _)| key).filter(|key| !KEYWORDS.contains(&key.value.as_str()))
}

/// Reads a schema, in shorthand or full. `None` when it is none; every reason is added to `problems`.
pub(super) fn to_json_schema(tree: &Tree, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    match &tree.kind {
        TreeKind::String(text) => named(text, tree.span, problems),
        TreeKind::List(items) => list(items, tree.span, problems),
        TreeKind::Map(entries) if is_full(entries) => full(tree, problems),
        TreeKind::Map(entries) => object(entries, tree.span, problems),
        TreeKind::Null | TreeKind::Bool(_) | TreeKind::Integer(_) | TreeKind::Float(_) => {
            problems.push(bad(tree.span, format!("expected a type, found {}", tree.describe())));
            None
        }
    }
}

fn bad(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BAD_SCHEMA, span, message)
}

/// A type by name, or an enum.
fn named(text: &str, span: Span, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    let name = text.trim();
    if name == "any" {
        return Some(Value::Object(Map::new()));
    }
    if TYPES.contains(&name) {
        return Some(object_of([("type", name.into())]));
    }
    if name.contains('|') {
        return words(name, span, problems);
    }
    let hint = match name.trim_end_matches("[]") {
        "" => "write one of `string`, `integer`, `number`, `boolean`, `any`, `a | b`, `[T]`, or a map of fields".to_owned(),
        element if element.len() < name.len() => format!("a list is written `[{}]`", shown(element)),
        "str" | "text" => "did you mean `string`?".to_owned(),
        "int" | "long" => "did you mean `integer`?".to_owned(),
        "bool" => "did you mean `boolean`?".to_owned(),
        "float" | "double" | "decimal" => "did you mean `number`?".to_owned(),
        "list" | "array" => "a list is written `[T]`, e.g. `[string]`".to_owned(),
        "object" | "map" | "dict" => "an object is written as a map of its fields, or `{ type: object }`".to_owned(),
        optional if optional.ends_with('?') => "the mark of an optional field stands at its name: `name?: string`".to_owned(),
        other => match nearest(other, TYPES) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "types are `string`, `integer`, `number`, `boolean`, `any`, `a | b`, `[T]` and maps of fields".to_owned(),
        },
    };
    problems.push(bad(span, format!("unknown type `{}`", shown(name))).label("no type").hint(hint));
    None
}

/// `a | b | c`.
fn words(text: &str, span: Span, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    let words: Vec<&str> = text.split('|').map(str::trim).collect();
    let problem = if words.contains(&"") {
        Some(bad(span, "an enum has a value that is empty").hint("write `a | b | c`"))
    } else if let Some(name) = words.iter().find(|word| TYPES.contains(word) || JSON_SCHEMA_TYPES.contains(word)) {
        Some(
            bad(span, format!("`{name}` is a type, but `a | b` lists words"))
                .hint("for one of several types write `{ type: [string, \"null\"] }`"),
        )
    } else {
        let again = words.iter().enumerate().find(|(at, word)| words[..*at].contains(word));
        again.map(|(_, word)| bad(span, format!("an enum has the value `{}` twice", shown(word))))
    };
    problems.extend(problem.clone());
    problem.is_none().then(|| object_of([("type", "string".into()), ("enum", words.into())]))
}

fn list(items: &[Tree], span: Span, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    if let [item] = items {
        return Some(object_of([("type", "array".into()), ("items", to_json_schema(item, problems)?)]));
    }
    let hint = if items.is_empty() {
        "name the type of its elements: `[string]`, or `[any]`"
    } else {
        "one of several words is written `a | b`"
    };
    problems.push(bad(span, format!("a list type has one element type, found {}", items.len())).hint(hint));
    None
}

fn object(entries: &Entries<Tree>, span: Span, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    if entries.is_empty() {
        problems.push(
            bad(span, "an object type has no fields").hint("write `any` for any value, or `{ type: object }` for any object"),
        );
        return None;
    }
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut is_good = true;
    for (key, value) in entries {
        let name = key.value.strip_suffix('?').unwrap_or(&key.value);
        let schema = to_json_schema(value, problems);
        is_good &= schema.is_some();
        if name.trim().is_empty() {
            problems.push(bad(key.span, "a field needs a name"));
            is_good = false;
        } else if properties.insert(name.to_owned(), schema.unwrap_or_default()).is_some() {
            problems.push(Diagnostic::error(
                Code::DUPLICATE_KEY,
                key.span,
                format!("the field `{}` is given twice", shown(name)),
            ));
            is_good = false;
        }
        if name == key.value {
            required.push(name);
        }
    }
    is_good.then(|| {
        object_of([
            ("type", "object".into()),
            ("properties", properties.into()),
            ("required", required.into()),
            ("additionalProperties", false.into()),
        ])
    })
}

/// Unlike the macro of `serde_json`, this moves the values: the schemas of a large file are many.
fn object_of<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn is_marked(entries: &[(Spanned<String>, Tree)]) -> bool {
    entries.iter().any(|(key, _)| matches!(key.value.as_str(), "$ref" | "$schema"))
}

/// Whether a map is a full JSON Schema; see the rule at the top.
fn is_full(entries: &[(Spanned<String>, Tree)]) -> bool {
    let Some((_, kind)) = entries.iter().find(|(key, _)| key.value == "type") else {
        return is_marked(entries);
    };
    if is_marked(entries) || is_beyond_shorthand(kind) {
        return true;
    }
    let is_named = is_type(kind) || kind.as_list().is_some_and(|items| !items.is_empty() && items.iter().all(is_type));
    is_named && entries.iter().all(|(key, _)| KEYWORDS.contains(&key.value.as_str()))
}

/// Whether the value of `type` can only be meant as JSON Schema: one of its own types, or a list of several types.
fn is_beyond_shorthand(kind: &Tree) -> bool {
    let is_list = |items: &[Tree]| items.iter().all(is_type) && (items.len() > 1 || items.iter().any(is_json_only));
    is_json_only(kind) || kind.as_list().is_some_and(is_list)
}

fn is_type(tree: &Tree) -> bool {
    tree.as_str().is_some_and(|name| name != "any" && TYPES.contains(&name)) || is_json_only(tree)
}

fn is_json_only(tree: &Tree) -> bool {
    tree.as_str().is_some_and(|name| JSON_SCHEMA_TYPES.contains(&name))
}

/// A full JSON Schema: keywords, form, references.
fn full(tree: &Tree, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    let before = problems.len();
    check_keywords(tree, problems);
    let schema = tree.to_value();
    for (place, problem) in problems_of_schema(&schema) {
        problems.push(bad(locate(tree, &place).span, format!("no valid JSON Schema: {problem}")));
    }
    if problems.len() > before {
        return None;
    }
    match Validator::new(&schema) {
        Ok(_) => Some(schema),
        Err(err) => {
            problems.push(bad(tree.span, err.message()));
            None
        }
    }
}

/// Reports keywords that JSON Schema does not have, in all places where schemas stand.
fn check_keywords(tree: &Tree, problems: &mut Vec<Diagnostic>) {
    for (key, value) in tree.as_map().unwrap_or_default() {
        // More of them are not shown.
        if problems.len() > MAX_PROBLEMS {
            return;
        }
        match key.value.as_str() {
            keyword if SCHEMAS_BY_NAME.contains(&keyword) => {
                value.as_map().unwrap_or_default().iter().for_each(|(_, schema)| check_keywords(schema, problems));
            }
            keyword if ONE_SCHEMA.contains(&keyword) => {
                check_keywords(value, problems);
            }
            keyword if SCHEMA_LISTS.contains(&keyword) => {
                value.as_list().unwrap_or_default().iter().for_each(|schema| check_keywords(schema, problems));
            }
            "$ref" if value.as_str().is_some_and(|target| !target.starts_with('#')) => {
                let hint = "a reference leads to a place in the same schema, e.g. `#/$defs/name`; nothing is fetched";
                problems.push(bad(value.span, "the reference leads to another document").hint(hint));
            }
            name if KEYWORDS.contains(&name) || name.starts_with("x-") => {}
            name => {
                let problem = bad(key.span, format!("JSON Schema has no keyword `{}`", shown(name))).label("unknown keyword");
                problems.push(match nearest(name, KEYWORDS.iter().copied()) {
                    Some(known) => problem.hint(format!("did you mean `{known}`?")),
                    None => problem,
                });
            }
        }
    }
}

/// The part of a tree that a JSON pointer names; the nearest part around it when there is none.
fn locate<'a>(tree: &'a Tree, pointer: &str) -> &'a Tree {
    pointer.split('/').skip(1).fold(tree, |tree, part| {
        let name = part.replace("~1", "/").replace("~0", "~");
        let item = || tree.as_list().zip(name.parse::<usize>().ok()).and_then(|(items, at)| items.get(at));
        tree.get(&name).or_else(item).unwrap_or(tree)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{diagnostic::FileId, manifest::load};

    fn read(text: &str) -> (Option<Value>, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let tree = load::load(text, load::Syntax::Yaml, FileId(0), &mut problems).unwrap();
        assert_eq!(problems, []);
        let schema = to_json_schema(&tree, &mut problems);
        (schema, problems)
    }

    #[track_caller]
    fn check(text: &str, expected: Value) {
        let (schema, problems) = read(text);
        assert_eq!(problems, []);
        assert_eq!(schema, Some(expected));
    }

    #[track_caller]
    fn check_bad(text: &str, start: u32, message: &str, hint: &str) {
        let (schema, problems) = read(text);
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!(schema, None);
        assert_eq!((problem.code, problem.span.start, problem.message.as_str()), (Code::BAD_SCHEMA, start, message));
        assert!(problem.hint.as_deref().unwrap_or("").contains(hint), "{problem:?}");
    }

    #[test]
    fn the_shorthand_becomes_json_schema() {
        check("string", json!({"type": "string"}));
        check("any", json!({}));
        check("low | medium|high", json!({"type": "string", "enum": ["low", "medium", "high"]}));
        check("[integer]", json!({"type": "array", "items": {"type": "integer"}}));
        check(
            "{ file: string, line?: integer, tags: [a | b] }",
            json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "line": {"type": "integer"},
                    "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
                },
                "required": ["file", "tags"],
                "additionalProperties": false,
            }),
        );
    }

    #[test]
    fn a_map_with_a_type_is_a_json_schema_or_an_object_with_a_field_of_that_name() {
        check("{ type: string, maxLength: 3 }", json!({"type": "string", "maxLength": 3}));
        check("{ type: [string, 'null'] }", json!({"type": ["string", "null"]}));
        check(
            "{ $ref: '#/$defs/a', $defs: { a: { type: string } } }",
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
        );
        let (schema, _) = read("{ type: bug | feature, title: string }");
        assert_eq!(schema.unwrap()["required"], json!(["type", "title"]));
        let (schema, _) = read("{ type: string, line: integer }");
        assert_eq!(schema.unwrap()["required"], json!(["type", "line"]));
        let (schema, _) = read("{ type: [string], line: integer }");
        assert_eq!(schema.unwrap()["required"], json!(["type", "line"]));
    }

    #[test]
    fn what_is_no_schema_is_located() {
        check_bad("{ a: strng }", 5, "unknown type `strng`", "`string`");
        check_bad("int", 0, "unknown type `int`", "`integer`");
        check_bad("string[]", 0, "unknown type `string[]`", "`[string]`");
        check_bad("string?", 0, "unknown type `string?`", "`name?: string`");
        check_bad("[]", 0, "a list type has one element type, found 0", "`[any]`");
        check_bad("[a, b]", 0, "a list type has one element type, found 2", "`a | b`");
        check_bad("a | | b", 0, "an enum has a value that is empty", "");
        check_bad("string | integer", 0, "`string` is a type, but `a | b` lists words", "type: [string");
        check_bad("a | b | a", 0, "an enum has the value `a` twice", "");
        check_bad("{ a: 1 }", 5, "expected a type, found a whole number", "");
        check_bad("{}", 0, "an object type has no fields", "`any`");
        check_bad("{ '?': string }", 2, "a field needs a name", "");
        check_bad("{ type: object, propertis: {} }", 16, "JSON Schema has no keyword `propertis`", "`properties`");
        check_bad("{ type: object, properties: { a: { typ: string } } }", 35, "JSON Schema has no keyword `typ`", "`type`");
        check_bad("{ type: string, maxLength: x }", 27, "no valid JSON Schema: \"x\" is not of type \"integer\"", "");
        let (schema, problems) = read("{ $ref: 'https://example.com/a.json' }");
        assert_eq!((schema, problems.len()), (None, 1));
    }
}
