//! The options about the operator's policy, which many commands take, and the commands that look at it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::{
    app::policy::PolicySettings,
    cli::{args::ShowFormat, values::parse_permission},
    model::Permission,
};

// The variable is read by `app`, not by clap: a policy that it names is trusted less than one that the option names.
const POLICY_HELP: &str = "The policy file, instead of that in your settings [env: AGENTFLOW_POLICY]";
const INIT_HELP: &str = "Where to write it, instead of in your settings [env: AGENTFLOW_POLICY]";

/// What the operator permits, besides what the policy file says.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Permissions")]
pub struct PolicyArgs {
    /// The policy file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help = POLICY_HELP)]
    pub policy: Option<PathBuf>,
    /// Permit tools to touch this, e.g. net:api.github.com or fs:read:docs/**; may be given several times
    #[arg(long, value_name = "PERMISSION", value_parser = parse_permission)]
    pub allow: Vec<Permission>,
    /// Permit it when a person says so, call by call; stronger than --allow
    #[arg(long, value_name = "PERMISSION", value_parser = parse_permission)]
    pub ask: Vec<Permission>,
    /// Deny it, whatever else is said
    #[arg(long, value_name = "PERMISSION", value_parser = parse_permission)]
    pub deny: Vec<Permission>,
}

impl PolicyArgs {
    /// As `app` takes them.
    #[must_use]
    pub fn to_settings(&self) -> PolicySettings {
        let Self { policy, allow, ask, deny } = self.clone();
        PolicySettings { file: policy, allow, ask, deny }
    }
}

/// `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show the rules that hold here, and where each is written
    Show(PolicyShowArgs),
    /// Tell whether something is permitted, and by which rule
    ///
    /// Exits with 0 when all of it is allowed, 3 when a person is asked about some of it, 6 when some of it is denied.
    Check(PolicyCheckArgs),
    /// Write a policy file to begin with; it permits nothing yet
    Init(PolicyInitArgs),
}

/// `policy show`.
#[derive(Debug, Args)]
pub struct PolicyShowArgs {
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
    /// What else is permitted.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `policy check`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow policy check net:api.github.com 'run:git push'
  agentflow policy check fs:write:out/report.md --allow 'fs:write:out/**'")]
pub struct PolicyCheckArgs {
    /// What would be touched, e.g. net:api.github.com or 'run:git log'
    #[arg(value_name = "PERMISSIONS", required = true, value_parser = parse_permission)]
    pub permissions: Vec<Permission>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
    /// What else is permitted.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `policy init`.
#[derive(Debug, Args)]
pub struct PolicyInitArgs {
    /// Where to write it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help = INIT_HELP)]
    pub policy: Option<PathBuf>,
}
