//! What calls pass through before they are made: places for those in flight, and rates. One for each agent and each provider.

use std::time::Duration;

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
    requests: Option<RateLimiter>,
    tokens: Option<RateLimiter>,
}

impl Gate {
    /// Makes one with everything free. Without `max_concurrent`, `usual` calls may be in flight.
    pub(super) fn new(limits: CallLimits, usual: u32) -> Self {
        let places = usize::try_from(limits.max_concurrent.unwrap_or(usual)).unwrap_or(usize::MAX);
        Self {
            places: Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)),
            requests: limits.rates.requests.map(RateLimiter::new),
            tokens: limits.rates.tokens.map(RateLimiter::new),
        }
    }

    /// A place among the calls in flight, when there is one.
    pub(super) async fn place(&self) -> Result<SemaphorePermit<'_>> {
        self.places
            .acquire()
            .await
            .map_err(|err| Error::new(ErrorKind::Internal, "a semaphore of the model calls was closed").source(err))
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
            Ok(called) => called.response.usage.map(|usage| (usage.input_tokens + usage.output_tokens) as f64),
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
