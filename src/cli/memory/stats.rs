//! `agentflow memory stats`.

use serde::Serialize;

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{args::ShowFormat, exit, json, memory::args::MemoryStatsArgs, numbers, table::table, terminal::Terminal},
    error::Result,
    memory::Collection,
};

/// How large a collection is.
#[derive(Debug, Serialize)]
struct Stats {
    #[serde(flatten)]
    collection: Collection,
    /// What it takes on disk, about.
    bytes: u64,
    /// What it takes for each vector, text and all; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_vector: Option<u64>,
}

/// Shows how large collections are.
pub(super) async fn stats(args: &MemoryStatsArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let collections = match &args.collection {
        Some(name) => vec![project.memory.collection(name).await?],
        None => project.memory.collections().await?,
    };
    let mut stats = Vec::new();
    for collection in collections {
        let bytes = project.memory.index().size(&collection.name).await?;
        let bytes_per_vector = if collection.dimension > 0 { bytes.checked_div(collection.chunks) } else { None };
        stats.push(Stats { collection, bytes, bytes_per_vector });
    }
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&stats)?).map(|()| exit::SUCCEEDED);
    }
    if stats.is_empty() {
        terminal.note("there is no collection yet");
        return Ok(exit::SUCCEEDED);
    }
    let rows = stats.iter().map(|Stats { collection, bytes, bytes_per_vector }| {
        vec![
            collection.name.to_string(),
            collection.documents.to_string(),
            collection.chunks.to_string(),
            numbers::count(collection.tokens),
            size(collection.text_bytes),
            size(*bytes),
            bytes_per_vector.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
            if collection.dimension > 0 { collection.dimension.to_string() } else { "-".to_owned() },
            collection.embedder.clone(),
        ]
    });
    let headings = ["COLLECTION", "DOCUMENTS", "CHUNKS", "TOKENS", "TEXT", "ON DISK", "BYTES/VECTOR", "DIMENSION", "EMBEDDER"];
    terminal.print(&table(terminal, &headings, rows.collect()))?;
    Ok(exit::SUCCEEDED)
}

/// `950 B`, `1.2 kB`, `34.0 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}
