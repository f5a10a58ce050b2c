//! What people are asked, and whether the run waits for them.

use super::{RunState, parts::InstanceId};
use crate::model::{ApprovalRequest, NodePath, NodeStatus};

/// A question that nobody has answered yet.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenQuestion {
    /// The node that waits for the answer.
    pub node: NodePath,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// What is asked.
    pub request: ApprovalRequest,
}

impl RunState {
    /// The questions that keep nodes from going on, in the order in which the nodes came to be.
    #[must_use]
    pub fn questions(&self) -> Vec<OpenQuestion> {
        let paused = self.instances.iter().filter(|instance| instance.paused.is_some() && !instance.status.is_final());
        paused
            .flat_map(|instance| {
                instance.recorded.questions().map(|request| OpenQuestion {
                    node: instance.path.clone(),
                    attempt: instance.attempt,
                    request: request.clone(),
                })
            })
            .collect()
    }

    /// Whether nothing can go on before a person has answered: nothing is under way, due or ready.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        let idle = self.ending.is_none() && self.dirty.is_empty() && self.ready.is_empty() && self.running == 0;
        idle && self.wakes.is_empty()
            && self.instances.iter().any(|instance| instance.paused.is_some() && !instance.status.is_final())
    }

    /// Whether the instance waits for a person.
    pub(in crate::engine) fn is_paused(&self, id: InstanceId) -> bool {
        let instance = self.instance(id);
        instance.paused.is_some() && instance.status == NodeStatus::Waiting
    }
}
