//! Prompts that a server offers.

use std::collections::BTreeMap;

use rmcp::model::{GetPromptRequestParams, GetPromptResponse, Prompt, Role as Speaker};
use serde::Serialize;

use crate::{
    error::{ErrorKind, Result},
    model::{ChatMessage, Role, Value},
    tool::mcp::{content::Gathered, listing::pages, server::McpServer},
};

/// The most bytes of one message of a prompt.
const MAX_MESSAGE: usize = 1024 * 1024;

/// A prompt of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct McpPrompt {
    /// What it is called there.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it takes.
    pub arguments: Vec<McpPromptArgument>,
}

/// Something a prompt takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct McpPromptArgument {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whether there is no prompt without it.
    pub required: bool,
}

impl From<Prompt> for McpPrompt {
    fn from(prompt: Prompt) -> Self {
        let arguments = prompt.arguments.unwrap_or_default().into_iter().map(|argument| McpPromptArgument {
            name: argument.name,
            description: argument.description.unwrap_or_default(),
            required: argument.required.unwrap_or_default(),
        });
        Self { name: prompt.name, description: prompt.description.unwrap_or_default(), arguments: arguments.collect() }
    }
}

impl McpServer {
    /// The prompts it offers.
    ///
    /// # Errors
    /// Those of [`tools`](crate::tool::ToolSource::tools).
    pub async fn prompts(&self) -> Result<Vec<McpPrompt>> {
        let server = self.ready().await?;
        if server.connection.capabilities().prompts.is_none() {
            return Ok(Vec::new());
        }
        let listing = pages("prompts", |params| async {
            let page = server.connection.peer().list_prompts(params).await?;
            Ok((page.prompts, page.next_cursor))
        });
        let listed = self.within("the list of its prompts", &server, listing).await?;
        Ok(listed.into_iter().map(McpPrompt::from).collect())
    }

    /// The messages of a prompt.
    ///
    /// # Errors
    /// `Request` when there is no such prompt or the arguments do not fit; those of [`tools`](crate::tool::ToolSource::tools).
    pub async fn prompt(&self, name: &str, arguments: &BTreeMap<String, String>) -> Result<Vec<ChatMessage>> {
        let server = self.ready().await?;
        let mut params = GetPromptRequestParams::new(name);
        if !arguments.is_empty() {
            let given = arguments.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
            params = params.with_arguments(given.collect());
        }
        let what = format!("prompt `{}`", name.escape_debug());
        match self.within(&what, &server, server.connection.peer().get_prompt_once(params)).await? {
            GetPromptResponse::Complete(prompt) => {
                let message = |message: rmcp::model::PromptMessage| {
                    let role = if matches!(message.role, Speaker::Assistant) { Role::Assistant } else { Role::User };
                    let mut gathered = Gathered::new(MAX_MESSAGE);
                    gathered.block(&message.content);
                    let output = gathered.finish();
                    let mut content = output.value.as_str().unwrap_or_default().to_owned();
                    for note in output.notes {
                        let apart = if content.is_empty() { "" } else { "\n" };
                        content.extend([apart, "[", note.as_str(), "]"]);
                    }
                    ChatMessage::new(role, content)
                };
                Ok(prompt.messages.into_iter().map(message).collect())
            }
            _ => Err(self.failures().error(ErrorKind::Request, &format!("asks for more before it gives {what}"))),
        }
    }
}
