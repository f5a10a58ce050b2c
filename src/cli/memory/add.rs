//! `agentflow memory add`.

use serde::Serialize;

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{
        args::ShowFormat,
        exit, json,
        memory::{
            args::MemoryAddArgs,
            gather::{Gathered, gather},
            interrupt::{Ended, until_signal},
            progress::Progress,
        },
        numbers,
        terminal::Terminal,
    },
    error::{Error, Result},
    memory::{AddOptions, AddReport, Added},
    model::CollectionName,
};

/// What came of it, as JSON shows it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    collection: &'a CollectionName,
    #[serde(flatten)]
    added: Added,
    failed: Vec<Failure<'a>>,
    notes: Vec<Note<'a>>,
}

#[derive(Debug, Serialize)]
struct Failure<'a> {
    source: &'a str,
    error: String,
    hints: &'a [String],
}

#[derive(Debug, Serialize)]
struct Note<'a> {
    source: &'a str,
    note: &'a str,
}

/// Adds what the arguments name; tells each document that could not be.
pub(super) async fn add(args: &MemoryAddArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let Gathered { pending, skipped, .. } = gather(args, &project, settings)?;
    let progress = Progress::start(terminal, pending.len() + skipped.len());
    for (source, error) in &skipped {
        progress.fail(source, error);
    }
    let options = AddOptions { embedder: args.embedder.clone() };
    let ended = until_signal(project.memory.add_all(&args.collection, pending, &options, &progress)).await;
    progress.finish();
    let mut report = match ended? {
        Ended::Done(report) => report,
        Ended::Stopped(code) => {
            let added = numbers::plural(progress.added() as u64, "document");
            terminal
                .talk(&format!("stopped: {added} of it are in `{}`; the same command goes on with the rest", args.collection));
            return Ok(code);
        }
    };
    report.failed.splice(0..0, skipped);
    tell(&args.collection, &report, args.format, terminal)?;
    Ok(code(&report))
}

/// `0` when all was added.
fn code(report: &AddReport) -> u8 {
    match report.failed.first() {
        None => exit::SUCCEEDED,
        Some((_, error)) if report.added.added + report.added.unchanged == 0 => exit::of_error(error),
        Some(_) => exit::RUN_FAILED,
    }
}

fn tell(collection: &CollectionName, report: &AddReport, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        let failure = |(source, error): &'_ (String, Error)| (source.clone(), error.to_string(), error.hints().to_vec());
        let failed: Vec<_> = report.failed.iter().map(failure).collect();
        let failed = failed.iter().map(|(source, error, hints)| Failure { source, error: error.clone(), hints }).collect();
        let notes = report.notes.iter().map(|(source, note)| Note { source, note }).collect();
        return terminal.print(&json::document(&Report { collection, added: report.added, failed, notes })?);
    }
    terminal.note(&line(collection, &report.added, report.failed.len()));
    Ok(())
}

/// What came of adding, on one line.
pub(super) fn line(collection: &CollectionName, added: &Added, failed: usize) -> String {
    let Added { added, unchanged, chunks, embedded } = *added;
    let count = |number: usize, thing: &str| numbers::plural(number as u64, thing);
    let mut parts = Vec::new();
    if added > 0 || unchanged + failed == 0 {
        parts.push(format!("{} added ({}, {embedded} embedded)", count(added, "document"), count(chunks, "chunk")));
    }
    if unchanged > 0 {
        parts.push(format!("{unchanged} unchanged"));
    }
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    format!("{collection}: {}", parts.join(", "))
}
