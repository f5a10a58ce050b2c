//! Problems as GitHub workflow commands, one a line: `::error file=…,line=…::…`.

use std::fmt::Write as _;

use annotate_snippets::normalize_untrusted_str;

use crate::diagnostic::{Diagnostic, Sources};

pub(super) fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    diagnostics.iter().map(|diagnostic| command(diagnostic, sources) + "\n").collect()
}

fn command(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let position = sources.position(diagnostic.span);
    let path = position.path.to_string_lossy().replace('\\', "/");
    let mut out = format!("::{} file={},line={}", diagnostic.severity.name(), property(&path), position.line);
    // Columns belong to one line only; GitHub drops the annotation's end otherwise.
    let written = if position.line == position.end_line {
        write!(out, ",col={},endLine={},endColumn={}", position.column, position.end_line, position.end_column)
    } else {
        write!(out, ",endLine={}", position.end_line)
    };
    written.expect("a String takes everything");
    let title = format!("{}: {}", diagnostic.code, diagnostic.code.title());
    let mut text = diagnostic.message.clone();
    for (name, part) in [("", &diagnostic.label), ("hint: ", &diagnostic.hint)] {
        if let Some(part) = part {
            text = format!("{text}\n{name}{part}");
        }
    }
    out + &format!(",title={}::{}", property(&title), data(&text))
}

/// Escapes what follows `::`.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(normalize_untrusted_str).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
