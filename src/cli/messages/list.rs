//! `agentflow messages list`.

use std::sync::Arc;

use super::{args::MessagesListArgs, find, show};
use crate::{
    cli::{args::ShowFormat, clean, json, numbers, table::table, terminal::Terminal},
    error::Result,
    mailbox::{ProjectMailbox, Stored, mailboxes},
    store::Store,
};

/// Lists the mailboxes, or what is in the one that is named.
pub(super) async fn list(store: Option<&Arc<dyn Store>>, args: &MessagesListArgs, terminal: &Terminal) -> Result<()> {
    match &args.mailbox {
        Some(name) => {
            let mailbox = find(store, name).await?;
            messages(&mailbox, args, terminal).await
        }
        None => all(store, args.format, terminal).await,
    }
}

async fn all(store: Option<&Arc<dyn Store>>, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    let found = match store {
        Some(store) => mailboxes(store).await?,
        None => Vec::new(),
    };
    if format == ShowFormat::Json {
        return terminal.print(&json::document(&found)?);
    }
    if found.is_empty() {
        terminal.note("there is no mailbox yet");
        return Ok(());
    }
    let rows = found.iter().map(|mailbox| {
        vec![
            mailbox.name.to_string(),
            mailbox.waiting.to_string(),
            mailbox.taken.to_string(),
            mailbox.dead.to_string(),
            mailbox.sent.to_string(),
            mailbox.last_at.map_or_else(|| "-".to_owned(), numbers::moment),
        ]
    });
    terminal.print(&table(terminal, &["MAILBOX", "WAITING", "TAKEN", "DEAD", "SENT", "LAST"], rows.collect()))
}

async fn messages(mailbox: &ProjectMailbox, args: &MessagesListArgs, terminal: &Terminal) -> Result<()> {
    let everything = if args.all { mailbox.messages(0, usize::MAX).await?.0 } else { mailbox.unread(usize::MAX).await? };
    let of_type = |stored: &Stored| args.kind.as_ref().is_none_or(|kind| *kind == stored.message.kind);
    let all: Vec<_> = everything.into_iter().filter(of_type).collect();
    let limit = if args.limit == 0 { all.len() } else { args.limit.min(all.len()) };
    let shown = &all[..limit];
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&shown)?);
    }
    if shown.is_empty() {
        terminal.note(&format!("no message waits in `{}`", mailbox.name()));
        return Ok(());
    }
    let rows = shown.iter().map(|stored| {
        vec![
            stored.number.to_string(),
            show::standing(stored.standing).to_owned(),
            stored.message.kind.to_string(),
            numbers::moment(stored.message.at),
            clean::one_line(&show::sender(&stored.message.from)),
            show::body(&stored.message),
        ]
    });
    terminal.print(&table(terminal, &["NUMBER", "STATUS", "TYPE", "SENT", "FROM", "BODY"], rows.collect()))?;
    if all.len() > limit {
        terminal.note(&format!("{} more; `-n 0` lists all", numbers::plural((all.len() - limit) as u64, "message")));
    }
    Ok(())
}
