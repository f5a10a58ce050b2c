//! `agentflow init`: a small project that runs at once. Writes new files only.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use crate::{
    cli::{
        args::InitArgs,
        exit,
        terminal::{BOLD, Terminal},
    },
    error::{Error, ErrorKind, Result},
};

/// The files of the project and what is in them.
const FILES: [(&str, &str); 4] = [
    ("agents.toml", include_str!("starter/agents.toml")),
    ("workflows/answer.yaml", include_str!("starter/answer.yaml")),
    ("workflows/answer.test.yaml", include_str!("starter/answer.test.yaml")),
    ("prompts/draft.md", include_str!("starter/draft.md")),
];
/// What keeps the state out of version control.
const IGNORE: &str = ".agentflow/\n";

/// Writes the project. When one of its files is there already, nothing is written.
pub(super) fn init(args: &InitArgs, terminal: &Terminal) -> Result<u8> {
    let folder = &args.folder;
    let there: Vec<&str> =
        FILES.iter().map(|(name, _)| *name).filter(|name| folder.join(name).symlink_metadata().is_ok()).collect();
    if !there.is_empty() {
        let names = there.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(Error::new(ErrorKind::Invalid, format!("`{}` already has {names}; nothing was written", folder.display()))
            .hint("name a new folder: `agentflow init DIR`"));
    }
    for (name, text) in FILES {
        write_new(&folder.join(name), text)?;
        terminal.note(&format!("  {} {}", terminal.paint_err(BOLD, "created"), folder.join(name).display()));
    }
    let ignore = folder.join(".gitignore");
    if ignore.symlink_metadata().is_err() {
        write_new(&ignore, IGNORE)?;
    } else {
        terminal.note("add `.agentflow/`, where runs are kept, to .gitignore");
    }
    let enter = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    terminal.note(&format!("\nTry it without a key: {enter}agentflow run workflows/answer.yaml --mock"));
    terminal.note("and its tests: agentflow test");
    Ok(exit::SUCCEEDED)
}

/// Writes a file that is not there yet, and the folders above it.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
    };
    write().map_err(|err| {
        Error::new(ErrorKind::Invalid, format!("cannot write `{}`", path.display()))
            .source(err)
            .hint("name a folder that can be written: `agentflow init DIR`")
    })
}
