//! Problems as an array of JSON objects.

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Sources, Span};

pub(super) fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let all: Vec<Value> = diagnostics.iter().map(|diagnostic| object(diagnostic, sources)).collect();
    format!("{:#}\n", Value::Array(all))
}

fn object(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let mut object = json!({
        "code": diagnostic.code.to_string(),
        "severity": diagnostic.severity.name(),
        "message": diagnostic.message,
    });
    place(&mut object, diagnostic.span, sources);
    object["label"] = diagnostic.label.clone().into();
    object["hint"] = diagnostic.hint.clone().into();
    object["related"] = diagnostic
        .related
        .iter()
        .map(|label| {
            let mut related = json!({ "message": label.message });
            place(&mut related, label.span, sources);
            related
        })
        .collect();
    object
}

fn place(object: &mut Value, span: Span, sources: &Sources) {
    let position = sources.position(span);
    object["file"] = position.path.to_string_lossy().into();
    object["line"] = position.line.into();
    object["column"] = position.column.into();
    object["end_line"] = position.end_line.into();
    object["end_column"] = position.end_column.into();
}
