//! `agentflow memory list`.

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{args::ShowFormat, exit, json, memory::args::MemoryListArgs, numbers, table::table, terminal::Terminal},
    error::Result,
    memory::{Collection, Document, Documents, Filter},
    model::CollectionName,
};

/// Lists the collections, or the documents of one.
pub(super) async fn list(args: &MemoryListArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    match &args.collection {
        Some(name) => documents(&project, name, args.format, terminal).await?,
        None => collections(&project.memory.collections().await?, args.format, terminal)?,
    }
    Ok(exit::SUCCEEDED)
}

fn collections(collections: &[Collection], format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        return terminal.print(&json::document(&collections)?);
    }
    if collections.is_empty() {
        terminal.note("there is no collection yet; make one with: agentflow memory add PATH --collection NAME");
        return Ok(());
    }
    let rows = collections.iter().map(|collection| {
        vec![
            collection.name.to_string(),
            collection.embedder.clone(),
            collection.documents.to_string(),
            collection.chunks.to_string(),
            numbers::count(collection.tokens),
            numbers::moment(collection.changed_at),
        ]
    });
    terminal.print(&table(terminal, &["COLLECTION", "EMBEDDER", "DOCUMENTS", "CHUNKS", "TOKENS", "CHANGED"], rows.collect()))
}

async fn documents(project: &ProjectMemory, name: &CollectionName, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    project.memory.collection(name).await?;
    let (mut found, mut documents) = (Vec::new(), Documents::of(project.memory.index().as_ref(), name, Filter::default()));
    while let Some(document) = documents.next().await? {
        found.push(document);
    }
    if format == ShowFormat::Json {
        return terminal.print(&json::document(&found)?);
    }
    if found.is_empty() {
        terminal.note(&format!("collection `{name}` is empty"));
        return Ok(());
    }
    terminal.print(&table(terminal, &["CHUNKS", "TOKENS", "ADDED", "SCOPE", "TRUST", "SOURCE"], found.iter().map(row).collect()))
}

fn row(document: &Document) -> Vec<String> {
    vec![
        document.chunks.to_string(),
        numbers::count(document.tokens),
        numbers::moment(document.added_at),
        document.scope.to_string(),
        if document.untrusted { "untrusted" } else { "trusted" }.to_owned(),
        document.source.clone(),
    ]
}
