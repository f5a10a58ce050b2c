//! CSV (RFC 4180) → rows as JSON Lines would have them: `{ id, inputs, expected }`, all values texts.
//!
//! A column is an input, unless it is called `id`, `expected` or `expected.NAME`; `inputs.NAME` is always an input. An empty cell says
//! nothing.

use std::ops::Range;

use super::key;
use crate::{
    diagnostic::{Code, Diagnostic, FileId, Span, Spanned},
    manifest::{Entries, Tree, TreeKind},
};

/// What a column holds.
enum Column {
    Id,
    Input(String),
    Expected,
    ExpectedField(String),
}

impl Column {
    fn of(name: &str) -> Self {
        match (name, name.split_once('.')) {
            ("id", _) => Self::Id,
            ("expected", _) => Self::Expected,
            (_, Some(("expected", field))) => Self::ExpectedField(field.to_owned()),
            (_, Some(("inputs", input))) => Self::Input(input.to_owned()),
            _ => Self::Input(name.to_owned()),
        }
    }
}

/// The rows of `text`.
pub(super) fn rows(text: &str, file: FileId, problems: &mut Vec<Diagnostic>) -> Vec<Tree> {
    let mut records = records(text).into_iter();
    let Some(header) = records.next() else { return Vec::new() };
    let before = problems.len();
    let columns = columns(&header, file, problems);
    if problems.len() > before {
        return Vec::new();
    }
    let mut trees = Vec::new();
    for record in records {
        let span = Span::new(file, record.range.clone());
        if record.cells.len() != columns.len() {
            let count = record.cells.len();
            let cells = if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") };
            let message = format!("the row has {cells}, and there are {} columns", columns.len());
            let problem = Diagnostic::error(Code::OUT_OF_RANGE, Span { end: span.start, ..span }, message);
            problems.push(problem.hint("a cell with a comma or a line break in it stands in double quotes"));
            continue;
        }
        trees.push(row(&columns, &record, span));
    }
    trees
}

fn columns(header: &Record, file: FileId, problems: &mut Vec<Diagnostic>) -> Vec<(Spanned<String>, Column)> {
    let mut columns: Vec<(Spanned<String>, Column)> = Vec::new();
    for (name, range) in &header.cells {
        let (name, span) = (name.trim(), Span::new(file, range.clone()));
        if name.is_empty() {
            problems.push(Diagnostic::error(Code::INVALID_NAME, span, "a column has no name"));
        } else if let Some((first, _)) = columns.iter().find(|(known, _)| known.value == name) {
            let message = format!("the column `{}` is there twice", name.escape_debug());
            problems.push(Diagnostic::error(Code::DUPLICATE_KEY, span, message).related(first.span, "the first one"));
        }
        let column = Column::of(name);
        let is_other = |(_, known): &(Spanned<String>, Column)| {
            matches!(
                (known, &column),
                (Column::Expected, Column::ExpectedField(_)) | (Column::ExpectedField(_), Column::Expected)
            )
        };
        if columns.iter().any(is_other) {
            let message = "`expected` is one column or several `expected.NAME`, not both";
            problems.push(Diagnostic::error(Code::KEY_COMBINATION, span, message));
        }
        columns.push((key(name, span), column));
    }
    columns
}

fn row(columns: &[(Spanned<String>, Column)], record: &Record, span: Span) -> Tree {
    let (mut entries, mut inputs, mut fields): (Entries<Tree>, Entries<Tree>, Entries<Tree>) = Default::default();
    for ((name, column), (text, range)) in columns.iter().zip(&record.cells) {
        if text.is_empty() {
            continue;
        }
        let value = Tree::new(Span::new(span.file, range.clone()), TreeKind::String(text.clone()));
        match column {
            Column::Id => entries.push((key("id", name.span), value)),
            Column::Expected => entries.push((key("expected", name.span), value)),
            Column::ExpectedField(field) => fields.push((key(field, name.span), value)),
            Column::Input(input) => inputs.push((key(input, name.span), value)),
        }
    }
    if !fields.is_empty() {
        entries.push((key("expected", span), Tree::new(span, TreeKind::Map(fields))));
    }
    entries.push((key("inputs", span), Tree::new(span, TreeKind::Map(inputs))));
    Tree::new(span, TreeKind::Map(entries))
}

/// A line of cells, with the place of each in the text.
struct Record {
    range: Range<usize>,
    cells: Vec<(String, Range<usize>)>,
}

/// All records; the crate says what the cells are, and their places are found beside it.
fn records(text: &str) -> Vec<Record> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut record = csv::StringRecord::new();
    // The text is UTF-8 and records may have any length: nothing can fail.
    while let Ok(true) = reader.read_record(&mut record) {
        let start = record.position().map_or(0, csv::Position::byte);
        let narrow = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(text.len());
        let (start, end) = (narrow(start), narrow(reader.position().byte()));
        let raw = &text[start..end];
        let start = start + (raw.len() - raw.trim_start_matches(['\r', '\n']).len());
        let range = start..start + text[start..end].trim_end_matches(['\r', '\n']).len();
        let places = places(&text[range.clone()]).into_iter().map(|place| start + place.start..start + place.end);
        records.push(Record { cells: record.iter().map(str::to_owned).zip(places).collect(), range });
    }
    records
}

/// Where the cells of a record stand, with their quotes.
fn places(raw: &str) -> Vec<Range<usize>> {
    let (mut places, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, character) in raw.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                places.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    places.push(start..raw.len());
    places
}
