//! What adding tells: step by step while it goes on, and as a whole when it has ended.

use crate::{error::Error, memory::Added};

/// Who is told how adding goes on. Called between its steps: it may not block.
pub trait AddObserver: Send + Sync {
    /// `step` has been taken.
    fn on_step(&self, step: AddStep<'_>);
}

/// Tells nobody.
impl AddObserver for () {
    fn on_step(&self, _step: AddStep<'_>) {}
}

/// A step of adding.
#[derive(Debug, Clone, Copy)]
pub enum AddStep<'a> {
    /// A document was there as it is.
    Unchanged {
        /// Which.
        source: &'a str,
    },
    /// So many more texts have vectors.
    Embedded {
        /// How many.
        texts: usize,
    },
    /// A document is in the collection.
    Added {
        /// Which.
        source: &'a str,
        /// How many chunks it has.
        chunks: usize,
    },
    /// A document could not be added.
    Failed {
        /// Which.
        source: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// There is something to know about a document that is added.
    Noted {
        /// Which.
        source: &'a str,
        /// What.
        note: &'a str,
    },
}

/// What came of adding many documents.
#[derive(Debug, Default)]
pub struct AddReport {
    /// How many there were.
    pub added: Added,
    /// Those that could not be added, each with the reason.
    pub failed: Vec<(String, Error)>,
    /// What there is to know about those that were, each with its source.
    pub notes: Vec<(String, String)>,
}
