//! What `agentflow doctor` tells of the health of models: their circuit breakers, as the store has them.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    agent::{TargetHealth, health_of_all, reset_breakers},
    cli::{
        clean, numbers,
        page::Page,
        terminal::{BOLD, DIM, GREEN, RED, Terminal, YELLOW},
    },
    error::Result,
    resilience::{BreakerPolicy, Phase},
    store::Store,
};

/// The breakers of all models that ever failed.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct BreakersReport {
    breakers: Vec<BreakerReport>,
}

#[derive(Serialize)]
struct BreakerReport {
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    state: Phase,
    /// Whether it was closed just now.
    was_reset: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// When it will be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// In the last minute, as far as they were written down: successes are so only with the failures after them.
    calls: u32,
    failures: u32,
}

impl BreakersReport {
    /// Reads them, and closes them first if that is asked for.
    pub(super) async fn of(store: &Arc<dyn Store>, reset: bool) -> Result<Self> {
        let now = Timestamp::now();
        let closed = if reset { reset_breakers(store, now).await? } else { Vec::new() };
        let breakers = health_of_all(store).await?.into_iter().map(|TargetHealth { target, breaker, .. }| {
            let (calls, failures) = breaker.recent(&BreakerPolicy::default(), now);
            BreakerReport {
                was_reset: closed.contains(&target),
                model: target.model.to_string(),
                address: target.address,
                state: breaker.phase(),
                since: breaker.since(),
                until: breaker.open_until(),
                last_error: breaker.last_error().map(str::to_owned),
                calls,
                failures,
            }
        });
        Ok(Self { breakers: breakers.collect() })
    }

    /// A line or two for each; nothing when no model ever failed.
    pub(super) fn show(&self, page: &mut Page, terminal: &Terminal) {
        if self.breakers.is_empty() {
            return;
        }
        page.gap();
        page.line(&terminal.paint_out(BOLD, "models that have failed"));
        let width = self.breakers.iter().map(|breaker| breaker.model.chars().count()).max().unwrap_or(0);
        for breaker in &self.breakers {
            let model = clean::one_line(&breaker.model);
            page.line(&format!("  {} {model:<width$}  {}", breaker.mark(terminal), breaker.state()));
            if let Some(error) = &breaker.last_error {
                page.line(&terminal.paint_out(DIM, &format!("    the last error: {}", clean::one_line(error))));
            }
        }
    }
}

impl BreakerReport {
    fn mark(&self, terminal: &Terminal) -> String {
        match self.state {
            Phase::Closed => terminal.paint_out(GREEN, "✔"),
            Phase::HalfOpen => terminal.paint_out(YELLOW, "·"),
            Phase::Open => terminal.paint_out(RED, "✘"),
        }
    }

    fn state(&self) -> String {
        let since = self.since.map(|since| format!(" since {}", numbers::moment(since))).unwrap_or_default();
        match (self.state, self.until) {
            (Phase::Closed, _) if self.was_reset => "asked again at once".to_owned(),
            (Phase::Closed, _) if self.calls > 0 => {
                format!("closed{since}; {} of {} calls in the last minute failed", self.failures, self.calls)
            }
            (Phase::Closed, _) => format!("closed{since}"),
            (Phase::HalfOpen, _) => format!("half-open{since}: one call at a time tries it again"),
            (Phase::Open, Some(until)) if until > Timestamp::now() => {
                format!("open{since}: left alone until {}", numbers::moment(until))
            }
            (Phase::Open, _) => format!("open{since}: the next call tries it again"),
        }
    }
}
