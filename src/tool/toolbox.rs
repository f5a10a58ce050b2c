//! The tools there are: those that are always there, and those that sources such as MCP servers offer when they are asked.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use futures::future::try_join_all;

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
        let served = self.served(patterns).await?;
        let mut chosen: BTreeMap<ToolName, Arc<dyn Tool>> = BTreeMap::new();
        for pattern in patterns {
            let mut is_known = false;
            let own = self.tools.values().filter(|_| pattern.server().is_none());
            let offered = pattern.server().and_then(|server| served.get(server)).into_iter().flatten();
            for tool in own.chain(offered).filter(|tool| pattern.covers(&tool.spec().name)) {
                is_known = true;
                chosen.insert(tool.spec().name.clone(), Arc::clone(tool));
            }
            if !is_known {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no tool `{pattern}`"))
                    .hint("`agentflow tools list` shows the tools there are"));
            }
        }
        Ok(chosen.into_values().collect())
    }

    /// What the servers offer that the patterns name. They are asked at the same time: to start one may take seconds.
    async fn served<'p>(&self, patterns: &'p [ToolPattern]) -> Result<BTreeMap<&'p str, Vec<Arc<dyn Tool>>>> {
        let named: BTreeMap<_, _> = patterns.iter().filter_map(|pattern| Some((pattern.server()?, pattern))).collect();
        let asked = named.into_iter().map(|(server, pattern)| async move {
            let source = self.servers.get(server).ok_or_else(|| unknown_server(pattern, server))?;
            Ok::<_, Error>((server, source.tools().await?))
        });
        Ok(try_join_all(asked).await?.into_iter().collect())
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Barrier;

    use super::*;

    /// Answers once as many are asked as the barrier has places.
    #[derive(Debug)]
    struct Waits(Arc<Barrier>);

    #[async_trait]
    impl ToolSource for Waits {
        async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
            self.0.wait().await;
            Ok(Vec::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn servers_are_asked_at_the_same_time_and_each_once() {
        let barrier = Arc::new(Barrier::new(2));
        let mut toolbox = Toolbox::default();
        for server in ["one", "two", "three"] {
            toolbox.add_server(server, Arc::new(Waits(Arc::clone(&barrier))));
        }
        let patterns = ["mcp:one/a", "mcp:two/*", "mcp:one/b"].map(|text| ToolPattern::new(text).unwrap());
        let served = tokio::time::timeout(Duration::from_secs(1), toolbox.served(&patterns)).await.expect("not one by one");
        assert_eq!(served.unwrap().into_keys().collect::<Vec<_>>(), ["one", "two"]);
    }
}
