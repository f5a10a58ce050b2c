//! YAML 1.2 → [`Tree`], over the event parser below serde-saphyr, with budgets of our own.
//!
//! Plain scalars follow the core schema: `true` and `false` are booleans, `yes` and `on` are text. Anchors, aliases and merge
//! keys (`<<`) are followed; tags other than those of the core schema are refused.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::{MAX_DEPTH, MAX_VALUES, duplicate, shown, too_deep, too_many};
use crate::{
    diagnostic::{Code, Diagnostic, FileId, Span, Spanned},
    manifest::{Tree, TreeKind, tree::MapBuilder},
};

/// How many anchors, and how many aliases, a file may have.
const MAX_ANCHORS: usize = 100;

/// The rest of the file cannot be read; the reason has been reported.
struct Stop;

/// Parses one document. `None` when it is empty or broken.
pub(super) fn parse(text: &str, file: FileId, problems: &mut Vec<Diagnostic>) -> Option<Tree> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        text,
        file,
        problems,
        anchors: HashMap::new(),
        anchor_count: 0,
        alias_count: 0,
        values: 0,
    };
    reader.document().ok().flatten()
}

struct Anchor {
    tree: Tree,
    /// How many values it holds, itself included.
    values: usize,
}

struct Reader<'a, 'p> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    file: FileId,
    problems: &'p mut Vec<Diagnostic>,
    /// Only finished ones: an alias inside its own anchor finds nothing.
    anchors: HashMap<usize, Anchor>,
    anchor_count: usize,
    alias_count: usize,
    values: usize,
}

impl<'a> Reader<'a, '_> {
    fn document(&mut self) -> Result<Option<Tree>, Stop> {
        let mut tree = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(tree),
                Event::DocumentStart(..) if tree.is_some() => {
                    self.problems.push(
                        Diagnostic::error(Code::SYNTAX, span, "the file has several documents")
                            .label("a second document begins here")
                            .hint("one file holds one workflow or manifest: remove the `---`, or make it a file of its own"),
                    );
                    return Err(Stop);
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    tree = Some(self.node(event, span, 1)?);
                }
                _ => return Err(self.syntax(span, "text outside of the document")),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let span = self.span(&span);
                Ok((event, span))
            }
            Some(Err(err)) => Err(self.scan_error(&err)),
            None => Ok((Event::StreamEnd, Span::new(self.file, self.text.len()..self.text.len()))),
        }
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let end = self.text.len();
        let start = span.start.byte_offset().unwrap_or(end).min(end);
        Span::new(self.file, start..span.end.byte_offset().unwrap_or(start).min(end))
    }

    fn syntax(&mut self, span: Span, message: impl Into<String>) -> Stop {
        self.problems.push(Diagnostic::error(Code::SYNTAX, span, message));
        Stop
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Tree, Stop> {
        if depth > MAX_DEPTH {
            self.problems.push(too_deep(span));
            return Err(Stop);
        }
        let before = self.values;
        self.count(1, span)?;
        let (anchor, tree) = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => {
                let span = self.trimmed(span, style);
                (anchor, Tree::new(span, self.scalar(&text, style, tag.as_deref(), span)))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["seq"], span);
                (anchor, self.list(span, depth)?)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["map"], span);
                (anchor, self.map(span, depth)?)
            }
            _ => return Err(self.syntax(span, "a value is missing here")),
        };
        if anchor != 0 {
            self.anchor_count += 1;
            if self.anchor_count > MAX_ANCHORS {
                return Err(self.too_many_anchors(span));
            }
            self.anchors.insert(anchor, Anchor { tree: tree.clone(), values: self.values - before });
        }
        Ok(tree)
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), Stop> {
        self.values += more;
        if self.values > MAX_VALUES {
            self.problems.push(too_many(span));
            return Err(Stop);
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Tree, Stop> {
        self.alias_count += 1;
        if self.alias_count > MAX_ANCHORS {
            return Err(self.too_many_anchors(span));
        }
        let Some(values) = self.anchors.get(&id).map(|anchor| anchor.values) else {
            return Err(self.syntax(span, "an alias stands inside the value it repeats"));
        };
        self.count(values, span)?;
        Ok(self.anchors[&id].tree.clone())
    }

    fn too_many_anchors(&mut self, span: Span) -> Stop {
        self.problems.push(
            Diagnostic::error(Code::TOO_COMPLEX, span, format!("the file has more than {MAX_ANCHORS} anchors or aliases"))
                .label("one too many"),
        );
        Stop
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Tree, Stop> {
        let mut items: Vec<Tree> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Tree::new(self.whole(start, items.last().map(|item| item.span), span), TreeKind::List(items)));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Tree, Stop> {
        let mut map = MapBuilder::default();
        let mut merged = Vec::new();
        let mut last = None;
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let whole = self.whole(start, last, span);
                self.merge(&mut map, merged);
                return Ok(Tree::new(whole, TreeKind::Map(map.into_entries())));
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.key(event, span, depth)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            // An absent value stands nowhere: the key is the place to show.
            if let (TreeKind::Null, Some(key), true) = (&value.kind, &key, value.span.start == value.span.end) {
                value.span = key.span;
            }
            last = Some(value.span);
            match key {
                _ if is_merge => merged.push(value),
                None => {}
                Some(key) => {
                    let (name, second) = (key.value.clone(), key.span);
                    if let Err(first) = map.insert(key, value) {
                        self.problems.push(duplicate(&name, first, second));
                    }
                }
            }
        }
    }

    /// The key of an entry; `None` when it is none (reported).
    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Option<Spanned<String>>, Stop> {
        if let Event::Scalar(text, style, 0, None) = event {
            let span = self.trimmed(span, style);
            return Ok(Some(Spanned::new(text.into_owned(), span)));
        }
        let is_template = matches!(event, Event::MappingStart(..)) && self.text[..span.range().start.max(1)].ends_with('{')
            || self.text[span.range().start..].starts_with('{') && self.text[..span.range().start].trim_end().ends_with('{');
        let tree = self.node(event, span, depth + 1)?;
        match tree.kind {
            TreeKind::String(text) => Ok(Some(Spanned::new(text, tree.span))),
            TreeKind::Null | TreeKind::Bool(_) | TreeKind::Integer(_) | TreeKind::Float(_) => {
                Ok(Some(Spanned::new(self.text[tree.span.range()].to_owned(), tree.span)))
            }
            TreeKind::List(_) | TreeKind::Map(_) => {
                let problem = Diagnostic::error(Code::SYNTAX, tree.span, "a key must be text").label("a list or map as a key");
                self.problems.push(if is_template {
                    problem.hint("a value that begins with `{{` must be quoted: `\"{{ … }}\"`")
                } else {
                    problem
                });
                Ok(None)
            }
        }
    }

    /// `<<`: entries of other maps, for keys that are not given here.
    fn merge(&mut self, map: &mut MapBuilder, merged: Vec<Tree>) {
        for tree in merged {
            let trees = match tree.kind {
                TreeKind::List(trees) => trees,
                kind => vec![Tree::new(tree.span, kind)],
            };
            for tree in trees {
                let span = tree.span;
                let TreeKind::Map(entries) = tree.kind else {
                    self.syntax(span, "`<<` takes a map or a list of maps");
                    continue;
                };
                for (key, value) in entries {
                    if !map.contains(&key.value) {
                        map.insert(key, value).expect("the key is not there yet");
                    }
                }
            }
        }
    }

    /// From the start of a list or map to its last value, or to its closing bracket.
    fn whole(&self, start: Span, last: Option<Span>, end: Span) -> Span {
        let closed = self.text[start.range().start..].starts_with(['[', '{']);
        let end = if closed { end.end } else { last.map_or(start.end, |last| last.end) };
        Span { end: end.max(start.start), ..start }
    }

    /// Without the line breaks that follow a block scalar or a plain one, and with the header of a block scalar.
    fn trimmed(&self, span: Span, style: ScalarStyle) -> Span {
        let text = &self.text[span.range()];
        let kept = match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => text.len(),
            _ => text.trim_end().len(),
        };
        let end = span.range().start + kept;
        let start = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.block_header(span.range().start).unwrap_or(span.range().start),
            _ => span.range().start,
        };
        Span::new(self.file, start..end)
    }

    /// Where the `|` or `>` of a block scalar stands whose text begins at `text_start`: the parser does not tell.
    fn block_header(&self, text_start: usize) -> Option<usize> {
        let line_start = self.text[..text_start].rfind('\n').map_or(0, |at| at + 1);
        let above = self.text[..line_start].trim_end();
        let header_start = above.rfind('\n').map_or(0, |at| at + 1);
        let line = &above[header_start..];
        let is_header = |at: usize| {
            let rest = line[at + 1..].trim_start_matches(['-', '+']).trim_start_matches(|c: char| c.is_ascii_digit());
            let rest = rest.trim_start_matches(['-', '+']).trim_start();
            rest.is_empty() || rest.starts_with('#')
        };
        line.match_indices(['|', '>']).map(|(at, _)| at).find(|at| is_header(*at)).map(|at| header_start + at)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> TreeKind {
        if let Some(tag) = tag {
            let is_plain_text = tag.handle() == "!" && tag.suffix().is_empty() || tag.core_suffix() == Some("str");
            if is_plain_text {
                return TreeKind::String(text.to_owned());
            }
            self.check_tag(Some(tag), &["int", "float", "bool", "null"], span);
            return resolve(text);
        }
        if style == ScalarStyle::Plain { resolve(text) } else { TreeKind::String(text.to_owned()) }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, allowed: &[&str], span: Span) {
        let Some(tag) = tag else { return };
        if !tag.core_suffix().is_some_and(|suffix| allowed.contains(&suffix)) {
            let name = shown(&format!("{}{}", tag.original_handle(), tag.suffix()));
            self.problems.push(
                Diagnostic::error(Code::SYNTAX, span, format!("the tag `{name}` means nothing here"))
                    .hint("remove the tag; a text that begins with `!` must be quoted"),
            );
        }
    }

    fn scan_error(&mut self, err: &ScanError) -> Stop {
        let end = self.text.len();
        let mut start = err.marker().byte_offset().unwrap_or(end).min(end);
        if is_tab(err.kind()) && self.text[..start].ends_with('\t') {
            start -= 1;
        }
        let width = self.text[start..].chars().next().filter(|c| *c != '\n' && *c != '\r').map_or(0, char::len_utf8);
        let span = Span::new(self.file, start..start + width);
        if matches!(err.kind(), ErrorKind::RecursionLimitExceeded) {
            self.problems.push(too_deep(span));
            return Stop;
        }
        let problem = Diagnostic::error(Code::SYNTAX, span, format!("no valid YAML: {}", err.kind()));
        self.problems.push(match hint(err.kind(), &self.text[start..]) {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
        Stop
    }
}

fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    )
}

fn hint(kind: &ErrorKind, rest: &str) -> Option<&'static str> {
    Some(match kind {
        kind if is_tab(kind) || rest.starts_with('\t') => "YAML is indented with spaces: replace the tab",
        ErrorKind::MappingValueNotAllowed => {
            "a text with `: ` in it must be quoted; otherwise look at the indentation of this line"
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => "close the quote that was opened",
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping => "close the bracket that was opened",
        ErrorKind::UnknownAnchor => "a text that begins with `*` must be quoted",
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidIndentation => {
            "look at the indentation: keys of one map stand in one column"
        }
        ErrorKind::ExpectedFlowMappingSeparator => "a value that begins with `{{` must be quoted: `\"{{ … }}\"`",
        ErrorKind::UnknownQuotedScalarEscape => "in double quotes a backslash is written `\\\\`; in single quotes it is itself",
        ErrorKind::UnexpectedCharacter { character: '@' | '`' } => "a text that begins with this character must be quoted",
        _ => return None,
    })
}

/// A plain scalar by the core schema of YAML 1.2.
fn resolve(text: &str) -> TreeKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return TreeKind::Null,
        "true" | "True" | "TRUE" => return TreeKind::Bool(true),
        "false" | "False" | "FALSE" => return TreeKind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return TreeKind::Float(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return TreeKind::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let radix = |prefix, radix| text.strip_prefix(prefix).and_then(|digits| i64::from_str_radix(digits, radix).ok());
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return TreeKind::Integer(number);
    }
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !is_number {
        return TreeKind::String(text.to_owned());
    }
    if unsigned.chars().all(|c| c.is_ascii_digit())
        && let Ok(number) = text.parse()
    {
        return TreeKind::Integer(number);
    }
    text.parse().map_or_else(|_| TreeKind::String(text.to_owned()), TreeKind::Float)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Option<Tree>, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let tree = parse(text, FileId(0), &mut problems);
        (tree, problems)
    }

    #[track_caller]
    fn check(text: &str, expected: &serde_json::Value) {
        let (tree, problems) = read(text);
        assert_eq!(problems, []);
        assert_eq!(&tree.unwrap().to_value(), expected);
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        check(
            "[yes, on, true, ~, 1, -2, 0x1f, 0o17, 1.5, 1e3, .5, 1.2.3, 1-2, 012, '1', \"true\", 2026-01-01, 400k]",
            &json!([
                "yes",
                "on",
                true,
                null,
                1,
                -2,
                31,
                15,
                1.5,
                1000.0,
                0.5,
                "1.2.3",
                "1-2",
                12,
                "1",
                "true",
                "2026-01-01",
                "400k"
            ]),
        );
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        check("a: &x { b: 1, c: 2 }\nd: *x\n", &json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 2}}));
        check("a: &x { b: 1, c: 2 }\nd:\n  <<: *x\n  c: 3\n", &json!({"a": {"b": 1, "c": 2}, "d": {"c": 3, "b": 1}}));
        check("a: &x { b: 1 }\nd: { <<: [*x, {e: 5}] }\n", &json!({"a": {"b": 1}, "d": {"b": 1, "e": 5}}));
    }

    #[test]
    fn keys_are_the_text_they_are_written_as() {
        check("1: a\ntrue: b\n\"x y\": c\n~: d\n", &json!({"1": "a", "true": "b", "x y": "c", "~": "d"}));
    }

    /// Each text in the tree, as it stands in the file.
    fn slices(text: &str) -> Vec<String> {
        fn walk(tree: &Tree, text: &str, found: &mut Vec<String>) {
            match &tree.kind {
                TreeKind::Map(entries) => {
                    for (key, value) in entries {
                        found.push(text[key.span.range()].to_owned());
                        walk(value, text, found);
                    }
                }
                TreeKind::List(items) => items.iter().for_each(|item| walk(item, text, found)),
                _ => found.push(text[tree.span.range()].to_owned()),
            }
        }
        let (tree, problems) = read(text);
        assert_eq!(problems, []);
        let mut found = Vec::new();
        walk(&tree.unwrap(), text, &mut found);
        found
    }

    #[test]
    fn every_value_knows_where_it_is_written() {
        assert_eq!(
            slices("é: 'q''s' # c\nb: |\n  one\n  two\n\nc: >-\n  x\n\"d\": plain  \ne: [ 1, two words ]\nf: one\n  two\n"),
            ["é", "'q''s'", "b", "|\n  one\n  two", "c", ">-\n  x", "\"d\"", "plain", "e", "1", "two words", "f", "one\n  two"]
        );
        assert_eq!(slices("a:\r\n  b: |\r\n    x\r\n  c:\r\n"), ["a", "b", "|\r\n    x", "c", "c"]);
    }

    #[test]
    fn maps_end_with_their_last_value() {
        let text = "a:\n  b: 1\n  c: 2 # d\n\ne: { f: 1 }\n";
        let (tree, _) = read(text);
        let tree = tree.unwrap();
        assert_eq!(&text[tree.get("a").unwrap().span.range()], "b: 1\n  c: 2");
        assert_eq!(&text[tree.get("e").unwrap().span.range()], "{ f: 1 }");
    }

    #[test]
    fn a_template_without_quotes_gets_a_hint() {
        let (_, problems) = read("a: {{ x }}\n");
        assert!(problems[0].hint.as_deref().unwrap().contains("must be quoted"), "{problems:?}");
    }
}
