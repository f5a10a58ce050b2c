//! What a called run costs, counted while it goes on, so that it is known however the call ends.

use crate::{
    engine::Observer,
    model::{Event, EventBody, RunId, Spend},
    tool::Meter,
};

/// Adds up what events of a run cost.
pub(super) struct Counting(pub(super) Meter);

impl Counting {
    /// Takes what has happened.
    pub(super) fn take(&self, event: &Event) {
        match &event.body {
            EventBody::ModelResponded { response, cost, .. } => self.0.add(Spend::of_call(response.usage, *cost)),
            EventBody::ToolCalled { .. } => self.0.add(Spend { tool_calls: 1, ..Spend::default() }),
            EventBody::ToolReturned { result, .. } => self.0.add(result.spend),
            EventBody::RunFinished { spend, .. } => self.0.set(*spend),
            _ => {}
        }
    }
}

impl Observer for Counting {
    fn on_event(&self, _run: RunId, event: &Event) {
        self.take(event);
    }
}
