//! `agentflow messages`: the mailboxes of the project, looked at and written to by a person. One file per command.

pub mod args;
mod dead;
mod list;
mod send;
mod show;
mod tail;

use std::sync::Arc;

use crate::{
    app::{self, Settings},
    cli::{exit, terminal::Terminal},
    error::{Error, ErrorKind, Result, nearest},
    mailbox::{ProjectMailbox, mailboxes},
    model::MailboxName,
    store::Store,
};

use args::MessagesCommand;

/// Does what the sub-command says with the store of the folder.
pub(super) async fn messages(command: &MessagesCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let store = app::open_existing_store(settings).await?;
    match command {
        MessagesCommand::List(args) => list::list(store.as_ref(), args, terminal).await?,
        MessagesCommand::Tail(args) => return tail::tail(store, args, terminal).await,
        MessagesCommand::Send(args) => send::send(store, args, settings, terminal).await?,
        MessagesCommand::Dead(args) => dead::dead(store.as_ref(), args, terminal).await?,
        MessagesCommand::Replay(args) => dead::replay(store.as_ref(), args, terminal).await?,
    }
    Ok(exit::SUCCEEDED)
}

/// The mailbox `name`, if anything was ever sent to it.
async fn find(store: Option<&Arc<dyn Store>>, name: &MailboxName) -> Result<ProjectMailbox> {
    let known = match store {
        Some(store) => mailboxes(store).await?,
        None => Vec::new(),
    };
    if let Some(store) = store.filter(|_| known.iter().any(|mailbox| mailbox.name == *name)) {
        return Ok(ProjectMailbox::new(Arc::clone(store), name.clone()));
    }
    let error = Error::new(ErrorKind::NotFound, format!("there is no mailbox `{name}`: nothing was sent to it yet"));
    Err(match nearest(name.as_str(), known.iter().map(|mailbox| mailbox.name.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => error.hint("`agentflow messages send` sends one; `--store URL` names another store"),
        None => error.hint("`agentflow messages list` shows what there is"),
    })
}
