//! What others may see of a run while it goes on.

use std::time::Duration;

use crate::model::{Event, NodePath, RunId, Seq};

/// Sees a run. Called from the engine's task: returns at once, never blocks.
pub trait Observer: Send + Sync {
    /// An event is in the store.
    fn on_event(&self, run: RunId, event: &Event);

    /// Something is going on that is no result and is not stored; may be missed.
    fn on_progress(&self, _run: RunId, _progress: &Progress<'_>) {}
}

/// Looks at nothing.
impl Observer for () {
    fn on_event(&self, _run: RunId, _event: &Event) {}
}

/// What goes on between events.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// An attempt begins.
    AttemptStarted {
        /// Which node.
        node: &'a NodePath,
        /// From 1.
        attempt: u32,
        /// For an agent node, `agent` and `provider/model`.
        agent: Option<(&'a str, &'a str)>,
    },
    /// A model call begins.
    CallStarted {
        /// Which node.
        node: &'a NodePath,
        /// The ordinal of the call within the attempt, from 0.
        ordinal: u32,
    },
    /// A piece of an answer arrived. Void when the attempt fails.
    Text {
        /// Which node.
        node: &'a NodePath,
        /// The piece.
        text: &'a str,
    },
    /// The node waits before its next attempt.
    RetryWaiting {
        /// Which node.
        node: &'a NodePath,
        /// The attempt that comes.
        attempt: u32,
        /// How long.
        delay: Duration,
    },
    /// The store does not take what happened. Nothing new starts; it is tried again for a while.
    StoreWaiting {
        /// Why.
        reason: &'a str,
        /// For how long.
        patience: Duration,
    },
    /// The store takes what happened again.
    StoreBack,
    /// The log has become long.
    ManyEvents {
        /// How many events the run has.
        events: Seq,
        /// How many it may have.
        most: Seq,
    },
}
