//! `agentflow memory`: what the project remembers. One file per command.

mod add;
pub mod args;
mod gather;
mod interrupt;
mod list;
mod progress;
mod reindex;
mod remove;
mod search;
mod show;
mod stats;
mod sync;
mod transfer;
mod wrap;

use serde_json::{Map, Value};

use crate::{
    app::Settings,
    cli::{terminal::Terminal, values::InputArg},
    error::Result,
};

use args::MemoryCommand;
pub(super) use sync::sync;

/// Does what the sub-command says with the memory of the folder.
pub(super) async fn memory(command: &MemoryCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    match command {
        MemoryCommand::Add(args) => add::add(args, settings, terminal).await,
        MemoryCommand::Search(args) => search::search(args, settings, terminal).await,
        MemoryCommand::List(args) => list::list(args, settings, terminal).await,
        MemoryCommand::Show(args) => show::show(args, settings, terminal).await,
        MemoryCommand::Rm(args) => remove::remove(args, settings, terminal).await,
        MemoryCommand::Stats(args) => stats::stats(args, settings, terminal).await,
        MemoryCommand::Reindex(args) => reindex::reindex(args, settings, terminal).await,
        MemoryCommand::Export(args) => transfer::export(args, settings, terminal).await,
        MemoryCommand::Import(args) => transfer::import(args, settings, terminal).await,
    }
}

/// What is noted by `--meta`: what reads as JSON is JSON, anything else is text.
fn noted(meta: &[InputArg]) -> Map<String, Value> {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    meta.iter().map(|arg| (arg.name.clone(), value(&arg.value))).collect()
}
