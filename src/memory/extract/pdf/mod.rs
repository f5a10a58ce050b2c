//! The text of a PDF, page by page.
//!
//! A PDF is a program that draws; the text is what it draws letters with, in the order in which it does. Files are hostile: streams
//! that unpack to gigabytes, objects that contain themselves, pages without end. All of it is bounded, and read on a thread of its own
//! with a stack of its own.

mod font;
mod matrix;
mod page;

use std::{collections::HashMap, thread};

use lopdf::{Document, LoadOptions, ObjectId};

use self::{font::Fonts, page::Letters};
use crate::error::{Error, ErrorKind, Result};

/// What one stream may unpack to.
const MAX_STREAM: usize = 32 << 20;
/// What the contents of all pages may unpack to.
const MAX_CONTENTS: usize = 256 << 20;
/// How many pages are read.
const MAX_PAGES: usize = 20_000;
/// The stack it is read on: objects may be nested, and parsers follow them.
const STACK: usize = 32 << 20;
/// The name of the thread. Whoever tells of panics may leave those of it out: they are told as errors.
pub const THREAD: &str = "pdf";

/// The texts of pages, in order, and what a reader should know of them.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) texts: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// The pages of a PDF; with more text than `max_text` bytes, as many as have so much.
///
/// # Errors
/// `Invalid` for a PDF with a password, `Malformed` for one that cannot be read.
pub(super) fn pages(bytes: &[u8], max_text: usize) -> Result<Pages> {
    thread::scope(|scope| {
        let reader = thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK);
        let reader = reader.spawn_scoped(scope, || read(bytes, max_text));
        let reader = reader.map_err(|err| Error::new(ErrorKind::Internal, "no thread could be started").source(err))?;
        reader.join().unwrap_or_else(|_| Err(unreadable("its parts contradict each other")))
    })
}

fn read(bytes: &[u8], max_text: usize) -> Result<Pages> {
    let options = LoadOptions { max_decompressed_size: Some(MAX_STREAM), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).map_err(|err| match err {
        lopdf::Error::InvalidPassword => has_password(),
        lopdf::Error::Decryption(_) => has_password().source(err),
        err => unreadable(&err.to_string()),
    })?;
    if document.is_encrypted() {
        return Err(has_password());
    }
    let ids: Vec<ObjectId> = document.page_iter().take(MAX_PAGES + 1).collect();
    let (mut pages, mut fonts) = (Pages::default(), Fonts::new(&document));
    if ids.is_empty() {
        pages.notes.push("it has no pages".to_owned());
    }
    if ids.len() > MAX_PAGES {
        pages.notes.push(format!("only the first {MAX_PAGES} pages were read"));
    }
    let (mut contents, mut length, mut unread) = (0, 0, Vec::new());
    for (number, id) in ids.into_iter().take(MAX_PAGES).enumerate() {
        let left = MAX_CONTENTS.saturating_sub(contents).min(MAX_STREAM);
        let text = if let Ok(content) = document.get_page_content_with_limit(id, left) {
            contents += content.len();
            let mut letters = Letters::new(max_text.saturating_sub(length));
            letters.draw(&document, &mut fonts, id, &content);
            letters.text()
        } else {
            unread.push((number + 1).to_string());
            String::new()
        };
        length += text.len();
        pages.texts.push(text);
        if length > max_text {
            break;
        }
    }
    if fonts.are_unreadable() {
        pages.notes.push("it does not say which letters some of its shapes are: parts of its text are missing".to_owned());
    }
    if !unread.is_empty() {
        unread.truncate(20);
        pages.notes.push(format!("these pages could not be read: {}", unread.join(", ")));
    }
    Ok(pages)
}

/// The cache of what fonts mean: by their place in the document, as pages share them.
type ByObject<T> = HashMap<ObjectId, T>;

fn has_password() -> Error {
    Error::new(ErrorKind::Invalid, "it is a PDF with a password").hint("save it without one, and add that")
}

fn unreadable(why: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("it is a PDF that cannot be read: {why}")).hint("open it, and save it anew")
}

#[cfg(test)]
mod tests;
