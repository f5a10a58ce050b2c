//! `write_file`: a file with given contents, whole or not at all.

use std::{io, sync::Arc};

use async_trait::async_trait;
use cap_std::fs::{Dir, Metadata};
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
            replace::replace,
            root::{Root, Way, What, no_regular_file, open_folder, trouble},
            spec,
            work::work,
        },
    },
};

#[derive(Debug)]
pub(super) struct WriteFile {
    root: Arc<Root>,
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    content: String,
}

impl WriteFile {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, spec: Self::described() }
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Writes a text file of the project: a new one, or in place of all that was in it. Folders that are missing \
            are made. To change a part of a file, use `edit_file` instead.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": { "type": "string", "description": "The file, from the project's folder: `reports/june.md`." },
                "content": { "type": "string", "description": "All that is to be in the file." }
            },
            "required": ["path", "content"],
            "additionalProperties": false
        });
        // The same contents written again change nothing.
        spec("write_file", Effect::Idempotent, description, parameters)
    }
}

#[async_trait]
impl Tool for WriteFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Write]
    }

    fn sample(&self) -> Option<Value> {
        Some(json!({ "path": "simulated.txt", "bytes": 0 }))
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let Arguments { path, .. } = read_arguments(arguments)?;
        let path = normalize(&path)?;
        if path.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "`path` names the project's folder: name a file in it"));
        }
        Ok(vec![Way::Write.access(&path)])
    }

    async fn call(&self, call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        let Arguments { path, content } = read_arguments(&call.arguments)?;
        let root = Arc::clone(&self.root);
        work(move |_| {
            let _one_at_a_time = root.writing();
            let place = root.place(&call, &path, Way::Write)?;
            let written = match place.what {
                What::Folder(_) => {
                    return Err(Error::new(ErrorKind::Invalid, format!("`{path}` is a folder: name a file in it")));
                }
                What::Special => return Err(no_regular_file(&path)),
                What::File { parent, name, metadata } => {
                    check_writable(&path, &metadata)?;
                    replace(&parent, &name, content.as_bytes(), Some(metadata.permissions()))
                }
                What::Missing { parent, folders, name } => {
                    make_folders(parent, &folders).and_then(|parent| replace(&parent, &name, content.as_bytes(), None))
                }
            };
            written.map_err(|err| trouble(&path, err))?;
            Ok(ToolOutput::new(json!({ "path": place.path, "bytes": content.len() })))
        })
        .await
    }
}

/// # Errors
/// `Denied` for a file that its owner made read-only: to replace it would go around that.
pub(super) fn check_writable(path: &str, metadata: &Metadata) -> Result<()> {
    if metadata.permissions().readonly() {
        return Err(Error::new(ErrorKind::Denied, format!("`{path}` is read-only")));
    }
    Ok(())
}

/// Makes each folder in the one before and opens it; one that somebody else made meanwhile is as good.
fn make_folders(mut parent: Dir, folders: &[String]) -> io::Result<Dir> {
    for folder in folders {
        match parent.create_dir(folder) {
            Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
            Ok(()) | Err(_) => parent = open_folder(&parent, folder)?,
        }
    }
    Ok(parent)
}
