//! The built-in tools and their arguments: from what models are told of them.

use std::fmt::Write as _;

use agentflow::tool::{BUILT_INS, built_in_specs};
use serde_json::Value;

use super::{cell, holds};

/// What a schema of an argument allows, in words.
fn sort(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{}`", word.as_str().unwrap())).collect::<Vec<_>>().join(" or ");
    }
    let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        (Some(min), None) => format!(", at least {min}"),
        _ => String::new(),
    };
    match &schema["type"] {
        Value::String(name) if name == "string" => "text".to_owned(),
        Value::String(name) if name == "boolean" => "`true` or `false`".to_owned(),
        Value::String(name) if name == "array" => format!("list of {}", sort(&schema["items"])),
        Value::String(name) if name == "object" => "map".to_owned(),
        Value::String(name) => format!("{name}{range}"),
        Value::Array(_) => "text, number or boolean".to_owned(),
        _ => match schema["anyOf"].as_array() {
            Some(sorts) => sorts.iter().map(sort).collect::<Vec<_>>().join(", or "),
            None => "any value".to_owned(),
        },
    }
}

#[test]
fn the_page_of_tools_is_what_models_are_told() {
    let mut text = "# Built-in tools\n\nWhat models are told of each tool, and its arguments. How calls are permitted, made and recorded, and \
                    what each tool does and refuses, is told in [tools](../tools.md). `agentflow tools list` shows these and those of a project's \
                    MCP servers, `agentflow tools call NAME` makes a call.\n\nThe *effect* decides what becomes of a call that was under way when \
                    the process died: see [calls of tools](../semantics.md#calls-of-tools).\n\n"
        .to_owned();
    for (tool, spec) in BUILT_INS.iter().zip(built_in_specs()) {
        assert_eq!(tool.name, spec.name.as_str());
        let touches: Vec<String> = tool.reach.iter().map(|class| format!("`{}`", class.prefix())).collect();
        let touches = if touches.is_empty() { "nothing".to_owned() } else { touches.join(", ") };
        let stranger = if tool.is_untrusted { " Its results count as written by strangers." } else { "" };
        let description = spec.description.replace('*', "\\*").replace('<', "&lt;");
        write!(
            text,
            "## {}\n\n{description}\n\nEffect: {}. Touches: {touches}.{stranger}\n\n| argument | is | when absent | meaning |\n|---|---|---|---|\n",
            tool.name,
            tool.effect.as_str(),
        )
        .unwrap();
        let required: Vec<&str> =
            spec.parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in spec.parameters["properties"].as_object().unwrap() {
            let absent = match &schema["default"] {
                _ if required.contains(&name.as_str()) => "**required**".to_owned(),
                Value::Null => String::new(),
                default => format!("`{default}`"),
            };
            let meaning = cell(schema["description"].as_str().unwrap_or_default());
            writeln!(text, "| `{name}` | {} | {absent} | {meaning} |", sort(schema)).unwrap();
        }
        text.push('\n');
    }
    holds("docs/reference/tools.md", &text);
}
