//! Problems as SARIF 2.1.0, the format of code scanning.

use std::{fmt::Write as _, path::Path};

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostic, Sources, Span, explain};

pub(super) fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut codes: Vec<Code> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = diagnostics.iter().map(|diagnostic| result(diagnostic, &codes, sources)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "agentflow", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.to_string(),
        "shortDescription": { "text": code.title() },
        "help": { "text": explain(code), "markdown": explain(code) },
    })
}

fn result(diagnostic: &Diagnostic, codes: &[Code], sources: &Sources) -> Value {
    let parts = [Some(&diagnostic.message), diagnostic.label.as_ref()].into_iter().flatten().cloned();
    let hint = diagnostic.hint.as_ref().map(|hint| format!("hint: {hint}"));
    let text: Vec<String> = parts.chain(hint).collect();
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .enumerate()
        .map(|(id, label)| {
            let mut location = location(label.span, sources);
            location["id"] = id.into();
            location["message"] = json!({ "text": label.message });
            location
        })
        .collect();
    let mut result = json!({
        "ruleId": diagnostic.code.to_string(),
        "ruleIndex": codes.binary_search(&diagnostic.code).unwrap_or_default(),
        "level": diagnostic.severity.name(),
        "message": { "text": text.join("\n") },
        "locations": [location(diagnostic.span, sources)],
    });
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn location(span: Span, sources: &Sources) -> Value {
    let position = sources.position(span);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&position.path) },
            "region": {
                "startLine": position.line,
                "startColumn": position.column,
                "endLine": position.end_line,
                "endColumn": position.end_column,
            },
        },
    })
}

/// A path as a URI: relative ones stay relative, and what a URI cannot hold is percent-encoded.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let text = text.strip_prefix("./").unwrap_or(&text);
    let mut out = if path.is_absolute() { String::from("file://") } else { String::new() };
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    out
}
