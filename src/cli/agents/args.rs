//! `agents` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::{
    args::ShowFormat,
    values::{SettingArg, parse_usd},
};

/// `agents`.
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// List the agents: what they can do, what they cost, what runs have shown of them
    List(AgentsListArgs),
    /// Show one agent
    Show(AgentsShowArgs),
    /// Find agents by what they can do; the first is the one that a workflow would get
    Find(AgentsFindArgs),
    /// Show how the agents stand: paused, draining, terminated, what they are set to, what they do at the moment
    Status(AgentsStatusArgs),
    /// Hold agents: they take no further step, in any run, until they are resumed
    Pause(AgentsSteerArgs),
    /// Let agents go on that were paused, drained or terminated
    Resume(AgentsSteerArgs),
    /// Let agents go on with what they have begun, and begin nothing
    Drain(AgentsSteerArgs),
    /// Let nodes fail that ask these agents
    Terminate(AgentsSteerArgs),
    /// Set an agent to another model, temperature or number of calls at once, from its next step on
    Set(AgentsSetArgs),
    /// Take back what an agent was set to
    Reset(AgentsResetArgs),
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

/// `agents pause`, `resume`, `drain`, `terminate`.
#[derive(Debug, Args)]
pub struct AgentsSteerArgs {
    /// The agents' names
    #[arg(value_name = "AGENTS", required = true)]
    pub names: Vec<String>,
    /// They are those of this workflow: its own and those of its manifest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
}

/// `agents set`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow agents set writer temperature=0.2
  agentflow agents set writer model=ollama/qwen3:8b max_concurrent=2")]
pub struct AgentsSetArgs {
    /// The agent's name
    #[arg(value_name = "AGENT")]
    pub name: String,
    /// What it is set to: `model=PROVIDER/MODEL`, `temperature=NUMBER`, `max_concurrent=NUMBER`
    #[arg(value_name = "NAME=VALUE", required = true)]
    pub settings: Vec<SettingArg>,
    /// It is one of this workflow: of its own or of its manifest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
}

/// `agents reset`.
#[derive(Debug, Args)]
pub struct AgentsResetArgs {
    /// The agent's name
    #[arg(value_name = "AGENT")]
    pub name: String,
    /// Only this: `model`, `temperature` or `max_concurrent`
    #[arg(value_name = "NAME")]
    pub key: Option<String>,
    /// It is one of this workflow: of its own or of its manifest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
}

/// `agents status`.
#[derive(Debug, Args)]
pub struct AgentsStatusArgs {
    /// Those of this workflow: its own and those of its manifest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}
