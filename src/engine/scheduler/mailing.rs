//! The scheduler and the mailboxes of the project: what is sent on, what is looked for, what comes.

use std::collections::BTreeSet;

use tokio::time::{Instant, timeout_at};

use super::Scheduler;
use crate::{
    crash::crash_point,
    engine::project_mail::News,
    error::Result,
    model::{Event, EventBody, Mailbox, Recipient},
};

impl Scheduler {
    /// Goes on with what processes before this one left: what they sent may not have arrived, what they took may not be confirmed.
    pub(super) fn take_up_mail(&mut self) {
        let came: Vec<(_, BTreeSet<u64>)> =
            self.state.came_before().map(|(mailbox, numbers)| (mailbox.clone(), numbers.clone())).collect();
        for (mailbox, numbers) in came {
            self.project.took_before(&mailbox, numbers);
        }
        let sent: Vec<_> =
            self.state.undelivered().map(|(seq, mailbox, message)| (seq, mailbox.clone(), message.clone())).collect();
        for (seq, mailbox, message) in sent {
            if self.is_simulated() {
                self.state.delivered(&mailbox, seq);
            } else {
                self.project.send(seq, &mailbox, message);
            }
        }
    }

    /// Looks for what instances want of mailboxes of the project, while something may begin.
    pub(super) fn look_beyond(&mut self) {
        if self.may_begin() {
            self.project.look_for(self.state.wanted_of_project());
        }
    }

    /// Sends on what a durable event sends, and confirms what one takes.
    pub(super) fn mail_on_durable(&mut self, event: &Event) {
        match &event.body {
            EventBody::MessageSent { message, .. } => {
                let Recipient::Mailbox(Mailbox::Project(mailbox)) = &message.to else { return };
                if self.is_simulated() {
                    self.state.delivered(mailbox, event.seq);
                } else {
                    self.project.send(event.seq, mailbox, message.clone());
                }
            }
            EventBody::MessagesCame { mailbox, messages, .. } => {
                self.project.keep(mailbox, messages.iter().map(|came| came.number).collect());
            }
            _ => {}
        }
    }

    pub(super) fn on_news(&mut self, news: News) -> Result<()> {
        match news {
            News::Delivered(mailbox, through) => self.state.delivered(&mailbox, through),
            News::Full(mailbox) => self.state.full(mailbox),
            News::Came(id, mailbox, messages) => match self.state.coming(id, &mailbox, &messages) {
                Some(body) => {
                    crash_point!("inbox.in-hand");
                    self.record(body)?;
                    crash_point!("inbox.queued");
                    self.is_urgent = true;
                }
                None => self.project.give_back(&mailbox, messages.into_iter().map(|came| came.number).collect()),
            },
            News::Seen(id, message) => {
                let body = self.state.seeing(id, &message);
                body.into_iter().try_for_each(|body| self.record(body))?;
            }
            News::Failed(id, error) => {
                let body = self.state.not_looking(id, &error);
                body.into_iter().try_for_each(|body| self.record(body))?;
            }
            News::Broken(error) => return Err(error),
        }
        Ok(())
    }

    /// A run that this process has ended by its time or for a person has a while to send what it had sent before.
    pub(super) async fn send_what_is_left(&mut self) {
        if !self.is_claimed {
            return;
        }
        let until = Instant::now() + self.engine.settings.grace;
        while self.state.ending().is_some() && self.state.has_undelivered() {
            match timeout_at(until, self.project.news()).await {
                Ok(News::Delivered(mailbox, through)) => self.state.delivered(&mailbox, through),
                Ok(News::Broken(_) | News::Full(_)) | Err(_) => return,
                Ok(News::Came(..) | News::Seen(..) | News::Failed(..)) => {}
            }
        }
    }

    /// Whether the run only pretends: nothing leaves it.
    fn is_simulated(&self) -> bool {
        let models = &self.engine.models;
        models.providers().are_simulated() || models.cassette().is_some_and(|cassette| cassette.mode().asks_nobody())
    }
}
