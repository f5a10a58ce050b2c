//! What an eval has cost so far, counted while its runs go on.

use std::sync::{Mutex, PoisonError};

use crate::{
    engine::Observer,
    model::{Event, EventBody, RunId, Spend},
};

/// Adds up what events of runs cost.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<f64>);

impl Meter {
    /// The money so far, in USD.
    pub(super) fn usd(&self) -> f64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what has happened.
    pub(super) fn take(&self, event: &Event) {
        let spend = match &event.body {
            EventBody::ModelResponded { response, cost, .. } => Spend::of_call(response.usage, *cost),
            // What an agent or a workflow cost that was called as a tool.
            EventBody::ToolReturned { result, .. } => result.spend,
            _ => return,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += spend.usd;
    }
}

impl Observer for Meter {
    fn on_event(&self, _run: RunId, event: &Event) {
        self.take(event);
    }
}
