//! Whether the run waits for a person.

use super::{RunState, parts::InstanceId};
use crate::model::NodeStatus;

impl RunState {
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
