//! Data sets: rows of inputs with what is expected of them, in JSON Lines or CSV.
//!
//! Read without knowing any workflow, with the place of every value; `check` holds the rows against the inputs of one.

mod check;
mod comma_separated;

use std::{fs::File, io::Read as _, path::Path};

use serde_json::json;

pub(super) use check::inputs_of;

use crate::{
    diagnostic::{Code, Diagnostic, FileId, MAX_FILE_BYTES, Sources, Span, Spanned, nearest},
    error::{Error, ErrorKind, Result},
    manifest::{Entries, Tree, TreeKind, read_data_lines},
    model::Value,
    store::Digest,
};

/// The largest data set, in bytes.
const MAX_BYTES: u64 = 64 * MAX_FILE_BYTES;
/// The keys of a row.
const KEYS: [&str; 3] = ["id", "inputs", "expected"];

/// A data set.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// A digest of its text.
    pub digest: String,
    /// Its rows, in order.
    pub rows: Vec<DataRow>,
}

/// A row, not yet held against a workflow.
#[derive(Debug, Clone)]
pub struct DataRow {
    /// Its `id`; the number of its line when it has none.
    pub id: String,
    /// Its line in the file.
    pub line: usize,
    /// Where it is written.
    pub span: Span,
    /// Its inputs.
    pub inputs: Entries<Tree>,
    /// What is expected.
    pub expected: Option<Tree>,
    /// Whether its values are texts that become what the workflow takes: cells of a CSV file.
    pub is_text: bool,
}

impl DataRow {
    /// What is expected, as a value.
    #[must_use]
    pub fn expected(&self) -> Option<Value> {
        self.expected.as_ref().map(Tree::to_value)
    }

    /// A digest of what the row says: two rows with the same one are the same.
    #[must_use]
    pub fn digest(&self) -> String {
        let inputs: Vec<_> = self.inputs.iter().map(|(name, value)| json!([name.value, value.to_value()])).collect();
        short(Digest::of(json!([inputs, self.expected()]).to_string().as_bytes()))
    }
}

/// Reads the data set at `path`: CSV when its name ends in `.csv`, otherwise JSON Lines. Every problem is added to `problems`.
///
/// # Errors
/// When the file cannot be read at all.
pub(super) fn read(path: &Path, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> Result<DataSet> {
    let before = problems.len();
    let text = read_text(path)?;
    let digest = short(Digest::of(text.as_bytes()));
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let (file, trees) = if is_csv {
        let file = sources.add(path.to_owned(), text);
        (file, comma_separated::rows(&sources.get(file).text, file, problems))
    } else {
        read_data_lines(path, text, sources, problems)
    };
    let mut rows = Vec::with_capacity(trees.len());
    for tree in &trees {
        rows.extend(row(tree, is_csv, sources, problems));
    }
    twice(&rows, problems);
    if rows.is_empty() && problems.len() == before {
        problems.push(empty(file, path));
    }
    Ok(DataSet { digest, rows })
}

/// A digest of sixteen digits.
fn short(digest: Digest) -> String {
    digest.to_string().chars().take(16).collect()
}

fn empty(file: FileId, path: &Path) -> Diagnostic {
    let message = format!("the data set `{}` has no rows", path.display());
    let row = r#"a row is a line such as {"inputs": {"message": "Help!"}, "expected": {"kind": "bug"}}"#;
    Diagnostic::error(Code::MISSING_KEY, Span::new(file, 0..0), message).hint(row)
}

fn read_text(path: &Path) -> Result<String> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Invalid };
        Error::new(kind, format!("cannot read the data set `{shown}`")).source(error)
    };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::new(ErrorKind::Invalid, format!("the data set `{shown}` is larger than 64 MiB")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        let column = error.as_bytes()[..at].iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Error::new(ErrorKind::Invalid, format!("{shown}:{line}:{column}: the data set is not UTF-8"))
            .hint("save the file as UTF-8")
    })
}

/// A row of a tree, as far as it is one.
fn row(tree: &Tree, is_text: bool, sources: &Sources, problems: &mut Vec<Diagnostic>) -> Option<DataRow> {
    let Some(entries) = tree.as_map() else {
        let message = format!("a row must be a map with `inputs` and `expected`, found {}", tree.describe());
        problems.push(Diagnostic::error(Code::WRONG_TYPE, tree.span, message).label("expected a map"));
        return None;
    };
    for (key, _) in entries.iter().filter(|(key, _)| !KEYS.contains(&key.value.as_str())) {
        let problem = Diagnostic::error(Code::UNKNOWN_KEY, key.span, format!("a row has no key `{}`", key.value.escape_debug()));
        problems.push(match nearest(&key.value, KEYS) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("what the workflow is given stands in `inputs`"),
        });
    }
    let inputs = match tree.get("inputs").map(|inputs| (&inputs.kind, inputs)) {
        None => Vec::new(),
        Some((TreeKind::Map(inputs), _)) => inputs.clone(),
        Some((_, inputs)) => {
            let message = format!("`inputs` must be a map, found {}", inputs.describe());
            problems.push(Diagnostic::error(Code::WRONG_TYPE, inputs.span, message).label("expected a map"));
            return None;
        }
    };
    let line = sources.position(tree.span).line;
    let id = match tree.get("id").map(|id| (&id.kind, id.span)) {
        None => line.to_string(),
        Some((TreeKind::String(id), _)) if !id.trim().is_empty() => id.trim().to_owned(),
        Some((TreeKind::Integer(id), _)) => id.to_string(),
        Some((_, span)) => {
            problems.push(Diagnostic::error(Code::WRONG_TYPE, span, "`id` must be a text or a whole number").label("no id"));
            return None;
        }
    };
    Some(DataRow { id, line, span: tree.span, inputs, expected: tree.get("expected").cloned(), is_text })
}

/// Reports ids that several rows have.
fn twice(rows: &[DataRow], problems: &mut Vec<Diagnostic>) {
    let mut seen = std::collections::HashMap::new();
    for row in rows {
        if let Some(first) = seen.insert(&row.id, row.span) {
            let start = |span: Span| Span { end: span.start, ..span };
            let message = format!("two rows have the id `{}`", row.id.escape_debug());
            problems
                .push(Diagnostic::error(Code::DUPLICATE_KEY, start(row.span), message).related(start(first), "the first one"));
        }
    }
}

/// A key with its place.
fn key(name: &str, span: Span) -> Spanned<String> {
    Spanned::new(name.to_owned(), span)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows as JSON, and the problems as `LINE:COLUMN MESSAGE`.
    fn read_as(name: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        let rows = read(&path, &mut sources, &mut problems).unwrap().rows;
        let row = |row: &DataRow| {
            let inputs: serde_json::Map<_, _> =
                row.inputs.iter().map(|(name, value)| (name.value.clone(), value.to_value())).collect();
            format!("{} {} {} {}", row.line, row.id, Value::Object(inputs), row.expected().unwrap_or_default())
        };
        let told = problems.iter().map(|problem| {
            let place = sources.position(problem.span);
            format!("{}:{} {}", place.line, place.column, problem.message.replace(&*folder.path().to_string_lossy(), "[folder]"))
        });
        (rows.iter().map(row).collect(), told.collect())
    }

    #[test]
    fn json_lines_are_rows_with_ids_or_the_numbers_of_their_lines() {
        let (rows, problems) = read_as(
            "rows.jsonl",
            "{\"id\": \"a\", \"inputs\": {\"m\": \"x\"}, \"expected\": {\"kind\": \"bug\"}}\n\n{\"inputs\": {\"m\": 1}}\n{\"id\": 7, \"expected\": [1]}\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(rows, [r#"1 a {"m":"x"} {"kind":"bug"}"#, r#"3 3 {"m":1} null"#, "4 7 {} [1]"]);
    }

    #[test]
    fn what_is_wrong_in_json_lines_is_told_with_line_and_column() {
        let (_, problems) = read_as(
            "rows.jsonl",
            "[1]\n{\"inputs\": [1]}\n{\"input\": {}}\n{\"id\": null}\n{\"id\": \"x\"}\n{\"id\": \"x\"}\n{\"id\": }\n",
        );
        assert_eq!(
            problems,
            [
                "7:8 no valid JSON: expected a value, found `}`",
                "1:1 a row must be a map with `inputs` and `expected`, found a list",
                "2:12 `inputs` must be a map, found a list",
                "3:2 a row has no key `input`",
                "4:8 `id` must be a text or a whole number",
                "6:1 two rows have the id `x`",
            ]
        );
        assert_eq!(read_as("rows.jsonl", "\n").1, ["1:1 the data set `[folder]/rows.jsonl` has no rows"]);
    }

    #[test]
    fn cells_of_csv_are_inputs_unless_their_column_says_otherwise() {
        let (rows, problems) = read_as(
            "rows.csv",
            "id,message,inputs.id,expected.kind,expected.words\r\na,\"Hello, \"\"you\"\"\r\nthere\",9,bug,\r\nb,,8,question,x\r\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            rows,
            [
                r#"2 a {"message":"Hello, \"you\"\r\nthere","id":"9"} {"kind":"bug"}"#,
                r#"4 b {"id":"8"} {"kind":"question","words":"x"}"#,
            ]
        );
        let (rows, _) = read_as("rows.csv", "message,expected\nx,12\n");
        assert_eq!(rows, [r#"2 2 {"message":"x"} "12""#]);
    }

    #[test]
    fn what_is_wrong_in_csv_is_told_with_line_and_column() {
        assert_eq!(read_as("rows.csv", "a,b,a\n1,2,3\n").1, ["1:5 the column `a` is there twice"]);
        assert_eq!(
            read_as("rows.csv", "a,expected,expected.kind\n1,2,3\n").1,
            ["1:12 `expected` is one column or several `expected.NAME`, not both"]
        );
        assert_eq!(read_as("rows.csv", "a,\n1,2\n").1, ["1:3 a column has no name"]);
        assert_eq!(
            read_as("rows.csv", "a,b\n1,2\n1\n1,2,3\n").1,
            ["3:1 the row has 1 cell, and there are 2 columns", "4:1 the row has 3 cells, and there are 2 columns"]
        );
        assert_eq!(read_as("rows.csv", "a,b\n").1, ["1:1 the data set `[folder]/rows.csv` has no rows"]);
        assert_eq!(read_as("rows.csv", "").1, ["1:1 the data set `[folder]/rows.csv` has no rows"]);
    }

    #[test]
    fn a_digest_is_that_of_what_a_row_says() {
        let digest = |text: &str| {
            let (mut sources, mut problems) = (Sources::default(), Vec::new());
            let (_, trees) = read_data_lines(Path::new("r.jsonl"), text.to_owned(), &mut sources, &mut problems);
            row(&trees[0], false, &sources, &mut problems).unwrap().digest()
        };
        assert_eq!(digest(r#"{"id": "a", "inputs": {"m": 1}}"#), digest(r#"{ "inputs":{"m":1} }"#));
        assert_ne!(digest(r#"{"inputs": {"m": 1}}"#), digest(r#"{"inputs": {"m": 2}}"#));
        assert_ne!(digest(r#"{"inputs": {"m": 1}}"#), digest(r#"{"inputs": {"m": 1}, "expected": 1}"#));
    }
}
