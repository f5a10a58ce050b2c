//! How an error that ends a command is told: what, why, what to do.

use crate::{
    cli::{
        clean,
        terminal::{CYAN, RED, Terminal},
    },
    error::{Error, ErrorRecord},
};

/// Tells `error` on standard error.
pub(super) fn tell(terminal: &Terminal, error: &Error) {
    terminal.talk(&text(terminal.err.color, error));
}

/// `error: …`, `caused by: …`, a blank line, `hint: …`; without a line break at its end.
pub(super) fn text(color: bool, error: &Error) -> String {
    let headline = error.headline();
    let mut told = headline.clone();
    let mut lines = vec![line(color, RED, "error", &headline)];
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let text = source.to_string();
        // Many libraries repeat their cause in their own text; saying it once is enough.
        if !told.contains(&text) {
            lines.push(line(color, RED, "caused by", &text));
            told = text;
        }
        cause = source.source();
    }
    push_hints(&mut lines, color, error.hints());
    lines.join("\n")
}

/// The same for an error that was read from the log.
pub(super) fn record_text(color: bool, record: &ErrorRecord) -> String {
    let mut lines = vec![line(color, RED, "error", &record.message)];
    push_hints(&mut lines, color, &record.hints);
    lines.join("\n")
}

fn push_hints(lines: &mut Vec<String>, color: bool, hints: &[String]) {
    if !hints.is_empty() {
        lines.push(String::new());
        lines.extend(hints.iter().map(|hint| line(color, CYAN, "hint", hint)));
    }
}

/// `label: text`, where the further lines of the text stand below its first.
fn line(color: bool, style: anstyle::Style, label: &str, text: &str) -> String {
    let text = clean::block(text);
    format!("{} {}", super::terminal::paint(color, style, &format!("{label}:")), text.trim_end())
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;

    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes_and_hints() {
        let error = Error::new(ErrorKind::NotFound, "no workflow at `a\u{1b}[2J.yaml`")
            .context("run")
            .source(std::io::Error::other("no such file"))
            .hint("give a file")
            .hint("or `-`");
        assert_eq!(
            text(false, &error),
            "error: run: no workflow at `a.yaml`\ncaused by: no such file\n\nhint: give a file\nhint: or `-`"
        );
    }

    #[test]
    fn a_cause_that_the_message_repeats_is_told_once() {
        let error = Error::new(ErrorKind::Invalid, "bad: broken").source(std::io::Error::other("broken"));
        assert_eq!(text(false, &error), "error: bad: broken");
    }
}
