//! Between values of a run (JSON) and values of a template.

use std::io;

use minijinja::value::{Value as Data, ValueKind};

use crate::{
    model::Value,
    template::{
        budget::{Budget, MAX_DEPTH, MAX_OUTPUT},
        fault::{Fault, Outcome},
    },
};

/// Converts a value of a run. Whole numbers stay whole, maps keep their order.
pub(super) fn from_json(value: &Value) -> Data {
    match value {
        Value::Null => Data::from(()),
        Value::Bool(flag) => Data::from(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => Data::from(whole),
            (None, Some(whole), _) => Data::from(whole),
            (None, None, float) => Data::from(float),
        },
        Value::String(text) => Data::from(text.as_str()),
        Value::Array(items) => items.iter().map(from_json).collect(),
        Value::Object(fields) => Data::from_pairs(fields.iter().map(|(name, field)| (name.as_str(), from_json(field)))),
    }
}

/// Converts a value of a template. `x if condition` without `else` gives `null` when the condition does not hold.
pub(super) fn to_json(value: &Data, budget: &mut Budget) -> Outcome<Value> {
    to_json_at(value, budget, 0)
}

fn to_json_at(value: &Data, budget: &mut Budget, depth: usize) -> Outcome<Value> {
    if depth > MAX_DEPTH {
        return Err(Fault::new(format!("gives a value nested more than {MAX_DEPTH} deep")));
    }
    budget.steps(1)?;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            budget.bytes(text.len())?;
            Ok(Value::String(text.to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let length = value.len().unwrap_or_default();
            budget.elements(length)?;
            let mut items = Vec::with_capacity(length);
            for item in value.try_iter()? {
                items.push(to_json_at(&item, budget, depth + 1)?);
            }
            Ok(Value::Array(items))
        }
        ValueKind::Map => {
            budget.elements(value.len().unwrap_or_default())?;
            let mut fields = serde_json::Map::new();
            for key in value.try_iter()? {
                let field = to_json_at(&value.get_item(&key)?, budget, depth + 1)?;
                let name = match key.kind() {
                    ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
                    ValueKind::Number | ValueKind::Bool => scalar_text(&key),
                    other => return Err(Fault::new(format!("gives a map with a key that is {}", describe(other)))),
                };
                fields.insert(name, field);
            }
            Ok(Value::Object(fields))
        }
        other => Err(Fault::new(format!("gives {}, which is no value of a workflow", describe(other)))),
    }
}

fn number(value: &Data) -> Outcome<Value> {
    if value.is_integer() {
        return value
            .as_i64()
            .map(Value::from)
            .or_else(|| u64::try_from(value.clone()).ok().map(Value::from))
            .ok_or_else(|| Fault::new(format!("gives {value}, a whole number of more than 64 bits")));
    }
    f64::try_from(value.clone())
        .ok()
        .and_then(serde_json::Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| Fault::new(format!("gives {value}, which is no number")))
}

/// How a value stands in a text: a string as it is, `true`, `false`, `none`, numbers, and JSON for lists and maps. What
/// `x if condition` gives without `else` is nothing.
pub(super) fn to_text(value: &Data, budget: &mut Budget) -> Outcome<String> {
    match value.kind() {
        ValueKind::Undefined => Ok(String::new()),
        ValueKind::None | ValueKind::Bool | ValueKind::Number => Ok(scalar_text(value)),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            budget.bytes(text.len())?;
            Ok(text.to_owned())
        }
        _ => to_json_text(value, budget, None),
    }
}

/// `value` as JSON: on one line, or over several with `indent` spaces a level.
pub(super) fn to_json_text(value: &Data, budget: &mut Budget, indent: Option<usize>) -> Outcome<String> {
    let json = to_json(value, budget)?;
    let mut text = Bounded(Vec::new());
    let written = match indent {
        None => serde::Serialize::serialize(&json, &mut serde_json::Serializer::new(&mut text)),
        Some(width) => {
            let spaces = vec![b' '; width];
            let style = serde_json::ser::PrettyFormatter::with_indent(&spaces);
            serde::Serialize::serialize(&json, &mut serde_json::Serializer::with_formatter(&mut text, style))
        }
    };
    let text = text.0;
    budget.bytes(if written.is_ok() { text.len() } else { MAX_OUTPUT + 1 })?;
    String::from_utf8(text).map_err(|_| Fault::new("cannot be written as JSON"))
}

/// Stops a writer that goes beyond what a template may give: indentation makes much of little.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn scalar_text(value: &Data) -> String {
    match value.kind() {
        ValueKind::None => "none".to_owned(),
        ValueKind::Bool => value.is_true().to_string(),
        _ => value.to_string(),
    }
}

/// What sort of value it is, for messages.
pub(super) fn describe(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Undefined => "nothing",
        ValueKind::None => "none",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a map",
        _ => "something else",
    }
}
