//! The health of the targets of calls: whether their breakers let calls through, how many retries they get, at what pace they are
//! asked. Breakers are shared with other processes through the store; the rest is of this process.

mod document;
mod shared;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

pub use document::{TargetHealth, TargetId, health_of_all, reset_breakers};
use shared::SharedBreaker;

use crate::{
    error::{Error, ErrorKind, Result},
    model::ModelRef,
    resilience::{
        Admission, BreakerPolicy, Change, Counts, Outcome, Pace, Phase, RetryBudget, SharedClock, Ticket, time_left, verdict,
    },
    store::Store,
};

/// When it is worth asking whether a call that tries a target again has come back.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// All targets of a process.
#[derive(Debug, Default)]
pub(super) struct Health {
    clock: SharedClock,
    store: OnceLock<Arc<dyn Store>>,
    targets: Mutex<HashMap<ModelRef, Arc<Target>>>,
}

/// One target.
#[derive(Debug)]
pub(super) struct Target {
    /// Absent when it is switched off.
    breaker: Option<SharedBreaker>,
    budget: Mutex<RetryBudget>,
    pub(super) pace: Pace,
}

/// A call that was let through. Dropped without a report, it gives its place back.
pub(super) struct Admitted<'a> {
    health: &'a Health,
    target: &'a Target,
    ticket: Option<Ticket>,
}

impl Health {
    /// Nothing is known yet; the time is that of `clock`.
    pub(super) fn with_clock(clock: SharedClock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Shares the breakers with all processes that have `store`. The first store that is given counts.
    pub(super) fn share_through(&self, store: &Arc<dyn Store>) {
        self.store.get_or_init(|| Arc::clone(store));
    }

    /// What is known of `model`, which `address` serves.
    pub(super) fn target(
        &self,
        model: &ModelRef,
        address: impl FnOnce() -> Option<String>,
        policy: Option<BreakerPolicy>,
    ) -> Arc<Target> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = targets.get(model) {
            return Arc::clone(known);
        }
        let breaker = policy.map(|policy| SharedBreaker::new(TargetId { model: model.clone(), address: address() }, policy));
        let target = Arc::new(Target { breaker, budget: Mutex::default(), pace: Pace::default() });
        targets.insert(model.clone(), Arc::clone(&target));
        target
    }

    /// Whether a call of `model` that failed may be made again: not when too many are. Counts it.
    pub(super) fn may_retry(&self, model: &ModelRef) -> bool {
        let target = self.targets.lock().unwrap_or_else(PoisonError::into_inner).get(model).cloned();
        target.is_none_or(|target| target.budget().grant(self.clock.now()))
    }

    /// Fails when the breaker of `target` is open. Costs nothing and changes nothing: for a look before a wait.
    pub(super) async fn look(&self, target: &Target, model: &ModelRef) -> Result<()> {
        let Some(breaker) = &target.breaker else { return Ok(()) };
        let now = self.clock.now();
        match breaker.refusal(self.store.get(), now).await {
            Some(until) => Err(is_open(model, breaker, now, until)),
            None => Ok(()),
        }
    }

    /// Lets a call through; its outcome is to be reported. A call that is not heard of for `lease` is given up for lost.
    ///
    /// # Errors
    /// `CircuitOpen`.
    pub(super) async fn admit<'a>(
        &'a self,
        target: &'a Target,
        model: &ModelRef,
        lease: Duration,
    ) -> Result<(Admitted<'a>, Option<Change>)> {
        let now = self.clock.now();
        let (ticket, change) = match &target.breaker {
            None => (None, None),
            Some(breaker) => match breaker.admit(self.store.get(), now, lease).await {
                (Admission::Passed(ticket), change) => (Some(ticket), change),
                (Admission::Refused { until }, _) => return Err(is_open(model, breaker, now, until)),
            },
        };
        target.budget().on_call(now);
        Ok((Admitted { health: self, target, ticket }, change))
    }
}

impl Target {
    fn budget(&self) -> MutexGuard<'_, RetryBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted<'_> {
    /// Says how the call ended: with this error, or well.
    pub(super) async fn report(mut self, error: Option<&Error>) -> Option<Change> {
        // Taken when all is said: a report that is dropped half-way gives the place back as well.
        let (Some(breaker), Some(ticket)) = (&self.target.breaker, self.ticket) else { return None };
        let text = error.map(ToString::to_string).unwrap_or_default();
        let outcome = match error {
            None => Outcome::Succeeded,
            Some(error) => match verdict(error.kind()).breaker {
                Counts::Ignore => Outcome::Ignored,
                Counts::Failure => Outcome::Failed { error: &text, retry_after: error.requested_delay() },
                Counts::Quota => Outcome::QuotaSpent { error: &text, retry_after: error.requested_delay() },
            },
        };
        let change = breaker.report(self.health.store.get(), ticket, outcome, self.health.clock.now()).await;
        self.ticket = None;
        change
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if let (Some(breaker), Some(ticket)) = (&self.target.breaker, self.ticket.take()) {
            breaker.drop_ticket(ticket);
        }
    }
}

/// The error of a call that was not made because the breaker of its target is open.
fn is_open(model: &ModelRef, breaker: &SharedBreaker, now: Timestamp, until: Timestamp) -> Error {
    let known = breaker.known();
    let since = known.since().map(|since| format!(" since {since:.0}")).unwrap_or_default();
    let last = known.last_error().map(|error| format!("; the last error: {error}")).unwrap_or_default();
    let (message, wait) = match known.phase() {
        Phase::HalfOpen => {
            (format!("model `{model}` failed too often and is just being tried by another call{last}"), PROBE_PATIENCE)
        }
        Phase::Open | Phase::Closed => {
            (format!("model `{model}` failed too often and is left alone{since} until {until:.0}{last}"), time_left(now, until))
        }
    };
    Error::new(ErrorKind::CircuitOpen, message)
        .retry_after(Some(wait))
        .hint("name other models under `fallback`, which are asked meanwhile")
        .hint("`agentflow doctor` shows the state of all models; with `--reset-breakers` they are asked again at once")
}
