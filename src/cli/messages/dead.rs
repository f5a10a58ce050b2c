//! `agentflow messages dead` and `replay`.

use std::sync::Arc;

use serde::Serialize;

use super::{
    args::{MessagesDeadArgs, MessagesReplayArgs},
    find, show,
};
use crate::{
    cli::{args::ShowFormat, clean, json, numbers, table::table, terminal::Terminal},
    error::{Error, ErrorKind, Result},
    mailbox::{DeadLetter, ProjectMailbox, mailboxes},
    model::MailboxName,
    store::Store,
};

/// How many are read at once.
const PAGE: usize = 200;

/// A dead letter with the mailbox it is of.
#[derive(Debug, Serialize)]
struct Found {
    mailbox: MailboxName,
    #[serde(flatten)]
    letter: DeadLetter,
}

/// Lists dead letters with their reasons.
pub(super) async fn dead(store: Option<&Arc<dyn Store>>, args: &MessagesDeadArgs, terminal: &Terminal) -> Result<()> {
    let mut of = Vec::new();
    match (&args.mailbox, store) {
        (Some(name), _) => of.push(find(store, name).await?),
        (None, Some(store)) => {
            let all = mailboxes(store).await?.into_iter().filter(|mailbox| mailbox.dead > 0);
            of.extend(all.map(|mailbox| ProjectMailbox::new(Arc::clone(store), mailbox.name)));
        }
        (None, None) => {}
    }
    let limit = if args.limit == 0 { usize::MAX } else { args.limit };
    let mut found = Vec::new();
    for mailbox in &of {
        let letters = mailbox.dead_letters(None, limit).await?;
        found.extend(letters.into_iter().map(|letter| Found { mailbox: mailbox.name().clone(), letter }));
    }
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&found)?);
    }
    if found.is_empty() {
        terminal.note("there are no dead letters");
        return Ok(());
    }
    let rows = found.iter().map(|Found { mailbox, letter }| {
        vec![
            mailbox.to_string(),
            letter.number.to_string(),
            letter.message.kind.to_string(),
            numbers::moment(letter.at),
            clean::one_line(&letter.reason.to_string()),
            show::body(&letter.message),
        ]
    });
    terminal.print(&table(terminal, &["MAILBOX", "NUMBER", "TYPE", "SINCE", "WHY", "BODY"], rows.collect()))
}

/// Sends dead letters again.
pub(super) async fn replay(store: Option<&Arc<dyn Store>>, args: &MessagesReplayArgs, terminal: &Terminal) -> Result<()> {
    let mailbox = find(store, &args.mailbox).await?;
    let wanted = if args.all { all_numbers(&mailbox).await? } else { args.numbers.clone() };
    for (sent, number) in wanted.iter().enumerate() {
        if !mailbox.replay(*number).await? {
            let text = format!("mailbox `{}` is full: {sent} of {} were sent again", args.mailbox, wanted.len());
            return Err(Error::new(ErrorKind::Waiting, text).hint("try again when somebody has read what is in it"));
        }
    }
    terminal.note(&format!("sent {} again", numbers::plural(wanted.len() as u64, "message")));
    Ok(())
}

async fn all_numbers(mailbox: &ProjectMailbox) -> Result<Vec<u64>> {
    let mut all: Vec<u64> = Vec::new();
    loop {
        let page = mailbox.dead_letters(all.last().copied(), PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page.iter().map(|letter| letter.number));
        if is_last {
            return Ok(all);
        }
    }
}
