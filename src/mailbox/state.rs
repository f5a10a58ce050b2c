//! The documents of a mailbox, read and written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, Result},
    mailbox::{ProjectMailbox, cursor::Cursor, place},
    store::{Key, Store, Version, Versioned, Write},
};

/// What was sent to a mailbox: one document, changed by compare-and-set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The number of the message to come.
    pub(super) next: u64,
    /// How long all messages are that ever came, in bytes.
    pub(super) bytes: u64,
    /// When the last one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
}

/// A document with the version that its next change says it has read.
#[derive(Debug, Clone)]
pub(super) struct Known<T> {
    pub(super) key: Key,
    pub(super) version: Version,
    pub(super) value: T,
}

impl<T: Serialize + DeserializeOwned + Default> Known<T> {
    /// Reads the document under `key`; one that is not there is as it is at first.
    pub(super) async fn read(store: &dyn Store, key: Key) -> Result<Self> {
        match store.get(&key).await? {
            None => Ok(Self { key, version: Version::ABSENT, value: T::default() }),
            Some(found) => Self::of(key, found),
        }
    }

    /// A document that was read.
    pub(super) fn of(key: Key, found: Versioned) -> Result<Self> {
        match serde_json::from_value(found.value) {
            Ok(value) => Ok(Self { key, version: found.version, value }),
            Err(error) => Err(Error::new(ErrorKind::Corrupt, format!("document `{key}` cannot be read"))
                .hint("it is damaged, or of a newer version of agentflow")
                .source(error)),
        }
    }

    /// The write that changes it to `value`.
    pub(super) fn put(&self, value: &T) -> Result<Write> {
        let value = serde_json::to_value(value)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("document `{}` is no JSON", self.key)).source(error))?;
        Ok(Write::Put { key: self.key.clone(), expected: self.version, value })
    }
}

/// Both documents. The cursor is read first: so it knows of no message that the head does not know of.
pub(super) struct State {
    pub(super) cursor: Known<Cursor>,
    pub(super) head: Known<Head>,
}

impl State {
    pub(super) async fn read(mailbox: &ProjectMailbox) -> Result<Self> {
        let store = mailbox.store.as_ref();
        let cursor = Known::read(store, place::cursor(&mailbox.name)).await?;
        let head = Known::read(store, place::head(&mailbox.name)).await?;
        Ok(Self { cursor, head })
    }

    /// How many messages are unread, and how long they are in bytes; those included that readers have now.
    pub(super) fn unread(&self) -> (u64, u64) {
        let (head, cursor) = (&self.head.value, &self.cursor.value);
        (head.next.saturating_sub(cursor.done.len()), head.bytes.saturating_sub(cursor.bytes))
    }
}
