//! Names and numbers, each a type of its own. A name that exists has been checked.

use std::{fmt, fmt::Write as _, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind};

/// The longest name that a file may give to anything, in characters.
const MAX_NAME: usize = 64;
/// How many bytes of a run's id say when it was made.
const TIMESTAMP_BYTES: usize = 6;

/// Checks `text` against `^[a-z0-9][a-z0-9_-]{0,63}$`, the grammar of every name in a file.
fn check_name(what: &str, text: &str) -> Result<(), Error> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    if starts_well && plain && text.len() <= MAX_NAME {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, format!("`{}` is no valid {what}", text.escape_default()))
        .hint(format!("use 1 to {MAX_NAME} of a-z, 0-9, `_` and `-`, beginning with a letter or a digit")))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps `text`.
            ///
            /// # Errors
            /// `Invalid` unless it matches `^[a-z0-9][a-z0-9_-]{0,63}$`.
            pub fn new(text: impl Into<String>) -> Result<Self, Error> {
                let text = text.into();
                check_name($what, &text)?;
                Ok(Self(text))
            }

            /// The name as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// The name of a node in its graph.
    NodeId, "node id"
);
name!(
    /// The name of an agent in the manifest.
    AgentName, "agent name"
);
name!(
    /// The name of a collection of memory: a key of `[memory]`.
    CollectionName, "name of a collection"
);
name!(
    /// The name of a mailbox: an agent's, a key of `mailboxes`, or what a node receives from.
    MailboxName, "name of a mailbox"
);
name!(
    /// The type of a message: a key of `messages`.
    MessageType, "type of a message"
);
name!(
    /// The name of a provider: a key of `[providers]`, or a built-in one.
    ProviderName, "provider name"
);

/// The id of a run: a UUID of version 7, so ids sort by the time of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// Makes a new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7())
    }

    /// The id of the run that this one begins by a call with this idempotency key: always the same for the same key, and as old as
    /// this run, beside which it sorts.
    #[must_use]
    pub fn child(self, key: &str) -> Self {
        let mut bytes = *self.0.as_bytes();
        for (byte, random) in bytes.iter_mut().skip(TIMESTAMP_BYTES).zip(Sha256::digest(key.as_bytes())) {
            *byte = random;
        }
        let id = uuid::Builder::from_bytes(bytes).with_version(uuid::Version::SortRand).with_variant(uuid::Variant::RFC4122);
        Self(id.into_uuid())
    }

    /// When it was made, to the millisecond; a run that another began is as old as that one.
    #[must_use]
    pub fn made_at(self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
    }

    /// Its sixteen bytes, the first one highest.
    #[must_use]
    pub fn as_u128(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        uuid::Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| Error::new(ErrorKind::Invalid, format!("`{}` is no run id", text.escape_default())))
    }
}

/// Where a node instance stands in a run: the ids of the enclosing nodes with their iteration, map index and attempt.
///
/// `review[3]` is the element 3 (from 0) of the mapped node `review`; `improve@2.draft` is `draft` in iteration 2 (from 1)
/// of the loop `improve`; `improve!2.draft` is `draft` in the second attempt of the inner graph `improve`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodePath(String);

impl NodePath {
    /// Wraps a path as it was written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The path of a node of the outermost graph.
    #[must_use]
    pub fn root(node: &NodeId) -> Self {
        Self(node.as_str().to_owned())
    }

    /// The path of element `index` (from 0) of a mapped node.
    #[must_use]
    pub fn element(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path of `node` in the inner graph of this one.
    ///
    /// `iteration` is given (from 1) when the graph is looped, `attempt` is shown from 2 on.
    #[must_use]
    pub fn child(&self, attempt: u32, iteration: Option<u32>, node: &NodeId) -> Self {
        let mut path = self.0.clone();
        if attempt > 1 {
            write!(path, "!{attempt}").expect("writing to a string cannot fail");
        }
        if let Some(iteration) = iteration {
            write!(path, "@{iteration}").expect("writing to a string cannot fail");
        }
        path.push('.');
        path.push_str(node.as_str());
        Self(path)
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the node in the plan: without indices, iterations and attempts.
    #[must_use]
    pub fn without_instances(&self) -> String {
        let mut plain = String::with_capacity(self.0.len());
        let mut inside = false;
        for c in self.0.chars() {
            match c {
                '[' | '@' | '!' => inside = true,
                '.' => {
                    inside = false;
                    plain.push('.');
                }
                _ if !inside => plain.push(c),
                _ => {}
            }
        }
        plain
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of an event in its run, from 0, without gaps.
pub type Seq = u64;

/// Who advances a run: one process on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The host's name.
    pub host: String,
    /// The process id on that host.
    pub process: u32,
    /// When the process started, in the host's own units; tells a reused process id from the first one.
    pub started: u64,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_child_follows_from_its_parent_and_key() {
        let run: RunId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let child = run.child("af1-a");
        assert_eq!(child, run.child("af1-a"));
        assert_ne!(child, run.child("af1-b"));
        assert!(child.to_string().starts_with("01890a5d-ac96-7"), "{child}");
        assert_eq!(child.0.get_version(), Some(uuid::Version::SortRand));
        assert_eq!(child.0.get_variant(), uuid::Variant::RFC4122);
    }
}
