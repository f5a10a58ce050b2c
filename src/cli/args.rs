//! The command line as clap reads it: one struct per command. Nothing here acts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint, builder::FalseyValueParser};

/// agentflow: workflows of LLM agents, declared in YAML or TOML.
#[derive(Debug, Parser)]
#[command(
    name = "agentflow",
    version,
    about = "Runs workflows of LLM agents that are declared in YAML or TOML",
    long_about = "Runs workflows of LLM agents that are declared in YAML or TOML.\n\n\
                  A workflow is checked before a token is spent, every result is on disk before it is shown, and a run that was \
                  interrupted goes on where it stopped.",
    after_long_help = "Exit codes: 0 succeeded, 1 run failed, 2 wrong usage, workflow or manifest, 3 waiting, 4 corrupt or divergent \
                       state, 5 locked by another process, 6 denied by policy, 7 budget exceeded, 75 store unavailable, \
                       130/143 interrupted.",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes, after its name or before.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// The manifest, instead of the agents.toml found beside the workflow or above it
    #[arg(long, global = true, env = "AGENTFLOW_MANIFEST", hide_env_values = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    /// Where runs are kept, e.g. sqlite:runs.db or memory: [default: sqlite:.agentflow/agentflow.db beside the manifest]
    #[arg(long, global = true, env = "AGENTFLOW_STORE", hide_env_values = true, value_name = "URL")]
    pub store: Option<String>,
    /// Show no progress, only errors
    #[arg(short, long, global = true, env = "AGENTFLOW_QUIET", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Write a log to standard error (-vv: more, -vvv: everything)
    #[arg(short, long, global = true, env = "AGENTFLOW_VERBOSE", hide_env_values = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours
    #[arg(long, global = true, env = "AGENTFLOW_COLOR", hide_env_values = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// When to use colours. `auto`: at a terminal, unless `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// At a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a small project to begin with
    Init(InitArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for every command into a folder
    Man(ManArgs),
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for every command into this folder
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
