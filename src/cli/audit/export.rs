//! `agentflow audit export`.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    sync::Arc,
};

use serde::Serialize;

use super::{csv, end, open};
use crate::{
    app::audit::AuditRecord,
    cli::{
        args::{AuditExportArgs, ExportFormat},
        clean, numbers,
        terminal::Terminal,
    },
    error::{Error, ErrorKind, Result},
    store::Store,
};

/// Writes all records that fit, as they are read.
pub(super) async fn export(store: Option<&Arc<dyn Store>>, args: &AuditExportArgs, terminal: &Terminal) -> Result<u8> {
    let mut reader = open(store, None, &args.filter, 0).await?;
    let mut target = match &args.output {
        Some(path) => Target::File(BufWriter::new(File::create(path).map_err(|err| cannot_write(path, err))?), path),
        None => Target::Terminal(terminal),
    };
    if args.format == ExportFormat::Csv {
        target.write(&csv::header())?;
    }
    let mut written = 0;
    if let Some(reader) = &mut reader {
        loop {
            let records = reader.next().await?;
            if records.is_empty() {
                break;
            }
            written += records.len() as u64;
            let lines = records.iter().map(|record| line(record, args.format)).collect::<Result<String>>()?;
            target.write(&lines)?;
        }
    }
    target.close()?;
    if let Some(path) = &args.output {
        terminal.note(&format!("wrote {} to {}", numbers::plural(written, "record"), path.display()));
    }
    Ok(end(reader.as_ref(), terminal))
}

fn line(record: &AuditRecord, format: ExportFormat) -> Result<String> {
    match format {
        ExportFormat::Jsonl => Ok(compact(record)? + "\n"),
        ExportFormat::Csv => csv::row(record),
    }
}

/// `value` as JSON on one line, in which all is to be seen.
pub(super) fn compact(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|err| Error::new(ErrorKind::Internal, "a record cannot be written as JSON").source(err))?;
    Ok(clean::json(&text))
}

/// Where records go.
enum Target<'a> {
    Terminal(&'a Terminal),
    File(BufWriter<File>, &'a Path),
}

impl Target<'_> {
    fn write(&mut self, lines: &str) -> Result<()> {
        match self {
            // A person who looks at it gets no escape sequences; a program gets what was recorded.
            Self::Terminal(terminal) if terminal.out.is_terminal => terminal.print(&clean::block(lines)),
            Self::Terminal(terminal) => terminal.print(lines),
            Self::File(file, path) => file.write_all(lines.as_bytes()).map_err(|err| cannot_write(path, err)),
        }
    }

    fn close(self) -> Result<()> {
        match self {
            Self::Terminal(_) => Ok(()),
            Self::File(mut file, path) => {
                file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|err| cannot_write(path, err))
            }
        }
    }
}

fn cannot_write(path: &Path, err: std::io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("cannot write the records to `{}`", path.display())).source(err)
}
