//! `agentflow memory show`.

use serde::Serialize;

use crate::{
    app::{Settings, memory::ProjectMemory},
    cli::{
        args::ShowFormat,
        clean, exit, json,
        memory::{args::MemoryShowArgs, wrap::wrap},
        numbers,
        page::Page,
        terminal::{BOLD, DIM, Terminal},
    },
    error::{Error, ErrorKind, Result},
    memory::{Document, StoredChunk},
    model::{AgentName, NodePath, Passage},
};

/// The widest that text is shown.
const WIDTH: usize = 100;

/// A document as JSON shows it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    document: Document,
    passages: Vec<StoredChunk>,
}

/// Shows the documents of a name: there is one for each scope.
pub(super) async fn show(args: &MemoryShowArgs, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let project = ProjectMemory::here(settings)?;
    let (name, index) = (&args.collection, project.memory.index());
    let mut shown = Vec::new();
    for (source, scope) in project.memory.named(name, std::slice::from_ref(&args.source)).await? {
        if let Some(document) = index.document(name, &source, &scope).await? {
            let passages = index.chunks(name, &source, &scope, false).await?;
            shown.push(Shown { document, passages });
        }
    }
    if shown.is_empty() {
        let text = format!("there is no document `{}` in collection `{name}`", args.source.escape_debug());
        return Err(Error::new(ErrorKind::NotFound, text).hint(format!("`agentflow memory list {name}` shows what there is")));
    }
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&shown)?).map(|()| exit::SUCCEEDED);
    }
    let mut page = Page::default();
    for (at, shown) in shown.iter().enumerate() {
        if at > 0 {
            page.gap();
        }
        put(shown, &mut page, terminal);
    }
    terminal.print(&page.into_text())?;
    Ok(exit::SUCCEEDED)
}

fn put(shown: &Shown, page: &mut Page, terminal: &Terminal) {
    let Shown { document, passages } = shown;
    page.line(&terminal.paint_out(BOLD, &clean::one_line(&document.source)));
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            page.line(&format!("  {name:<10}{value}"));
        }
    };
    row("scope", &document.scope.to_string());
    row("added", &numbers::moment(document.added_at));
    row("size", &format!("{} bytes, {}, {} tokens", document.bytes, numbers::plural(document.chunks, "chunk"), document.tokens));
    row("hash", &document.hash);
    row("trust", if document.untrusted { "strangers or models may have written it" } else { "" });
    let writer = &document.writer;
    row("run", &writer.run.map(|run| run.to_string()).unwrap_or_default());
    row("node", writer.node.as_ref().map(NodePath::as_str).unwrap_or_default());
    row("agent", writer.agent.as_ref().map(AgentName::as_str).unwrap_or_default());
    for (key, value) in &document.metadata {
        row("noted", &clean::printable(&format!("{key} = {value}")));
    }
    let width = terminal.width_out().min(WIDTH) - 2;
    for passage in passages {
        page.gap();
        let heading =
            passage.position.heading.as_ref().map(|heading| format!("  {}", clean::one_line(heading))).unwrap_or_default();
        let citation = Passage::cite(&document.source, &passage.position);
        let tokens = numbers::plural(u64::from(passage.tokens), "token");
        page.line(&format!("  {}", terminal.paint_out(DIM, &format!("{} ({tokens}){heading}", clean::one_line(&citation)))));
        for line in wrap(&clean::block(&passage.text), width) {
            page.line(&format!("  {line}"));
        }
    }
}
