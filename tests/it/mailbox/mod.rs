//! Mailboxes of the project, over each store: many senders, many readers, nothing lost, nothing twice.

mod dead;
mod model;
mod read;
mod send;
mod tidy;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use agentflow::{
    Result,
    mailbox::{Delivery, Letter, Limits, NoWitness, ProjectMailbox, Wanted, Witness},
    model::{Mailbox, MailboxName, Message, MessageId, MessageType, Recipient, Sender},
    store::{self, InMemoryStore, Store, Synchronous},
};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

/// A store, and the mailbox `reviews` in it.
struct Fixture {
    store: Arc<dyn Store>,
    mailbox: ProjectMailbox,
    folder: Option<TempDir>,
}

impl Fixture {
    fn in_memory() -> Self {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        Self { mailbox: ProjectMailbox::new(Arc::clone(&store), name()), store, folder: None }
    }

    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("agentflow.db").display());
        let store = store::open(&url, Synchronous::Normal).await.unwrap();
        Self { mailbox: ProjectMailbox::new(Arc::clone(&store), name()), store, folder: Some(folder) }
    }

    /// The mailbox as another process has it.
    async fn elsewhere(&self) -> ProjectMailbox {
        let store = match &self.folder {
            None => Arc::clone(&self.store),
            Some(folder) => {
                let url = format!("sqlite:{}", folder.path().join("agentflow.db").display());
                store::open(&url, Synchronous::Normal).await.unwrap()
            }
        };
        ProjectMailbox::new(store, name())
    }

    /// The mailbox with other limits.
    fn limited(&self, limits: Limits) -> ProjectMailbox {
        ProjectMailbox::with_limits(Arc::clone(&self.store), name(), limits)
    }
}

fn name() -> MailboxName {
    MailboxName::new("reviews").unwrap()
}

fn kind(text: &str) -> MessageType {
    MessageType::new(text).unwrap()
}

/// A message of this type that says `body`.
fn message(of: &str, body: Value) -> Message {
    Message {
        id: MessageId::of(&format!("{of}/{body}")),
        from: Sender::default(),
        to: Recipient::Mailbox(Mailbox::Project(name())),
        kind: kind(of),
        body,
        at: Timestamp::now(),
        expires_at: None,
    }
}

/// Unmarked letters of the type `note` with these numbers.
fn notes(numbers: impl IntoIterator<Item = u64>) -> Vec<Letter> {
    numbers.into_iter().map(|number| Letter::new(message("note", json!(number)))).collect()
}

/// The letters of a line with these numbers.
fn line(line: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<Letter> {
    numbers.into_iter().map(|number| Letter::marked(message("note", json!([line, number])), line, number)).collect()
}

fn up_to(count: usize) -> Wanted<'static> {
    Wanted { kind: None, at_least: 1, at_most: count, lease: LONG }
}

/// The same, and the reader's time is over at once.
fn briefly(count: usize) -> Wanted<'static> {
    Wanted { lease: Duration::ZERO, ..up_to(count) }
}

async fn take(mailbox: &ProjectMailbox, reader: &str, wanted: Wanted<'_>) -> Vec<Delivery> {
    mailbox.take(reader, wanted, &NoWitness).await.unwrap()
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.number).collect()
}

fn bodies(deliveries: &[Delivery]) -> Vec<Value> {
    deliveries.iter().map(|delivery| delivery.message.body.clone()).collect()
}

/// Takes and confirms until nothing is left.
async fn drain(mailbox: &ProjectMailbox, reader: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let some = take(mailbox, reader, up_to(256)).await;
        if some.is_empty() {
            return all;
        }
        let confirmed = mailbox.confirm(reader, &numbers(&some)).await.unwrap();
        assert_eq!(confirmed.lost, [0; 0]);
        all.extend(bodies(&some));
    }
}

/// Says that every reader has kept these.
struct Kept(BTreeSet<u64>);

#[async_trait]
impl Witness for Kept {
    async fn kept(&self, _: &ProjectMailbox, _: &str) -> Result<BTreeSet<u64>> {
        Ok(self.0.clone())
    }
}
