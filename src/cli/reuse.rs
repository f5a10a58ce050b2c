//! How much a run took over from an earlier one, in a line at its end.

use std::collections::HashSet;

use crate::{
    cli::numbers,
    model::{Event, EventBody, NodePath, OriginKind, RunId},
};

/// Counts the answers of agents in a run that has an earlier one.
#[derive(Debug, Default)]
pub(super) struct Tally {
    earlier: Option<RunId>,
    reused: u64,
    asked: HashSet<NodePath>,
}

impl Tally {
    /// Takes in an event.
    pub(super) fn watch(&mut self, event: &Event) {
        match &event.body {
            EventBody::RunCreated { origin: Some(origin), .. } if origin.kind != OriginKind::Repair => {
                self.earlier = Some(origin.run);
            }
            EventBody::NodeSucceeded { reused: Some(_), .. } => self.reused += 1,
            EventBody::AttemptStarted { node, basis: Some(_), .. } if self.earlier.is_some() => {
                self.asked.insert(node.clone());
            }
            _ => {}
        }
    }

    /// `3 of 5 agent answers reused from run …`; nothing for a run without an earlier one.
    pub(super) fn line(&self) -> Option<String> {
        let earlier = self.earlier?;
        let all = self.reused + self.asked.len() as u64;
        Some(format!("{} of {} reused from run {earlier}", self.reused, numbers::plural(all, "agent answer")))
    }
}
