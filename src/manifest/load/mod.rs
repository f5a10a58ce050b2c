//! Text → [`Tree`], whatever the syntax. Reports syntax errors and duplicate keys; knows nothing of workflows.

mod json;
mod toml;
mod yaml;

use std::path::Path;

use crate::{
    diagnostic::{Code, Diagnostic, FileId, Span},
    manifest::Tree,
};

/// How deep lists and maps may stand in each other.
const MAX_DEPTH: usize = 32;
/// How many values a file may have, with all aliases followed.
const MAX_VALUES: usize = 50_000;

/// The syntax of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// YAML 1.2, core schema.
    Yaml,
    /// TOML 1.1.
    Toml,
    /// JSON, without comments.
    Json,
}

impl Syntax {
    /// By the file's extension, or by its first characters when it has none that is known.
    pub(super) fn of(path: &Path, text: &str) -> Self {
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("yaml" | "yml") => Self::Yaml,
            Some("toml") => Self::Toml,
            Some("json") => Self::Json,
            _ => Self::sniff(text),
        }
    }

    fn sniff(text: &str) -> Self {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("");
        // A map in braces without quotes around its keys is YAML.
        let after_brace = text.trim_start().strip_prefix('{').map(str::trim_start);
        if after_brace.is_some_and(|rest| rest.is_empty() || rest.starts_with(['"', '}'])) {
            return Self::Json;
        }
        let key_end = first.find(['=', ':']).unwrap_or(first.len());
        if first.starts_with('[') && first.ends_with(']') || first[key_end..].starts_with('=') { Self::Toml } else { Self::Yaml }
    }
}

/// Reads `text` as `syntax`. `None` when there is nothing usable: the file is empty (nothing is reported then) or its syntax is
/// broken.
pub(super) fn load(text: &str, syntax: Syntax, file: FileId, problems: &mut Vec<Diagnostic>) -> Option<Tree> {
    match syntax {
        Syntax::Yaml => yaml::parse(text, file, problems),
        Syntax::Toml => toml::parse(text, file, problems),
        Syntax::Json => json::parse(text, file, problems),
    }
}

fn duplicate(key: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(Code::DUPLICATE_KEY, second, format!("the key `{}` is given twice", shown(key)))
        .label("given again")
        .related(first, "first given here")
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(Code::TOO_COMPLEX, span, format!("lists and maps stand more than {MAX_DEPTH} deep in each other"))
        .label("too deep")
        .hint("a workflow needs a handful of levels; move inner graphs into workflow files of their own")
}

fn too_many(span: Span) -> Diagnostic {
    Diagnostic::error(Code::TOO_COMPLEX, span, format!("the file has more than {MAX_VALUES} values, aliases included"))
        .label("one too many")
        .hint("divide the workflow into several files, and give data as inputs")
}

/// A name of the file for a message: without characters that change how a line is shown, and not longer than a line.
pub(super) fn shown(name: &str) -> String {
    let changes_line =
        |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut text: String =
        name.chars().take(80).flat_map(|c| if changes_line(c) { c.escape_default().collect() } else { vec![c] }).collect();
    if name.chars().nth(80).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syntax_is_known_by_extension_and_else_by_the_first_line() {
        let of = |path: &str, text: &str| Syntax::of(Path::new(path), text);
        assert_eq!(of("a.YML", "{"), Syntax::Yaml);
        assert_eq!(of("a.toml", "{"), Syntax::Toml);
        assert_eq!(of("<stdin>", "\n{\n \"nodes\": 1 }"), Syntax::Json);
        assert_eq!(of("<stdin>", "# c\n{ \"nodes\": 1 }"), Syntax::Yaml);
        assert_eq!(of("<stdin>", "{ nodes: { a: { value: 1 } } }"), Syntax::Yaml);
        assert_eq!(of("<stdin>", "name = \"a: b\""), Syntax::Toml);
        assert_eq!(of("<stdin>", "[nodes.a]\n"), Syntax::Toml);
        assert_eq!(of("<stdin>", "name: a = b"), Syntax::Yaml);
        assert_eq!(of("<stdin>", ""), Syntax::Yaml);
    }

    #[test]
    fn names_in_messages_cannot_change_how_a_line_is_shown() {
        assert_eq!(shown("größe"), "größe");
        assert_eq!(shown("a\u{1b}[31m\u{202e}b\n"), "a\\u{1b}[31m\\u{202e}b\\n");
        assert_eq!(shown(&"x".repeat(200)).chars().count(), 81);
    }
}
