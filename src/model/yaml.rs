//! Values as YAML that people read and git merges: one thing a line, texts of several lines as they are.

use std::fmt::Write as _;

use crate::model::Value;

/// Words that YAML readers take for something else than text.
const NOT_TEXT: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
/// The longest key that needs no mark, in bytes; readers look for the colon no further than 1,024 characters.
const LONGEST_KEY: usize = 1_000;
/// The longest text that stands in quotes where it could stand as it is.
const LONG: usize = 100;

/// `value` as a document, which reads back as the same value.
#[must_use]
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => mapping(&mut out, fields, 0, false),
        value => {
            scalar(&mut out, value, 0);
            out.push('\n');
        }
    }
    out
}

/// The fields of an object, each on lines of its own; the first one where the text stands when it is a part of a list.
fn mapping(out: &mut String, fields: &serde_json::Map<String, Value>, indent: usize, is_begun: bool) {
    for (at, (key, value)) in fields.iter().enumerate() {
        if at > 0 || !is_begun {
            pad(out, indent);
        }
        let key = word(key);
        if key.len() > LONGEST_KEY {
            writeln!(out, "? {key}").expect("writing to a string cannot fail");
            pad(out, indent);
        } else {
            out.push_str(&key);
        }
        out.push(':');
        below(out, value, indent);
    }
}

/// What stands behind a key.
fn below(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            mapping(out, fields, indent + 2, false);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            list(out, items, indent);
        }
        value => {
            out.push(' ');
            scalar(out, value, indent);
            out.push('\n');
        }
    }
}

fn list(out: &mut String, items: &[Value], indent: usize) {
    for item in items {
        pad(out, indent);
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => mapping(out, fields, indent + 2, true),
            Value::Array(inner) if !inner.is_empty() => {
                // A list in a list has its first dash on the same line.
                let mut text = String::new();
                list(&mut text, inner, indent + 2);
                out.push_str(text.trim_start_matches(' '));
            }
            value => {
                scalar(out, value, indent);
                out.push('\n');
            }
        }
    }
}

fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) if is_block(text) => block(out, text, indent + 2),
        Value::String(text) => out.push_str(&word(text)),
        value => out.push_str(&value.to_string()),
    }
}

/// Whether a text is written as it is, on lines of its own.
fn is_block(text: &str) -> bool {
    let is_worth_it = text.contains('\n') || text.len() > LONG;
    is_worth_it && !text.trim_matches('\n').is_empty() && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
}

fn block(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with([' ', '\n', '\t']) {
        out.push('2');
    }
    out.push_str(match (text.ends_with('\n'), text.ends_with("\n\n")) {
        (false, _) => "-",
        (true, false) => "",
        (true, true) => "+",
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

/// A text on one line: plain where no reader could take it for something else.
fn word(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@ ".contains(c))
        && !text.ends_with(' ')
        && !NOT_TEXT.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c => match u32::from(c) {
                code @ ..=0xffff => write!(out, "\\u{code:04x}").expect("writing to a string cannot fail"),
                code => write!(out, "\\U{code:08x}").expect("writing to a string cannot fail"),
            },
        }
    }
    out.push('"');
    out
}

/// Whether a character stands for itself in every reader.
fn is_printable(c: char) -> bool {
    let is_odd = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{85}');
    !c.is_control() && !is_odd
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
    use serde_json::json;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[ \t\n#:|>'\"\\\\é-]{0,12}",
            "( ?\n?[a-z: ]{0,9}){0,6}",
            "[a-z ]{101,140}",
            "[a-z:]{1020,1030}",
            "(true|No|null|1e3|~|0x1f|-|---|\\[x\\]|a: b|a #b|2020-01-01|=)",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9_f64..1e9).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let fields = prop::collection::vec((text.clone(), inner.clone()), 0..5);
            prop_oneof![
                prop::collection::vec(inner, 0..5).prop_map(Value::from),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(value in values()) {
            let text = document(&json!({ "value": value }));
            let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            prop_assert_eq!(read, json!({ "value": value }), "{}", text);
        }
    }

    #[test]
    fn it_is_written_for_people() {
        let value = json!({
            "format": 1,
            "list": [{"a": "one word", "b": ["x", "y: z"]}, [1, [2]], {}],
            "text": "first\n  second\n",
            "cut": "a\nb",
            "odd": " begins\nwith a space",
            "no": "no",
        });
        assert_eq!(
            document(&value),
            "\
format: 1
list:
- a: one word
  b:
  - x
  - \"y: z\"
- - 1
  - - 2
- {}
text: |
  first
    second
cut: |-
  a
  b
odd: |2-
   begins
  with a space
\"no\": \"no\"
"
        );
    }
}
