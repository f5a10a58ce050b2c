//! JSON → [`Tree`]: `serde_json` does not tell positions. RFC 8259, without extensions.

use super::{MAX_DEPTH, MAX_VALUES, duplicate, shown, too_deep, too_many};
use crate::{
    diagnostic::{Code, Diagnostic, FileId, Span, Spanned},
    manifest::{Tree, TreeKind, tree::MapBuilder},
};

/// The rest of the file cannot be read; the reason has been reported.
struct Stop;

/// Parses one value. `None` when there is none, or a broken one.
pub(super) fn parse(text: &str, file: FileId, problems: &mut Vec<Diagnostic>) -> Option<Tree> {
    let mut reader = Reader { text, at: 0, file, values: 0, problems };
    reader.space();
    if reader.at == text.len() {
        return None;
    }
    let tree = reader.value(1).ok()?;
    reader.space();
    if reader.at < text.len() {
        reader.unexpected("the end of the file");
        return None;
    }
    Some(tree)
}

struct Reader<'a, 'p> {
    text: &'a str,
    at: usize,
    file: FileId,
    values: usize,
    problems: &'p mut Vec<Diagnostic>,
}

impl Reader<'_, '_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(self.file, start..self.at)
    }

    fn fail(&mut self, span: Span, message: impl Into<String>) -> Stop {
        self.problems.push(Diagnostic::error(Code::SYNTAX, span, format!("no valid JSON: {}", message.into())));
        Stop
    }

    fn unexpected(&mut self, wanted: &str) -> Stop {
        let next = self.rest().chars().next();
        let span = Span::new(self.file, self.at..self.at + next.map_or(0, char::len_utf8));
        let found = match next {
            None => "the end of the file".to_owned(),
            Some(c) => format!("`{}`", shown(c.encode_utf8(&mut [0; 4]))),
        };
        let hint = match next {
            Some('/' | '#') => Some("JSON has no comments; YAML has"),
            Some('\'') => Some("JSON writes text in double quotes"),
            Some('}' | ']') => Some("remove the comma before it"),
            _ => None,
        };
        let stop = self.fail(span, format!("expected {wanted}, found {found}"));
        if let (Some(hint), Some(problem)) = (hint, self.problems.last_mut()) {
            problem.hint = Some(hint.to_owned());
        }
        stop
    }

    fn value(&mut self, depth: usize) -> Result<Tree, Stop> {
        let start = self.at;
        if depth > MAX_DEPTH {
            self.problems.push(too_deep(Span::new(self.file, start..start + 1)));
            return Err(Stop);
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            self.problems.push(too_many(Span::new(self.file, start..start + 1)));
            return Err(Stop);
        }
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => TreeKind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Tree::new(self.span_from(start), kind))
    }

    fn word(&mut self) -> Result<TreeKind, Stop> {
        for (word, kind) in [("true", TreeKind::Bool(true)), ("false", TreeKind::Bool(false)), ("null", TreeKind::Null)] {
            let after = self.rest().strip_prefix(word).map(|rest| rest.chars().next());
            if after.is_some_and(|next| !next.is_some_and(char::is_alphanumeric)) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.unexpected("a value"))
    }

    fn number(&mut self) -> Result<TreeKind, Stop> {
        let start = self.at;
        self.at += self.rest().len()
            - self.rest().trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')).len();
        let text = &self.text[start..self.at];
        let is_valid = serde_json::from_str::<serde_json::Number>(text).is_ok();
        match (is_valid, text.parse::<i64>(), text.parse::<f64>()) {
            (true, Ok(number), _) => Ok(TreeKind::Integer(number)),
            (true, _, Ok(number)) => Ok(TreeKind::Float(number)),
            _ => {
                let span = self.span_from(start);
                Err(self.fail(span, "this is no number"))
            }
        }
    }

    fn string(&mut self) -> Result<String, Stop> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(byte) if *byte >= 0x20 => end += 1,
                _ => {
                    self.at = end.min(bytes.len());
                    let span = Span::new(self.file, start..self.at);
                    return Err(self.fail(span, "the text is not closed with `\"` on its line"));
                }
            }
        }
        self.at = end + 1;
        let source = &self.text[start..self.at];
        if !source.contains('\\') {
            return Ok(source[1..source.len() - 1].to_owned());
        }
        serde_json::from_str(source).map_err(|err| {
            let at = (start + err.column().saturating_sub(1)).min(end);
            let span = Span::new(self.file, at..(at + 1).min(self.at));
            self.fail(span, "no valid escape; `\\n`, `\\t`, `\\\"`, `\\\\` and `\\u00e9` are")
        })
    }

    fn array(&mut self, depth: usize) -> Result<TreeKind, Stop> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(TreeKind::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(TreeKind::List(items));
                }
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<TreeKind, Stop> {
        self.at += 1;
        let mut map = MapBuilder::default();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(TreeKind::Map(map.into_entries()));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let start = self.at;
            let key = Spanned::new(self.string()?, self.span_from(start));
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth + 1)?;
            let (name, second) = (key.value.clone(), key.span);
            if let Err(first) = map.insert(key, value) {
                self.problems.push(duplicate(&name, first, second));
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(TreeKind::Map(map.into_entries()));
                }
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_with_their_places() {
        let text = r#" {"a": [1, -2.5, true, null], "b\n": "é\u00e9", "c": {}} "#;
        let mut problems = Vec::new();
        let tree = parse(text, FileId(0), &mut problems).unwrap();
        assert_eq!(problems, []);
        assert_eq!(tree.to_value(), json!({"a": [1, -2.5, true, null], "b\n": "éé", "c": {}}));
        assert_eq!(&text[tree.get("b\n").unwrap().span.range()], "\"é\\u00e9\"");
        assert_eq!(&text[tree.get("a").unwrap().span.range()], "[1, -2.5, true, null]");
    }

    #[test]
    fn errors_are_located() {
        #[track_caller]
        fn check(text: &str, message: &str, at: u32) {
            let mut problems = Vec::new();
            assert_eq!(parse(text, FileId(0), &mut problems), None);
            assert_eq!((problems[0].message.as_str(), problems[0].span.start), (message, at));
        }
        check("{\"a\" 1}", "no valid JSON: expected `:`, found `1`", 5);
        check("{\"a\": 1,}", "no valid JSON: expected a key in double quotes, found `}`", 8);
        check("[1 2]", "no valid JSON: expected `,` or `]`, found `2`", 3);
        check("[01]", "no valid JSON: this is no number", 1);
        check("[\"a\nb\"]", "no valid JSON: the text is not closed with `\"` on its line", 1);
        check("[\"ab\\q\"]", "no valid JSON: no valid escape; `\\n`, `\\t`, `\\\"`, `\\\\` and `\\u00e9` are", 5);
        check("[truex]", "no valid JSON: expected a value, found `t`", 1);
        check("[\u{202e}]", "no valid JSON: expected a value, found `\\u{202e}`", 1);
        check("{} x", "no valid JSON: expected the end of the file, found `x`", 3);
        check("{", "no valid JSON: expected a key in double quotes, found the end of the file", 1);
        check(&"[".repeat(100_000), "lists and maps stand more than 32 deep in each other", 32);
    }
}
