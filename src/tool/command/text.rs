//! What programs write, as text that does nothing to terminals.

/// The text without escape sequences and control characters, and whether all of it was text.
pub(super) fn clean(bytes: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(bytes);
    let mut is_text = matches!(text, std::borrow::Cow::Borrowed(_));
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control(&mut rest),
            '\n' | '\t' => clean.push(c),
            '\0' => is_text = false,
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    (clean, is_text)
}

/// Skips what belongs to an escape character.
///
/// # Source
/// ECMA-48, 5th edition, sections 5.3 to 5.6; that a bell ends an operating system command is xterm's.
fn skip_escape(rest: &mut std::str::Chars<'_>) {
    match rest.clone().next() {
        Some('[') => {
            rest.next();
            skip_control(rest);
        }
        // Strings: they end at a bell, at `ESC \`, or, should neither come, with the line.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = rest.clone().next() {
                if c == '\n' {
                    return;
                }
                rest.next();
                if c == '\u{7}' || c == '\u{9c}' {
                    return;
                }
                if c == '\u{1b}' {
                    if rest.clone().next() == Some('\\') {
                        rest.next();
                    }
                    return;
                }
            }
        }
        Some(' '..='~') => {
            // Intermediate characters, then one more.
            while rest.next().is_some_and(|c| matches!(c, ' '..='/')) {}
        }
        _ => {}
    }
}

/// Skips parameters, intermediate characters and the final one.
fn skip_control(rest: &mut std::str::Chars<'_>) {
    while let Some(c @ ' '..='~') = rest.clone().next() {
        rest.next();
        if c >= '@' {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], text: &str, is_text: bool) {
        assert_eq!(clean(bytes), (text.to_owned(), is_text));
    }

    #[test]
    fn what_terminals_act_on_is_left_out() {
        check(b"\x1b[1;31mred\x1b[0m\r\n\tx\x08y\x07", "red\n\txy", true);
        check(b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1bPq\x1b\\c", "abc", true);
        check(b"\x1b(Ba\x1bcb\x1b7c", "abc", true);
        check("\u{9b}2Ja\u{85}b".as_bytes(), "ab", true);
        check(b"\x1b]never ends\nnext", "\nnext", true);
        check(b"\x1b", "", true);
        check(b"\x1b[", "", true);
        check("äöü €".as_bytes(), "äöü €", true);
    }

    #[test]
    fn what_is_no_text_is_told() {
        check(b"a\xffb", "a\u{fffd}b", false);
        check(b"PNG\0\x01", "PNG", false);
    }
}
