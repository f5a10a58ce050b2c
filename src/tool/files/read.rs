//! `read_file`: the text of a file, or some lines of it.

use std::{
    io::{BufRead, BufReader, Read as _},
    sync::Arc,
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, ToolSpec, Value},
    tool::{
        Authorized, CallContext, Tool, ToolCall, ToolOutput,
        arguments::read_arguments,
        files::{
            path::normalize,
            root::{Root, Way, What, no_regular_file, not_found, open_file, trouble},
            spec,
            work::{Stop, work},
        },
    },
};

/// How much is read between two looks at whether anybody waits.
const BLOCK: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct ReadFile {
    root: Arc<Root>,
    spec: ToolSpec,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    #[serde(default = "first_line")]
    from_line: u64,
    lines: Option<u64>,
}

fn first_line() -> u64 {
    1
}

impl ReadFile {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, spec: Self::described() }
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Reads a text file of the project and gives its text as it is. Use it before you change a file or say \
            something about its contents. Long files come in pieces: a note says with which `from_line` to read on.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": { "type": "string", "description": "The file, from the project's folder: `src/main.rs`." },
                "from_line": { "type": "integer", "minimum": 1, "description": "The first line to read; 1 if not given." },
                "lines": { "type": "integer", "minimum": 1, "description": "How many lines to read at most; all if not given." }
            },
            "required": ["path"],
            "additionalProperties": false
        });
        spec("read_file", Effect::Read, description, parameters)
    }
}

#[async_trait]
impl Tool for ReadFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Read]
    }

    fn sample(&self) -> Option<Value> {
        Some("simulated text of a file\n".into())
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let Arguments { path, .. } = read_arguments(arguments)?;
        Ok(vec![Way::Read.access(&normalize(&path)?)])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let arguments: Arguments = read_arguments(&call.arguments)?;
        let (root, max_output) = (Arc::clone(&self.root), context.max_output);
        work(move |stop| {
            let path = &arguments.path;
            let (parent, name) = match root.place(&call, path, Way::Read)?.what {
                What::File { parent, name, .. } => (parent, name),
                What::Folder(_) => {
                    let message = format!("`{path}` is a folder: `list_files` tells what is in it");
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
                What::Special => return Err(no_regular_file(path)),
                What::Missing { .. } => return Err(not_found(path)),
            };
            let file = open_file(&parent, &name).map_err(|err| trouble(path, err))?;
            read(BufReader::with_capacity(BLOCK, file.into_std()), &arguments, max_output, stop)
        })
        .await
    }
}

fn read(mut reader: impl BufRead, arguments: &Arguments, max_output: usize, stop: &Stop) -> Result<ToolOutput> {
    let path = &arguments.path;
    let mut line = 1;
    while line < arguments.from_line {
        stop.check()?;
        let block = reader.fill_buf().map_err(|err| trouble(path, err))?;
        if block.is_empty() {
            let message = format!("`{path}` ends before line {}: it has {line} lines at most", arguments.from_line);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let (used, ended) = match block.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, 1),
            None => (block.len(), 0),
        };
        reader.consume(used);
        line += ended;
    }
    let mut text = String::new();
    let mut notes = Vec::new();
    let mut left = arguments.lines.unwrap_or(u64::MAX);
    loop {
        stop.check()?;
        if left == 0 {
            if !reader.fill_buf().map_err(|err| trouble(path, err))?.is_empty() {
                notes.push(format!("there is more: read on with `from_line` {line}"));
            }
            break;
        }
        let room = max_output - text.len();
        let mut bytes = Vec::new();
        // One byte more than there is room for tells that it does not fit.
        reader.by_ref().take(room as u64 + 1).read_until(b'\n', &mut bytes).map_err(|err| trouble(path, err))?;
        if bytes.is_empty() {
            break;
        }
        if bytes.len() <= room {
            text.push_str(
                std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(|| no_text(path, line))?,
            );
            line += 1;
            left -= 1;
        } else if text.is_empty() {
            bytes.truncate(room);
            text = beginning(&bytes).ok_or_else(|| no_text(path, line))?;
            notes.push(format!(
                "line {line} is too long to be read whole: its beginning is here, line {} comes after it",
                line + 1
            ));
            break;
        } else {
            notes.push(format!("cut before line {line}, as more would be too long: read on with `from_line` {line}"));
            break;
        }
    }
    if text.is_empty() && notes.is_empty() {
        notes.push(if line == 1 { "the file is empty".to_owned() } else { "there are no lines there".to_owned() });
    }
    Ok(ToolOutput { value: text.into(), notes })
}

/// The text of bytes whose last character may be cut.
fn beginning(bytes: &[u8]) -> Option<String> {
    let whole = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(err) if err.error_len().is_none() => std::str::from_utf8(&bytes[..err.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    (!whole.contains('\0')).then(|| whole.to_owned())
}

fn no_text(path: &str, line: u64) -> Error {
    let message = format!("`{path}` is no text: line {line} is not UTF-8 or holds a zero byte, so this tool cannot read it");
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &[u8], from_line: u64, lines: Option<u64>, max_output: usize, text: &str, note: &str) {
        let arguments = Arguments { path: "f".to_owned(), from_line, lines };
        let output = read(BufReader::with_capacity(3, file), &arguments, max_output, &Stop::default()).unwrap();
        assert_eq!(output.value, text);
        assert_eq!(output.notes.is_empty(), note.is_empty(), "{:?}", output.notes);
        assert!(output.notes.concat().contains(note), "{:?}", output.notes);
    }

    #[test]
    fn a_part_says_where_it_goes_on() {
        let file = "eins\nzwei\ndrei\r\nvier";
        check(file.as_bytes(), 1, None, 100, file, "");
        check(file.as_bytes(), 2, Some(2), 100, "zwei\ndrei\r\n", "`from_line` 4");
        check(file.as_bytes(), 4, Some(1), 100, "vier", "");
        check(file.as_bytes(), 1, None, 12, "eins\nzwei\n", "`from_line` 3");
        check(b"", 1, None, 12, "", "is empty");
        check(b"a\n", 2, None, 12, "", "no lines there");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        check("äöü\nb".as_bytes(), 1, None, 3, "ä", "line 1 is too long");
        check("x\näöü\nb".as_bytes(), 2, None, 4, "äö", "line 2 is too long");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for file in [&b"a\n\xff\xfe"[..], b"PNG\0\n"] {
            let arguments = Arguments { path: "f".to_owned(), from_line: 1, lines: None };
            let error = read(file, &arguments, 100, &Stop::default()).unwrap_err();
            assert!(error.message().contains("is no text"), "{error}");
        }
        let arguments = Arguments { path: "f".to_owned(), from_line: 9, lines: None };
        assert!(read(&b"a\n"[..], &arguments, 100, &Stop::default()).unwrap_err().message().contains("ends before line 9"));
    }
}
