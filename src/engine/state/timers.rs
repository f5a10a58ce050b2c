//! When what waits is due: the next attempt after a failure, and what waits for a time, or for somebody until then.
//!
//! The time is in the event with which the waiting began. A resume knows it from the log, and what is over stays over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{RunState, parts::InstanceId};
use crate::model::{Approval, NodeStatus};

impl RunState {
    /// When the next waiting instance is due.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let due = self.timers.first().map(|(at, _)| *at);
        due.into_iter().chain(self.next_room()).min()
    }

    /// Whether nothing can go on for now: nothing is under way, ready, or due within `hold` from `now`, and somebody or something is
    /// waited for; or nothing is to go on, because the run is paused. The ends of questions count as due only if `questions` are waited
    /// for, too.
    #[must_use]
    pub fn is_blocked(&self, now: Timestamp, hold: Duration, questions: bool) -> bool {
        if self.is_stopped() {
            return self.ending.is_none() && self.running == 0;
        }
        let outside = || self.holds_something() || self.waits_for_project();
        let waits = || self.stands_still() || self.running == 0 && self.retrying == 0 && outside();
        let idle = self.ending.is_none() && self.dirty.is_empty() && self.ready.is_empty() && waits();
        let until = SignedDuration::try_from(hold).ok().and_then(|hold| now.checked_add(hold).ok()).unwrap_or(Timestamp::MAX);
        let mut due = self.timers.range(..=(until, InstanceId(u32::MAX)));
        idle && !due.any(|(_, id)| questions || self.instance(*id).standing.asked.is_none())
    }

    /// Whether somebody is waited for who might answer.
    pub(in crate::engine) fn may_be_asking(&self) -> bool {
        self.paused > 0
    }

    /// Whether `approval` answers a question of the instance that is open at `now`.
    pub(in crate::engine) fn takes_answer(&self, id: InstanceId, approval: &Approval, now: Timestamp) -> bool {
        let instance = self.instance(id);
        if instance.status.is_final() {
            return false;
        }
        let own = instance.standing.asked.iter().filter(|_| instance.standing.answer.is_none());
        own.chain(instance.recorded.questions()).any(|request| {
            request.step == approval.step
                && request.fingerprint == approval.fingerprint
                && approval.decision.fits(request.question.kind)
                && !request.question.gate.as_ref().is_some_and(|gate| gate.is_over(now))
        })
    }

    /// Whether the run itself does nothing: it is paused, or waits for people, for a time, or for another run. The time until it goes on is not its own.
    pub(in crate::engine) fn stands_still(&self) -> bool {
        self.running == 0 && (self.is_stopped() || self.retrying == 0 && self.paused > 0)
    }

    /// Has the instance, which waits, looked at when `due` has come. It has one timer at most.
    pub(super) fn set_timer(&mut self, id: InstanceId, due: Option<Timestamp>) {
        self.clear_timer(id);
        self.instance_mut(id).due = due;
        self.timers.extend(due.map(|due| (due, id)));
    }

    /// The instance waits for no time any more.
    pub(super) fn clear_timer(&mut self, id: InstanceId) {
        if let Some(due) = self.instance_mut(id).due.take() {
            self.timers.remove(&(due, id));
        }
    }

    /// Has all that is due at `now` go on: an attempt after a failure queues for a place, the rest is looked at.
    pub(super) fn wake_due(&mut self, now: Timestamp) {
        while let Some((due, id)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, id));
            if self.is_paused(id) || self.mailboxes.waiting().of(id).is_some() {
                self.dirty.push_back(id);
            } else {
                self.instance_mut(id).due = None;
                self.enqueue(id);
            }
        }
    }

    /// The instance, which has just begun to wait, waits for something else than its next attempt.
    pub(super) fn pause(&mut self, id: InstanceId, until: Option<Timestamp>) {
        self.retrying -= 1;
        self.paused += 1;
        let active = self.course.active();
        self.instance_mut(id).paused = Some(active);
        self.set_timer(id, until);
    }

    /// The instance waits no more, if it did.
    pub(super) fn end_waiting(&mut self, id: InstanceId) {
        self.clear_timer(id);
        let instance = self.instance_mut(id);
        let (status, paused) = (instance.status, instance.paused.take());
        if status == NodeStatus::Waiting {
            let count = if paused.is_some() { &mut self.paused } else { &mut self.retrying };
            *count -= 1;
        }
    }
}
