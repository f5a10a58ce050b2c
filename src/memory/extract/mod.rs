//! From the bytes of a source to text with a kind: what [`divide`](crate::memory::divide()) takes.
//!
//! Sources are hostile until proved otherwise: what is read has a size, a depth and a stack, and what is no text is refused with a
//! sentence that says what it seems to be.

mod clean;
mod encoding;
mod html;
mod kind;
mod pdf;
mod sniff;
#[cfg(test)]
mod tests;

pub use kind::{Language, TextKind};
pub use pdf::THREAD as PDF_THREAD;

use crate::error::{Error, ErrorKind, Result};

/// What is to be remembered, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is from: a path from the project's folder with `/`, a URL, or a name.
    pub name: String,
    /// What it has in it.
    pub bytes: Vec<u8>,
    /// What its server says it is: `text/html; charset=utf-8`. Files have none.
    pub media_type: Option<String>,
}

/// How much of a source is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtractLimits {
    /// How many bytes a source may have.
    pub source_bytes: usize,
    /// How many bytes its text may have.
    pub text_bytes: usize,
}

impl Default for ExtractLimits {
    fn default() -> Self {
        Self { source_bytes: 64 << 20, text_bytes: 16 << 20 }
    }
}

/// The text of a source. Its lines end with `\n`; no control or direction characters are in it but tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Where it is from.
    pub source: String,
    /// What it is.
    pub kind: TextKind,
    /// The text; empty when there is none, which a note then says.
    pub text: String,
    /// Where the pages begin in it, in bytes, in order; none for what has no pages.
    pub pages: Vec<usize>,
    /// The headings of a web page, in order; none for what has them written in its text.
    pub headings: Vec<Heading>,
    /// What a reader should know: what was replaced, left out, not found.
    pub notes: Vec<String>,
}

/// A heading of a web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// Where its line begins in the text, in bytes.
    pub at: usize,
    /// 1 for the highest, 6 for the lowest.
    pub level: u8,
}

/// The text of a source.
///
/// # Errors
/// `Invalid` for what is no text, for a text that is encoded wrongly, for a PDF with a password, and for what is too large;
/// `Malformed` for a page or a PDF that cannot be read.
pub fn extract(source: &Source, limits: &ExtractLimits) -> Result<Text> {
    let named = |err: Error| err.context(format!("`{}`", source.name.escape_debug()));
    let size = source.bytes.len();
    if size > limits.source_bytes {
        let text = format!("it has {size} bytes; {} are the most", limits.source_bytes);
        return Err(named(Error::new(ErrorKind::Invalid, text).hint("add a part of it, or text made from it")));
    }
    let text = text_of(source, limits).map_err(named)?;
    if text.text.len() > limits.text_bytes {
        return Err(named(too_much_text(limits)));
    }
    Ok(text)
}

fn text_of(source: &Source, limits: &ExtractLimits) -> Result<Text> {
    let mut text = Text {
        source: source.name.clone(),
        kind: TextKind::of(&source.name, source.media_type.as_deref(), &source.bytes),
        text: String::new(),
        pages: Vec::new(),
        headings: Vec::new(),
        notes: Vec::new(),
    };
    if source.bytes.is_empty() {
        text.notes.push("it is empty".to_owned());
        return Ok(text);
    }
    if text.kind == TextKind::Pdf {
        read_pdf(&mut text, source, limits)?;
    } else {
        read_text(&mut text, source, limits)?;
    }
    if text.text.trim().is_empty() {
        (text.text, text.pages, text.headings) = Default::default();
        text.notes.push(match text.kind {
            TextKind::Pdf => "it has no text: its pages may be images; make text of them first (OCR)".to_owned(),
            _ => "it has no text but white space".to_owned(),
        });
    }
    Ok(text)
}

fn read_pdf(text: &mut Text, source: &Source, limits: &ExtractLimits) -> Result<()> {
    let pages = pdf::pages(&source.bytes, limits.text_bytes)?;
    text.notes.extend(pages.notes);
    for page in pages.texts {
        text.pages.push(text.text.len());
        text.text.push_str(clean::cleaned(&page).text.trim());
        text.text.push('\n');
    }
    Ok(())
}

fn read_text(text: &mut Text, source: &Source, limits: &ExtractLimits) -> Result<()> {
    sniff::refuse_binary(&source.bytes)?;
    let decoded = encoding::decode(&source.bytes, source.media_type.as_deref(), text.kind)?;
    // Not before it is known to be text: of a film, it is not its size that is wrong.
    if decoded.text.len() > limits.text_bytes {
        return Err(too_much_text(limits));
    }
    text.notes.extend(decoded.note);
    let readable = if text.kind == TextKind::Html { html::text(&decoded.text)? } else { decoded.text };
    let cleaned = clean::cleaned(&readable);
    text.notes.extend(cleaned.note());
    text.text = cleaned.text;
    if text.kind == TextKind::Html {
        text.headings = html::headings(&mut text.text);
    }
    Ok(())
}

fn too_much_text(limits: &ExtractLimits) -> Error {
    let text = format!("its text has more than {} bytes, which are the most", limits.text_bytes);
    Error::new(ErrorKind::Invalid, text).hint("divide it into several files")
}
