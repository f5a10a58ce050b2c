//! Values as YAML that people read and compare: one thing a line, long texts as blocks.

use std::fmt::Write as _;

use crate::model::Value;

/// `value` as a document; it reads back as the same value.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => map(fields, 0, &mut text),
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut text),
        scalar => {
            line(scalar, 0, &mut text);
        }
    }
    text
}

fn map(fields: &serde_json::Map<String, Value>, depth: usize, text: &mut String) {
    for (name, value) in fields {
        indent(depth, text);
        text.push_str(&key(name));
        text.push(':');
        below(value, depth, text);
    }
}

fn list(items: &[Value], depth: usize, text: &mut String) {
    for item in items {
        indent(depth, text);
        text.push('-');
        match item {
            // The first field stands behind the dash.
            Value::Object(fields) if !fields.is_empty() => {
                let mut inner = String::new();
                map(fields, depth + 1, &mut inner);
                text.push(' ');
                text.push_str(inner.trim_start_matches(' '));
            }
            item => below(item, depth, text),
        }
    }
}

/// What stands behind a key or a dash.
fn below(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            map(fields, depth + 1, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            list(items, depth + 1, text);
        }
        scalar => {
            text.push(' ');
            line(scalar, depth + 1, text);
        }
    }
}

fn line(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::String(content) if is_block(content) => block(content, depth.max(1), text),
        // JSON is YAML.
        value => {
            writeln!(text, "{value}").expect("writing to a string cannot fail");
        }
    }
}

/// Whether a text may be written as it is, line by line.
fn is_block(content: &str) -> bool {
    let is_plain = |line: &str| {
        line.chars().all(|c| {
            c == '\t'
                || !c.is_control() && !matches!(c, '\u{feff}' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
        }) && (line.is_empty() || !line.trim().is_empty())
    };
    let starts_well = content.chars().next().is_some_and(|first| !first.is_whitespace());
    content.contains('\n') && starts_well && content.split('\n').all(is_plain)
}

fn block(content: &str, depth: usize, text: &mut String) {
    let body = content.trim_end_matches('\n');
    text.push_str(match content.len() - body.len() {
        0 => "|-\n",
        1 => "|\n",
        _ => "|+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            indent(depth, text);
        }
        text.push_str(line);
        text.push('\n');
    }
    text.extend(std::iter::repeat_n('\n', (content.len() - body.len()).saturating_sub(1)));
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

/// Words that are something else than text where they stand alone.
const OTHER: [&str; 12] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];

fn key(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.');
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with(' ')
        && name.chars().all(is_word)
        && name.len() < 100
        && !OTHER.contains(&name.to_lowercase().as_str());
    if is_plain { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{diagnostic::Sources, manifest::read_data_text};

    fn read(text: &str) -> Value {
        let mut problems = Vec::new();
        let tree = read_data_text(Path::new("a.yaml"), text.to_owned(), &mut Sources::default(), &mut problems);
        tree.unwrap_or_else(|| panic!("{problems:#?}\n{text}")).to_value()
    }

    #[test]
    fn a_document_is_for_people() {
        let value = json!({
            "a test [1]": {
                "outputs": {"report": "# Title\n\nBody.\n", "n": 1, "none": null, "empty": {}, "yes": "yes"},
                "route": [{"node": "a", "times": 2}, ["x"], "plain: text"],
            },
        });
        assert_eq!(
            document(&value),
            "\
\"a test [1]\":
  outputs:
    report: |
      # Title

      Body.
    n: 1
    none: null
    empty: {}
    \"yes\": \"yes\"
  route:
    - node: a
      times: 2
    -
      - \"x\"
    - \"plain: text\"
"
            .replace("node: a\n", "node: \"a\"\n")
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![".{0,20}", "([a-z :#'\"\\-]{0,6}\n){0,4}[a-z ]{0,4}", "[ \t\n\r]{0,4}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1.0e6..1.0e6_f64).prop_map(Value::from),
            texts.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(texts.clone(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_is_written_reads_back_as_the_same(value in values()) {
            let text = document(&value);
            // An empty text alone is an empty file for some readers; in a file of snapshots there is always a map around it.
            let text = if value.is_object() || value.is_array() { text } else { format!("v: {text}") };
            let read = read(&text);
            let read = if value.is_object() || value.is_array() { read } else { read["v"].clone() };
            prop_assert!(crate::testing::matcher::same(&read, &value), "{text}\n{read:?}\n{value:?}");
        }
    }
}
