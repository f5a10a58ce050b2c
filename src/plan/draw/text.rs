//! Text made fit for a terminal: cleaned, measured in columns, shortened and wrapped.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The characters of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glyphs {
    pub(super) unicode: bool,
}

impl Glyphs {
    /// Stands for text left out.
    pub(super) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Stands before a bound.
    pub(super) fn at_most(self) -> &'static str {
        if self.unicode { "≤" } else { "<=" }
    }

    /// Leads to a successor in text.
    pub(super) fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// The head of an edge that comes from above.
    pub(super) fn head(self) -> char {
        if self.unicode { '▼' } else { 'v' }
    }

    /// A line with arms to the north (1), east (2), south (4) and west (8).
    pub(super) fn line(self, arms: u8, dashed: bool) -> char {
        let drawn = match (arms, dashed) {
            (0, _) => ' ',
            (1 | 4 | 5, false) => '│',
            (1 | 4 | 5, true) => '┊',
            (2 | 8 | 10, false) => '─',
            (2 | 8 | 10, true) => '┄',
            (3, _) => '└',
            (6, _) => '┌',
            (9, _) => '┘',
            (12, _) => '┐',
            (7, _) => '├',
            (13, _) => '┤',
            (14, _) => '┬',
            (11, _) => '┴',
            _ => '┼',
        };
        if self.unicode {
            return drawn;
        }
        match drawn {
            '│' => '|',
            '┊' => ':',
            '─' => '-',
            '┄' => '.',
            ' ' => ' ',
            _ => '+',
        }
    }

    /// One line of `text` that a terminal shows as it is: runs of white space are one space, control characters and characters
    /// without a width are gone, and without Unicode others than ASCII are `?`.
    pub(super) fn clean(self, text: &str) -> String {
        let visible: String = text
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| c.width().is_some_and(|columns| columns > 0))
            .map(|c| if self.unicode || c.is_ascii() { c } else { '?' })
            .collect();
        visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// `text` in at most `columns`, with an ellipsis where something was left out.
    pub(super) fn shorten(self, text: &str, columns: usize) -> String {
        if text.width() <= columns {
            return text.to_owned();
        }
        let mark = self.ellipsis();
        let mut room = columns.saturating_sub(mark.width());
        let mut short = String::new();
        for c in text.chars() {
            let wide = c.width().unwrap_or(0);
            if wide > room {
                break;
            }
            room -= wide;
            short.push(c);
        }
        if columns >= mark.width() {
            short.truncate(short.trim_end().len());
            short.push_str(mark);
        }
        short
    }

    /// As [`Glyphs::shorten`], with the ellipsis at the beginning.
    pub(super) fn keep_end(self, text: &str, columns: usize) -> String {
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        if text.width() <= columns { text.to_owned() } else { reversed(&self.shorten(&reversed(text), columns)) }
    }

    /// `text` in lines of at most `columns`, broken between words, at most `lines` of them.
    pub(super) fn wrap(self, text: &str, columns: usize, lines: usize) -> Vec<String> {
        let mut wrapped: Vec<String> = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match wrapped.last_mut() {
                Some(line) if width(line) + 1 + width(word) <= columns => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => wrapped.push(self.shorten(word, columns)),
            }
        }
        if wrapped.len() > lines {
            let rest = wrapped.split_off(lines.saturating_sub(1)).join(" ");
            wrapped.push(self.shorten(&rest, columns));
        }
        wrapped
    }
}

/// How many columns of a terminal `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}
