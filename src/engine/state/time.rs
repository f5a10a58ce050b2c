//! The time a run has been worked on, and whether it comes forward, as its log tells.
//!
//! The time between the end of one process and the next one's `RunResumed` does not count: nobody worked on the run then. Nor does the
//! time in which a process does nothing but hold a run that waits.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{RunState, parts::InstanceId};
use crate::{
    error::{Error, ErrorKind},
    model::{Event, EventBody},
};

/// How often a run may be taken over in a row without a step that is recorded.
const MAX_RECOVERIES: u32 = 10;

/// What is known of a run's time.
#[derive(Debug)]
pub(super) struct Course {
    /// When the last event was made.
    last: Timestamp,
    /// How long processes worked on the run.
    active: Duration,
    /// Take-overs with a step under way, since the last step that was recorded.
    recoveries: u32,
}

impl Default for Course {
    fn default() -> Self {
        Self { last: Timestamp::UNIX_EPOCH, active: Duration::ZERO, recoveries: 0 }
    }
}

impl Course {
    /// How long processes worked on the run.
    pub(super) fn active(&self) -> Duration {
        self.active
    }

    /// Takes the next event of a run that stood still before it, or worked, and that had attempts under way or had none.
    pub(super) fn take(&mut self, event: &Event, stood_still: bool, was_at_work: bool) {
        match event.body {
            // A person may take any time while no process holds the run.
            EventBody::RunCreated { .. } | EventBody::ApprovalGiven { .. } => {}
            // Nothing died with the process of a run that only waits.
            EventBody::RunResumed { .. } => self.recoveries += u32::from(was_at_work),
            _ if stood_still => {}
            _ => {
                let passed = event.at.duration_since(self.last).max(SignedDuration::ZERO);
                self.active += Duration::try_from(passed).unwrap_or_default();
            }
        }
        if !matches!(event.body, EventBody::RunResumed { .. } | EventBody::AttemptStarted { .. }) {
            self.recoveries = 0;
        }
        self.last = event.at;
    }
}

impl RunState {
    /// What is left of the run's own time limit, if it has one.
    pub(in crate::engine) fn run_time_left(&self) -> Option<Duration> {
        self.plan.limits.timeout.map(|limit| limit.saturating_sub(self.course.active))
    }

    /// The time limit of an instance: of the node, all its attempts together.
    pub(in crate::engine) fn time_limit(&self, id: InstanceId) -> Option<Duration> {
        if self.is_mapped_parent(id) {
            return None;
        }
        self.node(id).timeout
    }

    /// What is left of an instance's time limit, if it has one.
    pub(in crate::engine) fn time_left(&self, id: InstanceId) -> Option<Duration> {
        let used = self.course.active.saturating_sub(self.instance(id).active_before);
        self.time_limit(id).map(|limit| limit.saturating_sub(used))
    }

    /// What is left at `now` of the tightest limit that holds for an instance: its own, of what it runs in, of the run.
    pub(in crate::engine) fn time_left_around(&self, id: InstanceId, now: Timestamp) -> Option<Duration> {
        let limits = self.with_surroundings(id).filter_map(|id| self.time_left(id));
        let since = Duration::try_from(now.duration_since(self.course.last)).unwrap_or_default();
        limits.chain(self.run_time_left()).min().map(|left| left.saturating_sub(since))
    }

    /// The instances that are under way and have a time limit.
    pub(in crate::engine) fn timed(&self) -> Vec<InstanceId> {
        let begun = self.open_instances().into_iter().filter(|id| self.instance(*id).started_at.is_some());
        begun.filter(|id| self.time_limit(*id).is_some() && !self.is_paused(*id)).collect()
    }

    /// Why the run is not to be taken over once more, if it was taken over again and again in vain.
    pub(in crate::engine) fn given_up(&self) -> Option<Error> {
        let waits = self.open_instances().into_iter().any(|id| self.is_paused(id));
        (self.course.recoveries >= MAX_RECOVERIES && !waits).then(|| {
            let text = format!("the run was resumed {MAX_RECOVERIES} times in a row, and no step was recorded in between");
            Error::new(ErrorKind::Cancelled, text)
                .hint("find out what ends the process; `agentflow fork` makes a new run of the steps that are recorded")
        })
    }
}
