//! `list_files`: what is in a folder.

use std::{ops::ControlFlow, sync::Arc};

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
            glob::Glob,
            path::normalize,
            root::{Root, Way, What, not_found},
            spec,
            tree::{MAX_DEPTH, Tree},
            work::work,
        },
    },
};

/// The most entries that are listed.
const MAX_LISTED: usize = 2_000;

#[derive(Debug)]
pub(super) struct ListFiles {
    root: Arc<Root>,
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default)]
    path: String,
    glob: Option<String>,
    depth: Option<usize>,
}

impl ListFiles {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, spec: Self::described() }
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Lists the files and folders in a folder of the project, as sorted paths; those of folders end in `/`. Use it \
            to find out what there is before you read. With `glob` it finds files by their names in all folders below. `.git`, \
            `.agentflow` and what may not be read are left out.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": { "type": "string", "description": "The folder, from the project's folder; that itself if not given." },
                "glob": {
                    "type": "string",
                    "description": "Only files that it covers: `*.md` by name, `src/**/*.rs` by path from the folder; `*` and `**` only."
                },
                "depth": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "How many levels of folders: 1 is the folder alone. If not given 1, with `glob` all."
                }
            },
            "additionalProperties": false
        });
        spec("list_files", Effect::Read, description, parameters)
    }
}

#[async_trait]
impl Tool for ListFiles {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Read]
    }

    fn sample(&self) -> Option<Value> {
        Some(json!(["simulated/", "simulated/file.txt"]))
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let Arguments { path, glob, .. } = read_arguments(arguments)?;
        glob.as_deref().map(Glob::new).transpose()?;
        Ok(vec![Way::Read.access(&normalize(&path)?)])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let Arguments { path, glob, depth } = read_arguments(&call.arguments)?;
        let (root, max_output) = (Arc::clone(&self.root), context.max_output);
        work(move |stop| {
            let glob = glob.as_deref().map(Glob::new).transpose()?;
            let place = root.place(&call, &path, Way::Read)?;
            let folder = match place.what {
                What::Folder(folder) => folder,
                What::Missing { .. } => return Err(not_found(&path)),
                What::File { .. } | What::Special => {
                    return Err(Error::new(ErrorKind::Invalid, format!("`{path}` is no folder: `read_file` reads files")));
                }
            };
            let mut tree = Tree::new(stop, depth.unwrap_or(if glob.is_some() { MAX_DEPTH } else { 1 }));
            let (mut listed, mut bytes, mut is_cut) = (Vec::new(), 0, false);
            tree.walk(&folder, &place.path, &mut |entry| {
                let from_here = entry.path[place.path.len()..].trim_start_matches('/');
                let is_wanted = glob.as_ref().is_none_or(|glob| !entry.kind.is_dir() && glob.covers(from_here));
                if !is_wanted || call.check(&Way::Read.access(entry.path)).is_err() {
                    return Ok(ControlFlow::Continue(()));
                }
                // Quotes, a comma and the slash of a folder come on top.
                bytes += entry.path.len() + 4;
                if listed.len() == MAX_LISTED || bytes > max_output {
                    is_cut = true;
                    return Ok(ControlFlow::Break(()));
                }
                listed.push(if entry.kind.is_dir() { format!("{}/", entry.path) } else { entry.path.to_owned() });
                Ok(ControlFlow::Continue(()))
            })?;
            let mut notes = tree.notes;
            if is_cut {
                notes.push(format!("there is more than these {}: name a folder further down, or a `glob`", listed.len()));
            } else if listed.is_empty() {
                notes.push("there is nothing there, or nothing that may be read".to_owned());
            }
            Ok(ToolOutput { value: listed.into(), notes })
        })
        .await
    }
}
