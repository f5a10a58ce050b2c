//! `edit_file`: one text in a file in the place of another.

use std::{io::Read as _, sync::Arc};

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
            MAX_FILE,
            path::normalize,
            replace::replace,
            root::{Root, Way, What, no_regular_file, not_found, open_file, trouble},
            spec,
            work::work,
            write::check_writable,
        },
    },
};

#[derive(Debug)]
pub(super) struct EditFile {
    root: Arc<Root>,
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    old: String,
    new: String,
    #[serde(default)]
    all: bool,
}

impl EditFile {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, spec: Self::described() }
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Changes a text file of the project: puts `new` in the place of `old`. Read the file first: `old` must be \
            exactly what is there, with its spaces and line breaks, and be there once; take more of the lines around it if it is there \
            more often, or set `all`.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": { "type": "string", "description": "The file, from the project's folder." },
                "old": { "type": "string", "minLength": 1, "description": "The text that is there." },
                "new": { "type": "string", "description": "The text to be there instead; empty to remove `old`." },
                "all": { "type": "boolean", "description": "Whether to change every place at which `old` is; false if not given." }
            },
            "required": ["path", "old", "new"],
            "additionalProperties": false
        });
        // Not idempotent: `new` may hold `old`, and a second time would change it once more.
        spec("edit_file", Effect::Write, description, parameters)
    }
}

#[async_trait]
impl Tool for EditFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Read, AccessClass::Write]
    }

    /// To be told whether a text is in a file is to read it.
    fn sample(&self) -> Option<Value> {
        Some(json!({ "path": "simulated.txt", "replaced": 1 }))
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let Arguments { path, old, new, .. } = read_arguments(arguments)?;
        if old.is_empty() || old == new {
            return Err(Error::new(ErrorKind::Invalid, "`old` must be a text, and another one than `new`"));
        }
        let path = normalize(&path)?;
        Ok(vec![Way::Read.access(&path), Way::Write.access(&path)])
    }

    async fn call(&self, call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        let arguments: Arguments = read_arguments(&call.arguments)?;
        let root = Arc::clone(&self.root);
        work(move |_| {
            let path = &arguments.path;
            let _one_at_a_time = root.writing();
            let place = root.place(&call, path, Way::Write)?;
            call.check(&Way::Read.access(&place.path))?;
            let (parent, name, metadata) = match place.what {
                What::File { parent, name, metadata } => (parent, name, metadata),
                What::Folder(_) => return Err(Error::new(ErrorKind::Invalid, format!("`{path}` is a folder"))),
                What::Special => return Err(no_regular_file(path)),
                What::Missing { .. } => return Err(not_found(path)),
            };
            check_writable(path, &metadata)?;
            let file = open_file(&parent, &name).map_err(|err| trouble(path, err))?;
            let mut bytes = Vec::new();
            file.into_std().take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|err| trouble(path, err))?;
            if bytes.len() as u64 > MAX_FILE {
                return Err(Error::new(ErrorKind::Invalid, format!("`{path}` is larger than {} MiB", MAX_FILE >> 20)));
            }
            let text = String::from_utf8(bytes)
                .map_err(|_| Error::new(ErrorKind::Invalid, format!("`{path}` is no text: it is not UTF-8")))?;
            let (text, replaced) = edit(&text, &arguments)?;
            replace(&parent, &name, text.as_bytes(), Some(metadata.permissions())).map_err(|err| trouble(path, err))?;
            Ok(ToolOutput::new(json!({ "path": place.path, "replaced": replaced })))
        })
        .await
    }
}

fn edit(text: &str, arguments: &Arguments) -> Result<(String, usize)> {
    let Arguments { path, old, new, all } = arguments;
    let found = text.matches(old.as_str()).count();
    if found == 1 || found > 1 && *all {
        return Ok((text.replace(old.as_str(), new), found));
    }
    let message = if found > 1 {
        let lines: Vec<_> =
            text.match_indices(old.as_str()).take(5).map(|(at, _)| (text[..at].matches('\n').count() + 1).to_string()).collect();
        let more = if found > lines.len() { ", …" } else { "" };
        let lines = lines.join(", ");
        format!("`old` is in `{path}` {found} times (lines {lines}{more}): take in more of the lines around it, or set `all`")
    } else if text.replace("\r\n", "\n").contains(&old.replace("\r\n", "\n")) {
        format!(
            "`old` is in `{path}` with other line breaks: its lines end in {}",
            if old.contains("\r\n") { "\\n" } else { "\\r\\n" }
        )
    } else if is_there_with_other_spaces(text, old) {
        format!("`old` is in `{path}` with other spaces or line breaks: read the file and copy it exactly")
    } else {
        format!("`old` is not in `{path}`: read the file and copy it exactly")
    };
    Err(Error::new(ErrorKind::Invalid, message))
}

fn is_there_with_other_spaces(text: &str, old: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let old = plain(old);
    !old.is_empty() && plain(text).contains(&old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, old: &str, new: &str, all: bool, expected: std::result::Result<&str, &str>) {
        let arguments = Arguments { path: "f".to_owned(), old: old.to_owned(), new: new.to_owned(), all };
        match (edit(text, &arguments), expected) {
            (Ok((text, _)), Ok(expected)) => assert_eq!(text, expected),
            (Err(error), Err(part)) => assert!(error.message().contains(part), "{error}"),
            (got, expected) => panic!("{got:?} for {expected:?}"),
        }
    }

    #[test]
    fn only_what_is_there_once_is_changed() {
        check("a b a", "b", "c", false, Ok("a c a"));
        check("a b a", "a", "c", true, Ok("c b c"));
        check("a\nb\na", "a", "c", false, Err("2 times (lines 1, 3)"));
        check("a", "b", "c", true, Err("is not in `f`"));
    }

    #[test]
    fn a_near_miss_is_told_what_is_wrong() {
        check("a\r\nb\r\n", "a\nb", "c", false, Err("its lines end in \\r\\n"));
        check("fn f() {\n\tx\n}", "fn f() {\n    x", "", false, Err("other spaces"));
    }
}
