//! `agentflow memory rm`.

use std::io::{self, BufRead as _, Write as _};

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{
        clean, exit,
        memory::args::MemoryRemoveArgs,
        numbers,
        terminal::{BOLD, Terminal},
    },
    error::{Error, ErrorKind, Result},
};

/// Removes documents or a collection, when a person or `--yes` says so.
pub(super) async fn remove(args: &MemoryRemoveArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let (memory, name) = (&project.memory, &args.collection);
    let collection = memory.collection(name).await?;
    if args.all {
        let size =
            format!("{} and {}", numbers::plural(collection.documents, "document"), numbers::plural(collection.chunks, "chunk"));
        if confirm(&format!("remove collection `{name}` with {size}?"), args.yes, terminal)? {
            memory.forget(name).await?;
            terminal.note(&format!("removed collection {name}"));
        }
        return Ok(exit::SUCCEEDED);
    }
    let found = memory.named(name, &args.sources).await?;
    let Some((first, _)) = found.first() else {
        let text = format!("no document of collection `{name}` fits");
        return Err(Error::new(ErrorKind::NotFound, text).hint(format!("`agentflow memory list {name}` shows what there is")));
    };
    let what = match found.len() {
        1 => format!("`{}`", clean::printable(first)),
        count => format!("{count} documents, `{}` and others,", clean::printable(first)),
    };
    if confirm(&format!("remove {what} from collection `{name}`?"), args.yes, terminal)? {
        let removed = memory.index().remove(name, &found).await?;
        terminal.note(&format!("removed {} from {name}", numbers::plural(removed as u64, "document")));
    }
    Ok(exit::SUCCEEDED)
}

/// Whether it may be done.
///
/// # Errors
/// `Invalid` when nobody can be asked.
fn confirm(question: &str, yes: bool, terminal: &Terminal) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !terminal.can_ask || !terminal.err.is_terminal {
        return Err(
            Error::new(ErrorKind::Invalid, "nobody can be asked here whether it may be removed").hint("say so with `--yes`")
        );
    }
    drop(io::stderr().write_all(format!("{} [y/N] ", terminal.paint_err(BOLD, question)).as_bytes()));
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    let is_yes = matches!(read, Ok(1..)) && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        terminal.note("nothing was removed");
    }
    Ok(is_yes)
}
