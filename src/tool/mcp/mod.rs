//! The tools, prompts and resources of MCP servers: programs that are spoken to over their standard input and output, and servers
//! over HTTP.
//!
//! A server is a stranger. Its process gets an environment of its own and no shell; what it writes is bounded, line by line and in
//! all; what its tools are called, say of themselves and take is held against what was approved ([`Pins`]) whenever it is listed,
//! and a call is made only of the very tool that was offered. What it says a call does to the world is not believed.

mod child;
mod connection;
mod content;
mod failure;
mod fate;
mod http;
mod listing;
mod pin;
mod prompt;
mod resource;
mod server;
mod settings;
mod tool;
mod wire;

pub use pin::{Pins, ServerDefinition, ToolDigest};
pub use prompt::{McpPrompt, McpPromptArgument};
pub use resource::McpResource;
pub use server::McpServer;
pub use settings::{INHERITED_VARIABLES, McpSettings, McpTransport};
