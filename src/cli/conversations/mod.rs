//! `agentflow conversations`: what agents go on with, to be seen and removed.

pub mod args;

use std::sync::Arc;

use crate::{
    agent::Conversation,
    app::{self, Settings, conversations as kept},
    cli::{
        args::ShowFormat,
        clean, exit, json, numbers,
        page::Page,
        table::table,
        terminal::{BOLD, DIM, Terminal},
    },
    error::{Error, ErrorKind, Result},
    store::Store,
};

use args::{ConversationsCommand, ConversationsListArgs};

/// Does what the sub-command says with the store of the folder.
pub(super) async fn conversations(command: &ConversationsCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let store = app::open_existing_store(settings).await?;
    match command {
        ConversationsCommand::List(args) => list(store.as_ref(), args, terminal).await?,
        ConversationsCommand::Show(args) => {
            let found = kept::find(&store.ok_or_else(no_store)?, &args.name, args.scope.as_ref()).await?;
            show(&found, args.format, terminal)?;
        }
        ConversationsCommand::Rm(args) => {
            let store = store.ok_or_else(no_store)?;
            for name in &args.names {
                let removed = kept::remove(&store, name, args.scope.as_ref()).await?;
                terminal.note(&format!("removed {}", clean::one_line(&removed.to_string())));
            }
        }
    }
    Ok(exit::SUCCEEDED)
}

fn no_store() -> Error {
    Error::new(ErrorKind::NotFound, "there is no conversation yet").hint("`--store URL` names another store")
}

async fn list(store: Option<&Arc<dyn Store>>, args: &ConversationsListArgs, terminal: &Terminal) -> Result<()> {
    let found = match store {
        Some(store) => kept::list(store).await?,
        None => Vec::new(),
    };
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&found)?);
    }
    if found.is_empty() {
        terminal.note("there is no conversation yet");
        return Ok(());
    }
    let rows = found.iter().map(|conversation| {
        vec![
            clean::one_line(&conversation.name),
            clean::one_line(&conversation.scope.to_string()),
            conversation.turns.to_string(),
            conversation.summarized.to_string(),
            numbers::count(conversation.tokens as u64),
            conversation.last.map_or_else(|| "-".to_owned(), numbers::moment),
        ]
    });
    terminal.print(&table(terminal, &["NAME", "SCOPE", "TURNS", "SUMMARIZED", "TOKENS", "LAST"], rows.collect()))
}

fn show(conversation: &Conversation, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        return terminal.print(&json::document(conversation)?);
    }
    let Conversation { id, summary, turns, dropped, .. } = conversation;
    let mut page = Page::default();
    for (name, value) in [
        ("name", clean::one_line(&id.name)),
        ("scope", clean::one_line(&id.scope.to_string())),
        ("turns", conversation.total().to_string()),
    ] {
        page.line(&format!("{name:<10}{value}"));
    }
    if *dropped > 0 {
        page.gap();
        page.line(&format!("{} of the beginning: not kept", numbers::plural(*dropped, "turn")));
    }
    if let Some(summary) = summary {
        page.gap();
        let heading = format!("{} in short, by {}", numbers::plural(summary.turns, "turn"), summary.by);
        page.line(&terminal.paint_out(BOLD, &heading));
        page.block(&clean::block(&summary.text));
    }
    for turn in turns {
        page.gap();
        let heading = format!("{}, node {} of run {}", numbers::moment(turn.at), turn.node, turn.run);
        page.line(&terminal.paint_out(DIM, &heading));
        for (name, text) in [("asked", &turn.prompt), ("answered", &turn.answer)] {
            page.line(&terminal.paint_out(BOLD, name));
            page.block(&clean::block(text));
        }
    }
    terminal.print(&page.into_text())
}
