//! TOML → [`Tree`], by the toml crate, in the order written.

use toml::de::{DeTable, DeValue};

use super::{MAX_DEPTH, MAX_VALUES, duplicate, too_deep, too_many};
use crate::{
    diagnostic::{Code, Diagnostic, FileId, Span, Spanned},
    manifest::{Tree, TreeKind},
};

/// Parses a document. `None` when it is empty or broken.
pub(super) fn parse(text: &str, file: FileId, problems: &mut Vec<Diagnostic>) -> Option<Tree> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { file, values: 0 };
    let tree = reader.table(Span::new(file, 0..text.len()), table.into_inner(), 1);
    let mut is_broken = false;
    for err in errors {
        let range = err.span().unwrap_or(text.len()..text.len());
        let span = Span::new(file, range.start.min(text.len())..range.end.min(text.len()));
        if err.message() == "duplicate key" {
            let key = text[span.range()].trim_matches(['"', '\'']);
            let problem = match tree.as_ref().ok().and_then(|tree| first_place(text, tree, key, span)) {
                Some(first) => duplicate(key, first, span),
                None => Diagnostic::error(Code::DUPLICATE_KEY, span, format!("the key `{key}` is given twice")),
            };
            problems.push(problem);
        } else if err.message().contains("recursion") {
            is_broken = true;
            problems.push(too_deep(span));
            break;
        } else {
            is_broken = true;
            problems.push(Diagnostic::error(Code::SYNTAX, span, format!("no valid TOML: {}", err.message())));
        }
    }
    match tree {
        Err(problem) if !is_broken => {
            problems.push(problem);
            None
        }
        Ok(tree) if !is_broken && tree.as_map().is_some_and(|entries| !entries.is_empty()) => Some(tree),
        _ => None,
    }
}

struct Reader {
    file: FileId,
    values: usize,
}

impl Reader {
    fn table(&mut self, span: Span, table: DeTable<'_>, depth: usize) -> Result<Tree, Diagnostic> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let key = Spanned::new(key.get_ref().clone().into_owned(), Span::new(self.file, key.span()));
            let value_span = Span::new(self.file, value.span());
            entries.push((key, self.value(value_span, value.into_inner(), depth + 1)?));
        }
        // The crate sorts keys by name; the author's order counts.
        entries.sort_by_key(|(key, _)| key.span.start);
        Ok(Tree::new(span, TreeKind::Map(entries)))
    }

    fn value(&mut self, span: Span, value: DeValue<'_>, depth: usize) -> Result<Tree, Diagnostic> {
        if depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(too_many(span));
        }
        let kind = match value {
            DeValue::String(text) => TreeKind::String(text.into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => TreeKind::Integer(number),
                Err(_) => TreeKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            },
            DeValue::Float(number) => TreeKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => TreeKind::Bool(value),
            DeValue::Datetime(time) => TreeKind::String(time.to_string()),
            DeValue::Array(items) => TreeKind::List(
                items
                    .into_iter()
                    .map(|item| {
                        let span = Span::new(self.file, item.span());
                        self.value(span, item.into_inner(), depth + 1)
                    })
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => return self.table(span, table, depth),
        };
        Ok(Tree::new(span, kind))
    }
}

/// Where a key that is given again at `second` was given before: the crate does not tell.
fn first_place(text: &str, tree: &Tree, key: &str, second: Span) -> Option<Span> {
    if let Some(header) = header_around(text, second) {
        // A table that is given again: the earlier line with the same header.
        let line = text[header.clone()].trim();
        let mut offset = 0;
        for earlier in text[..header.start].split_inclusive('\n') {
            if earlier.trim() == line {
                let key_at = offset + (second.range().start - header.start).min(earlier.len());
                return Some(Span::new(second.file, key_at..key_at + second.range().len()));
            }
            offset += earlier.len();
        }
    }
    let mut found = None;
    find_key(text, tree, key, second, &mut found);
    found
}

/// The line of `span`, if it is a table header.
fn header_around(text: &str, span: Span) -> Option<std::ops::Range<usize>> {
    let start = text[..span.range().start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    text[start..end].trim_start().starts_with('[').then_some(start..end)
}

/// The last key of that name before `second`, not counting inline tables that have ended by then.
fn find_key(text: &str, tree: &Tree, key: &str, second: Span, found: &mut Option<Span>) {
    match &tree.kind {
        TreeKind::Map(entries) => {
            let is_inline = text[tree.span.range()].starts_with('{');
            if is_inline && tree.span.end <= second.start {
                return;
            }
            for (name, value) in entries {
                if name.value == key
                    && name.span.start < second.start
                    && found.is_none_or(|span: Span| span.start < name.span.start)
                {
                    *found = Some(name.span);
                }
                find_key(text, value, key, second, found);
            }
        }
        TreeKind::List(items) => items.iter().for_each(|item| find_key(text, item, key, second, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_keep_the_order_written() {
        let mut problems = Vec::new();
        let text = "z = 1\n[nodes.b]\nx = 0x1f\na.c = '''\nq'''\n[nodes.a]\nd = 1979-05-27\n[[l]]\ne = 1.5\n";
        let tree = parse(text, FileId(0), &mut problems).unwrap();
        assert_eq!(problems, []);
        let value = tree.to_value();
        assert_eq!(
            value,
            json!({"z": 1, "nodes": {"b": {"x": 31, "a": {"c": "q"}}, "a": {"d": "1979-05-27"}}, "l": [{"e": 1.5}]})
        );
        assert_eq!(value["nodes"].as_object().unwrap().keys().collect::<Vec<_>>(), ["b", "a"]);
        let text_of = |tree: &Tree| text[tree.span.range()].to_owned();
        assert_eq!(text_of(tree.get("nodes").unwrap().get("b").unwrap()), "[nodes.b]");
        assert_eq!(text_of(tree.get("nodes").unwrap().get("b").unwrap().get("a").unwrap().get("c").unwrap()), "'''\nq'''");
    }

    #[test]
    fn both_places_of_a_duplicate_key_are_told() {
        #[track_caller]
        fn check(marked: &str) {
            let text = marked.replace(['«', '»'], "");
            let places: Vec<_> = marked
                .match_indices('«')
                .enumerate()
                .map(|(index, (at, _))| at - index * ('«'.len_utf8() + '»'.len_utf8()))
                .collect();
            let mut problems = Vec::new();
            assert!(parse(&text, FileId(0), &mut problems).is_some());
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].code, Code::DUPLICATE_KEY);
            assert_eq!([problems[0].related[0].span.start as usize, problems[0].span.start as usize], places[..]);
        }
        check("«a» = 1\nb = { a = 2 }\n«a» = 3\n");
        check("[nodes.«a»]\nx = 1\n[nodes.b]\n[nodes.«a»]\ny = 1\n");
        check("b = { «a» = 2, «a» = 3 }\n");
    }
}
