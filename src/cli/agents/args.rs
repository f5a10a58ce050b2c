//! `agents` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::{args::ShowFormat, values::parse_usd};

/// `agents`.
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// List the agents: what they can do, what they cost, what runs have shown of them
    List(AgentsListArgs),
    /// Show one agent
    Show(AgentsShowArgs),
    /// Find agents by what they can do; the first is the one that a workflow would get
    Find(AgentsFindArgs),
}

/// `agents list`.
#[derive(Debug, Args)]
pub struct AgentsListArgs {
    /// Those of this workflow: its own and those of its manifest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `agents show`.
#[derive(Debug, Args)]
pub struct AgentsShowArgs {
    /// The agent's name
    #[arg(value_name = "AGENT")]
    pub name: String,
    /// As this workflow has it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `agents find`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow agents find --capability review --capability rust
  agentflow agents find --capability summarize --under-cost 0.002 --format json")]
pub struct AgentsFindArgs {
    /// What they can do; given several times, all of it
    #[arg(long, value_name = "CAPABILITY", required = true)]
    pub capability: Vec<String>,
    /// They cost less than this for 1,000 tokens, of which three in four are read; those without a price are left out
    #[arg(long, value_name = "USD", value_parser = parse_usd)]
    pub under_cost: Option<f64>,
    /// Those of this workflow: its own and those of its manifest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}
