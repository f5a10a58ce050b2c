//! Text without what does not show: lines end in one way, and no character moves others around.

/// A text, and how many characters were taken out of it.
pub(super) struct Cleaned {
    pub(super) text: String,
    stripped: usize,
}

impl Cleaned {
    /// What a reader should know of it.
    pub(super) fn note(&self) -> Option<String> {
        let plural = if self.stripped == 1 { "character was" } else { "characters were" };
        (self.stripped > 0).then(|| format!("{} control or direction {plural} left out", self.stripped))
    }
}

/// Ends all lines with `\n`, so that there are as many as before, and leaves out what does not show: control characters but tabs,
/// direction marks and overrides, byte order marks, tags.
pub(super) fn cleaned(text: &str) -> Cleaned {
    let mut cleaned = Cleaned { text: String::with_capacity(text.len()), stripped: 0 };
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '\r' || does_not_show(c)) {
        cleaned.text.push_str(&rest[..at]);
        let mut after = rest[at..].chars();
        match after.next() {
            Some('\r') => cleaned.text.push('\n'),
            // The end of a page, and of a line in some old files.
            Some('\u{b}' | '\u{c}') => cleaned.text.push(' '),
            _ => cleaned.stripped += 1,
        }
        rest = after.as_str();
        if cleaned.text.ends_with('\n') && text.as_bytes()[text.len() - rest.len() - 1] == b'\r' {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
    }
    cleaned.text.push_str(rest);
    cleaned
}

fn does_not_show(c: char) -> bool {
    c.is_control() && c != '\t' && c != '\n'
        || matches!(c,
            '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_one_way_and_are_as_many() {
        assert_eq!(cleaned("a\r\nb\rc\n\r\r\nd").text, "a\nb\nc\n\n\nd");
        assert_eq!(cleaned("a\tb\n").text, "a\tb\n");
        assert!(cleaned("a\r\n").note().is_none());
    }

    #[test]
    fn what_does_not_show_is_left_out_and_counted() {
        let cleaned = cleaned("\u{feff}a\u{1b}[31m\u{202e}b\u{2066}c\u{0}d\u{c}e");
        assert_eq!(cleaned.text, "a[31mbcd e");
        assert_eq!(cleaned.note().unwrap(), "5 control or direction characters were left out");
    }
}
