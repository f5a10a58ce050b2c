//! What a server is known by: how it is started and what its tools say of themselves, as digests. Whoever approved one definition has
//! not approved the next.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use rmcp::model::Tool as Definition;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    tool::mcp::settings::{McpSettings, McpTransport},
};

/// Remembers what was approved. Asked each time a server has said what it offers, before any of it is used.
#[async_trait]
pub trait Pins: fmt::Debug + Send + Sync {
    /// Whether `definition` is what was approved; see [`ServerDefinition::check`].
    ///
    /// # Errors
    /// `Denied` if it is not.
    async fn check(&self, definition: &ServerDefinition) -> Result<()>;
}

/// What a server is known by. Digests are SHA-256, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerDefinition {
    /// Its name in the manifest.
    pub server: String,
    /// Of all the rest.
    pub digest: String,
    /// Of the command, its arguments and the names of its variables, or of the URL and the names of the headers.
    pub launch: String,
    /// Its tools, by their names there.
    pub tools: BTreeMap<String, ToolDigest>,
}

/// What a tool is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolDigest {
    /// Of the name and the description.
    pub description: String,
    /// Of the name and the schema of its arguments.
    pub schema: String,
}

impl ToolDigest {
    pub(super) fn of(definition: &Definition) -> Self {
        let description = definition.description.as_deref().unwrap_or_default();
        let schema = serde_json::Value::Object((*definition.input_schema).clone());
        Self {
            description: digest(["description", &definition.name, description]),
            schema: digest(["schema", &definition.name, &canonical(schema).to_string()]),
        }
    }
}

impl ServerDefinition {
    pub(super) fn of(settings: &McpSettings, tools: BTreeMap<String, ToolDigest>) -> Self {
        let launch = match &settings.transport {
            McpTransport::Stdio { command, env, .. } => {
                let words = command.iter().map(String::as_str);
                let count = command.len().to_string();
                digest(["stdio", &count].into_iter().chain(words).chain(env.keys().map(String::as_str)))
            }
            McpTransport::Http { url, headers } => digest(["http", url].into_iter().chain(headers.keys().map(String::as_str))),
        };
        Self::written(settings.name.as_str(), launch, tools)
    }

    /// What was written down of a server.
    #[must_use]
    pub fn written(server: impl Into<String>, launch: impl Into<String>, tools: BTreeMap<String, ToolDigest>) -> Self {
        let (server, launch) = (server.into(), launch.into());
        let parts = tools.iter().flat_map(|(name, tool)| [name.as_str(), &tool.description, &tool.schema]);
        let digest = digest([server.as_str(), &launch].into_iter().chain(parts));
        Self { server, digest, launch, tools }
    }

    /// Whether this is what was approved.
    ///
    /// # Errors
    /// `Denied`, naming what has changed.
    pub fn check(&self, approved: &Self) -> Result<()> {
        let changes = self.changes_since(approved);
        if changes.is_empty() {
            return Ok(());
        }
        let what = format!("MCP server `{}` is not what was approved: {}", self.server, changes.join(", "));
        Err(Error::new(ErrorKind::Denied, what)
            .hint(format!("look at it, and approve it with `agentflow tools trust {}` if it is right", self.server)))
    }

    /// What is different, in words; empty when nothing is.
    #[must_use]
    pub fn changes_since(&self, approved: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.launch != approved.launch {
            changes.push("it is started or reached in another way".to_owned());
        }
        for (name, tool) in &self.tools {
            match approved.tools.get(name) {
                None => changes.push(format!("tool `{name}` is new")),
                Some(before) if before.description != tool.description => {
                    let and_schema = if before.schema == tool.schema { "" } else { " and schema" };
                    changes.push(format!("tool `{name}` has another description{and_schema}"));
                }
                Some(before) if before.schema != tool.schema => changes.push(format!("tool `{name}` has another schema")),
                Some(_) => {}
            }
        }
        let gone = approved.tools.keys().filter(|name| !self.tools.contains_key(*name));
        changes.extend(gone.map(|name| format!("tool `{name}` is gone")));
        changes
    }
}

/// The digest of parts, each with its length, so that nothing can move from one into the next.
fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut sha = Sha256::new();
    sha.update(b"agentflow-mcp-1");
    for part in parts {
        sha.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        sha.update(part.as_bytes());
    }
    data_encoding::HEXLOWER.encode(&sha.finalize())
}

/// The same value with the keys of its objects in order: a server may write them in any.
fn canonical(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<String, Value> = object.into_iter().map(|(key, value)| (key, canonical(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::Arc};

    use serde_json::{Value, json};

    use super::*;

    fn stdio(command: &[&str], env: &[&str]) -> McpSettings {
        let transport = McpTransport::Stdio {
            command: command.iter().map(|&word| word.to_owned()).collect(),
            env: env.iter().map(|&name| (name.to_owned(), "secret".into())).collect(),
            inherited: BTreeMap::new(),
            folder: PathBuf::new(),
        };
        McpSettings::new("gh", transport)
    }

    fn tools(tools: &[(&'static str, &'static str, Value)]) -> BTreeMap<String, ToolDigest> {
        let tool = |(name, description, schema): &(&'static str, &'static str, Value)| {
            let schema = Arc::new(schema.as_object().unwrap().clone());
            ((*name).to_owned(), ToolDigest::of(&Definition::new(*name, *description, schema)))
        };
        tools.iter().map(tool).collect()
    }

    #[test]
    fn a_change_is_named_and_denied() {
        let settings = stdio(&["server"], &[]);
        let [a, b] = [json!({ "type": "object" }), json!({ "type": "object", "required": ["x"] })];
        let before = ServerDefinition::of(
            &settings,
            tools(&[("keep", "k", a.clone()), ("told", "t", a.clone()), ("taken", "n", a.clone()), ("gone", "g", a.clone())]),
        );
        let after = ServerDefinition::of(
            &stdio(&["server", "--evil"], &[]),
            tools(&[("keep", "k", a.clone()), ("told", "T", b.clone()), ("taken", "n", b), ("new", "n", a)]),
        );
        assert!(before.check(&before).is_ok());
        let error = after.check(&before).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(
            error.message(),
            "MCP server `gh` is not what was approved: it is started or reached in another way, tool `new` is new, tool `taken` \
             has another schema, tool `told` has another description and schema, tool `gone` is gone"
        );
        assert!(error.hints()[0].contains("agentflow tools trust gh"), "{error:?}");
        assert_ne!(before.digest, after.digest);
    }

    #[test]
    fn the_launch_counts_words_one_by_one_and_variables_by_name() {
        let launch = |command: &[&str], env: &[&str]| ServerDefinition::of(&stdio(command, env), BTreeMap::new()).launch;
        assert_ne!(launch(&["a", "b c"], &[]), launch(&["a", "b", "c"], &[]));
        assert_ne!(launch(&["a"], &["X"]), launch(&["a"], &[]));
        assert_ne!(launch(&["a", "X"], &[]), launch(&["a"], &["X"]));
    }

    #[test]
    fn the_order_of_keys_in_a_schema_changes_nothing() {
        let one = tools(&[("t", "d", json!({ "type": "object", "properties": { "a": {}, "b": {} } }))]);
        let other = tools(&[("t", "d", json!({ "properties": { "b": {}, "a": {} }, "type": "object" }))]);
        assert_eq!(one, other);
    }
}
