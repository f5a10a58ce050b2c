//! Mailboxes of the project: where runs, processes and people leave messages for each other, in the store that they share.
//!
//! Many send at once, and many read at once; each message goes to one reader. A message is in the mailbox when `send` returns,
//! and until a reader has confirmed it: one that takes it and dies loses it when its time is over, and the message is given to
//! the next. So it is delivered at least once, in the order of its line, and one that is sent again does not arrive again.
//!
//! In the store, a mailbox is a row of streams (`place`), a document about what was sent (`state`) and one about what was read
//! (`cursor`); every change is one [`Store::commit`] that says what it has read.

mod cursor;
mod dead;
mod letter;
mod look;
mod numbers;
mod place;
mod send;
mod state;
mod survey;
mod take;
mod tidy;
mod turns;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use crate::{
    model::{MailboxName, MessageType},
    store::Store,
};

pub use dead::{DeadLetter, Reason};
pub use letter::{Letter, Mark};
pub use look::{Overview, Standing, Stored, mailboxes};
pub use send::Sent;
pub use take::{Confirmed, Delivery, NoWitness, Wanted, Witness};

/// How much a mailbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many messages may be unread.
    pub messages: u64,
    /// How long they may be together, in bytes.
    pub bytes: u64,
    /// How often a message is given to a reader before it is a dead letter.
    pub deliveries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages: 10_000, bytes: 64 << 20, deliveries: 5 }
    }
}

/// One mailbox of the project. Nothing is made before the first message is sent.
pub struct ProjectMailbox {
    store: Arc<dyn Store>,
    name: MailboxName,
    limits: Limits,
    /// Up to which number nothing waits that is of this type, or of any; but for what comes back from its readers.
    looked: Mutex<HashMap<Option<MessageType>, u64>>,
    /// Whether this process has read it, and has removed what others left.
    has_read: AtomicBool,
    /// Held while this process sends, so that its own senders do not cross each other.
    sending: tokio::sync::Mutex<()>,
}

impl ProjectMailbox {
    /// The mailbox `name` in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, name: MailboxName) -> Self {
        Self::with_limits(store, name, Limits::default())
    }

    /// A mailbox that holds this much. All processes that use it are to say the same.
    #[must_use]
    pub fn with_limits(store: Arc<dyn Store>, name: MailboxName, limits: Limits) -> Self {
        Self {
            store,
            name,
            limits,
            looked: Mutex::default(),
            has_read: AtomicBool::default(),
            sending: tokio::sync::Mutex::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &MailboxName {
        &self.name
    }
}

impl fmt::Debug for ProjectMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProjectMailbox").field("name", &self.name).finish_non_exhaustive()
    }
}
