//! The MCP servers of a manifest, to be looked at: as they are described, and what one of them offers.

use serde::Serialize;

use super::toolkit::{ToolReport, Toolkit};
use crate::{
    error::Result,
    manifest::Manifest,
    model::ToolPattern,
    tool::{
        Rules,
        mcp::{McpPrompt, McpResource},
    },
};

/// A server as the manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// Its program without arguments, or its address without what may be a key.
    pub place: String,
    /// Whether a rule of the operator permits something of it, perhaps after a question.
    pub permitted: bool,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A program that is started here.
    Stdio,
    /// An address.
    Http,
}

impl Transport {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "http",
        }
    }
}

/// All that a server offers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerOffer {
    /// The server.
    pub server: String,
    /// Its tools.
    pub tools: Vec<ToolReport>,
    /// Its prompts.
    pub prompts: Vec<McpPrompt>,
    /// Its resources.
    pub resources: Vec<McpResource>,
}

/// The servers of a manifest, by name; none is started.
#[must_use]
pub fn report(manifest: &Manifest, rules: &Rules) -> Vec<ServerReport> {
    let of = |(name, written): &(crate::diagnostic::Spanned<String>, crate::manifest::McpManifest)| {
        let url = written.url.as_ref().map(|url| url.value.as_str());
        let program = written.command.first().map(|word| word.value.as_str()).unwrap_or_default();
        ServerReport {
            name: name.value.clone(),
            transport: if url.is_some() { Transport::Http } else { Transport::Stdio },
            place: url.map_or(program, without_query).to_owned(),
            permitted: permits(rules, &name.value),
        }
    };
    manifest.mcp.iter().map(of).collect()
}

/// Whether a rule of the operator is about a server, so that it may be started.
pub(super) fn permits(rules: &Rules, server: &str) -> bool {
    rules.allow.iter().chain(&rules.ask).any(|rule| rule.is_of_server(server))
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

impl Toolkit {
    /// Asks a server for all it offers; it is started.
    ///
    /// # Errors
    /// Those of [`server`](Self::server), and of asking it.
    pub async fn offer(&self, name: &str) -> Result<ServerOffer> {
        let server = self.server(name)?;
        let pattern = ToolPattern::new(format!("mcp:{name}/*"))?;
        Ok(ServerOffer {
            server: name.to_owned(),
            tools: self.select(std::slice::from_ref(&pattern)).await?,
            prompts: server.prompts().await?,
            resources: server.resources().await?,
        })
    }
}
