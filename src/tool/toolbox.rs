//! The tools there are: those that are always there, and those that sources such as MCP servers offer when they are asked.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{ToolName, ToolPattern},
    tool::Tool,
};

/// Offers tools, once it is asked: to list them may take a while and may fail.
#[async_trait]
pub trait ToolSource: fmt::Debug + Send + Sync {
    /// The tools, by name. Asked before each use; what is known need not be found out again.
    ///
    /// # Errors
    /// When it cannot be reached, or does not offer what it offered when it was approved (`Denied`).
    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>>;
}

/// All tools of a project.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    tools: BTreeMap<ToolName, Arc<dyn Tool>>,
    /// By the name of the server.
    servers: BTreeMap<String, Arc<dyn ToolSource>>,
}

impl Toolbox {
    /// Puts a tool in, in place of one of the same name.
    pub fn add(&mut self, tool: Arc<dyn Tool>) {
        self.tools.insert(tool.spec().name.clone(), tool);
    }

    /// Puts an MCP server in: its tools are called `mcp:SERVER/…`.
    pub fn add_server(&mut self, server: impl Into<String>, source: Arc<dyn ToolSource>) {
        self.servers.insert(server.into(), source);
    }

    /// The tools that are always there, by name.
    pub fn tools(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.values()
    }

    /// The names of the MCP servers, ascending.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    /// The tools that the patterns mean, by name, each once; only servers that a pattern names are asked.
    ///
    /// # Errors
    /// `NotFound` for a name without a tool and a pattern that means none; those of [`ToolSource::tools`].
    pub async fn select(&self, patterns: &[ToolPattern]) -> Result<Vec<Arc<dyn Tool>>> {
        let mut chosen: BTreeMap<ToolName, Arc<dyn Tool>> = BTreeMap::new();
        for pattern in patterns {
            let offered = match pattern.server() {
                None => self.tools.values().cloned().collect(),
                Some(server) => {
                    let source = self.servers.get(server).ok_or_else(|| unknown_server(pattern, server))?;
                    source.tools().await?
                }
            };
            let before = chosen.len();
            let mut is_known = false;
            for tool in offered.into_iter().filter(|tool| pattern.covers(&tool.spec().name)) {
                is_known = true;
                chosen.insert(tool.spec().name.clone(), tool);
            }
            if chosen.len() == before && !is_known {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no tool `{pattern}`"))
                    .hint("`agentflow tools list` shows the tools there are"));
            }
        }
        Ok(chosen.into_values().collect())
    }

    /// The tool called `name`.
    ///
    /// # Errors
    /// As [`Toolbox::select`].
    pub async fn get(&self, name: &ToolName) -> Result<Arc<dyn Tool>> {
        let pattern = ToolPattern::new(name.as_str())?;
        let mut found = self.select(std::slice::from_ref(&pattern)).await?;
        found.pop().ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no tool `{name}`")))
    }
}

fn unknown_server(pattern: &ToolPattern, server: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("tool `{pattern}`: there is no MCP server `{server}`"))
        .hint(format!("describe it as `[mcp.{server}]` in the manifest"))
}
