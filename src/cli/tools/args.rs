//! `tools` as clap reads it.

use clap::{Args, Subcommand};

use crate::cli::{
    args::{OutputForm, ShowFormat},
    policy::args::PolicyArgs,
    values::InputArg,
};

/// `tools`.
#[derive(Debug, Subcommand)]
pub enum ToolsCommand {
    /// List the tools that agents and nodes may be given
    List(ToolsListArgs),
    /// Show one tool with its arguments, or all that an MCP server offers
    Show(ToolsShowArgs),
    /// Make one call, recorded as a run of one node
    Call(ToolsCallArgs),
    /// Approve what an MCP server offers now
    Trust(ToolsTrustArgs),
}

/// `tools list`.
#[derive(Debug, Args)]
pub struct ToolsListArgs {
    /// Only those of this agent; its MCP servers are asked
    #[arg(long, value_name = "AGENT")]
    pub agent: Option<String>,
    /// Ask the MCP servers of the manifest for their tools
    #[arg(long, conflicts_with = "agent")]
    pub mcp: bool,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `tools show`.
#[derive(Debug, Args)]
pub struct ToolsShowArgs {
    /// The tool, e.g. calculator or `mcp:github/search_issues`; `mcp:github` is the whole server
    #[arg(value_name = "TOOL")]
    pub name: String,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `tools call`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow tools call calculator --arg expression='2^10'
  agentflow tools call read_file --arg path=README.md --allow 'fs:read:README.md'
  agentflow tools call http_post '{\"url\": \"https://ci.example.com/x\", \"json\": {\"n\": 1}}' --ask 'net:ci.example.com'")]
pub struct ToolsCallArgs {
    /// The tool
    #[arg(value_name = "TOOL")]
    pub name: String,
    /// Its arguments as a JSON object, or - for standard input
    #[arg(value_name = "JSON")]
    pub json: Option<String>,
    /// One argument: KEY=VALUE; what reads as JSON is JSON, anything else is text
    #[arg(short, long = "arg", value_name = "KEY=VALUE")]
    pub arg: Vec<InputArg>,
    /// What standard output carries
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub output: OutputForm,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `tools trust`.
#[derive(Debug, Args)]
pub struct ToolsTrustArgs {
    /// The MCP server, as the manifest calls it
    #[arg(value_name = "SERVER")]
    pub server: String,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}
