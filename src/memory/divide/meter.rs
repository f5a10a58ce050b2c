//! How many tokens a text has, without asking for the same text again and again.

use std::{cell::RefCell, collections::HashMap};

use text_splitter::ChunkSizer;

/// How many bytes a token has at most, in a text that is worth a chunk. What has more of them for a token (a key, an image in
/// base 64, which some embedders see as one unknown word) is measured by its length.
const MAX_TOKEN: usize = 16;
/// Longer words are seldom met twice.
const MAX_KNOWN: usize = 64;
/// How many words are kept.
const MAX_WORDS: usize = 1 << 16;

/// Adds up the tokens of words: a word is asked for once. Embedders put marks around a text; they are counted once for all of it.
pub(super) struct Meter<'a> {
    count: &'a dyn Fn(&str) -> usize,
    marks: usize,
    enough: usize,
    known: RefCell<HashMap<String, usize>>,
}

impl<'a> Meter<'a> {
    /// A meter for chunks of at most `chunk_tokens`.
    pub(super) fn new(count: &'a dyn Fn(&str) -> usize, chunk_tokens: usize) -> Self {
        let enough = chunk_tokens.saturating_mul(MAX_TOKEN).saturating_mul(2);
        Self { count, marks: count(""), enough, known: RefCell::default() }
    }

    /// How many tokens a text has, by its words.
    pub(super) fn size(&self, text: &str) -> usize {
        let by_length = text.len() / MAX_TOKEN;
        if text.len() > self.enough {
            return by_length;
        }
        by_length.max(self.marks + words(text).map(|word| self.of_word(word)).sum::<usize>())
    }

    /// How many tokens a text has, by the embedder's own count.
    pub(super) fn exact(&self, text: &str) -> usize {
        (self.count)(text)
    }

    fn of_word(&self, word: &str) -> usize {
        let ask = || (self.count)(word).saturating_sub(self.marks);
        if word.len() > MAX_KNOWN {
            return ask();
        }
        if let Some(known) = self.known.borrow().get(word) {
            return *known;
        }
        let tokens = ask();
        let mut known = self.known.borrow_mut();
        if known.len() < MAX_WORDS {
            known.insert(word.to_owned(), tokens);
        }
        tokens
    }
}

impl ChunkSizer for Meter<'_> {
    fn size(&self, chunk: &str) -> usize {
        Meter::size(self, chunk)
    }
}

/// The words of a text, each with the white space before it, as most embedders see them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let end = rest[start..].find(char::is_whitespace).map_or(rest.len(), |at| start + at);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_word_is_asked_for_once_and_marks_are_counted_once() {
        let calls = Cell::new(0);
        let count = |text: &str| {
            calls.set(calls.get() + 1);
            text.split_whitespace().count() + 2
        };
        let meter = Meter::new(&count, 100);
        assert_eq!(meter.size("one two one two one two\n"), 8);
        assert!(calls.get() <= 6, "{} calls", calls.get());
        let before = calls.get();
        assert_eq!(meter.size(" one two one two"), 6);
        assert_eq!(calls.get(), before);
    }

    #[test]
    fn what_is_far_too_long_is_not_counted() {
        let meter = Meter::new(&|text: &str| usize::from(!text.is_empty()), 10);
        assert_eq!(meter.size(&"x".repeat(300)), 18);
        assert_eq!(meter.size(&"x".repeat(1 << 20)), 1 << 16);
        let words: Vec<_> = words(" a  b\n").collect();
        assert_eq!(words, [" a", "  b", "\n"]);
    }
}
