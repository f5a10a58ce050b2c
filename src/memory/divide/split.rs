//! The chunks of a segment.

use std::ops::Range;

use text_splitter::{ChunkConfig, CodeSplitter, MarkdownSplitter, TextSplitter};

use super::{meter::Meter, outline::grammar};
use crate::memory::TextKind;

/// What is less than so many parts of a chunk is small.
const SMALL: usize = 4;

/// Divides segments of a text.
pub(super) struct Splitter<'a> {
    pub(super) text: &'a str,
    /// By what it is divided.
    pub(super) kind: TextKind,
    pub(super) meter: &'a Meter<'a>,
}

impl Splitter<'_> {
    /// The chunks of a segment, of at most `room` tokens.
    pub(super) fn chunks(&self, segment: Range<usize>, room: usize, overlap: usize) -> Vec<Range<usize>> {
        self.joined(self.split(segment, room, overlap, self.kind), room)
    }

    /// Joins what is less than a chunk's quarter, as a heading or the head of a class alone, with what follows, where there is room.
    fn joined(&self, chunks: Vec<Range<usize>>, room: usize) -> Vec<Range<usize>> {
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            if let Some(last) = joined.last_mut() {
                let both = last.start..chunk.end.max(last.end);
                let size = |range: &Range<usize>| self.meter.size(&self.text[range.clone()]);
                if size(last) * SMALL <= room && size(&both) <= room {
                    *last = both;
                    continue;
                }
            }
            joined.push(chunk);
        }
        joined
    }

    /// A chunk in two or more, by its lines and words.
    pub(super) fn halves(&self, chunk: Range<usize>) -> Vec<Range<usize>> {
        let room = self.meter.size(&self.text[chunk.clone()]).div_ceil(2).max(1);
        let halves = self.split(chunk.clone(), room, 0, TextKind::Plain);
        if halves.len() > 1 {
            return halves;
        }
        // One word that its embedder sees as many tokens.
        let middle = self.text.floor_char_boundary(chunk.start + chunk.len() / 2);
        let middle = if middle > chunk.start { middle } else { self.text.ceil_char_boundary(chunk.start + 1) };
        if middle < chunk.end { vec![chunk.start..middle, middle..chunk.end] } else { vec![chunk] }
    }

    fn split(&self, segment: Range<usize>, room: usize, overlap: usize, kind: TextKind) -> Vec<Range<usize>> {
        let part = &self.text[segment.clone()];
        let config = || {
            let sized = || ChunkConfig::new(room).with_sizer(self.meter);
            sized().with_overlap(overlap).unwrap_or_else(|_| sized())
        };
        let mut chunks = Vec::new();
        let mut add = |(at, chunk): (usize, &str)| {
            let start = segment.start + at;
            chunks.push(start..start + chunk.len());
        };
        match kind {
            TextKind::Markdown => MarkdownSplitter::new(config()).chunk_indices(part).for_each(&mut add),
            TextKind::Code(language) => match CodeSplitter::new(grammar(language), config()) {
                Ok(splitter) => splitter.chunk_indices(part).for_each(&mut add),
                Err(_) => TextSplitter::new(config()).chunk_indices(part).for_each(&mut add),
            },
            TextKind::Plain | TextKind::Html | TextKind::Pdf => {
                TextSplitter::new(config()).chunk_indices(part).for_each(&mut add);
            }
        }
        chunks.retain(|chunk| !self.text[chunk.clone()].trim().is_empty());
        chunks
    }
}
