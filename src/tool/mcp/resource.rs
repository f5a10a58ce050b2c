//! Resources that a server offers: documents, read by their URI.

use rmcp::model::{ReadResourceRequestParams, ReadResourceResponse, Resource};
use serde::Serialize;

use crate::{
    error::{ErrorKind, Result},
    tool::{
        ToolOutput,
        mcp::{content::Gathered, listing::pages, server::McpServer},
    },
};

/// A resource of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct McpResource {
    /// By what it is read.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Of what kind it is, if the server says so.
    pub mime_type: Option<String>,
}

impl From<Resource> for McpResource {
    fn from(resource: Resource) -> Self {
        let description = resource.description.unwrap_or_default();
        Self { uri: resource.uri, name: resource.name, description, mime_type: resource.mime_type }
    }
}

impl McpServer {
    /// The resources it offers by name; it may have more, which are read by URIs that fit a template of its own.
    ///
    /// # Errors
    /// Those of [`tools`](crate::tool::ToolSource::tools).
    pub async fn resources(&self) -> Result<Vec<McpResource>> {
        let server = self.ready().await?;
        if server.connection.capabilities().resources.is_none() {
            return Ok(Vec::new());
        }
        let listing = pages("resources", |params| async {
            let page = server.connection.peer().list_resources(params).await?;
            Ok((page.resources, page.next_cursor))
        });
        let listed = self.within("the list of its resources", &server, listing).await?;
        Ok(listed.into_iter().map(McpResource::from).collect())
    }

    /// What a resource holds: its text, up to `max_output` bytes, and notes about what is none.
    ///
    /// # Errors
    /// `Request` when there is no such resource; those of [`tools`](crate::tool::ToolSource::tools).
    pub async fn resource(&self, uri: &str, max_output: usize) -> Result<ToolOutput> {
        let server = self.ready().await?;
        let params = ReadResourceRequestParams::new(uri);
        let what = format!("resource `{}`", uri.escape_debug());
        match self.within(&what, &server, server.connection.peer().read_resource_once(params)).await? {
            ReadResourceResponse::Complete(resource) => {
                let mut gathered = Gathered::new(max_output);
                for contents in &resource.contents {
                    gathered.resource(contents);
                }
                Ok(gathered.finish())
            }
            _ => Err(self.failures().error(ErrorKind::Request, &format!("asks for more before it gives {what}"))),
        }
    }
}
