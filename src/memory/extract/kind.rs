//! What a text is: told from its name, from what its server says, and from how it begins.

/// What a text is, and so how it is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// Paragraphs and lines.
    Plain,
    /// Markdown, with headings.
    Markdown,
    /// A web page; its text is written as Markdown.
    Html,
    /// Pages of a PDF.
    Pdf,
    /// Source code whose syntax is known.
    Code(Language),
}

/// A language whose syntax is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// JavaScript, with JSX.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Go.
    Go,
}

/// How far into a source its beginning is looked at.
const BEGINNING: usize = 1_024;

impl TextKind {
    /// The kind of a source.
    #[must_use]
    pub fn of(name: &str, media_type: Option<&str>, bytes: &[u8]) -> Self {
        let start = &bytes[..bytes.len().min(BEGINNING)];
        // Readers of PDF look for the mark in the first kilobyte; here, what comes before it must be no text.
        if start.starts_with(b"%PDF-") {
            return Self::Pdf;
        }
        let media_type = media_type.and_then(by_media_type);
        media_type.or_else(|| by_extension(name)).unwrap_or_else(|| by_beginning(start))
    }
}

fn by_media_type(media_type: &str) -> Option<TextKind> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "text/html" | "application/xhtml+xml" => TextKind::Html,
        "text/markdown" | "text/x-markdown" => TextKind::Markdown,
        "application/pdf" | "application/x-pdf" => TextKind::Pdf,
        "text/javascript" | "application/javascript" | "application/ecmascript" => TextKind::Code(Language::JavaScript),
        // Servers call whatever they do not know `text/plain` or `application/octet-stream`.
        _ => return None,
    })
}

fn by_extension(name: &str) -> Option<TextKind> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let (_, extension) = file.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" | "mdx" | "mkd" => TextKind::Markdown,
        "html" | "htm" | "xhtml" => TextKind::Html,
        "pdf" => TextKind::Pdf,
        "rs" => TextKind::Code(Language::Rust),
        "py" | "pyi" => TextKind::Code(Language::Python),
        "js" | "mjs" | "cjs" | "jsx" => TextKind::Code(Language::JavaScript),
        "ts" | "mts" | "cts" => TextKind::Code(Language::TypeScript),
        "tsx" => TextKind::Code(Language::Tsx),
        "go" => TextKind::Code(Language::Go),
        _ => TextKind::Plain,
    })
}

fn by_beginning(start: &[u8]) -> TextKind {
    let start = String::from_utf8_lossy(start).trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return TextKind::Html;
    }
    match start.lines().next() {
        Some(first) if first.starts_with("#!") && first.contains("python") => TextKind::Code(Language::Python),
        Some(first) if first.starts_with("#!") && first.contains("node") => TextKind::Code(Language::JavaScript),
        _ => TextKind::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, media_type: Option<&str>, bytes: &[u8], expected: TextKind) {
        assert_eq!(TextKind::of(name, media_type, bytes), expected, "{name} {media_type:?}");
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        check("docs/A.MD", None, b"x", TextKind::Markdown);
        check("src/main.rs", None, b"x", TextKind::Code(Language::Rust));
        check("a.d.ts", None, b"x", TextKind::Code(Language::TypeScript));
        check("Makefile", None, b"x", TextKind::Plain);
        check("folder.rs/notes", None, b"x", TextKind::Plain);
        check("a.toml", None, b"<html>", TextKind::Plain);
    }

    #[test]
    fn a_server_knows_better_than_a_name_unless_it_knows_nothing() {
        check("https://example.com/a.rs", Some("Text/HTML; charset=utf-8"), b"x", TextKind::Html);
        check("https://example.com/a.rs", Some("text/plain"), b"x", TextKind::Code(Language::Rust));
        check("https://example.com/", Some("application/pdf"), b"x", TextKind::Pdf);
    }

    #[test]
    fn what_has_no_name_is_what_it_begins_with() {
        check("note", None, b"\xef\xbb\xbf\n <!DOCTYPE HTML><p>", TextKind::Html);
        check("note", None, b"#!/usr/bin/env python3\nprint()", TextKind::Code(Language::Python));
        check("note", None, b"%PDF-1.7\n", TextKind::Pdf);
        check("wrong.txt", None, b"%PDF-1.7\n", TextKind::Pdf);
        check("note", None, b"", TextKind::Plain);
    }
}
