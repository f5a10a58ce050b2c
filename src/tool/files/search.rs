//! `search_files`: the lines of files that match a pattern.

use std::{io::Read as _, ops::ControlFlow, sync::Arc};

use async_trait::async_trait;
use cap_std::fs::Dir;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::json;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, ToolSpec, Value},
    tool::{
        Authorized, CallContext, Tool, ToolCall, ToolOutput,
        arguments::read_arguments,
        files::{
            MAX_FILE,
            glob::Glob,
            path::normalize,
            root::{Root, Way, What, no_regular_file, not_found, open_file},
            spec,
            tree::{MAX_DEPTH, Tree},
            work::{Stop, work},
        },
    },
};

/// The most lines that are given.
const MAX_LINES: usize = 500;
/// How much of a line is shown, in characters.
const MAX_SHOWN: usize = 300;
/// How large a compiled pattern may be, in bytes.
const MAX_PATTERN: usize = 1024 * 1024;
/// How much of a file is looked at to tell whether it is a text, in bytes.
const SAMPLE: usize = 8 * 1024;
/// How many lines are searched between two looks at whether anybody waits.
const LINES_PER_LOOK: usize = 1024;

#[derive(Debug)]
pub(super) struct SearchFiles {
    root: Arc<Root>,
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    #[serde(default)]
    plain: bool,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    path: String,
    glob: Option<String>,
}

impl SearchFiles {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, spec: Self::described() }
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Searches the text files of the project line by line and gives the lines that match, each as \
            `path:line: text`. Use it to find where something is written before you read whole files. Binary files, `.git`, \
            `.agentflow` and what may not be read are left out.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "pattern": {
                    "type": "string",
                    "minLength": 1,
                    "description": "A regular expression (Rust syntax: no look-around, no back-references), within one line."
                },
                "plain": { "type": "boolean", "description": "Whether `pattern` is plain text rather than an expression." },
                "ignore_case": { "type": "boolean", "description": "Whether upper and lower case are the same." },
                "path": { "type": "string", "description": "The folder or file, from the project's folder; all if not given." },
                "glob": {
                    "type": "string",
                    "description": "Only files that it covers: `*.md` by name, `src/**/*.rs` by path from the folder; `*` and `**` only."
                }
            },
            "required": ["pattern"],
            "additionalProperties": false
        });
        spec("search_files", Effect::Read, description, parameters)
    }
}

impl Arguments {
    fn regex(&self) -> Result<Regex> {
        let pattern = if self.plain { regex::escape(&self.pattern) } else { self.pattern.clone() };
        let mut builder = RegexBuilder::new(&pattern);
        builder.case_insensitive(self.ignore_case).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN);
        builder.build().map_err(|err| {
            // The last line says what is wrong; those before it show where.
            let text = err.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`pattern` is no regular expression: {reason}; set `plain` to search for it as it is");
            Error::new(ErrorKind::Invalid, message)
        })
    }
}

#[async_trait]
impl Tool for SearchFiles {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Read]
    }

    fn sample(&self) -> Option<Value> {
        Some("simulated/file.txt:1: simulated line\n".into())
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let arguments: Arguments = read_arguments(arguments)?;
        arguments.regex()?;
        arguments.glob.as_deref().map(Glob::new).transpose()?;
        Ok(vec![Way::Read.access(&normalize(&arguments.path)?)])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let arguments: Arguments = read_arguments(&call.arguments)?;
        let (root, max_output) = (Arc::clone(&self.root), context.max_output);
        work(move |stop| {
            let glob = arguments.glob.as_deref().map(Glob::new).transpose()?;
            let mut search = Search { regex: arguments.regex()?, stop, max_output, found: String::new(), lines: 0, skipped: 0 };
            let place = root.place(&call, &arguments.path, Way::Read)?;
            let mut notes = Vec::new();
            let mut is_cut = false;
            match place.what {
                What::File { parent, name, .. } => is_cut = search.file(&parent, &name, &place.path)?.is_break(),
                What::Folder(folder) => {
                    let mut tree = Tree::new(stop, MAX_DEPTH);
                    tree.walk(&folder, &place.path, &mut |entry| {
                        let from_here = entry.path[place.path.len()..].trim_start_matches('/');
                        let is_wanted = entry.kind.is_file() && glob.as_ref().is_none_or(|glob| glob.covers(from_here));
                        if !is_wanted || call.check(&Way::Read.access(entry.path)).is_err() {
                            return Ok(ControlFlow::Continue(()));
                        }
                        let flow = search.file(entry.parent, entry.name, entry.path)?;
                        is_cut = flow.is_break();
                        Ok(flow)
                    })?;
                    notes = tree.notes;
                }
                What::Missing { .. } => return Err(not_found(&arguments.path)),
                What::Special => return Err(no_regular_file(&arguments.path)),
            }
            if is_cut {
                notes.push(format!(
                    "stopped after {} lines: search in a folder, with a `glob`, or for something rarer",
                    search.lines
                ));
            } else if search.lines == 0 {
                notes.push("no line matches".to_owned());
            }
            if search.skipped > 0 {
                notes.push(format!("{} files are no text, too large or cannot be read, and were not searched", search.skipped));
            }
            Ok(ToolOutput { value: search.found.into(), notes })
        })
        .await
    }
}

struct Search<'a> {
    regex: Regex,
    stop: &'a Stop,
    max_output: usize,
    found: String,
    lines: usize,
    skipped: usize,
}

impl Search<'_> {
    /// Searches one file; breaks when there is no room for more.
    fn file(&mut self, parent: &Dir, name: &str, path: &str) -> Result<ControlFlow<()>> {
        self.stop.check()?;
        let mut bytes = Vec::new();
        let read = open_file(parent, name).and_then(|file| file.into_std().take(MAX_FILE + 1).read_to_end(&mut bytes));
        if read.is_err() || bytes.len() as u64 > MAX_FILE || bytes[..bytes.len().min(SAMPLE)].contains(&0) {
            self.skipped += 1;
            return Ok(ControlFlow::Continue(()));
        }
        // What follows the last line break is no line.
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if index % LINES_PER_LOOK == 0 {
                self.stop.check()?;
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !self.regex.is_match(line) {
                continue;
            }
            let shown = format!("{path}:{}: {}\n", index + 1, shorten(&String::from_utf8_lossy(line)));
            if self.lines == MAX_LINES || self.found.len() + shown.len() > self.max_output {
                return Ok(ControlFlow::Break(()));
            }
            self.found.push_str(&shown);
            self.lines += 1;
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
