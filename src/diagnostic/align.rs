//! From a place in a string value to its place in the file: source and value are walked side by side.

use std::ops::Range;

/// Where the bytes `range` of `decoded` stand in `source`, the value as written with quotes or block scalar header.
///
/// `None` when the two do not belong together, e.g. for a value that was computed.
pub(super) fn source_range(source: &str, decoded: &str, range: Range<usize>, is_toml: bool) -> Option<Range<usize>> {
    if range.start > range.end || range.end > decoded.len() {
        return None;
    }
    let (style, begin) = Style::of(source, is_toml)?;
    // The indentation of a block scalar's first line is no part of the value.
    let indentation = if is_block(source) && white_space(decoded) == 0 { white_space(&source[begin..]) } else { 0 };
    let mut walk = Walk { source, decoded, at: begin + indentation, done: 0, style };
    let mut start = (range.start == 0).then_some(walk.at);
    // An end is the place after the last character, not before the next one: white space between them may be long.
    let mut end = None;
    while walk.done < decoded.len() {
        let before = walk.at;
        let done = walk.done;
        walk.step()?;
        if start.is_none() && walk.done > range.start {
            start = Some(if done == range.start { before } else { walk.at });
        }
        if start.is_none() && walk.done == range.start {
            start = Some(walk.at);
        }
        if end.is_none() && walk.done >= range.end && range.end > done {
            end = Some(walk.at);
        }
        if end.is_some() && start.is_some() {
            break;
        }
    }
    let start = start?;
    Some(start..end.unwrap_or(start).max(start))
}

fn is_block(source: &str) -> bool {
    source.starts_with(['|', '>'])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Source and value are the same, but for folded line breaks.
    Plain,
    /// `'…'` of YAML: a doubled quote is one.
    Single,
    /// `"…"` with escapes; line breaks are folded (YAML).
    Double,
    /// `"…"` or `"""…"""` with escapes; line breaks are kept (TOML).
    TomlBasic,
    /// `'…'` or `'''…'''` without any escapes (TOML).
    TomlLiteral,
}

impl Style {
    /// The style of a value and where its text begins.
    fn of(source: &str, is_toml: bool) -> Option<(Self, usize)> {
        let after_break = |begin: usize| match &source[begin..] {
            rest if rest.starts_with("\r\n") => begin + 2,
            rest if rest.starts_with('\n') => begin + 1,
            _ => begin,
        };
        Some(match source.bytes().next() {
            Some(b'"') if is_toml && source.starts_with("\"\"\"") && source.len() >= 6 => (Self::TomlBasic, after_break(3)),
            Some(b'"') if is_toml => (Self::TomlBasic, 1),
            Some(b'\'') if is_toml && source.starts_with("'''") && source.len() >= 6 => (Self::TomlLiteral, after_break(3)),
            Some(b'\'') if is_toml => (Self::TomlLiteral, 1),
            Some(b'"') => (Self::Double, 1),
            Some(b'\'') => (Self::Single, 1),
            // The header of a block scalar ends with its line.
            Some(_) if is_block(source) => (Self::Plain, source.find('\n')? + 1),
            _ => (Self::Plain, 0),
        })
    }
}

struct Walk<'a> {
    source: &'a str,
    decoded: &'a str,
    /// The byte of the source that comes next.
    at: usize,
    /// The byte of the value that comes next.
    done: usize,
    style: Style,
}

impl Walk<'_> {
    /// Takes one character, or one run of white space, of the value. `None` when source and value disagree.
    fn step(&mut self) -> Option<()> {
        let here = self.source[self.at..].chars().next();
        let wanted = self.decoded[self.done..].chars().next()?;
        match (self.style, here?) {
            (Style::Double | Style::TomlBasic, '\\') => self.escape(wanted),
            (Style::Single, '\'') if self.source[self.at..].starts_with("''") => {
                self.at += 2;
                self.take(wanted, '\'')
            }
            (Style::TomlBasic | Style::TomlLiteral, '\r') if wanted == '\n' => {
                self.at += 2;
                self.take(wanted, '\n')
            }
            (Style::Double, c) if c.is_ascii_whitespace() => self.folded_run(wanted),
            (Style::Plain | Style::Single, c) if c.is_ascii_whitespace() || wanted.is_ascii_whitespace() => {
                self.at += white_space(&self.source[self.at..]);
                self.done += white_space(&self.decoded[self.done..]);
                self.step_back();
                Some(())
            }
            (_, c) => {
                self.at += c.len_utf8();
                self.take(wanted, c)
            }
        }
    }

    fn take(&mut self, wanted: char, found: char) -> Option<()> {
        if wanted != found {
            return None;
        }
        self.done += wanted.len_utf8();
        Some(())
    }

    /// A run of white space ends where both sides have their next word. A block scalar may keep spaces of that indentation.
    fn step_back(&mut self) {
        if self.done == self.decoded.len() {
            // The value ends here: what follows in the source is no part of it.
            self.at = self.source[..self.at].trim_end().len();
        }
    }

    /// White space in a double-quoted scalar of YAML: kept within a line, folded around line breaks.
    fn folded_run(&mut self, wanted: char) -> Option<()> {
        let run = &self.source[self.at..self.at + white_space(&self.source[self.at..])];
        let breaks = run.matches('\n').count();
        if breaks == 0 {
            let c = run.chars().next()?;
            self.at += c.len_utf8();
            return self.take(wanted, c);
        }
        self.at += run.len();
        let folded = if breaks == 1 { " ".to_owned() } else { "\n".repeat(breaks - 1) };
        self.done += self.decoded[self.done..].starts_with(&folded).then_some(folded.len())?;
        Some(())
    }

    /// A backslash and what follows it.
    fn escape(&mut self, wanted: char) -> Option<()> {
        let rest = &self.source[self.at + 1..];
        let marker = rest.chars().next()?;
        let digits = match marker {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            // A line that goes on: the break and the indentation are not part of the value.
            ' ' | '\t' | '\r' | '\n' if rest[..white_space(rest)].contains('\n') => {
                self.at += 1 + white_space(rest);
                return Some(());
            }
            _ => 0,
        };
        let high = rest.get(1..5).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let is_pair = marker == 'u' && high.is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
        self.at += 1 + marker.len_utf8() + digits + if is_pair { 6 } else { 0 };
        self.done += wanted.len_utf8();
        self.source.is_char_boundary(self.at).then_some(())
    }
}

/// How many bytes of white space `text` begins with.
fn white_space(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds `word` of the value in the source, where `[` and `]` mark it.
    #[track_caller]
    fn check(marked: &str, decoded: &str, word: &str, is_toml: bool) {
        let source = marked.replace(['«', '»'], "");
        let expected = {
            let start = marked.find('«').unwrap();
            let end = marked.find('»').unwrap() - '«'.len_utf8();
            start..end
        };
        let at = decoded.rfind(word).unwrap();
        let found = source_range(&source, decoded, at..at + word.len(), is_toml);
        assert_eq!(found.clone().map(|range| &source[range]), Some(&source[expected.clone()]));
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn plain_and_quoted_scalars() {
        check("go {{ «x» }}", "go {{ x }}", "x", false);
        check("'it''s {{ «x» }}'", "it's {{ x }}", "x", false);
        check(r#""é\n\t\"{{ «x» }}\"""#, "é\n\t\"{{ x }}\"", "x", false);
        check(r#""\u00e9\U0001F600 {{ «x» }}""#, "é😀 {{ x }}", "x", false);
        check(r#""\ud83d\ude00{{ «x» }}""#, "😀{{ x }}", "x", false);
        check("\"a \n   b\n\n  «x»\"", "a b\nx", "x", false);
        check("\"a \\\n   b «x»\"", "a b x", "x", false);
        check("one\n  two\n  «three»", "one two three", "three", false);
    }

    #[test]
    fn block_scalars() {
        check("|\n    one\n      two\n\n    «x» y\n", "one\n  two\n\nx y\n", "x", false);
        check("|-\r\n  one\r\n  «x»\r\n", "one\nx", "x", false);
        check(">\n  one\n  two\n\n  «x»\n", "one two\nx\n", "x", false);
        check("|2-\n    one\n  «x»", "  one\nx", "x", false);
    }

    #[test]
    fn toml_strings() {
        check(r#""a\t«x»""#, "a\tx", "x", true);
        check("\"\"\"\na\\\n    b\n  «x»\"\"\"", "ab\n  x", "x", true);
        check("'''\na\\\n  «x»'''", "a\\\n  x", "x", true);
        check("\"\"\"\r\na\r\n«x»\"\"\"", "a\nx", "x", true);
        check("'C:\\«x»'", "C:\\x", "x", true);
    }

    #[test]
    fn a_value_that_is_not_the_source_has_no_place_in_it() {
        assert_eq!(source_range("abc", "xyz", 1..2, false), None);
        assert_eq!(source_range("abc", "abc", 2..9, false), None);
        assert_eq!(source_range("", "abc", 0..1, false), None);
        assert_eq!(source_range("\"\"", "", 0..0, false), Some(1..1));
    }
}
