//! `agentflow completions`: a script that completes the command line in a shell.

use clap::CommandFactory as _;

use crate::{
    cli::{
        args::{Cli, CompletionsArgs},
        exit,
        terminal::Terminal,
    },
    error::Result,
};

/// Prints the script for the shell that was asked for.
pub(super) fn completions(args: &CompletionsArgs, terminal: &Terminal) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "agentflow", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))?;
    Ok(exit::SUCCEEDED)
}
