//! What the bytes that a page draws mean, and how wide they are.

use std::{collections::BTreeMap, rc::Rc};

use lopdf::{Dictionary, Document, Encoding, Object, ObjectId};

use super::{ByObject, MAX_STREAM, matrix::number};

/// How wide a letter is where the font does not say, in thousandths of its size.
const USUAL_WIDTH: f32 = 500.0;
/// How wide a letter of a composite font is where it does not say.
const COMPOSITE_WIDTH: f32 = 1_000.0;
/// How many widths of a font are looked at.
const MAX_WIDTHS: usize = 1 << 16;

/// A font: what its codes mean and how wide they are.
pub(super) struct Font<'a> {
    encoding: Option<Encoding<'a>>,
    is_composite: bool,
    widths: BTreeMap<u32, f32>,
    usual: f32,
}

/// The fonts of a document, each read once.
pub(super) struct Fonts<'a> {
    document: &'a Document,
    known: ByObject<Rc<Font<'a>>>,
}

impl<'a> Fonts<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self { document, known: ByObject::new() }
    }

    /// Whether there are letters whose meaning nobody can tell.
    pub(super) fn are_unreadable(&self) -> bool {
        self.known.values().any(|font| !font.is_readable())
    }

    /// The font that a page or a form calls `name` in its `resources`.
    pub(super) fn named(&mut self, resources: &[&'a Dictionary], name: &[u8]) -> Option<Rc<Font<'a>>> {
        let document = self.document;
        let font = resources.iter().find_map(|resources| {
            let fonts = document.dereference(resources.get(b"Font").ok()?).ok()?.1.as_dict().ok()?;
            fonts.get(name).ok()
        })?;
        let (id, object) = document.dereference(font).ok()?;
        let dictionary = object.as_dict().ok()?;
        let Some(id) = id else { return Some(Rc::new(Font::read(document, dictionary))) };
        Some(self.known.entry(id).or_insert_with(|| Rc::new(Font::read(document, dictionary))).clone())
    }
}

impl<'a> Font<'a> {
    fn read(document: &'a Document, font: &'a Dictionary) -> Self {
        let descendant = descendant(document, font);
        let is_composite = descendant.is_some();
        // Codes of two bytes mean shapes: without a table, nobody knows which letters these are.
        let is_known = |encoding: &Encoding<'_>| {
            !is_composite || matches!(encoding, Encoding::UnicodeMapEncoding(_) | Encoding::SimpleEncoding(_))
        };
        let mut read = Self {
            encoding: encoding(document, font).filter(is_known),
            is_composite,
            widths: BTreeMap::new(),
            usual: USUAL_WIDTH,
        };
        match descendant {
            Some(descendant) => {
                read.usual = descendant.get(b"DW").map_or(COMPOSITE_WIDTH, number);
                if let Ok(widths) = descendant.get_deref(b"W", document).and_then(Object::as_array) {
                    read.read_composite_widths(document, widths);
                }
            }
            None => read.read_widths(document, font),
        }
        read
    }

    fn read_widths(&mut self, document: &Document, font: &Dictionary) {
        let first = font.get_deref(b"FirstChar", document).map_or(0.0, number);
        let Ok(widths) = font.get_deref(b"Widths", document).and_then(Object::as_array) else { return };
        for (code, width) in (code(first)..).zip(widths.iter().take(256)) {
            self.widths.insert(code, document.dereference(width).map_or(USUAL_WIDTH, |(_, width)| number(width)));
        }
    }

    /// `[first [width width …] first last width …]`
    fn read_composite_widths(&mut self, document: &Document, widths: &[Object]) {
        let mut rest = widths.iter();
        while let (Some(first), Some(second)) = (rest.next(), rest.next()) {
            let first = code(number(first));
            let Ok((_, second)) = document.dereference(second) else { return };
            if let Ok(each) = second.as_array() {
                self.widths.extend((first..).zip(each.iter().map(number)).take(MAX_WIDTHS));
            } else if let Some(width) = rest.next() {
                let last = code(number(second)).min(first.saturating_add(u32::from(u16::MAX)));
                self.widths.extend((first..=last).map(|code| (code, number(width))));
            }
            if self.widths.len() > MAX_WIDTHS {
                return;
            }
        }
    }

    /// Whether it is known which letters are meant.
    fn is_readable(&self) -> bool {
        self.encoding.is_some()
    }

    /// What the bytes mean; nothing where nobody can tell.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        let decoded = self.encoding.as_ref().and_then(|encoding| encoding.bytes_to_string(bytes).ok());
        decoded.unwrap_or_default()
    }

    /// How wide the bytes are, in sizes of the font.
    pub(super) fn width(&self, bytes: &[u8]) -> f32 {
        let width = |code: u32| self.widths.get(&code).copied().unwrap_or(self.usual);
        let thousandths: f32 = if self.is_composite {
            bytes.chunks_exact(2).map(|pair| width(u32::from(u16::from_be_bytes([pair[0], pair[1]])))).sum()
        } else {
            bytes.iter().map(|byte| width(u32::from(*byte))).sum()
        };
        thousandths / 1_000.0
    }

    /// How many codes the bytes are, and how many of them are spaces.
    pub(super) fn count(&self, bytes: &[u8]) -> (usize, usize) {
        if self.is_composite { (bytes.len() / 2, 0) } else { (bytes.len(), bytes.split(|byte| *byte == b' ').count() - 1) }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is no code becomes the nearest one")]
fn code(number: f32) -> u32 {
    number as u32
}

fn descendant<'a>(document: &'a Document, font: &'a Dictionary) -> Option<&'a Dictionary> {
    let descendants = font.get_deref(b"DescendantFonts", document).ok()?.as_array().ok()?;
    document.dereference(descendants.first()?).ok()?.1.as_dict().ok()
}

/// What codes mean: the table made for it (`ToUnicode`) before the names of the shapes.
fn encoding<'a>(document: &'a Document, font: &'a Dictionary) -> Option<Encoding<'a>> {
    if font.has(b"ToUnicode") {
        let mut table_only = font.clone();
        table_only.remove(b"Encoding");
        if let Ok(Encoding::UnicodeMapEncoding(table)) = table_only.get_font_encoding_with_limit(document, MAX_STREAM) {
            return Some(Encoding::UnicodeMapEncoding(table));
        }
    }
    font.get_font_encoding_with_limit(document, MAX_STREAM).ok()
}

/// The dictionaries in which a page finds what it names, its own first.
pub(super) fn resources_of(document: &Document, page: ObjectId) -> Vec<&Dictionary> {
    let Ok((own, shared)) = document.get_page_resources(page) else { return Vec::new() };
    own.into_iter().chain(shared.into_iter().filter_map(|id| document.get_dictionary(id).ok())).collect()
}
