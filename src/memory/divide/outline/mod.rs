//! What stands in what: sections under headings, functions in classes.

mod code;
mod markdown;

use std::ops::Range;

pub(super) use self::code::grammar;
use crate::memory::{Heading, Text, TextKind};

/// Longer texts are divided by their lines, whatever they are: parsers of languages take much memory, and people write no such files.
const MAX_PARSED: usize = 4 << 20;
/// What stands deeper in others is not told from them.
const MAX_DEPTH: usize = 200;
/// How many parts a text has; one with more is no text of people.
const MAX_PARTS: usize = 100_000;
/// The longest label of a part, in characters.
const MAX_LABEL: usize = 80;

/// The parts of a text that have names, in the order in which they begin.
pub(super) struct Outline {
    kind: TextKind,
    parts: Vec<Part>,
}

/// A part of a text that has a name: a section with its heading, an item with its body.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    range: Range<usize>,
    label: String,
    /// The part it is in.
    parent: Option<usize>,
    depth: usize,
}

impl Outline {
    /// The outline of a text; empty for what has none, or has one that nobody wrote.
    pub(super) fn of(text: &Text) -> Self {
        let sections = |headings: &[(Heading, String)]| Some(sections(headings, text.text.len()));
        let parts = match text.kind {
            TextKind::Plain | TextKind::Pdf => None,
            TextKind::Html => sections(&page_headings(text)),
            TextKind::Markdown => sections(&markdown::headings(&text.text)),
            TextKind::Code(_) if text.text.len() > MAX_PARSED => None,
            TextKind::Code(language) => code::items(&text.text, language),
        };
        let parts = parts.filter(|parts| parts.len() <= MAX_PARTS);
        let kind = if parts.is_none() { TextKind::Plain } else { text.kind };
        Self { kind, parts: parts.unwrap_or_default() }
    }

    /// As what the text is divided.
    pub(super) fn kind(&self) -> TextKind {
        self.kind
    }

    /// The names of what all of `range` stands in, the outermost first, joined by ` > `.
    pub(super) fn path(&self, range: &Range<usize>) -> Option<String> {
        let last = self.parts.partition_point(|part| part.range.start <= range.start).checked_sub(1)?;
        let mut around = self.chain(last).skip_while(|part| part.range.end < range.end);
        around.next().map(|innermost| self.joined(innermost))
    }

    /// The longest path of what begins in `range`, or of what it stands in.
    pub(super) fn longest_path(&self, range: &Range<usize>) -> Option<String> {
        let from = self.parts.partition_point(|part| part.range.start < range.start);
        let until = self.parts.partition_point(|part| part.range.start < range.end);
        let inside =
            self.parts[from..until].iter().max_by_key(|part| self.chain_of(part).map(|part| part.label.len() + 3).sum::<usize>());
        inside.map(|part| self.joined(part)).or_else(|| self.path(range))
    }

    /// Where in `window` the outermost part begins; the last of those that are equal.
    pub(super) fn strongest_start(&self, window: &Range<usize>) -> Option<usize> {
        let from = self.parts.partition_point(|part| part.range.start < window.start);
        let until = self.parts.partition_point(|part| part.range.start < window.end);
        let inside = self.parts[from..until].iter().rev();
        inside.min_by_key(|part| part.depth).map(|part| part.range.start)
    }

    fn joined(&self, part: &Part) -> String {
        let mut labels: Vec<_> = self.chain_of(part).map(|part| part.label.as_str()).collect();
        labels.reverse();
        labels.join(" > ")
    }

    /// The part `at`, what it is in, and so on.
    fn chain(&self, at: usize) -> impl Iterator<Item = &Part> {
        self.chain_of(&self.parts[at])
    }

    fn chain_of<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Part> {
        std::iter::successors(Some(part), |part| part.parent.map(|parent| &self.parts[parent]))
    }
}

/// The sections that headings begin: each until the next heading that is as high.
fn sections(headings: &[(Heading, String)], end: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::with_capacity(headings.len());
    let mut open: Vec<(usize, u8)> = Vec::new();
    for (heading, label) in headings {
        while let Some((part, _)) = open.pop_if(|(_, level)| *level >= heading.level) {
            parts[part].range.end = heading.at;
        }
        let parent = open.last().map(|(part, _)| *part);
        open.push((parts.len(), heading.level));
        parts.push(Part { range: heading.at..end, label: label.clone(), parent, depth: usize::from(heading.level) });
    }
    parts
}

fn page_headings(text: &Text) -> Vec<(Heading, String)> {
    let label = |heading: &Heading| {
        let line = text.text[heading.at..].lines().next().unwrap_or_default();
        labelled(line.trim_start_matches('#'))
    };
    text.headings.iter().map(|heading| (*heading, label(heading))).collect()
}

/// A label on one line, as long as labels are.
fn labelled(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_LABEL) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}
