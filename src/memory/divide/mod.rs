//! From a text to its chunks: where headings, paragraphs, items and sentences end, none larger than the embedder sees.
//!
//! A long text is first cut into segments where its strongest parts end, so that the work grows with its length only; within a
//! segment, `text-splitter` finds the chunks. Chunks of different segments do not overlap, nor do those of different pages.

mod lines;
mod meter;
mod outline;
mod segments;
mod split;
#[cfg(test)]
mod tests;

use std::ops::Range;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use self::{lines::Lines, meter::Meter, outline::Outline, split::Splitter};
use crate::{
    memory::{Text, TextHash, TextKind},
    model::Position,
};

/// How large chunks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DivideLimits {
    /// How many tokens a chunk has at most, with what is embedded before its text.
    pub chunk_tokens: usize,
    /// How many tokens of a chunk are those of the chunk before, about; at most half of a chunk.
    pub overlap_tokens: usize,
}

/// A chunk of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it stands. Lines are those of the source; of the page in a PDF; 0 for a web page, whose lines nobody sees.
    pub position: Position,
    /// The text, as it is shown.
    pub text: String,
    /// What is embedded: the source, the headings it stands under, and the text.
    pub embedded: String,
    /// SHA-256 of `embedded`, in hex.
    pub hash: TextHash,
    /// How many tokens `embedded` has, by `count`.
    pub tokens: usize,
}

/// The least room that is left to the text of a chunk, as a part of all of it.
const ROOM: usize = 2;
/// The longest name of a source or path of headings that is embedded, in bytes.
const MAX_TITLE: usize = 512;

/// Divides a text into chunks of at most `chunk_tokens` tokens, in order. `count` tells how many tokens a text has; it is asked for
/// each word about once, and for each chunk.
///
/// No chunk is white space only, and all else is in one. A chunk has more tokens than it may only where a single character has.
pub fn divide(text: &Text, limits: &DivideLimits, count: &dyn Fn(&str) -> usize) -> Vec<Piece> {
    let chunk_tokens = limits.chunk_tokens.max(1);
    let meter = Meter::new(count, chunk_tokens);
    let outline = Outline::of(text);
    let lines = Lines::of(&text.text);
    let mut pieces = Vec::new();
    for segment in segments::of(text, &outline, chunk_tokens) {
        let title = title(&text.source, outline.longest_path(&segment).as_deref(), &meter, chunk_tokens);
        let room = chunk_tokens.saturating_sub(meter.size(&title)).max(1);
        let splitter = Splitter { text: &text.text, kind: outline.kind(), meter: &meter };
        for chunk in splitter.chunks(segment, room, limits.overlap_tokens.min(room / 2)) {
            add(&mut pieces, text, chunk, &outline, &lines, &splitter, chunk_tokens);
        }
    }
    pieces
}

/// Adds a chunk; in smaller ones when it has more tokens than its words promised.
fn add(
    pieces: &mut Vec<Piece>,
    text: &Text,
    chunk: Range<usize>,
    outline: &Outline,
    lines: &Lines,
    splitter: &Splitter<'_>,
    chunk_tokens: usize,
) {
    let mut left = vec![chunk];
    while let Some(chunk) = left.pop() {
        let shown = &text.text[chunk.clone()];
        let heading = outline.path(&words_of(&text.text, &chunk));
        let embedded = title(&text.source, heading.as_deref(), splitter.meter, chunk_tokens) + shown;
        let tokens = splitter.meter.exact(&embedded);
        if tokens > chunk_tokens {
            let smaller = splitter.halves(chunk.clone());
            if smaller.len() > 1 {
                left.extend(smaller.into_iter().rev());
                continue;
            }
        }
        let hash = HEXLOWER.encode(&Sha256::digest(embedded.as_bytes()));
        let position = position(text, &chunk, heading, lines);
        pieces.push(Piece { position, text: shown.to_owned(), embedded, hash, tokens });
    }
}

/// A range without what is no letter at its ends: the brace that ends a class does not take its last function out of the function.
fn words_of(text: &str, range: &Range<usize>) -> Range<usize> {
    let words = text[range.clone()].trim_matches(|c: char| !c.is_alphanumeric());
    if words.is_empty() {
        return range.clone();
    }
    let start = range.start + text[range.clone()].find(char::is_alphanumeric).unwrap_or_default();
    start..start + words.len()
}

fn position(text: &Text, chunk: &Range<usize>, heading: Option<String>, lines: &Lines) -> Position {
    if text.kind == TextKind::Html {
        return Position { heading, ..Position::default() };
    }
    let page = text.pages.partition_point(|start| *start <= chunk.start);
    let before = page.checked_sub(1).map_or(0, |page| lines.number(text.pages[page]) - 1);
    Position {
        first_line: lines.number(chunk.start) - before,
        last_line: lines.number(chunk.end.saturating_sub(1).max(chunk.start)) - before,
        page: u32::try_from(page).ok().filter(|page| *page > 0),
        heading,
    }
}

/// What is embedded before the text of a chunk: as much of source and headings as leaves the text most of the room.
fn title(source: &str, heading: Option<&str>, meter: &Meter<'_>, chunk_tokens: usize) -> String {
    let named = |text: &str| if text.is_empty() || text.len() > MAX_TITLE { String::new() } else { format!("{text}\n\n") };
    let both = heading.map(|heading| named(&format!("{source} > {heading}")));
    let candidates = both.into_iter().chain([named(source)]);
    candidates.into_iter().find(|title| meter.size(title) <= chunk_tokens / ROOM / 2).unwrap_or_default()
}
