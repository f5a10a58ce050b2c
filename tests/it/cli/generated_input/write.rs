//! Documents as files, in the three syntaxes by turns.

use std::fmt::Write as _;

use serde_json::Value;

use super::damage::{Damaged, MARK};

/// The name and the text of a file; none where its syntax has no such value.
pub(super) fn written(damaged: &Damaged, turn: usize) -> Option<(&'static str, String)> {
    if let Some(text) = &damaged.in_text {
        return Some(("made.yaml", yaml(&damaged.document).replace(&format!("\"{MARK}\""), text)));
    }
    match turn % 3 {
        0 => Some(("made.yaml", yaml(&damaged.document))),
        1 => Some(("made.json", serde_json::to_string_pretty(&damaged.document).ok()?)),
        _ => Some(("made.toml", toml::to_string(&damaged.document).ok()?)),
    }
}

/// Maps and lists in blocks, everything else as in JSON.
fn yaml(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                write!(out, "{indent}{}:", Value::from(key.as_str())).unwrap();
                below(field, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                write!(out, "{indent}-").unwrap();
                below(item, depth, out);
            }
        }
        other => writeln!(out, "{other}").unwrap(),
    }
}

/// What stands after a key or a dash: on the same line, or in the lines below.
fn below(value: &Value, depth: usize, out: &mut String) {
    let is_empty = value.as_array().is_none_or(Vec::is_empty) && value.as_object().is_none_or(serde_json::Map::is_empty);
    if is_empty {
        writeln!(out, " {value}").unwrap();
    } else {
        out.push('\n');
        block(value, depth + 1, out);
    }
}
