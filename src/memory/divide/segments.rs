//! The parts a long text is divided in, one after the other.

use std::ops::Range;

use super::outline::Outline;
use crate::memory::Text;

/// How many bytes a segment has at least, when the text after it has as many: some tens of chunks, so that few of them have no chunk
/// before them to overlap with.
const LEAST: usize = 8 << 10;
/// How many bytes a segment has at least for each token of a chunk.
const PER_TOKEN: usize = 32;
/// How many times as long as the shortest segment the longest is.
const LONGEST: usize = 4;

/// The segments of a text, in order, without gaps. Pages are segments; longer ones are several.
pub(super) fn of(text: &Text, outline: &Outline, chunk_tokens: usize) -> Vec<Range<usize>> {
    let least = chunk_tokens.saturating_mul(PER_TOKEN).clamp(LEAST, text.text.len().max(LEAST));
    let ends = text.pages.iter().copied().skip(1).chain([text.text.len()]);
    let mut segments = Vec::new();
    let mut start = 0;
    for end in ends {
        while end - start > least * LONGEST {
            let cut = cut(&text.text, start + least..start + least * LONGEST, outline);
            segments.push(start..cut);
            start = cut;
        }
        segments.push(start..end);
        start = end;
    }
    segments
}

/// Where in `window` a segment ends: where the outermost part begins, or the first paragraph, line or word ends.
fn cut(text: &str, window: Range<usize>, outline: &Outline) -> usize {
    if let Some(at) = outline.strongest_start(&window) {
        return at;
    }
    let from = text.ceil_char_boundary(window.start);
    let inside = &text[from..text.floor_char_boundary(window.end)];
    let after = |separator: &str| inside.find(separator).map(|at| from + at + separator.len());
    after("\n\n").or_else(|| after("\n")).or_else(|| after(" ")).unwrap_or(from)
}
