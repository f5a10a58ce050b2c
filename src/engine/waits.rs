//! What a run waits for besides people, as its events tell.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::answer::open_questions;
use crate::model::{Event, EventBody, NodePath};

/// A node that waits for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWait {
    /// The node.
    pub node: NodePath,
    /// When it goes on.
    pub until: Timestamp,
}

/// The nodes of a run that wait for a time and ask nobody, the next one first.
#[must_use]
pub fn open_waits(events: &[Event]) -> Vec<OpenWait> {
    let mut open: IndexMap<&NodePath, Timestamp> = IndexMap::new();
    for event in events {
        match &event.body {
            EventBody::AttemptPaused { node, until: Some(until), .. } => {
                open.insert(node, *until);
            }
            EventBody::RunFinished { .. } => open.clear(),
            EventBody::NodeSucceeded { node, .. }
            | EventBody::NodeFailed { node, .. }
            | EventBody::NodeCancelled { node }
            | EventBody::AttemptStarted { node, .. }
            | EventBody::AttemptFailed { node, .. } => {
                open.shift_remove(node);
            }
            _ => {}
        }
    }
    let asking = open_questions(events);
    open.retain(|node, _| !asking.iter().any(|question| question.node == **node));
    let mut waits: Vec<_> = open.into_iter().map(|(node, until)| OpenWait { node: node.clone(), until }).collect();
    waits.sort_by_key(|wait| wait.until);
    waits
}
