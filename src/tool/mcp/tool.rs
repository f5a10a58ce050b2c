//! A tool of a server, as agents call it; and two that read its resources.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, ToolName, ToolSpec, Value},
    tool::{
        Authorized, CallContext, Tool, ToolCall, ToolOutput,
        mcp::{content, listing::Offered, server::McpServer},
    },
};

const REACH: &[AccessClass] = &[AccessClass::Mcp];

/// A tool of a server.
#[derive(Debug)]
pub(super) struct McpTool {
    server: McpServer,
    offered: Arc<Offered>,
}

impl McpTool {
    pub(super) fn new(server: McpServer, offered: Arc<Offered>) -> Self {
        Self { server, offered }
    }

    async fn ask(&self, arguments: Value, max_output: usize) -> Result<ToolOutput> {
        let ready = self.server.ready().await?;
        let name = self.offered.spec.name.as_str();
        match ready.offered.iter().find(|tool| tool.name == self.offered.name) {
            Some(tool) if tool.digest == self.offered.digest => {}
            now => {
                let what = if now.is_some() { "has changed" } else { "is gone" };
                return Err(Error::new(ErrorKind::Denied, format!("tool `{name}` {what} since it was offered")));
            }
        }
        let mut params = CallToolRequestParams::new(self.offered.name.clone());
        if let Value::Object(arguments) = arguments {
            params = params.with_arguments(arguments);
        }
        // Dropped before the answer is there, it tells the server that nobody waits any more.
        let answer = ready.connection.peer().call_tool_once(params).await;
        match answer {
            Ok(CallToolResponse::Complete(result)) => content::result(name, result, max_output),
            Ok(_) => {
                let what = format!("does not answer `{name}` at once but asks for more, which nobody can give here");
                Err(self.server.failures().error(ErrorKind::Request, &what))
            }
            Err(error) => Err(ready.connection.failed(&self.server.failures(), error).await),
        }
    }
}

/// Ends what takes too long.
async fn within(
    server: &McpServer,
    name: &str,
    asked: Duration,
    call: impl Future<Output = Result<ToolOutput>>,
) -> Result<ToolOutput> {
    let limit = asked.min(server.settings().call_timeout);
    match timeout(limit, call).await {
        Ok(output) => output,
        Err(_) => Err(server.failures().silent(&format!("`{name}`"), limit)),
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> &ToolSpec {
        &self.offered.spec
    }

    fn reach(&self) -> &[AccessClass] {
        REACH
    }

    fn is_untrusted(&self) -> bool {
        true
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(vec![Access::Mcp { server: self.server.name().to_owned(), tool: self.offered.name.clone() }])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let name = self.offered.spec.name.as_str();
        let ask = self.ask(call.into_inner().arguments, context.max_output);
        within(&self.server, name, context.timeout, ask).await
    }
}

/// Reads the resources of a server; one that lists them, one that reads one.
#[derive(Debug)]
pub(super) struct ResourceTool {
    server: McpServer,
    spec: ToolSpec,
    does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    List,
    Read,
}

impl ResourceTool {
    /// Both, for a server that has resources.
    pub(super) fn both(server: &McpServer) -> Result<[Self; 2]> {
        let tool = |does: Does, description: String, parameters: Value| {
            let name = ToolName::new(format!("mcp:{}/{}", server.name(), does.name()))?;
            // That it only reads is the protocol's word, and nothing that the server says of itself.
            let spec = ToolSpec { name, description, parameters, effect: Effect::Read };
            Ok::<_, Error>(Self { server: server.clone(), spec, does })
        };
        let list = format!("Lists the resources (documents) that the server `{}` offers, with the URI of each.", server.name());
        let read = format!("Reads a resource (document) of the server `{}`, by its URI.", server.name());
        let uri = json!({ "type": "string", "description": "The URI of the resource, as it was listed." });
        Ok([
            tool(Does::List, list, json!({ "type": "object", "properties": {}, "additionalProperties": false }))?,
            tool(
                Does::Read,
                read,
                json!({ "type": "object", "properties": { "uri": uri }, "required": ["uri"], "additionalProperties": false }),
            )?,
        ])
    }

    /// What it is called among the server's tools.
    pub(super) fn name(&self) -> &'static str {
        self.does.name()
    }
}

impl Does {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list_resources",
            Self::Read => "read_resource",
        }
    }
}

#[async_trait]
impl Tool for ResourceTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        REACH
    }

    fn is_untrusted(&self) -> bool {
        true
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(vec![Access::Mcp { server: self.server.name().to_owned(), tool: self.name().to_owned() }])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let ask = async {
            match self.does {
                Does::Read => {
                    let uri = call.arguments["uri"].as_str().unwrap_or_default();
                    self.server.resource(uri, context.max_output).await
                }
                Does::List => {
                    let mut listed = content::Gathered::new(context.max_output);
                    for resource in self.server.resources().await? {
                        let kind = resource.mime_type.map_or(String::new(), |kind| format!(" [{kind}]"));
                        listed.text(&format!("{} ({}){kind} {}", resource.uri, resource.name, resource.description));
                    }
                    Ok(listed.finish())
                }
            }
        };
        within(&self.server, self.spec.name.as_str(), context.timeout, Box::pin(ask)).await
    }
}
