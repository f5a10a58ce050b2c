//! When instances and the run as a whole are out of time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use super::state::InstanceId;

/// The time limits that run.
pub(super) struct Deadlines {
    run: Option<Instant>,
    instances: BinaryHeap<Reverse<(Instant, InstanceId)>>,
    /// Instances whose limit runs or has passed.
    known: HashSet<InstanceId>,
    is_stopped: bool,
}

impl Deadlines {
    /// Those of a run that has so much time left.
    pub(super) fn of_run(left: Option<Duration>) -> Self {
        let run = left.and_then(|left| Instant::now().checked_add(left));
        Self { run, instances: BinaryHeap::new(), known: HashSet::new(), is_stopped: false }
    }

    /// Gives an instance its limit, unless it has one or all are stopped.
    pub(super) fn set(&mut self, id: InstanceId, left: Option<Duration>) {
        if let Some(at) = left.and_then(|left| Instant::now().checked_add(left))
            && !self.is_stopped
            && self.known.insert(id)
        {
            self.instances.push(Reverse((at, id)));
        }
    }

    /// Takes the limit of an instance away, until it is given one again.
    pub(super) fn forget(&mut self, id: InstanceId) {
        self.known.remove(&id);
        self.instances.retain(|Reverse((_, other))| *other != id);
    }

    /// Has no limit pass any more.
    pub(super) fn stop(&mut self) {
        if !self.is_stopped {
            *self = Self { is_stopped: true, ..Self::of_run(None) };
        }
    }

    /// Whether they were stopped; those that are to run are then made anew.
    pub(super) fn are_stopped(&self) -> bool {
        self.is_stopped
    }

    /// The next limit that passes.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = self.instances.peek().map(|Reverse((at, _))| *at);
        next.into_iter().chain(self.run).min()
    }

    /// Whether the run's limit has passed; tells so once.
    pub(super) fn take_run(&mut self, now: Instant) -> bool {
        self.run.take_if(|at| *at <= now).is_some()
    }

    /// An instance whose limit has passed; tells of each once.
    pub(super) fn take_instance(&mut self, now: Instant) -> Option<InstanceId> {
        let Reverse((at, id)) = self.instances.peek().copied()?;
        (at <= now).then(|| {
            self.instances.pop();
            id
        })
    }
}
