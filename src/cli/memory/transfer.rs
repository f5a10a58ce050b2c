//! `agentflow memory export` and `agentflow memory import`.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek as _, Write},
    path::Path,
};

use serde_json::json;

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{
        args::ShowFormat,
        exit, json,
        memory::{
            add,
            args::{MemoryExportArgs, MemoryImportArgs},
            interrupt::{Ended, until_signal},
            progress::Progress,
        },
        numbers,
        terminal::{Terminal, cannot_print},
    },
    error::{Error, ErrorKind, Result},
    memory::{ImportOptions, Memory},
};

/// Writes a collection out.
pub(super) async fn export(args: &MemoryExportArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let name = &args.collection;
    project.memory.collection(name).await?;
    let count = match &args.output {
        Some(path) => into_file(&project.memory, args, path).await?,
        None => to_standard_output(&project.memory, args).await?,
    };
    terminal.note(&format!("{name}: {} written", numbers::plural(count as u64, "document")));
    Ok(exit::SUCCEEDED)
}

/// Writes a collection into a file, which is there as a whole or not at all; returns how many documents it has.
async fn into_file(memory: &Memory, args: &MemoryExportArgs, path: &Path) -> Result<usize> {
    let failed = |err| cannot_write(path, err);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut writer = BufWriter::new(file.as_file_mut());
    let mut write = |line: &str| writeln!(writer, "{line}").map_err(failed);
    let count = memory.export(&args.collection, !args.no_vectors, &mut write).await?;
    writer.flush().map_err(failed)?;
    drop(writer);
    file.persist(path).map_err(|err| cannot_write(path, err.error))?;
    Ok(count)
}

/// Prints a collection; who reads it may stop at any time.
async fn to_standard_output(memory: &Memory, args: &MemoryExportArgs) -> Result<usize> {
    let mut writer = BufWriter::new(io::stdout());
    let mut is_gone = false;
    let mut write = |line: &str| match writeln!(writer, "{line}") {
        _ if is_gone => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => {
            is_gone = true;
            Ok(())
        }
        written => written.map_err(cannot_print),
    };
    let count = memory.export(&args.collection, !args.no_vectors, &mut write).await?;
    match writer.flush() {
        Err(err) if err.kind() != io::ErrorKind::BrokenPipe => Err(cannot_print(err)),
        _ => Ok(count),
    }
}

fn cannot_write(path: &Path, err: io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("`{}` cannot be written", path.display())).source(err)
}

/// Reads a collection in.
pub(super) async fn import(args: &MemoryImportArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let file = opened(&args.file)?;
    let open = || {
        let mut file = file.try_clone().map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        Ok(BufReader::new(file))
    };
    let options = ImportOptions { name: args.collection.clone(), recompute: args.recompute, untrusted: args.untrusted };
    let progress = Progress::start(terminal, 0);
    let ended = until_signal(project.memory.import(open, &options, &progress)).await;
    progress.finish();
    let imported = match ended.map_err(|err| err.context(format!("`{}`", args.file.display())))? {
        Ended::Done(imported) => imported,
        Ended::Stopped(code) => {
            let added = numbers::plural(progress.added() as u64, "document");
            terminal.talk(&format!("stopped: {added} of it are there; the same command goes on with the rest"));
            return Ok(code);
        }
    };
    if args.format == ShowFormat::Json {
        let told = json!({
            "collection": imported.name,
            "kept_vectors": imported.kept_vectors,
            "added": imported.added.added,
            "unchanged": imported.added.unchanged,
            "chunks": imported.added.chunks,
            "embedded": imported.added.embedded,
        });
        return terminal.print(&json::document(&told)?).map(|()| exit::SUCCEEDED);
    }
    terminal.note(&add::line(&imported.name, &imported.added, 0));
    Ok(exit::SUCCEEDED)
}

/// The file, or a copy of standard input: it is read twice.
fn opened(path: &Path) -> Result<File> {
    if path == Path::new("-") {
        let mut copy = tempfile::tempfile().map_err(unreadable)?;
        io::copy(&mut io::stdin().lock(), &mut copy).map_err(unreadable)?;
        return Ok(copy);
    }
    let named = |err: io::Error| {
        let kind = if err.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Invalid };
        Error::new(kind, format!("`{}` cannot be read", path.display())).source(err)
    };
    let mut file = File::open(path).map_err(named)?;
    if !file.metadata().map_err(named)?.is_file() {
        // A pipe can be read once only.
        let mut copy = tempfile::tempfile().map_err(unreadable)?;
        io::copy(&mut file, &mut copy).map_err(named)?;
        return Ok(copy);
    }
    Ok(file)
}

fn unreadable(err: io::Error) -> Error {
    Error::new(ErrorKind::Invalid, "it cannot be read").source(err)
}
