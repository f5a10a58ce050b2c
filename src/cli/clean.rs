//! Text that others wrote (models, servers, files), made harmless for a terminal.

use std::{borrow::Cow, fmt::Write as _};

/// `text` on one line: escape sequences and control characters removed, white space of any length one blank.
pub(super) fn one_line(text: &str) -> String {
    let cleaned = block(text);
    let mut line = String::with_capacity(cleaned.len());
    for word in cleaned.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// `text` with its line breaks and tabs, without escape sequences, other control characters and marks that change the direction.
pub(super) fn block(text: &str) -> String {
    console::strip_ansi_codes(text).chars().filter(|&c| c == '\n' || c == '\t' || !is_harmful(c)).collect()
}

/// `text` on one line of at most `width` columns, cut with `…`.
pub(super) fn short(text: &str, width: usize) -> String {
    // Only as much is cleaned as can be shown.
    let enough: String = text.chars().take(width.saturating_mul(4).max(64)).collect();
    console::truncate_str(&one_line(&enough), width, "…").into_owned()
}

/// `text` on one line with all of it to be seen, where a person decides by it: what a terminal would act on, or not show, is written as
/// `\u{1b}`.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| is_harmful(c) || is_invisible(c);
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            write!(shown, "{}", c.escape_unicode()).expect("a string takes all that is written");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// JSON text in which everything a terminal may act on, or a person cannot see, is escaped: the same JSON, but all of it is shown.
pub(super) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && (is_harmful(c) || is_invisible(c)) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(shown, "\\u{unit:04x}").expect("a string takes all that is written");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// What a terminal acts on, or what changes the direction of the text around it.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// What takes no place on the screen: blanks without width, and the tag characters in which text can be hidden from people.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_controls_do_not_reach_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31mred\u{1b}[0m\r\n\tb\u{7}\u{9b}2J"), "ared b");
        assert_eq!(one_line("\u{1b}]0;title\u{7}x"), "x");
        assert_eq!(block("a\n\tb\u{8}\u{202e}c"), "a\n\tbc");
        assert!(!one_line("\u{1b}[").contains('\u{1b}'));
    }

    #[test]
    fn cve_2023_37275_what_a_person_decides_by_is_seen_whole() {
        assert_eq!(printable("rm\u{1b}[2K\u{1b}[1Gls\u{8}\r\u{9b}x"), r"rm\u{1b}[2K\u{1b}[1Gls\u{8}\u{d}\u{9b}x");
        assert_eq!(printable("a\u{202e}txt.exe\u{2069}\u{200f}"), r"a\u{202e}txt.exe\u{2069}\u{200f}");
        assert_eq!(printable("he\u{200b}llo\u{e0041}\u{ad}"), r"he\u{200b}llo\u{e0041}\u{ad}");
        assert_eq!(printable("a\nallow: yes"), r"a\u{a}allow: yes");
        assert!(matches!(printable("plain: é 日本 ✔"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_shows_all_it_holds_and_stays_the_same_json() {
        let value = serde_json::json!({"a\u{9b}2J": "x\u{1b}[31m\u{202e}\u{200b}\u{7f}\u{e0041}\n日本"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&text);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(shown.chars().all(|c| c == '\n' || !is_harmful(c) && !is_invisible(c)), "{shown:?}");
        assert!(shown.contains(r"\u202e\u200b\u007f\udb40\udc41") && shown.contains("日本"), "{shown}");
    }

    #[test]
    fn long_text_is_cut_at_columns() {
        assert_eq!(short("hello world", 8), "hello w…");
        assert_eq!(short("日本語テキスト", 7), "日本語…");
        assert_eq!(short("short", 8), "short");
    }
}
