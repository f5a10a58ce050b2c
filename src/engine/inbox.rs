//! Answers to questions of a run that a live process holds. They are left in a document, which that process looks at while the run asks
//! something, and records like all that happens to the run; who left one reads in the log what came of it.
//!
//! An answer in the document is a wish and nothing more: it counts when it is in the log. One that is left behind, because who left it and
//! who was to take it both died, is no answer to a question that is open, or is taken when the run goes on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Approval, NodePath, RunId, Value},
    store::{Key, Store, Version},
};

/// How often somebody else may write the document while it is written.
const TRIES: u32 = 20;

/// An answer that was left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Left {
    /// The node that asks.
    pub(super) node: NodePath,
    /// Its attempt, from 1.
    pub(super) attempt: u32,
    /// The answer.
    pub(super) approval: Approval,
}

impl Left {
    /// Whether both answer the same question.
    fn is_about_the_same(&self, other: &Self) -> bool {
        self.node == other.node
            && self.approval.step == other.approval.step
            && self.approval.fingerprint == other.approval.fingerprint
    }
}

/// The answers that were left for a run, as they stand.
#[derive(Debug)]
pub(super) struct Inbox {
    key: Key,
    version: Version,
    pub(super) left: Vec<Left>,
}

impl Inbox {
    /// Looks what is there.
    pub(super) async fn look(store: &Arc<dyn Store>, run: RunId) -> Result<Self> {
        let key = Key::new(format!("answers/{run}"));
        Ok(match store.get(&key).await? {
            // What cannot be read is no answer.
            Some(document) => {
                Self { key, version: document.version, left: serde_json::from_value(document.value).unwrap_or_default() }
            }
            None => Self { key, version: Version::ABSENT, left: Vec::new() },
        })
    }

    /// Leaves `answers`, unless one of their questions has an answer there already.
    pub(super) async fn leave(store: &Arc<dyn Store>, run: RunId, answers: &[Left]) -> Result<()> {
        change(store, run, |left| {
            if let Some(other) = answers.iter().find(|answer| left.iter().any(|other| other.is_about_the_same(answer))) {
                return Err(Error::new(ErrorKind::Invalid, format!("somebody else is just answering node `{}`", other.node))
                    .hint("the first answer counts"));
            }
            left.extend_from_slice(answers);
            Ok(())
        })
        .await
    }

    /// Takes `answers` away.
    pub(super) async fn withdraw(store: &Arc<dyn Store>, run: RunId, answers: &[Left]) -> Result<()> {
        change(store, run, |left| {
            left.retain(|one| !answers.contains(one));
            Ok(())
        })
        .await
    }

    /// Empties it, unless something came in between.
    pub(super) async fn clear(self, store: &Arc<dyn Store>) -> Result<()> {
        match store.delete(&self.key, self.version).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            done => done,
        }
    }
}

/// Writes the document anew, by compare-and-set; one with nothing in it is removed.
async fn change(store: &Arc<dyn Store>, run: RunId, how: impl Fn(&mut Vec<Left>) -> Result<()>) -> Result<()> {
    let mut tries = 0;
    loop {
        let mut inbox = Inbox::look(store, run).await?;
        let before = inbox.left.clone();
        how(&mut inbox.left)?;
        if inbox.left == before {
            return Ok(());
        }
        let written = if inbox.left.is_empty() {
            store.delete(&inbox.key, inbox.version).await
        } else {
            let value: Value = serde_json::to_value(&inbox.left)
                .map_err(|error| Error::new(ErrorKind::Internal, "an answer cannot be written as JSON").source(error))?;
            store.put(&inbox.key, inbox.version, &value).await.map(drop)
        };
        match written {
            Err(error) if error.kind() == ErrorKind::Conflict && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}
