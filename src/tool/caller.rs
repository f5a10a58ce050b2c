//! The step of a run that makes a call: for tools whose calls are runs themselves.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{NodePath, RunId, Spend, StepId};

/// The step that makes a call.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The run.
    pub run: RunId,
    /// The node instance.
    pub node: &'a NodePath,
    /// Which step of the node.
    pub step: StepId,
    /// What the call costs: kept up to date by the tool, read when the call has ended in whatever way.
    pub meter: &'a Meter,
}

/// What a call costs so far. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Spend>>);

impl Meter {
    /// What was spent so far.
    #[must_use]
    pub fn read(&self) -> Spend {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was spent.
    pub fn add(&self, spend: Spend) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += spend;
    }

    /// Sets what was spent in all.
    pub fn set(&self, spend: Spend) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = spend;
    }
}
