//! What calls pass through before they are made: places for those in flight, and rates. One for each agent and each provider.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use crate::{
    agent::Called,
    error::{Error, ErrorKind, Result},
    model::CallRates,
    resilience::RateLimiter,
};

/// How much may be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallLimits {
    /// Calls in flight at once.
    pub max_concurrent: Option<u32>,
    /// In a span of time.
    pub rates: CallRates,
}

/// Holds calls to [`CallLimits`].
#[derive(Debug)]
pub(super) struct Gate {
    places: Semaphore,
    size: Mutex<Size>,
    requests: Option<RateLimiter>,
    tokens: Option<RateLimiter>,
}

/// How many places there are.
#[derive(Debug)]
struct Size {
    /// As it was made.
    usual: usize,
    /// As it was set.
    now: usize,
    /// Places that are to go, and are taken yet.
    owed: usize,
}

/// A place among the calls in flight, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut size = self.gate.size();
        if size.owed > 0 {
            size.owed -= 1;
            permit.forget();
        }
    }
}

impl Gate {
    /// Makes one with everything free. Without `max_concurrent`, `usual` calls may be in flight.
    pub(super) fn new(limits: CallLimits, usual: u32) -> Self {
        let places = usize::try_from(limits.max_concurrent.unwrap_or(usual)).unwrap_or(usize::MAX);
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Semaphore::new(places),
            size: Mutex::new(Size { usual: places, now: places, owed: 0 }),
            requests: limits.rates.requests.map(RateLimiter::new),
            tokens: limits.rates.tokens.map(RateLimiter::new),
        }
    }

    /// A place among the calls in flight, when there is one.
    pub(super) async fn place(&self) -> Result<Place<'_>> {
        let permit = self
            .places
            .acquire()
            .await
            .map_err(|err| Error::new(ErrorKind::Internal, "a semaphore of the model calls was closed").source(err))?;
        Ok(Place { gate: self, permit: Some(permit) })
    }

    /// Sets how many places there are; `None` is as many as it was made with. Who has one that is to go keeps it to the end.
    pub(super) fn set_places(&self, places: Option<u32>) {
        let mut size = self.size();
        let wanted = places.map_or(size.usual, |places| usize::try_from(places).unwrap_or(usize::MAX));
        let wanted = wanted.clamp(1, Semaphore::MAX_PERMITS);
        if wanted > size.now {
            let more = wanted - size.now;
            let kept = more.min(size.owed);
            size.owed -= kept;
            self.places.add_permits(more - kept);
        } else {
            let less = size.now - wanted;
            size.owed += less - self.places.forget_permits(less);
        }
        size.now = wanted;
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves one call of `tokens`; returns how long to wait until both are free.
    pub(super) fn reserve(&self, tokens: f64) -> Duration {
        let for_call = self.requests.as_ref().map_or(Duration::ZERO, |limiter| limiter.reserve(1.0));
        let for_tokens = self.tokens.as_ref().map_or(Duration::ZERO, |limiter| limiter.reserve(tokens));
        for_call.max(for_tokens)
    }

    /// Corrects what was reserved, once it is known what was used. An unreported usage stays as estimated.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub(super) fn settle(&self, reserved: f64, called: &Result<Called>) {
        let used = match called {
            Ok(called) => called.response.usage.map(|usage| usage.tokens() as f64),
            Err(_) => Some(0.0),
        };
        if let (Some(limiter), Some(used)) = (&self.tokens, used) {
            limiter.settle(reserved, used);
        }
    }

    /// Halves the rates because a call that was made at `made_at` was too much; `false` when there are none.
    pub(super) fn slow_down(&self, made_at: Instant) -> bool {
        let limiters = [&self.requests, &self.tokens];
        limiters.into_iter().flatten().for_each(|limiter| limiter.slow_down(made_at));
        self.requests.is_some() || self.tokens.is_some()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn gate(max_concurrent: u32) -> Gate {
        Gate::new(CallLimits { max_concurrent: Some(max_concurrent), ..CallLimits::default() }, 1)
    }

    fn take(gate: &Gate) -> Option<Place<'_>> {
        gate.place().now_or_never().map(|place| place.unwrap())
    }

    #[test]
    fn a_gate_that_becomes_narrower_waits_for_those_that_are_through() {
        let gate = gate(3);
        let mut taken: Vec<_> = (0..3).map(|_| take(&gate).unwrap()).collect();
        gate.set_places(Some(1));
        taken.pop();
        taken.pop();
        assert!(take(&gate).is_none(), "one is through, and one may be");
        taken.pop();
        let only = take(&gate).unwrap();
        assert!(take(&gate).is_none());
        drop(only);
        gate.set_places(None);
        let all: Vec<_> = std::iter::from_fn(|| take(&gate)).collect();
        assert_eq!(all.len(), 3, "as many as it was made with");
    }

    #[test]
    fn a_gate_that_becomes_wider_lets_those_through_that_wait() {
        let gate = gate(1);
        let first = take(&gate).unwrap();
        let mut waiting = Box::pin(gate.place());
        assert!(waiting.as_mut().now_or_never().is_none());
        gate.set_places(Some(2));
        let second = waiting.as_mut().now_or_never().unwrap().unwrap();
        // What is owed by one change is paid by the next.
        gate.set_places(Some(1));
        gate.set_places(Some(2));
        drop(first);
        assert!(take(&gate).is_some());
        drop(second);
    }

    #[test]
    fn a_gate_without_a_limit_can_be_given_one() {
        let gate = Gate::new(CallLimits::default(), u32::MAX);
        let taken: Vec<_> = (0..5).map(|_| take(&gate).unwrap()).collect();
        gate.set_places(Some(2));
        assert!(take(&gate).is_none());
        drop(taken);
        let all: Vec<_> = std::iter::from_fn(|| take(&gate)).collect();
        assert_eq!(all.len(), 2);
    }
}
