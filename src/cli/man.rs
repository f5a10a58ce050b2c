//! `agentflow man`: manual pages, made from the same description as the help.

use std::fs;

use clap::CommandFactory as _;

use crate::{
    cli::{
        args::{Cli, ManArgs},
        exit,
        terminal::Terminal,
    },
    error::{Error, ErrorKind, Result},
};

/// Prints the main page, or writes all pages into the folder that was given.
pub(super) fn man(args: &ManArgs, terminal: &Terminal) -> Result<u8> {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|err| Error::new(ErrorKind::Internal, "the manual page cannot be made").source(err))?;
        terminal.print(&String::from_utf8_lossy(&page))?;
        return Ok(exit::SUCCEEDED);
    };
    let failed = |err| {
        Error::new(ErrorKind::Invalid, format!("cannot write manual pages to `{}`", folder.display()))
            .source(err)
            .hint("name a folder that can be written")
    };
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    terminal.note(&format!("manual pages written to {}", folder.display()));
    Ok(exit::SUCCEEDED)
}
