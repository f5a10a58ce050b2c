//! `agentflow memory reindex`.

use serde_json::json;

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{
        args::ShowFormat,
        exit, json,
        memory::{
            args::MemoryReindexArgs,
            interrupt::{Ended, until_signal},
            progress::Progress,
        },
        numbers,
        terminal::Terminal,
    },
    error::Result,
};

/// Makes all vectors of a collection anew.
pub(super) async fn reindex(args: &MemoryReindexArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let name = &args.collection;
    let documents = project.memory.collection(name).await?.documents;
    let progress = Progress::start(terminal, usize::try_from(documents).unwrap_or(usize::MAX));
    let ended = until_signal(project.memory.reindex(name, args.embedder.as_deref(), &progress)).await;
    progress.finish();
    let added = match ended? {
        Ended::Done(added) => added,
        Ended::Stopped(code) => {
            terminal.talk(&format!("stopped: `{name}` is as it was; the same command goes on"));
            return Ok(code);
        }
    };
    let embedder = project.memory.collection(name).await?.embedder;
    if args.format == ShowFormat::Json {
        let told = json!({"collection": name, "embedder": embedder, "documents": added.added + added.unchanged, "embedded": added.embedded});
        return terminal.print(&json::document(&told)?).map(|()| exit::SUCCEEDED);
    }
    let texts = numbers::plural(added.embedded as u64, "text");
    terminal.note(&format!("{name}: {texts} embedded by `{embedder}`"));
    Ok(exit::SUCCEEDED)
}
