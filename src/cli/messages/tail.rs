//! `agentflow messages tail`: what is sent to a mailbox, as it comes. It takes nothing out of it.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{args::MessagesTailArgs, show};
use crate::{
    cli::{args::ShowFormat, exit, numbers, signals::Kinds, terminal::Terminal},
    error::{Error, ErrorKind, Result},
    mailbox::ProjectMailbox,
    store::Store,
};

/// The time between two looks at the mailbox.
const PAUSE: Duration = Duration::from_millis(200);
/// How many messages are read at once.
const PAGE: usize = 200;

/// Shows messages until there were enough, or a signal comes.
pub(super) async fn tail(store: Option<Arc<dyn Store>>, args: &MessagesTailArgs, terminal: &Terminal) -> Result<u8> {
    let store = store.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "there is no store yet")
            .hint("`--store URL` names another one; a run or a message makes it")
    })?;
    let mut signals = Kinds::listen()?;
    let mailbox = ProjectMailbox::new(store, args.mailbox.clone());
    let sent = mailbox.overview().await?.sent;
    if sent == 0 {
        terminal.note(&format!("nothing was sent to `{}` yet", args.mailbox));
    }
    let mut tail = Tail { mailbox, args, terminal, next: sent.saturating_sub(args.last), left: args.count };
    loop {
        if tail.show_new().await? {
            return Ok(exit::SUCCEEDED);
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            code = signals.next() => return Ok(code),
        }
    }
}

struct Tail<'a> {
    mailbox: ProjectMailbox,
    args: &'a MessagesTailArgs,
    terminal: &'a Terminal,
    /// The number of the first message that was not shown.
    next: u64,
    /// How many messages are still to be shown.
    left: Option<u64>,
}

impl Tail<'_> {
    /// Shows what came since; whether there were enough.
    async fn show_new(&mut self) -> Result<bool> {
        loop {
            let (page, next) = self.mailbox.messages(self.next, PAGE).await?;
            let gone = next - self.next - page.len() as u64;
            if gone > 0 {
                self.terminal.note(&format!("{} read and removed before it could be shown", numbers::plural(gone, "message")));
            }
            for stored in page.iter().filter(|stored| self.args.kind.as_ref().is_none_or(|kind| *kind == stored.message.kind)) {
                let line = match self.args.format {
                    ShowFormat::Text => show::line(stored),
                    ShowFormat::Json => show::json_line(stored)?,
                };
                self.terminal.print(&line)?;
                if let Some(left) = &mut self.left {
                    *left -= 1;
                    if *left == 0 {
                        return Ok(true);
                    }
                }
            }
            let is_last = self.next == next || page.len() < PAGE;
            self.next = next;
            if is_last {
                return Ok(false);
            }
        }
    }
}
