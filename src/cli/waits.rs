//! Tells for what a run waits, and how it goes on.

use std::sync::Arc;

use crate::{
    app::approve::{asking_children, waits_of_children},
    cli::{clean, run::Commands, terminal::Terminal},
    engine::{OpenWait, open_questions, open_waits, read_run},
    error::Result,
    model::{MailboxName, RunId},
    store::Store,
};

/// How many nodes are named.
const NAMED: usize = 3;

/// For what a run waits.
#[derive(Debug)]
pub(super) struct Waits {
    /// Whether it, or a run that it called, asks people something.
    pub(super) asks: bool,
    times: Vec<OpenWait>,
    mailboxes: Vec<MailboxName>,
}

impl Waits {
    /// Looks at the run, and at those that it called. Of the mailboxes that it waits for, the process knows that let go of it.
    pub(super) async fn of(store: &Arc<dyn Store>, run: RunId, mailboxes: Vec<MailboxName>) -> Result<Self> {
        let events = read_run(store, run).await?.events;
        let asks = !open_questions(&events).is_empty() || !asking_children(store, run).await?.is_empty();
        let mut times = open_waits(&events);
        times.extend(waits_of_children(store, run).await?);
        times.sort_by_key(|wait| wait.until);
        Ok(Self { asks, times, mailboxes })
    }

    /// Says it on standard error.
    pub(super) fn tell(&self, run: RunId, commands: &Commands, terminal: &Terminal) {
        terminal.talk(&self.in_words(run, commands));
    }

    /// For what it waits and what is to be done, in lines.
    pub(super) fn in_words(&self, run: RunId, commands: &Commands) -> String {
        let named = self.times.iter().take(NAMED);
        let mut lines: Vec<String> = named
            .map(|wait| format!("run {run} waits until {} (node {})", wait.until, clean::one_line(wait.node.as_str())))
            .collect();
        if self.times.len() > NAMED {
            lines.push(format!("and for {} more nodes after that", self.times.len() - NAMED));
        }
        lines.extend(self.mailboxes.iter().map(|mailbox| format!("run {run} waits for mailbox `project:{mailbox}`")));
        let waits_for_mail_only = !self.asks && self.times.is_empty() && !self.mailboxes.is_empty();
        lines.push(if waits_for_mail_only {
            format!("when somebody has sent or read there, {}", commands.resume(run))
        } else if self.asks || self.times.is_empty() {
            format!("run {run} waits for a person; {}", commands.answer(run))
        } else {
            format!("after that, {}", commands.resume(run))
        });
        lines.join("\n")
    }
}
