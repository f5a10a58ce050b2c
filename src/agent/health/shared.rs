//! A breaker that processes share: a copy here, the truth in the store, changes by compare-and-set.
//!
//! Without a store, or when it fails, the copy is all there is: a call never fails because its breaker cannot be written down.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::document::{self, TargetHealth, TargetId};
use crate::{
    crash::crash_point,
    error::ErrorKind,
    resilience::{Admission, Breaker, BreakerPolicy, Change, Outcome, Tally, Ticket},
    store::{Digest, Key, Store, Version},
};

/// How old the copy may be when a call asks for it.
const FRESH: Duration = Duration::from_secs(1);
/// How often a change is tried that others cross.
const TRIES: u32 = 16;

/// The breaker of one target.
#[derive(Debug)]
pub(super) struct SharedBreaker {
    target: TargetId,
    key: Key,
    policy: BreakerPolicy,
    copy: Mutex<Known>,
    /// Held during a change, so that calls of one process do not cross each other in the store.
    changes: tokio::sync::Mutex<()>,
}

/// What this process knows.
#[derive(Debug, Default)]
struct Known {
    breaker: Breaker,
    version: Version,
    read_at: Option<Instant>,
    /// Successes that nobody else has to know of yet.
    tally: Tally,
    /// Tickets of calls that were dropped.
    dropped: Vec<Ticket>,
}

impl SharedBreaker {
    pub(super) fn new(target: TargetId, policy: BreakerPolicy) -> Self {
        Self { key: target.key(), target, policy, copy: Mutex::default(), changes: tokio::sync::Mutex::default() }
    }

    /// The breaker as it is known here.
    pub(super) fn known(&self) -> Breaker {
        self.copy().breaker.clone()
    }

    /// Until when calls are refused, if they are. Changes nothing.
    pub(super) async fn refusal(&self, store: Option<&Arc<dyn Store>>, now: Timestamp) -> Option<Timestamp> {
        self.refresh(store).await;
        let copy = self.copy();
        copy.breaker.refusal(&self.policy, now).filter(|_| copy.dropped.is_empty())
    }

    /// Lets a call through, or refuses it.
    pub(super) async fn admit(
        &self,
        store: Option<&Arc<dyn Store>>,
        now: Timestamp,
        lease: Duration,
    ) -> (Admission, Option<Change>) {
        self.refresh(store).await;
        if let Some(admission) = self.admit_unchanged(now, lease) {
            return (admission, None);
        }
        self.change(store, now, |breaker| breaker.admit(&self.policy, now, lease)).await
    }

    /// Learns how a call ended.
    pub(super) async fn report(
        &self,
        store: Option<&Arc<dyn Store>>,
        ticket: Ticket,
        outcome: Outcome<'_>,
        now: Timestamp,
    ) -> Option<Change> {
        if self.report_unchanged(ticket, outcome, now) {
            return None;
        }
        let random = self.random(now);
        self.change(store, now, |breaker| breaker.report(&self.policy, ticket, outcome, now, random)).await
    }

    /// A number in [0, 1) that is another one for each target and moment.
    fn random(&self, now: Timestamp) -> f64 {
        let Digest(bytes) = Digest::of(format!("{}/{}", self.key, now.as_nanosecond()).as_bytes());
        let head = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        f64::from(head) / (f64::from(u32::MAX) + 1.0)
    }

    /// Learns that a call was dropped before it ended. Others learn it with the next change, or when the lease of a probe ends.
    pub(super) fn drop_ticket(&self, ticket: Ticket) {
        if ticket.is_probe() {
            self.copy().dropped.push(ticket);
        }
    }

    /// What can be said without a change that others have to know of.
    fn admit_unchanged(&self, now: Timestamp, lease: Duration) -> Option<Admission> {
        let copy = self.copy();
        if !copy.dropped.is_empty() {
            return None;
        }
        let mut breaker = copy.breaker.clone();
        let (admission, _) = breaker.admit(&self.policy, now, lease);
        (breaker == copy.breaker).then_some(admission)
    }

    /// Whether an outcome changes nothing that others have to know of at once.
    fn report_unchanged(&self, ticket: Ticket, outcome: Outcome<'_>, now: Timestamp) -> bool {
        let mut copy = self.copy();
        match outcome {
            Outcome::Ignored => !ticket.is_probe(),
            Outcome::Succeeded if copy.breaker.is_untroubled() && !ticket.is_probe() => {
                copy.tally.count(&self.policy, ticket, now);
                true
            }
            _ => false,
        }
    }

    /// Makes a change here and in the store. `change` is made again when somebody else was faster.
    async fn change<T>(&self, store: Option<&Arc<dyn Store>>, now: Timestamp, mut change: impl FnMut(&mut Breaker) -> T) -> T {
        let _turn = self.changes.lock().await;
        let (tally, dropped) = {
            let mut copy = self.copy();
            (std::mem::take(&mut copy.tally), std::mem::take(&mut copy.dropped))
        };
        let mut tries = 0;
        loop {
            let (before, version) = {
                let copy = self.copy();
                (copy.breaker.clone(), copy.version)
            };
            let mut breaker = before.clone();
            breaker.absorb(&tally);
            for ticket in &dropped {
                breaker.report(&self.policy, *ticket, Outcome::Ignored, now, 0.0);
            }
            let made = change(&mut breaker);
            tries += 1;
            let Some(store) = store.filter(|_| breaker != before && tries <= TRIES) else {
                self.copy().breaker = breaker;
                return made;
            };
            match self.write(store.as_ref(), &breaker, version).await {
                Ok(version) => {
                    let mut copy = self.copy();
                    (copy.breaker, copy.version, copy.read_at) = (breaker, version, Some(Instant::now()));
                    return made;
                }
                Err(error) if error.kind() == ErrorKind::Conflict && self.read(store.as_ref()).await => {}
                Err(error) => {
                    tracing::debug!(key = %self.key, %error, "the breaker is kept in memory");
                    self.copy().breaker = breaker;
                    return made;
                }
            }
        }
    }

    async fn write(&self, store: &dyn Store, breaker: &Breaker, version: Version) -> crate::error::Result<Version> {
        let health = TargetHealth::to_value(&self.target, breaker)?;
        crash_point!("breaker.changed");
        let version = store.put(&self.key, version, &health).await?;
        crash_point!("breaker.shared");
        Ok(version)
    }

    /// Reads the document, unless that was done a moment ago.
    async fn refresh(&self, store: Option<&Arc<dyn Store>>) {
        let Some(store) = store else { return };
        {
            let mut copy = self.copy();
            if copy.read_at.is_some_and(|at| at.elapsed() < FRESH) {
                return;
            }
            copy.read_at = Some(Instant::now());
        }
        self.read(store.as_ref()).await;
    }

    /// Reads the document; whether that could be done.
    async fn read(&self, store: &dyn Store) -> bool {
        match document::read(store, &self.key).await {
            Ok(found) => {
                self.copy().take(found);
                true
            }
            Err(error) => {
                tracing::debug!(key = %self.key, %error, "the shared breaker cannot be read");
                false
            }
        }
    }

    fn copy(&self) -> MutexGuard<'_, Known> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Takes what the store holds, unless this process knows better: it may have been unable to write.
    fn take(&mut self, found: Option<(Breaker, Version)>) {
        match found {
            Some((breaker, version)) if version > self.version => {
                self.version = version;
                if breaker.generation() >= self.breaker.generation() {
                    self.breaker = breaker;
                }
            }
            Some(_) => {}
            None => self.version = Version::ABSENT,
        }
    }
}
